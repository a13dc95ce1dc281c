"""Verdicts: which published numbers and which claims the measured runs bear out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan, sqrt
from typing import Literal

from receptive.evidence import claims
from receptive.evidence.claims import Cell, Quantity
from receptive.evidence.measured import Results
from receptive.evidence.statistics import EQUIVALENCE, LEAST_TRIALS, Interval, Sample, contrast, sample

Verdict = Literal["reproduced", "trend only", "undecided", "not reproduced", "not measured"]
PUBLISHED_TRIALS = 5
"""The paper's trials of every network, and the least that a claim is judged by."""
TOLERANCE = {"auroc": 0.01, "aupr": 0.01, "jaspar": 0.05, "relevant": 0.05}
"""Differences below these count as none, whatever the interval."""
COPIED = ("T2-11", "T2-12", "T2-13")
"""Rows of Table 2 whose match fractions are Table 1's (D-2)."""


def published_sample(cell: Cell) -> Sample:
    """Return a published number as a sample of five trials, its population deviation made a sample's."""
    return Sample(cell.mean, cell.sd * sqrt(PUBLISHED_TRIALS / (PUBLISHED_TRIALS - 1)), PUBLISHED_TRIALS)


@dataclass(frozen=True)
class Comparison:
    """A published number beside the measured one.

    Attributes:
        cell: the published number.
        measured: ``None`` without a trial.
        difference: measured minus published; ``None`` if not measured often enough.
        verdict: by the rule for numbers.
        shown: whether agreement within the tolerance is shown, too; ``None`` if not measured often enough.
    """

    cell: Cell
    measured: Sample | None
    difference: Interval | None
    verdict: Verdict
    shown: bool | None = None


def compare(cell: Cell, values: Sequence[float]) -> Comparison:
    """Judge one published number by the measured values."""
    measured = sample(values) if len(values) else None
    if measured is None or measured.n < LEAST_TRIALS:
        return Comparison(cell, measured, None, "not measured")
    terms, tolerance = ((1, measured), (-1, published_sample(cell))), TOLERANCE[cell.column]
    interval, narrow = contrast(*terms), contrast(*terms, confidence=EQUIVALENCE)
    same = interval.low <= 0 <= interval.high or abs(interval.estimate) < tolerance
    shown = -tolerance < narrow.low and narrow.high < tolerance
    return Comparison(cell, measured, interval, "reproduced" if same else "not reproduced", shown)


@dataclass(frozen=True)
class Evidence:
    """One inequality of a claim: ``what`` lies above or below ``limit``.

    ``closest_of``: how many inequalities of one kind it stands for, see :func:`closest`.
    """

    what: str
    interval: Interval
    side: Literal["above", "below"]
    limit: float
    closest_of: int = 1

    @property
    def requirement(self) -> str:
        """The claimed side in words, such as ``above 0.1``."""
        return f"{self.side} {self.limit:g}"

    @property
    def margin(self) -> float:
        """Distance of the estimate from the limit, on the claimed side; negative on the other."""
        return (self.interval.estimate - self.limit) * (1 if self.side == "above" else -1)

    @property
    def clearance(self) -> float:
        """The same of the nearer end of the interval; NaN if there is no interval."""
        return self.interval.low - self.limit if self.side == "above" else self.limit - self.interval.high

    @property
    def reach(self) -> float:
        """The same of the farther end of the interval."""
        return self.interval.high - self.limit if self.side == "above" else self.limit - self.interval.low

    @property
    def holds(self) -> bool:
        """Whether the whole interval lies on the claimed side."""
        return self.clearance > 0

    @property
    def contradicted(self) -> bool:
        """Whether no part of the interval lies on the claimed side."""
        return self.reach <= 0


Rule = Callable[[Results], Iterable[Evidence]]


@dataclass(frozen=True)
class Criterion:
    """How runs decide on a claim.

    Attributes:
        id: of the claim, e.g. ``POOL-2``.
        rule: its inequalities, from measured results that have every quantity in ``needs`` often enough.
        needs: the quantities it is about; their published numbers are those it leans on.
        tasks: those whose runs decide it, each for itself; the paper's own data first.
        least: trials that each quantity takes.
        why: says of results that do not bear it out where they differ; ``claims.toml`` does where it is None.
        most_missing: how many of the quantities may have fewer trials; the rule passes these over.
    """

    id: str
    rule: Rule
    needs: tuple[Quantity, ...]
    tasks: tuple[str, ...] = ("synthetic",)
    least: int = PUBLISHED_TRIALS
    why: Callable[[Results], str] | None = None
    most_missing: int = 0

    @property
    def statement(self) -> str:
        """The claim in our words."""
        return claims.statements()[self.id].text


@dataclass(frozen=True)
class Judgement:
    """A claim with its verdict on the runs of a task and the evidence for it.

    ``waits_for``: variants with too few trials. ``explanation``: what the claim says of where it is not
    borne out.
    """

    criterion: Criterion
    task: str
    verdict: Verdict
    evidence: tuple[Evidence, ...] = ()
    waits_for: tuple[str, ...] = ()
    explanation: str = ""


def judge(criterion: Criterion, results: Results) -> Judgement:
    """Judge a claim by the measured results."""
    few = [what.variant for what in criterion.needs if len(results.of(what)) < criterion.least]
    if len(few) > criterion.most_missing:
        return Judgement(criterion, results.task, "not measured", waits_for=tuple(dict.fromkeys(few)))
    evidence = tuple(criterion.rule(results))
    if any(isnan(inequality.clearance) for inequality in evidence):
        return Judgement(criterion, results.task, "not measured", evidence)
    if not all(inequality.holds for inequality in evidence):
        contradicted = any(inequality.contradicted for inequality in evidence)
        failed: Verdict = "not reproduced" if contradicted else "undecided"
        why = criterion.why(results) if criterion.why else ""
        return Judgement(criterion, results.task, failed, evidence, explanation=why)
    numbers = {compare(cell, results.of(cell.key)).verdict for cell in leans_on(criterion, results.task)}
    needs_none = not leans_on(criterion, criterion.tasks[0])
    verdict: Verdict = "reproduced" if needs_none or numbers == {"reproduced"} else "trend only"
    return Judgement(criterion, results.task, verdict, evidence)


def judge_all(every: Iterable[Criterion], results: Mapping[str, Results]) -> tuple[Judgement, ...]:
    """Judge every one of some claims on each of its tasks that there are results of.

    Without any it is not measured on the last of its tasks, which needs no data but the package's.
    """
    judgements = []
    for criterion in every:
        tasks = [task for task in criterion.tasks if task in results] or criterion.tasks[-1:]
        judgements += [judge(criterion, results.get(task, Results({}, {}, task=task))) for task in tasks]
    return tuple(judgements)


def leans_on(criterion: Criterion, task: str = "synthetic") -> list[Cell]:
    """Return the published numbers of a task that a claim leans on, save those copied by mistake (D-2)."""
    cells = [cell for cell in claims.published_numbers() if cell.task == task and cell.key in criterion.needs]
    return [cell for cell in cells if not (cell.id in COPIED and cell.layer)]


def explain_failures(rule: Rule) -> Callable[[Results], str]:
    """Return what says, as a claim's ``why``, which inequalities do not hold and how far they are off."""

    def words(evidence: Evidence) -> str:
        off = "wrong" if evidence.contradicted else "open"
        limit = f"{evidence.side} {evidence.limit:.3g}"
        return f"{off}: {evidence.what} was to be {limit} and is {evidence.interval}"

    def why(results: Results) -> str:
        every = list(rule(results))
        off = [inequality for inequality in every if not inequality.holds]
        hold = "" if len(every) == 1 else f"Of {len(every)} inequalities {len(every) - len(off)} hold. "
        said = "; ".join(map(words, off))
        return f"{hold}{said[:1].upper()}{said[1:]}."

    return why
