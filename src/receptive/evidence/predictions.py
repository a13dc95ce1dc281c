"""Predictions put down before training: the curve behind them, the networks they are about, and the score.

``results/predictions.json`` is `registered` as it stood before any of its networks had been trained. The
curve that turns assembly information into a relevant fraction was fitted to the paper's published numbers
alone, by `fit`; the package keeps the result (`assembly.fitted_curve`).
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass
from math import log2
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares, minimize_scalar

from receptive.evidence import claims
from receptive.evidence.claims import Cell
from receptive.evidence.measured import Results
from receptive.evidence.rules import HALF, key
from receptive.evidence.statistics import LEAST_TRIALS, Interval, Sample, bootstrap, sample, spearman
from receptive.evidence.verdicts import Criterion, Evidence
from receptive.networks.variants import REGISTERED, VARIANTS, Variant
from receptive.tasks.synthetic import LENGTH
from receptive.theory import assembly
from receptive.theory.assembly import Curve, Kind, View
from receptive.theory.fields import receptive_fields

FILTER_SIZE = 19
"""First-layer filters of the variants that the curve is fitted to: long enough for the motifs."""
START = (0.6, 6.0)
"""Midpoint and slope to start the fit from."""
COMMAND = "receptive predict --registered --json"
"""What prints the predictions as ``results/predictions.json`` has them."""
DATE = "2026-11-22"
"""When the predictions were committed, before any of the networks was trained (717e032)."""
DIGITS = 6
"""Decimals that are kept of a prediction."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Assembled(View):
    """A convolution as the first registration predicts it, with the view that its reader has.

    Attributes:
        bits: assembly information; of more than `assembly.WIDEST` taps so many are counted.
        fraction: share of filters that are relevant motifs, by the curve.
    """

    bits: float = 0.0
    fraction: float = 0.0

    @property
    def kind(self) -> Kind:
        """The class of that fraction."""
        return assembly.kind_of(self.fraction)


def by_assembly(network: Variant, curve: Curve | None = None) -> tuple[Assembled, ...]:
    """Predict every convolution of a network on the synthetic task as the first registration does."""
    curve, predictions = curve or assembly.fitted_curve(), []
    for view in assembly.views(receptive_fields(network.layers, LENGTH)):
        taps = min(view.taps, assembly.WIDEST)
        bits = assembly.bits(view.pool, view.stride, taps, view.dilation, curve.chance, step=view.step)
        predictions.append(Assembled(**vars(view), bits=bits, fraction=curve.fraction(bits)))
    return tuple(predictions)


def first_layer(network: Variant, curve: Curve | None = None) -> Assembled:
    """Predict the first convolution of a network on the synthetic task."""
    return by_assembly(network, curve)[0]


def fit_points() -> tuple[Cell, ...]:
    """Return the published numbers to fit the curve to: Table 1's relevant fractions, filters of 19."""
    return tuple(
        cell
        for cell in claims.published_numbers()
        if (cell.task, cell.layer, cell.column) == ("synthetic", "conv1", "relevant")
        and cell.id.startswith("T1-")
        and VARIANTS[cell.variant].layers[0].size == FILTER_SIZE
    )


def fit() -> Curve:
    """Fit the curve to the published numbers of `fit_points`, and to nothing else.

    Least squares, every variant with the same weight: the chance (from 2**-16 to 1/2) whose best midpoint and
    slope leave the least (`fit_at`). Deterministic.
    """
    search = minimize_scalar(
        lambda log_chance: fit_at(2.0**log_chance)[1],
        bounds=(-16, -1),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return fit_at(2.0**search.x)[0]


def fit_at(chance: float) -> tuple[Curve, float]:
    """Fit midpoint and slope for a given chance; return the curve and the sum of squares that it leaves."""
    cells, chance = fit_points(), float(chance)
    published = np.array([cell.mean for cell in cells])
    bits = [first_layer(VARIANTS[cell.variant], Curve(chance, *START)).bits for cell in cells]

    def misses(shape: FloatArray) -> FloatArray:
        curve = Curve(chance, *shape.tolist())
        expected: FloatArray = np.array([curve.fraction(number) for number in bits])
        difference: FloatArray = expected - published
        return difference

    fitted = least_squares(misses, START, xtol=1e-12, ftol=1e-12, gtol=1e-12)
    return Curve(chance, *fitted.x.tolist()), 2 * float(fitted.cost)


def pool_alone(first: Assembled) -> float:
    """Return the simplest number to compare with, without any theory: log2 of the size of the first pool."""
    return log2(first.pool)


def fit_to(number: Callable[[Assembled], float]) -> tuple[Callable[[Assembled], float], float]:
    """Fit a logistic curve in any number of a first layer to the published fractions of `fit_points`.

    Least squares as in `fit`; the curve may rise or fall.

    Returns:
        What turns a first layer into a relevant fraction, and the sum of squares that it leaves.
    """
    cells = fit_points()
    published = np.array([cell.mean for cell in cells])
    numbers = np.array([number(first_layer(VARIANTS[cell.variant])) for cell in cells])
    middle, spread = numbers.mean(), numbers.std()

    def fraction(standard: Any, shape: FloatArray) -> Any:
        return 1 / (1 + np.exp(np.clip(shape[1] * (standard - shape[0]), -50, 50)))

    def misses(shape: FloatArray) -> FloatArray:
        left: FloatArray = fraction((numbers - middle) / spread, shape) - published
        return left

    falls = np.corrcoef(numbers, published)[0, 1] < 0
    fitted = least_squares(misses, (0.0, 2.0 if falls else -2.0), xtol=1e-12, ftol=1e-12, gtol=1e-12)
    return lambda first: float(fraction((number(first) - middle) / spread, fitted.x)), 2 * float(fitted.cost)


def registration() -> dict[str, Any]:
    """Return the predictions for the networks of `REGISTERED`, and what they rest on, as a JSON document."""
    low, high = assembly.MIXED
    return {
        "about": "Relevant fraction of the first layer's filters, predicted before any of these networks was "
        "trained; to be compared with the mean of at least three trials, synthetic task, protocol released.",
        "command": COMMAND,
        "date": DATE,
        "reach": assembly.REACH,
        "curve": asdict(assembly.fitted_curve()),
        "classes": f"distributed < {low:.4g} <= mixed <= {high:.4g} < localist",
        "fitted_to": {
            cell.variant: {"published": cell.mean, **_row(VARIANTS[cell.variant])} for cell in fit_points()
        },
        "networks": {name: _row(network) for name, network in REGISTERED.items()},
    }


def _row(network: Variant) -> dict[str, Any]:
    layers = by_assembly(network)
    return {
        "layers": str(network),
        "assembly_bits": round(layers[0].bits, DIGITS),
        "relevant": round(layers[0].fraction, DIGITS),
        "prediction": layers[0].kind,
        "whole_motifs_in": next((layer.name for layer in layers if layer.kind == "localist"), None),
    }


# --- the score -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """A network's prediction beside what was measured, over at least ``LEAST_TRIALS`` full runs."""

    network: str
    predicted: Assembled
    measured: Sample

    @property
    def kind(self) -> Kind:
        """The class of the measured fraction, by the thresholds of predictions."""
        return assembly.kind_of(self.measured.mean)

    @property
    def hit(self) -> bool:
        """Whether the class is the predicted one."""
        return self.kind == self.predicted.kind


@dataclass(frozen=True)
class Rival:
    """The score of another number of the first layer, by its own curve from `fit_to`, on measured networks.

    Attributes:
        left_over: sum of squares that its curve leaves of what it was fitted to.
        rho: Spearman's rank correlation of the number and the measured fraction; ``None`` as in `Score`.
        hits: networks in the class that it predicts.
        error: mean distance of measured and predicted fractions.
    """

    left_over: float
    rho: float | None
    hits: int
    error: float


@dataclass(frozen=True)
class Score:
    """The score of predictions.

    Attributes:
        outcomes: the networks that were measured often enough.
        waits_for: the others.
        rho: Spearman's rank correlation of bits and relevant fraction, -1 at best, with its 95% bootstrap
            interval over networks; ``None`` with fewer than three networks, or if all are alike.
        bias: mean of measured minus predicted fractions; ``None`` without outcomes.
        error: mean of their absolute differences; likewise.
        baseline: how `pool_alone` does on the same networks; likewise.
        gain: how much further off that is on average, with its 95% bootstrap interval over networks.
    """

    outcomes: tuple[Outcome, ...]
    waits_for: tuple[str, ...]
    rho: Interval | None
    bias: float | None
    error: float | None
    baseline: "Rival | None" = None
    gain: Interval | None = None

    @property
    def hits(self) -> int:
        """Networks whose class was predicted."""
        return sum(outcome.hit for outcome in self.outcomes)

    def document(self) -> dict[str, Any]:
        """Return the score as JSON; ``classes`` counts measured classes for every predicted one."""
        kinds: tuple[Kind, ...] = ("distributed", "mixed", "localist")
        pairs = [(outcome.predicted.kind, outcome.kind) for outcome in self.outcomes]
        return {
            "measured": len(self.outcomes),
            "hits": self.hits,
            "waits_for": list(self.waits_for),
            "rho": asdict(self.rho) if self.rho else None,
            "bias": self.bias,
            "error": self.error,
            "pool_alone": asdict(self.baseline) if self.baseline else None,
            "gain": asdict(self.gain) if self.gain else None,
            "classes": {said: {seen: pairs.count((said, seen)) for seen in kinds} for said in kinds},
            "networks": {
                outcome.network: {
                    "assembly_bits": round(outcome.predicted.bits, DIGITS),
                    "predicted": round(outcome.predicted.fraction, DIGITS),
                    "prediction": outcome.predicted.kind,
                    **asdict(outcome.measured),
                    "measured": outcome.kind,
                    "hit": outcome.hit,
                }
                for outcome in self.outcomes
            },
        }


def score(results: Results, networks: Collection[Variant] = tuple(REGISTERED.values())) -> Score:
    """Compare predictions with measured relevant fractions of the first layer.

    Args:
        results: of the synthetic task.
        networks: those predicted; by default the registered ones. For the paper's own, which the curve was
            fitted to, `paper_networks`.
    """
    values = {network: results.of(key(network.name, "relevant")) for network in networks}
    outcomes = tuple(
        Outcome(network.name, first_layer(network), sample(trials))
        for network, trials in values.items()
        if len(trials) >= LEAST_TRIALS
    )
    waits_for = tuple(network.name for network, trials in values.items() if len(trials) < LEAST_TRIALS)
    if not outcomes:
        return Score((), waits_for, None, None, None)
    misses = np.array([outcome.measured.mean - outcome.predicted.fraction for outcome in outcomes])
    rho = spearman([(outcome.predicted.bits, outcome.measured.mean) for outcome in outcomes])
    baseline, alone = rival(pool_alone, outcomes), fit_to(pool_alone)[0]
    off = np.array([abs(outcome.measured.mean - alone(outcome.predicted)) for outcome in outcomes])
    gain = bootstrap(np.mean, off - abs(misses))
    return Score(outcomes, waits_for, rho, float(misses.mean()), float(abs(misses).mean()), baseline, gain)


def rival(number: Callable[[Assembled], float], outcomes: Collection[Outcome]) -> Rival:
    """Score another number of the first layer on networks that were measured, at least one."""
    curve, left_over = fit_to(number)
    expected = [curve(outcome.predicted) for outcome in outcomes]
    rho = spearman([(number(outcome.predicted), outcome.measured.mean) for outcome in outcomes])
    hits = [
        assembly.kind_of(share) == outcome.kind for share, outcome in zip(expected, outcomes, strict=True)
    ]
    misses = [outcome.measured.mean - share for share, outcome in zip(expected, outcomes, strict=True)]
    return Rival(left_over, rho.estimate if rho else None, sum(hits), float(np.abs(misses).mean()))


def _they_come_true(results: Results) -> Iterator[Evidence]:
    """Judge ASM-3: more bits, fewer relevant filters; and more than half of the networks in their class."""
    result = score(results)
    if result.rho:
        yield Evidence("Spearman's ρ of bits and relevant fraction, over networks", result.rho, "below", 0)
    hits = bootstrap(np.mean, np.array([outcome.hit for outcome in result.outcomes], dtype=np.float64))
    yield Evidence("share of networks in the predicted class", hits, "above", HALF)


CLAIM = Criterion(
    "ASM-3",
    _they_come_true,
    tuple(key(name, "relevant") for name in REGISTERED),
    least=LEAST_TRIALS,
)
"""The claim of ours that the registered networks decide; its rule is older than their runs."""


def paper_networks() -> tuple[Variant, ...]:
    """Return the paper's variants that the curve was fitted to."""
    return tuple(VARIANTS[cell.variant] for cell in fit_points())
