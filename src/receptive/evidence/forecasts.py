"""The second registration: forecasts by coincidence information, put down before their networks were trained.

``results/predictions-2.json`` is `registered` as it stood then, with the baseline (the size of the first
pool alone) and the rules of ASM-4 to ASM-7. The curves from bits to relevant fractions are logistic, fitted
to the published Table 1 alone, filters of 19.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from math import exp, log2
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from receptive.evidence.measured import Results
from receptive.evidence.predictions import fitted_to
from receptive.evidence.rules import key
from receptive.networks.filters import readable
from receptive.networks.variants import DEPTH, REGISTERED, SECOND, SISTERS, VARIANTS, Variant
from receptive.theory import assembly
from receptive.theory.assembly import Prediction
from receptive.theory.fields import receptive_fields

DATE = "2026-11-26"
"""When the forecasts were committed, before any of the networks was trained."""
COMMAND = "receptive predict --registered --json"
REACH = 4
"""The reach of the registered forecast."""
REACHES = (3, 4, 5)
"""Reaches whose forecasts stand in the file: Table 1 does not choose among them."""
LENGTHS = {"synthetic": 200, "synthetic-others": 200, "chipseq": 100}
"""Tasks, with the length of their sequences."""
CEILING = ("cnn-10", "cnn-25", "cnn-50")
"""Networks whose mean relevant fraction on real sequences stands for the most that can be had there."""
DIGITS = 6

FloatArray = NDArray[np.float64]

OTHER_MOTIFS = tuple(
    {**VARIANTS, **SISTERS}[name] for name in ("cnn-2", "cnn-4", "cnn-pool6", "cnn-10", "cnn19-1-2")
)
"""Networks for the task with other motifs."""
REAL = tuple(
    {**SECOND, **REGISTERED, **SISTERS}[name]
    for name in (
        "cnn-pool6",
        "cnn-pool8s2",
        "cnn-pool4-conv1",
        "cnn-pool2-conv5d3",
        "cnn-basset",
        "cnn-deepsea",
    )
)
"""Networks for real sequences."""
NETWORKS: dict[str, tuple[tuple[Variant, ...], str, int]] = {
    "first": (tuple(SECOND.values()), "synthetic", 5),
    "depth": (tuple(DEPTH.values()), "synthetic", 3),
    "others": (OTHER_MOTIFS, "synthetic-others", 3),
    "real": (REAL, "chipseq", 3),
}
"""The four parts of the registration: networks, task and trials."""

RULES = {
    "ASM-4": "Over the first layers of the networks of `first`, five trials each, the mean absolute distance "
    "of measured (mean over trials) and predicted relevant fractions (reach 4) is at most 0.10, and "
    "the distance of the baseline minus that of the forecast is above 0 with its whole 95% interval "
    "(percentile bootstrap over networks, the same networks for both). At least 14 of the 16 networks "
    "must be measured. Hits of classes are reported, not judged.",
    "ASM-5": "In each network of `depth`, three trials, the lowest layer whose predicted fraction (reach 4) "
    "is above 1/2 is the lowest whose mean relevant fraction is; where no readable layer is predicted "
    "so, none is.",
    "ASM-6": "Over the networks of `others`, three trials each, Spearman's rank correlation of bits and "
    "relevant fraction is below 0 with its whole 95% bootstrap interval over networks, and the mean "
    "absolute distance of measured and predicted fractions (reach 4) is at most 0.15.",
    "ASM-7": "The same on real sequences, where the forecast is the ceiling times the curve, over the "
    "networks of `real` and those of Table 2 that results/ has of the task chipseq, all with first filters "
    "of 11 or more and 30 of them, or Basset's 300. cnn-deepsea, whose filters are of 8, is shown beside "
    "and not judged.",
}
"""The rules by which the claims are judged, written before the runs."""


@dataclass(frozen=True)
class Logistic:
    """A curve from a number, bits or log2 of a pool's size, to the relevant fraction.

    Attributes:
        midpoint: where half of the filters are relevant.
        slope: how fast the fraction falls there, in natural logarithms of the odds.
    """

    midpoint: float
    slope: float

    def fraction(self, x: float) -> float:
        """Return the relevant fraction at ``x``."""
        return 1 / (1 + exp(min(700.0, self.slope * (x - self.midpoint))))


def bits_of(prediction: Prediction, reach: int = REACH) -> float:
    """Return the coincidence information of a layer that `assembly.predict` has looked at."""
    shape = (prediction.pool, prediction.stride, prediction.taps, prediction.dilation)
    return assembly.coincidence(*shape, reach)


def pool_of(prediction: Prediction, reach: int = REACH) -> float:
    """Return what the baseline goes by: log2 of the positions that pooling leaves open."""
    del reach
    return log2(prediction.pool)


def fit(number: Callable[[Prediction, int], float], reach: int = REACH) -> tuple[Logistic, float]:
    """Fit a curve to the published Table 1, filters of 19; return it with the sum of squares left."""
    cells = fitted_to()
    firsts = [
        assembly.predict(receptive_fields(VARIANTS[cell.variant].layers, LENGTHS["synthetic"]))[0]
        for cell in cells
    ]
    x = np.array([number(first, reach) for first in firsts])
    published = np.array([cell.mean for cell in cells])

    def misses(shape: FloatArray) -> FloatArray:
        curve = Logistic(*shape.tolist())
        difference: FloatArray = np.array([curve.fraction(each) for each in x]) - published
        return difference

    start = (float(np.median(x)), float(np.sign(np.corrcoef(x, published)[0, 1])) * -4 / float(np.ptp(x)))
    found = least_squares(misses, start, xtol=1e-12, ftol=1e-12, gtol=1e-12)
    return Logistic(*found.x.tolist()), 2 * float(found.cost)


def ceiling(real: Results) -> float:
    """Return the mean relevant fraction of :data:`CEILING` in the first three trials on real sequences."""
    values = {name: real.numbered(name, real.of(key(name, "relevant"))) for name in CEILING}
    return fmean(share for trials in values.values() for trial, share in trials.items() if trial < 3)


def registered(real: Results) -> dict[str, Any]:
    """Return the forecasts for all networks, and what they rest on, as a JSON document.

    Args:
        real: runs of the task chipseq, for the ceiling.
    """
    fits = {reach: fit(bits_of, reach) for reach in REACHES}
    baseline, baseline_squares = fit(pool_of)
    curves = {reach: curve for reach, (curve, _) in fits.items()}
    top = ceiling(real)
    return {
        "about": "Relevant fraction of filters, forecast from the architecture alone by coincidence "
        "information, before any of these networks was trained; to be compared with the mean over trials, "
        "protocol released.",
        "command": COMMAND,
        "date": DATE,
        "definition": "receptive.assembly.coincidence; the registered forecast is that of reach 4.",
        "curves": {
            str(reach): {**_rounded(asdict(curve)), "squares": round(squares, DIGITS)}
            for reach, (curve, squares) in fits.items()
        },
        "baseline": {
            "of": "log2 of the positions that pooling leaves open, in place of the bits",
            **_rounded(asdict(baseline)),
            "squares": round(baseline_squares, DIGITS),
        },
        "ceiling": {"chipseq": round(top, DIGITS), "of": list(CEILING)},
        "rules": RULES,
        "networks": {
            part: {
                network.name: {
                    "layers": str(network),
                    "filters": list(network.filters),
                    "task": task,
                    "trials": trials,
                    "forecasts": _forecasts(network, task, curves, baseline, top if part == "real" else 1.0),
                }
                for network in networks
            }
            for part, (networks, task, trials) in NETWORKS.items()
        },
    }


def _forecasts(
    network: Variant, task: str, curves: Mapping[int, Logistic], baseline: Logistic, top: float
) -> dict[str, Any]:
    """Forecast every layer of a network whose filters can be read."""
    found = assembly.predict(receptive_fields(network.layers, LENGTHS[task]))
    layers = {}
    for each in found:
        if each.name in readable(network, LENGTHS[task]):
            bits = {reach: bits_of(each, reach) for reach in curves}
            relevant = {reach: top * curve.fraction(bits[reach]) for reach, curve in curves.items()}
            layers[each.name] = {
                "bits": {str(reach): round(value, DIGITS) for reach, value in bits.items()},
                "relevant": {str(reach): round(value, DIGITS) for reach, value in relevant.items()},
                "prediction": assembly.kind_of(relevant[REACH]),
                "baseline": round(top * baseline.fraction(pool_of(each)), DIGITS),
            }
    return layers


def _rounded(numbers: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, DIGITS) for name, value in numbers.items()}
