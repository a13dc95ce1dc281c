"""Verdicts: which published numbers and which claims the measured runs bear out, by rules written once.

The statistics are Welch's throughout: trials count as independent, variances differ, and the 95% interval of
a sum of weighted means takes its degrees of freedom from Welch and Satterthwaite. Quite independent they may
not be: the number of a trial is the seed of every network. With :attr:`~receptive.measured.Results.by_trial`
the same rules take every sum trial by trial (with fewer degrees of freedom, so that a verdict may change
without any dependence); the report says which verdicts would.

A **number** is *reproduced* if the 95% interval of measured minus published holds 0, or if the two differ by
less than :data:`TOLERANCE`; else it is *not reproduced*.

A **claim** is a set of inequalities between means. Each holds if its whole 95% interval lies on the claimed
side. As all must hold, no correction for their number is due. The claim is *not reproduced* if one fails;
*trend only* if all hold and a published number that it leans on is not reproduced; else *reproduced*.

A number is *not measured* with fewer than :data:`LEAST_TRIALS` full runs, a claim with fewer than the paper's
:data:`PUBLISHED_TRIALS` of a variant that it needs: with three, an interval is 4.3 standard errors wide on
either side, and most true inequalities would fail.

The claims about real sequences (:data:`IN_VIVO`) are judged on each in vivo task that a store has runs of:
DeepSEA's sequences, the paper's own, and the ChIP-seq task. No number was published of the latter, so that
a claim is a *trend only* there at best. Their rules, written before the first of these runs, take
:data:`LEAST_TRIALS`, because they compare groups of networks rather than pairs: with trials that scatter
alike the two halves of the pooling series (VIVO-1, VIVO-3) have 13 degrees of freedom, the slope over four
sizes of CNN-25 (VIVO-4) has 5, and an interval is 2.2 or 2.6 standard errors wide on either side (the slope
of the number of filters, in which the largest network weighs most, has between 2 and 3, and its interval is
3.4 wide). CNN-1's
two layers (VIVO-2) are a pair, but compared trial by trial and far apart: by 0.6 in the paper, where trials
scatter by less than 0.1. The weakest is VIVO-5, two networks with 2 to 4 degrees of freedom: more trials
may be needed to show it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import isnan, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from receptive import claims
from receptive.claims import Cell, Key
from receptive.measured import Results
from receptive.networks import LARGE, NUMBERS, SMALL, VARIANTS

Verdict = Literal["reproduced", "trend only", "not reproduced", "not measured"]

LEAST_TRIALS = 3
"""For a number: two give next to no idea of their spread, and an interval that nearly anything falls in."""
PUBLISHED_TRIALS = 5
"""The paper's trials of every network, and the least that a claim is judged by."""
TOLERANCE = {"auroc": 0.01, "aupr": 0.01, "jaspar": 0.05, "relevant": 0.05}
"""Differences below these count as none, whatever the interval."""
CONFIDENCE = 0.95
CLEAR = 0.1
"""A difference that counts where the paper says "far" or "about": three filters of thirty, or a fifth of the
way from guessing to certainty in AU-ROC."""
COPIED = ("T2-11", "T2-12", "T2-13")
"""Rows of Table 2 whose match fractions are Table 1's (D-2)."""
HALF = 0.5
"""Above this fraction of filters a layer holds mostly whole motifs, below it mostly others."""
CHANGING = 0.5
"""Filters by which a factor's number of filters varies between trials if it is no constant (POOL-4)."""


@dataclass(frozen=True)
class Sample:
    """Independent trials in three numbers; ``sd`` with n - 1 in its denominator, NaN for a single trial."""

    mean: float
    sd: float
    n: int


def sample(values: Sequence[float]) -> Sample:
    """Summarise at least one trial."""
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
    return Sample(float(np.mean(values)), sd, len(values))


def published_sample(cell: Cell) -> Sample:
    """Return a published number as a sample of five trials, its population deviation made a sample's."""
    return Sample(cell.mean, cell.sd * sqrt(PUBLISHED_TRIALS / (PUBLISHED_TRIALS - 1)), PUBLISHED_TRIALS)


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95% interval."""

    estimate: float
    low: float
    high: float


def contrast(*terms: tuple[float, Sample]) -> Interval:
    """Estimate a weighted sum of means with its interval, by Welch and Satterthwaite.

    ``contrast((1, a), (-1, b))`` is Welch's interval of a difference. Samples without any spread give an
    interval without width; with a sample of one trial there is none, and its ends are NaN.

    Args:
        terms: weights and samples.
    """
    estimate = sum(weight * one.mean for weight, one in terms)
    if any(one.n < 2 for _, one in terms):
        return Interval(estimate, float("nan"), float("nan"))
    variances = [(weight * one.sd) ** 2 / one.n for weight, one in terms]
    total = sum(variances)
    if total == 0:
        return Interval(estimate, estimate, estimate)
    shares = [
        (variance / total) ** 2 / (one.n - 1) for variance, (_, one) in zip(variances, terms, strict=True)
    ]
    half = float(stdtrit(1 / sum(shares), (1 + CONFIDENCE) / 2)) * sqrt(total)
    return Interval(estimate, estimate - half, estimate + half)


@dataclass(frozen=True)
class Comparison:
    """A published number beside the measured one.

    Attributes:
        cell: the published number.
        measured: ``None`` without a trial.
        difference: measured minus published; ``None`` if not measured often enough.
        verdict: by the rule for numbers.
    """

    cell: Cell
    measured: Sample | None
    difference: Interval | None
    verdict: Verdict


def compare(cell: Cell, values: Sequence[float]) -> Comparison:
    """Judge one published number by the measured values."""
    measured = sample(values) if len(values) else None
    if measured is None or measured.n < LEAST_TRIALS:
        return Comparison(cell, measured, None, "not measured")
    found = contrast((1, measured), (-1, published_sample(cell)))
    same = found.low <= 0 <= found.high or abs(found.estimate) < TOLERANCE[cell.column]
    return Comparison(cell, measured, found, "reproduced" if same else "not reproduced")


@dataclass(frozen=True)
class Evidence:
    """One inequality of a claim: ``what`` lies above or below ``limit``, with its whole interval.

    ``closest_of``: how many inequalities of one kind it stands for, of which it holds by the least.
    """

    what: str
    found: Interval
    side: Literal["above", "below"]
    limit: float
    closest_of: int = 1

    @property
    def margin(self) -> float:
        """How far the estimate lies on the claimed side; negative on the other."""
        return (self.found.estimate - self.limit) * (1 if self.side == "above" else -1)

    @property
    def clearance(self) -> float:
        """The same of the nearer end of the interval; NaN if there is no interval."""
        return self.found.low - self.limit if self.side == "above" else self.limit - self.found.high

    @property
    def holds(self) -> bool:
        """Whether the whole interval lies on the claimed side."""
        return self.clearance > 0


Rule = Callable[[Results], Iterable[Evidence]]


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Attributes:
        id: as in the specification, e.g. ``POOL-2``.
        rule: its inequalities, from measured results that have every quantity in ``needs`` often enough.
        needs: the quantities it is about; their published numbers are those it leans on.
        tasks: those whose runs decide it, each for itself; the paper's own data first.
        least: trials that each quantity takes.
    """

    id: str
    rule: Rule
    needs: tuple[Key, ...]
    tasks: tuple[str, ...] = ("synthetic",)
    least: int = PUBLISHED_TRIALS

    @property
    def statement(self) -> str:
        """What it says, in our words."""
        return claims.statements()[self.id].text


@dataclass(frozen=True)
class Judgement:
    """A claim with its verdict on the runs of a task and the evidence for it.

    ``waits_for``: variants with too few trials.
    """

    claim: Claim
    task: str
    verdict: Verdict
    evidence: tuple[Evidence, ...] = ()
    waits_for: tuple[str, ...] = ()


def judge(claim: Claim, results: Results) -> Judgement:
    """Judge a claim by the measured results."""
    few = [key[0] for key in claim.needs if len(results.of(key)) < claim.least]
    if few:
        return Judgement(claim, results.task, "not measured", waits_for=tuple(dict.fromkeys(few)))
    evidence = tuple(claim.rule(results))
    if not all(each.holds for each in evidence):
        return Judgement(claim, results.task, "not reproduced", evidence)
    numbers = {compare(cell, results.of(cell.key)).verdict for cell in leans_on(claim, results.task)}
    needs_none = not leans_on(claim, claim.tasks[0])
    verdict: Verdict = "reproduced" if needs_none or numbers == {"reproduced"} else "trend only"
    return Judgement(claim, results.task, verdict, evidence)


def judge_all(every: Iterable[Claim], results: Mapping[str, Results]) -> tuple[Judgement, ...]:
    """Judge every one of some claims on each of its tasks that there are results of.

    Without any it is not measured on the last of its tasks, which needs no data but the package's.
    """
    found = []
    for claim in every:
        tasks = [task for task in claim.tasks if task in results] or claim.tasks[-1:]
        found += [judge(claim, results.get(task, Results({}, {}, task=task))) for task in tasks]
    return tuple(found)


def leans_on(claim: Claim, task: str = "synthetic") -> list[Cell]:
    """Return the published numbers of a task that a claim leans on, save those copied by mistake (D-2)."""
    cells = [cell for cell in claims.published() if cell.task == task and cell.key in claim.needs]
    return [cell for cell in cells if not (cell.id in COPIED and cell.layer)]


# The inequalities that the rules are made of.


def key(variant: str, column: str, layer: str = "conv1") -> Key:
    """Name a quantity; ``layer`` is for match fractions."""
    return (variant, layer if column in ("jaspar", "relevant") else "", column)


def _name(quantity: Key) -> str:
    variant, layer, column = quantity
    return " ".join([variant, *([layer] if layer not in ("", "conv1") else []), column])


def above(results: Results, quantity: Key, limit: float) -> Evidence:
    """The mean of a quantity lies above ``limit``."""
    return Evidence(_name(quantity), contrast((1, sample(results.of(quantity)))), "above", limit)


def below(results: Results, quantity: Key, limit: float) -> Evidence:
    """The mean of a quantity lies below ``limit``."""
    return Evidence(_name(quantity), contrast((1, sample(results.of(quantity)))), "below", limit)


def combined(results: Results, *terms: tuple[float, Key]) -> Interval:
    """A weighted sum of the means of quantities: trial by trial if all of them are of one network."""
    numbered = [(weight, results.numbered(key[0], results.of(key))) for weight, key in terms]
    return _sum(results.by_trial or len({key[0] for _, key in terms}) == 1, *numbered)


def _sum(by_trial: bool, *terms: tuple[float, Mapping[int, float]]) -> Interval:
    """A weighted sum of means of numbered trials; by trial over those that all have."""
    if not by_trial:
        return contrast(*((weight, sample(list(trials.values()))) for weight, trials in terms))
    shared = set.intersection(*(set(trials) for _, trials in terms))
    sums = [sum(weight * trials[number] for weight, trials in terms) for number in sorted(shared)]
    return contrast((1, sample(sums)))


def exceeds(results: Results, one: Key, other: Key, by: float = 0.0) -> Evidence:
    """One quantity is greater than another, by more than ``by``."""
    return Evidence(f"{_name(one)} − {_name(other)}", combined(results, (1, one), (-1, other)), "above", by)


def not_beaten(results: Results, one: Key, other: Key, by: float) -> Evidence:
    """The other quantity is not greater by as much as ``by``."""
    return Evidence(f"{_name(other)} − {_name(one)}", combined(results, (1, other), (-1, one)), "below", by)


def _of_groups(results: Results, ones: Sequence[Key], others: Sequence[Key]) -> Interval:
    """The mean of some quantities minus the mean of others, all of different networks."""
    terms = [(1 / len(ones), one) for one in ones] + [(-1 / len(others), other) for other in others]
    return combined(results, *terms)


def _slope(results: Results, quantities: Sequence[Key], scale: Sequence[float] = (1, 1, 1, 1)) -> Interval:
    """The least-squares slope of four means, each times its scale, in equal steps."""
    weights = np.multiply((-0.3, -0.1, 0.1, 0.3), scale).tolist()
    return combined(results, *zip(weights, quantities, strict=True))


def closest(evidence: Iterable[Evidence]) -> Evidence:
    """Return the inequality that holds by the least, or fails by the most, for all of them."""
    every = list(evidence)
    least = min(every, key=lambda each: each.margin if isnan(each.clearance) else each.clearance)
    return Evidence(least.what, least.found, least.side, least.limit, len(every))


# The claims. Every inequality is of measured values alone.

TABLE_1 = tuple(dict.fromkeys(cell.variant for cell in claims.published() if cell.id.startswith("T1-")))


def _pool_1(results: Results) -> Iterator[Evidence]:
    scores = [key(variant, "auroc") for variant in TABLE_1 if variant != "cnn3-50"]
    yield closest(not_beaten(results, a, b, CLEAR) for a, b in product(scores, scores) if a != b)
    yield closest(exceeds(results, score, key("cnn3-50", "auroc"), CLEAR) for score in scores)


def _pool_2(results: Results) -> Iterator[Evidence]:
    for column in ("jaspar", "relevant"):
        pairs = product(LARGE, SMALL)
        yield closest(exceeds(results, key(a, column), key(b, column)) for a, b in pairs)
    yield closest(below(results, key(variant, "relevant"), HALF) for variant in SMALL)
    yield closest(above(results, key(variant, "relevant"), HALF) for variant in LARGE)
    best, others = key("cnn-25", "relevant"), [v for v in LARGE if v != "cnn-25"]
    yield closest(not_beaten(results, best, key(other, "relevant"), CLEAR) for other in others)


def _pool_3(results: Results) -> Iterator[Evidence]:
    yield closest(exceeds(results, key(v, "jaspar"), key(v, "relevant"), CLEAR) for v in SMALL)


def _pool_4(results: Results) -> Iterator[Evidence]:
    mean = combined(results, *((1 / len(LARGE), key(variant, "relevant")) for variant in LARGE))
    yield Evidence(f"relevant, mean of {', '.join(LARGE)}", mean, "below", 1)
    spread = np.mean([_spread(results, variant) for variant in LARGE], axis=0)
    what = "standard deviation between trials of the number of filters on a factor (interval over factors)"
    yield Evidence(what, contrast((1, sample(spread.tolist()))), "above", CHANGING)


def _spread(results: Results, variant: str) -> NDArray[np.float64]:
    """For every factor the standard deviation, over trials, of how many first-layer filters match it."""
    shares = np.array([list(trial.values()) for trial in results.factors[variant, "conv1"]])
    spread: NDArray[np.float64] = np.std(shares * VARIANTS[variant].filters[0], axis=0, ddof=1)
    return spread


def _num_1(results: Results) -> Iterator[Evidence]:
    slope = _slope(results, _keys("relevant", *NUMBERS))
    yield Evidence("relevant, least-squares slope per 30 more filters", slope, "below", 0)


def _size_1(results: Results) -> Iterator[Evidence]:
    yield above(results, key("cnn9-25", "relevant"), HALF)
    yield below(results, key("cnn9-4", "relevant"), HALF)


def _size_2(results: Results) -> Iterator[Evidence]:
    good, poor = key("cnn3-2", "auroc"), key("cnn3-50", "auroc")
    yield exceeds(results, good, poor, CLEAR)
    yield not_beaten(results, good, key("cnn-2", "auroc"), CLEAR)


def _whole_although_cnn_2_is_not(variant: str) -> Rule:
    def rule(results: Results) -> Iterator[Evidence]:
        yield above(results, key(variant, "relevant"), HALF)
        yield exceeds(results, key(variant, "relevant"), key("cnn-2", "relevant"), CLEAR)

    return rule


def _whole_only_in_the_last(variant: str, *layers: str) -> Rule:
    def rule(results: Results) -> Iterator[Evidence]:
        *early, last = (key(variant, "relevant", layer) for layer in layers)
        yield above(results, last, HALF)
        yield closest(below(results, layer, HALF) for layer in early)
        yield closest(exceeds(results, last, layer, CLEAR) for layer in early)

    return rule


def _vivo_1(results: Results) -> Iterator[Evidence]:
    for column in ("relevant", "jaspar"):
        large, small = _keys(column, *LARGE), _keys(column, *SMALL)
        what = f"{column}, mean of {', '.join(LARGE)} − "
        whole = _of_groups(results, large, small)
        yield Evidence(f"{what}mean of {', '.join(SMALL)}", whole, "above", CLEAR)
        yield closest(Evidence(what + one[0], _of_groups(results, large, [one]), "above", 0) for one in small)


def _vivo_2(results: Results) -> Iterator[Evidence]:
    for column in ("relevant", "jaspar"):
        yield exceeds(results, key("cnn-1", column, "conv2"), key("cnn-1", column), CLEAR)


def _vivo_3(results: Results) -> Iterator[Evidence]:
    what = f"auroc, mean of {', '.join(SMALL)} − mean of {', '.join(LARGE)}"
    found = _of_groups(results, _keys("auroc", *SMALL), _keys("auroc", *LARGE))
    yield Evidence(what, found, "above", 0)
    yield Evidence(what, found, "below", CLEAR)


def _vivo_4(results: Results) -> Iterator[Evidence]:
    what = "least-squares slope per 30 more filters"
    yield Evidence(f"auroc, {what}", _slope(results, _keys("auroc", *NUMBERS)), "above", 0)
    filters = [VARIANTS[variant].filters[0] for variant in NUMBERS]
    number = _slope(results, _keys("relevant", *NUMBERS), filters)
    yield Evidence(f"number of relevant filters, {what}", number, "above", 0)


def _vivo_5(results: Results) -> Iterator[Evidence]:
    most, least = (results.numbered(v, results.covered(v)) for v in (NUMBERS[-1], NUMBERS[0]))
    what = f"factors with a filter, {NUMBERS[-1]} − {NUMBERS[0]}"
    yield Evidence(what, _sum(results.by_trial, (1, most), (-1, least)), "above", 0)


def _keys(column: str, *variants: str) -> tuple[Key, ...]:
    return tuple(key(variant, column) for variant in variants)


def _layers(variant: str, *layers: str) -> tuple[Key, ...]:
    return tuple(key(variant, column, layer) for layer in layers for column in ("jaspar", "relevant"))


CLAIMS = (
    Claim("POOL-1", _pool_1, _keys("auroc", *TABLE_1)),
    Claim("POOL-2", _pool_2, _keys("jaspar", *SMALL, *LARGE) + _keys("relevant", *SMALL, *LARGE)),
    Claim("POOL-3", _pool_3, _keys("jaspar", *SMALL) + _keys("relevant", *SMALL)),
    Claim("POOL-4", _pool_4, _keys("relevant", *LARGE)),
    Claim("NUM-1", _num_1, _keys("relevant", *NUMBERS)),
    Claim("SIZE-1", _size_1, _keys("jaspar", "cnn9-4", "cnn9-25") + _keys("relevant", "cnn9-4", "cnn9-25")),
    Claim("SIZE-2", _size_2, _keys("auroc", "cnn3-50", "cnn3-2", "cnn-2")),
    Claim(
        "STRIDE-1",
        _whole_although_cnn_2_is_not("cnn-50-2"),
        _keys("jaspar", "cnn-50-2", "cnn-2") + _keys("relevant", "cnn-50-2", "cnn-2"),
    ),
    Claim(
        "DEEP-1",
        _whole_although_cnn_2_is_not("cnn19-1-2"),
        _keys("jaspar", "cnn19-1-2", "cnn-2") + _keys("relevant", "cnn19-1-2", "cnn-2"),
    ),
    Claim("DEEP-2", _whole_only_in_the_last("cnn-1", "conv1", "conv2"), _layers("cnn-1", "conv1", "conv2")),
    Claim(
        "DEEP-3",
        _whole_only_in_the_last("cnn-1-1-100", "conv1", "conv2", "conv3"),
        _layers("cnn-1-1-100", "conv1", "conv2", "conv3"),
    ),
)
"""The claims that the synthetic runs decide, in the paper's order."""

IN_VIVO_TASKS = ("invivo", "chipseq")
"""DeepSEA's sequences, which the paper's networks were trained on, and those that ship."""

IN_VIVO = (
    Claim(
        "VIVO-1",
        _vivo_1,
        _keys("jaspar", *SMALL, *LARGE) + _keys("relevant", *SMALL, *LARGE),
        IN_VIVO_TASKS,
        LEAST_TRIALS,
    ),
    Claim("VIVO-2", _vivo_2, _layers("cnn-1", "conv1", "conv2"), IN_VIVO_TASKS, LEAST_TRIALS),
    Claim("VIVO-3", _vivo_3, _keys("auroc", *SMALL, *LARGE), IN_VIVO_TASKS, LEAST_TRIALS),
    Claim(
        "VIVO-4", _vivo_4, _keys("auroc", *NUMBERS) + _keys("relevant", *NUMBERS), IN_VIVO_TASKS, LEAST_TRIALS
    ),
    Claim("VIVO-5", _vivo_5, _keys("relevant", "cnn-25", "cnn-25-120"), IN_VIVO_TASKS, LEAST_TRIALS),
)
"""The claims that runs on real sequences decide."""
