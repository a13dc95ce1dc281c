"""The second registration: forecasts by coincidence information, put down before their networks were trained.

``results/predictions-2.json`` is `registered` as it stood then, with the baseline (the size of the first
pool alone) and the rules of ASM-4 to ASM-7. The curves from bits to relevant fractions are logistic, fitted
to the published Table 1 alone, filters of 19.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from itertools import chain, groupby
from math import log2
from statistics import fmean
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from receptive.evidence.measured import Results
from receptive.evidence.predictions import fit_points
from receptive.evidence.rules import HALF, key
from receptive.evidence.statistics import LEAST_TRIALS, Interval, Sample, bootstrap, sample, spearman
from receptive.evidence.verdicts import Criterion, Evidence
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
            str(reach): {**_round_values(asdict(curve)), "squares": round(squares, DIGITS)}
            for reach, (curve, squares) in fits.items()
        },
        "baseline": {
            "of": "log2 of the positions that pooling leaves open, in place of the bits",
            **_round_values(asdict(baseline)),
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
    layers = {}
    for view in readable_views(network, LENGTHS[task]):
        bits = {reach: bits_of(view, reach) for reach in curves}
        relevant = {reach: top * curve.fraction(bits[reach]) for reach, curve in curves.items()}
        layers[view.name] = {
            "bits": {str(reach): round(value, DIGITS) for reach, value in bits.items()},
            "relevant": {str(reach): round(value, DIGITS) for reach, value in relevant.items()},
            "prediction": assembly.kind_of(relevant[REACH]),
            "baseline": round(top * baseline.fraction(pool_of(view)), DIGITS),
        }
    return layers


def readable_views(network: Variant, length: int) -> list[View]:
    """Return the convolutions of a network whose filters can be read, each as its reader sees it."""
    seen = assembly.views(receptive_fields(network.layers, length))
    return [view for view in seen if view.name in readable(network, length)]


def _round_values(numbers: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, DIGITS) for name, value in numbers.items()}


# --- the score -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """A forecast beside what was measured.

    Attributes:
        network, view: of which filters.
        forecast: relevant fraction by the curve of reach :data:`REACH`.
        baseline: the fraction by the size of the pool alone.
        measured: over trials.
    """

    network: str
    view: View
    forecast: float
    baseline: float
    measured: Sample

    @property
    def layer(self) -> str:
        """The convolution that the filters are of."""
        return self.view.name

    @property
    def bits(self) -> float:
        """The coincidence information that their reader has, of reach :data:`REACH`."""
        return bits_of(self.view)

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
        for view in readable_views(network, LENGTHS[results.task]):
            values = results.of(key(network.name, "relevant", view.name))
            if values and (view.name == "conv1" or not first_only):
                fractions = top * curve.fraction(bits_of(view)), top * baseline.fraction(pool_of(view))
                compared.append(Outcome(network.name, view, *fractions, sample(values)))
    return tuple(compared)


def shipped_outcomes(results: Results, real: Results, switched: Results) -> prediction.Outcomes:
    """Return what came of the forecasts so far, which the package ships as ``data/outcomes.json``.

    The curve stays the one that ships, which is registered; a fit differs by the processor.

    Args:
        results: runs of the synthetic task.
        real: runs of the task chipseq, for the ceiling.
        switched: runs with other activations, by `measured.conditions`.
    """
    networks = (*VARIANTS.values(), *REGISTERED.values(), *SECOND.values(), *DEPTH.values())
    layers = chain.from_iterable(_ship_layers(network, results) for network in networks)
    others = (
        replace(outcome, activation=activation)
        for activation in ACTIVATIONS[1:]
        for network in VARIANTS.values()
        for outcome in _ship_layers(network, switched, f"+activation={activation}")
        if outcome.view.name == "conv1"
    )
    curve = prediction.outcomes().curve
    return prediction.Outcomes(curve, round(ceiling(real), DIGITS), tuple(layers), tuple(others))


def _ship_layers(network: Variant, results: Results, switch: str = "") -> Iterator[prediction.Outcome]:
    """Yield the layers of a network that were measured often enough, under a switch or none."""
    of_registration = dict.fromkeys(REGISTERED, 1) | dict.fromkeys([*SECOND, *DEPTH], 2)
    name, length = network.name + switch, LENGTHS["synthetic"]
    letters = assembly.letters_covered(receptive_fields(network.layers, length))
    for view in readable_views(network, length):
        trials = results.of(key(name, "relevant", view.name))
        if len(trials) < LEAST_TRIALS:
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
        "reaches": {str(reach): _distance(compared, reach, top) for reach in REACHES} if compared else None,
        "layers": [
            {
                "network": outcome.network,
                "layer": outcome.layer,
                **_round_values(
                    {"bits": outcome.bits, "predicted": outcome.forecast, "pool_alone": outcome.baseline}
                ),
                **asdict(outcome.measured),
            }
            for outcome in compared
        ],
    }


def _distance(compared: Sequence[Outcome], reach: int, top: float) -> float:
    """Return the mean distance of measured fractions from those forecast with another reach."""
    curve, _ = fit(bits_of, reach)
    return fmean(
        abs(outcome.measured.mean - top * curve.fraction(bits_of(outcome.view, reach)))
        for outcome in compared
    )


def _value(what: str, value: float, side: Literal["above", "below"], limit: float) -> Evidence:
    """Return an inequality that is judged by an estimate alone, as its rule says."""
    return Evidence(f"{what} (its value alone)", Interval(value, value, value), side, limit)


def _near_and_nearer(compared: Sequence[Outcome]) -> Iterator[Evidence]:
    """Judge ASM-4: near the measured fractions, nearer than pool size alone, where all trials are there."""
    whole = [outcome for outcome in compared if outcome.measured.n >= NETWORKS["first"][2]]
    distance = fmean(outcome.distance for outcome in whole)
    yield _value("mean distance of measured and forecast fractions", distance, "below", 0.10)
    gains = np.array([outcome.baseline_distance - outcome.distance for outcome in whole])
    yield Evidence(
        "distance of pool size alone minus that of the forecast", bootstrap(np.mean, gains), "above", 0
    )


def _lowest_layer(compared: Sequence[Outcome]) -> Iterator[Evidence]:
    """Judge ASM-5: the lowest layer forecast above one half is the lowest measured so."""
    for network, layers in groupby(compared, key=lambda outcome: outcome.network):
        for outcome in layers:
            side: Literal["above", "below"] = "above" if outcome.forecast > HALF else "below"
            yield _value(f"{network} {outcome.layer} relevant", outcome.measured.mean, side, HALF)
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


def _furthest(compared: Iterable[Outcome], most: int = 3) -> str:
    """Name the layers that came out furthest from what was forecast."""
    worst = sorted(compared, key=lambda outcome: -outcome.distance)[:most]
    named = [
        f"{outcome.network} {outcome.layer} ({outcome.measured.mean:.2f}, forecast {outcome.forecast:.2f})"
        for outcome in worst
    ]
    return f"Furthest from the forecast: {', '.join(named)}."


def _claim(
    name: str,
    judge: Callable[[Sequence[Outcome]], Iterable[Evidence]],
    networks: Sequence[Variant],
    compare: Callable[[Sequence[Variant], Results], Sequence[Outcome]] = outcomes,
    on: str = "synthetic",
    least: int = LEAST_TRIALS,
    most_missing: int = 0,
) -> Criterion:
    return Criterion(
        name,
        lambda results: judge(compare(networks, results)),
        tuple(key(network.name, "relevant") for network in networks),
        (on,),
        least,
        lambda results: _furthest(compare(networks, results)),
        most_missing,
    )


CLAIMS = (
    _claim("ASM-4", _near_and_nearer, NETWORKS["first"][0], least=5, most_missing=2),
    _claim("ASM-5", _lowest_layer, NETWORKS["depth"][0], partial(outcomes, first_only=False)),
    _claim("ASM-6", _ordered_and_near, OTHER_MOTIFS, on="synthetic-others"),
    _claim(
        "ASM-7",
        _ordered_and_near,
        judged_real(),
        lambda networks, results: outcomes(networks, results, ceiling(results)),
        on="chipseq",
    ),
)
"""The claims that the networks of the second registration decide, by the rules above."""
