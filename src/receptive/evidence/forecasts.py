"""The second registration: forecasts by coincidence information, put down before their networks were trained.

``results/predictions-2.json`` is `registered` as it stood then, with the baseline (the size of the first
pool alone) and the rules of ASM-4 to ASM-7. The curves from bits to relevant fractions are logistic, fitted
to the published Table 1 alone, filters of 19.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import chain, product
from math import log2
from statistics import fmean
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from receptive.evidence.claims import Quantity
from receptive.evidence.measured import Results
from receptive.evidence.predictions import fit_points
from receptive.evidence.rules import HALF, key
from receptive.evidence.statistics import LEAST_TRIALS, Interval, Sample, bootstrap, sample, spearman
from receptive.evidence.verdicts import Claim, Evidence
from receptive.networks.filters import readable
from receptive.networks.variants import DEPTH, REGISTERED, SECOND, SISTERS, VARIANTS, Variant
from receptive.protocols import ACTIVATIONS
from receptive.replication.targets import TABLE_2
from receptive.theory import assembly, prediction
from receptive.theory.assembly import Logistic, View, kind_of
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


def bits_of(view: View, reach: int = REACH) -> float:
    """Return the coincidence information that the reader of a layer has."""
    shape = (view.pool, view.stride, view.taps, view.dilation)
    return assembly.coincidence(*shape, reach)


def pool_of(view: View, reach: int = REACH) -> float:
    """Return what the baseline goes by: log2 of the positions that pooling leaves open."""
    del reach
    return log2(view.pool)


def fit(number: Callable[[View, int], float], reach: int = REACH) -> tuple[Logistic, float]:
    """Fit a curve to the published Table 1, filters of 19; return it with the sum of squares left."""
    cells = fit_points()
    firsts = [
        assembly.views(receptive_fields(VARIANTS[cell.variant].layers, LENGTHS["synthetic"]))[0]
        for cell in cells
    ]
    x = np.array([number(first, reach) for first in firsts])
    published = np.array([cell.mean for cell in cells])

    def misses(shape: FloatArray) -> FloatArray:
        curve = Logistic(*shape.tolist())
        difference: FloatArray = np.array([curve.fraction(number) for number in x]) - published
        return difference

    start = (float(np.median(x)), float(np.sign(np.corrcoef(x, published)[0, 1])) * -4 / float(np.ptp(x)))
    fitted = least_squares(misses, start, xtol=1e-12, ftol=1e-12, gtol=1e-12)
    return Logistic(*fitted.x.tolist()), 2 * float(fitted.cost)


def ceiling(real: Results) -> float:
    """Return the mean relevant fraction of :data:`CEILING` in the first three trials on real sequences."""
    values = {name: real.by_number(name, real.of(key(name, "relevant"))) for name in CEILING}
    return fmean(share for trials in values.values() for trial, share in trials.items() if trial < 3)


def registration(real: Results) -> dict[str, Any]:
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
    seen = assembly.views(receptive_fields(network.layers, LENGTHS[task]))
    layers = {}
    for view in seen:
        if view.name in readable(network, LENGTHS[task]):
            bits = {reach: bits_of(view, reach) for reach in curves}
            relevant = {reach: top * curve.fraction(bits[reach]) for reach, curve in curves.items()}
            layers[view.name] = {
                "bits": {str(reach): round(value, DIGITS) for reach, value in bits.items()},
                "relevant": {str(reach): round(value, DIGITS) for reach, value in relevant.items()},
                "prediction": assembly.kind_of(relevant[REACH]),
                "baseline": round(top * baseline.fraction(pool_of(view)), DIGITS),
            }
    return layers


def _rounded(numbers: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, DIGITS) for name, value in numbers.items()}


# --- the score -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """A forecast beside what was measured.

    Attributes:
        network, layer: of which filters.
        bits: coincidence information, of reach :data:`REACH`.
        forecast: relevant fraction by the curve of that reach.
        baseline: the fraction by the size of the pool alone.
        measured: over trials.
    """

    network: str
    layer: str
    bits: float
    forecast: float
    baseline: float
    measured: Sample

    @property
    def distance(self) -> float:
        """The distance of the forecast from the mean of the trials."""
        return abs(self.measured.mean - self.forecast)

    @property
    def baseline_distance(self) -> float:
        """The same of the baseline."""
        return abs(self.measured.mean - self.baseline)


@cache
def curves() -> tuple[Logistic, Logistic]:
    """Return the curve of :data:`REACH` and that of the baseline."""
    return fit(bits_of, REACH)[0], fit(pool_of)[0]


def outcomes(
    networks: Iterable[Variant], results: Results, top: float = 1.0, first_only: bool = True
) -> tuple[Outcome, ...]:
    """Compare forecasts with the runs of networks, layer by layer of those that can be read.

    Args:
        networks: which.
        results: their runs, of one task; a layer without any is left out.
        top: what the curves are multiplied by, see :func:`ceiling`.
        first_only: whether to leave deeper layers out.
    """
    curve, baseline = curves()
    compared = []
    for network in networks:
        length = LENGTHS[results.task]
        for view in assembly.views(receptive_fields(network.layers, length)):
            values = results.of(key(network.name, "relevant", view.name))
            deeper = view.name != "conv1"
            if not values or (deeper and first_only) or view.name not in readable(network, length):
                continue
            bits = bits_of(view)
            fractions = top * curve.fraction(bits), top * baseline.fraction(pool_of(view))
            compared.append(Outcome(network.name, view.name, bits, *fractions, sample(values)))
    return tuple(compared)


def shipped_outcomes(results: Results, real: Results, switched: Results) -> prediction.Outcomes:
    """Return what came of the forecasts so far, which the package ships as ``data/outcomes.json``.

    Args:
        results: runs of the synthetic task.
        real: runs of the task chipseq, for the ceiling.
        switched: runs with other activations, by `measured.conditions`.
    """
    networks = (*VARIANTS.values(), *REGISTERED.values(), *SECOND.values(), *DEPTH.values())
    layers = chain.from_iterable(_shipped(network, results) for network in networks)
    others = (
        replace(outcome, activation=activation)
        for activation in ACTIVATIONS[1:]
        for network in VARIANTS.values()
        for outcome in _shipped(network, switched, f"+activation={activation}")
        if outcome.view.name == "conv1"
    )
    rounded = Logistic(**_rounded(asdict(curves()[0])))
    return prediction.Outcomes(rounded, round(ceiling(real), DIGITS), tuple(layers), tuple(others))


def _shipped(network: Variant, results: Results, switch: str = "") -> Iterator[prediction.Outcome]:
    """The layers of a network that were measured often enough, under a switch of the protocol or none."""
    of_registration = dict.fromkeys(REGISTERED, 1) | dict.fromkeys([*SECOND, *DEPTH], 2)
    name = network.name + switch
    length = LENGTHS["synthetic"]
    fields = receptive_fields(network.layers, length)
    letters = assembly.letters_covered(fields)
    for view in assembly.views(fields):
        trials = results.of(key(name, "relevant", view.name))
        if len(trials) < LEAST_TRIALS or view.name not in readable(network, length):
            continue
        auroc = sample(results.of(key(name, "auroc")))
        yield prediction.Outcome(
            network.name,
            view,
            letters[view.name],
            of_registration.get(network.name, 0),
            round(curves()[0].fraction(bits_of(view)), DIGITS),
            tuple(round(share, DIGITS) for share in trials),
            (round(auroc.mean, DIGITS), round(auroc.sd, DIGITS)),
        )


def score(part: str, results: Results, least: int = LEAST_TRIALS) -> dict[str, Any]:
    """Score the forecasts of a part of the registration, as a JSON document.

    Args:
        part: a key of :data:`NETWORKS`.
        results: runs of its task.
        least: trials that a network takes to count.

    Returns:
        ``measured`` and ``waits_for``; of the layers that count ``distance``, the mean from measured to
        forecast fractions, and ``hits``, how many are in the class forecast; ``pool_alone``, the same
        of the baseline; ``gain``, how much further off that is, and ``rho`` of bits and fraction, both with
        their 95% bootstrap intervals over layers; ``reaches``, the distance for other largest offsets;
        ``layers``. ``None`` where nothing counts.
    """
    networks, _, trials = NETWORKS[part]
    top = ceiling(results) if part == "real" else 1.0
    compared = [
        outcome
        for outcome in outcomes(networks, results, top, first_only=part != "depth")
        if outcome.measured.n >= least
    ]
    counted = {outcome.network for outcome in compared}

    def summary(distances: Sequence[float], fractions: Sequence[float]) -> dict[str, Any]:
        same = [
            kind_of(f) == kind_of(outcome.measured.mean)
            for f, outcome in zip(fractions, compared, strict=True)
        ]
        return {"distance": fmean(distances) if compared else None, "hits": sum(same)}

    rho = spearman([(outcome.bits, outcome.measured.mean) for outcome in compared])
    gains = np.array([outcome.baseline_distance - outcome.distance for outcome in compared])
    return {
        "planned": len(networks),
        "trials": trials,
        "measured": len(counted),
        "waits_for": [network.name for network in networks if network.name not in counted],
        **summary([outcome.distance for outcome in compared], [outcome.forecast for outcome in compared]),
        "pool_alone": summary(
            [outcome.baseline_distance for outcome in compared], [outcome.baseline for outcome in compared]
        ),
        "gain": asdict(bootstrap(np.mean, gains)) if len(compared) > 2 else None,
        "rho": asdict(rho) if rho else None,
        "reaches": {str(reach): _distance(part, reach, compared, top) for reach in REACHES}
        if compared
        else None,
        "layers": [
            {
                "network": outcome.network,
                "layer": outcome.layer,
                **_rounded(
                    {"bits": outcome.bits, "predicted": outcome.forecast, "pool_alone": outcome.baseline}
                ),
                **asdict(outcome.measured),
            }
            for outcome in compared
        ],
    }


def _distance(part: str, reach: int, compared: Sequence[Outcome], top: float) -> float:
    """Return the mean distance of measured fractions from those forecast with another reach."""
    networks, task, _ = NETWORKS[part]
    curve, _ = fit(bits_of, reach)
    seen = {
        (network.name, view.name): view
        for network in networks
        for view in assembly.views(receptive_fields(network.layers, LENGTHS[task]))
    }
    forecast = [
        top * curve.fraction(bits_of(seen[outcome.network, outcome.layer], reach)) for outcome in compared
    ]
    return fmean(
        abs(outcome.measured.mean - expected) for outcome, expected in zip(compared, forecast, strict=True)
    )


def _value(what: str, value: float, side: Literal["above", "below"], limit: float) -> Evidence:
    """Return an inequality that is judged by an estimate alone, as its rule says."""
    return Evidence(f"{what} (its value alone)", Interval(value, value, value), side, limit)


def _asm_4(results: Results) -> Iterator[Evidence]:
    """Judge ASM-4: near the measured fractions, nearer than pool size alone, where all trials are there."""
    networks, _, trials = NETWORKS["first"]
    compared = [outcome for outcome in outcomes(networks, results) if outcome.measured.n >= trials]
    distance = fmean(outcome.distance for outcome in compared)
    yield _value("mean distance of measured and forecast fractions", distance, "below", 0.10)
    gains = np.array([outcome.baseline_distance - outcome.distance for outcome in compared])
    yield Evidence(
        "distance of pool size alone minus that of the forecast", bootstrap(np.mean, gains), "above", 0
    )


def _asm_5(results: Results) -> Iterator[Evidence]:
    """Judge ASM-5: the lowest layer forecast above one half is the lowest measured so."""
    for network in NETWORKS["depth"][0]:
        for outcome in outcomes([network], results, first_only=False):
            side: Literal["above", "below"] = "above" if outcome.forecast > HALF else "below"
            yield _value(f"{outcome.network} {outcome.layer} relevant", outcome.measured.mean, side, HALF)
            if side == "above":
                break


def _ordered_and_near(compared: Sequence[Outcome]) -> Iterator[Evidence]:
    """Judge ASM-6 and ASM-7: more bits, fewer relevant filters; and near the measured fractions."""
    if rho := spearman([(outcome.bits, outcome.measured.mean) for outcome in compared]):
        yield Evidence("Spearman's ρ of bits and relevant fraction, over networks", rho, "below", 0)
    distance = fmean(outcome.distance for outcome in compared)
    yield _value("mean distance of measured and forecast fractions", distance, "below", 0.15)


def judged_real() -> tuple[Variant, ...]:
    """Return the networks that ASM-7 is judged by: filters of 11 or more, 30 of them or Basset's 300."""
    own = [network for network in REAL if network.name != "cnn-deepsea"]
    table_2 = [VARIANTS[name] for name in TABLE_2]
    paper = [
        network
        for network in table_2
        if network.layers[0].size >= prediction.SHORTEST and network.filters[0] == 30
    ]
    return (*own, *paper)


def _needs(networks: Iterable[Variant], *layers: str) -> tuple[Quantity, ...]:
    pairs = product(networks, layers or ("conv1",))
    return tuple(key(network.name, "relevant", layer) for network, layer in pairs)


def _furthest(compared: Iterable[Outcome], most: int = 3) -> str:
    """Name the layers that came out furthest from what was forecast."""
    worst = sorted(compared, key=lambda outcome: -outcome.distance)[:most]
    named = [
        f"{outcome.network} {outcome.layer} ({outcome.measured.mean:.2f}, forecast {outcome.forecast:.2f})"
        for outcome in worst
    ]
    return f"Furthest from the forecast: {', '.join(named)}."


CLAIMS = (
    Claim(
        "ASM-4",
        _asm_4,
        _needs(NETWORKS["first"][0]),
        ("synthetic",),
        5,
        lambda results: _furthest(outcomes(NETWORKS["first"][0], results)),
        most_missing=2,
    ),
    Claim(
        "ASM-5",
        _asm_5,
        _needs(NETWORKS["depth"][0]),
        ("synthetic",),
        3,
        lambda results: _furthest(outcomes(NETWORKS["depth"][0], results, first_only=False)),
    ),
    Claim(
        "ASM-6",
        lambda results: _ordered_and_near(outcomes(OTHER_MOTIFS, results)),
        _needs(OTHER_MOTIFS),
        ("synthetic-others",),
        3,
        lambda results: _furthest(outcomes(OTHER_MOTIFS, results)),
    ),
    Claim(
        "ASM-7",
        lambda results: _ordered_and_near(outcomes(judged_real(), results, ceiling(results))),
        _needs(judged_real()),
        ("chipseq",),
        3,
        lambda results: _furthest(outcomes(judged_real(), results, ceiling(results))),
    ),
)
"""The claims that the networks of the second registration decide, by the rules above."""
