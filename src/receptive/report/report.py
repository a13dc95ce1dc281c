"""The report: the paper's numbers beside those of a store, with a verdict for each and for every claim.

A :class:`Report` holds all of it; the tables, the figures, the Markdown page, JSON and the text on the
terminal are only ways of showing it (`tables`, `drawings`, `records`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from receptive.evidence import ablations, authors, claims, measured
from receptive.evidence.ablations import Switches
from receptive.evidence.measured import Results
from receptive.evidence.roster import DECIDED
from receptive.evidence.rules import key
from receptive.evidence.statistics import Sample, sample
from receptive.evidence.verdicts import Comparison, Judgement, Verdict, compare, judge_all
from receptive.networks.variants import VARIANTS
from receptive.protocols import RELEASED
from receptive.tasks.registry import CONTROLS

NOTHING = Results({}, {})


class Scores(NamedTuple):
    """The classification scores of a network: means over classes, and each class by itself."""

    variant: str
    n: int
    auroc: Sample
    aupr: Sample
    auroc_by_class: Mapping[str, Sample]


class Layer(NamedTuple):
    """The matches of a layer's filters, over trials.

    Attributes:
        variant, layer, n: of which network, and over how many trials.
        fractions: of filters, by the columns :data:`~receptive.evidence.measured.FRACTIONS` (D-9, D-19).
        covered: how many factors have any filter (POOL-4).
        factors: the fraction of filters on each factor.
    """

    variant: str
    layer: str
    n: int
    fractions: Mapping[str, Sample]
    covered: Sample
    factors: Mapping[str, Sample]


class Networks(NamedTuple):
    """Everything measured on a task, network by network in the order of the paper."""

    scores: tuple[Scores, ...]
    layers: tuple[Layer, ...]

    @classmethod
    def of(cls, results: Results) -> "Networks":
        """Summarise the runs of a task."""

        def place(variant: str) -> int:
            return list(VARIANTS).index(variant) if variant in VARIANTS else len(VARIANTS)

        scores = (
            Scores(
                variant,
                len(trials),
                sample(results.of(key(variant, "auroc"))),
                sample(results.of(key(variant, "aupr"))),
                _by_name(trials),
            )
            for variant, trials in sorted(results.auroc.items(), key=lambda item: place(item[0]))
        )
        layers = (
            Layer(
                variant,
                layer,
                len(trials),
                {column: sample(results.of(key(variant, column, layer))) for column in measured.FRACTIONS},
                sample(results.factors_covered(variant, layer)),
                _by_name(trials),
            )
            for (variant, layer), trials in sorted(
                results.factors.items(), key=lambda item: (place(item[0][0]), item[0])
            )
        )
        return cls(tuple(scores), tuple(layers))


def _by_name(trials: Sequence[Mapping[str, float]]) -> dict[str, Sample]:
    return {name: sample([trial[name] for trial in trials]) for name in trials[0]}


class Judged(NamedTuple):
    """A judged claim, and the verdict if trials of one number, which share a seed, are taken as pairs."""

    judgement: Judgement
    by_trial: Verdict

    @property
    def id(self) -> str:
        """The claim's."""
        return self.judgement.criterion.id

    @property
    def verdict(self) -> Verdict:
        """The verdict that counts."""
        return self.judgement.verdict

    @property
    def explanation(self) -> str:
        """The reason that it is undecided or not reproduced, if it is."""
        return self.judgement.explanation or claims.statements()[self.id].explanation


@dataclass(frozen=True)
class Report:
    """Published numbers and claims beside the runs of a store.

    Attributes:
        protocol: the protocol of the runs.
        results: what was measured, by task; ``synthetic`` is always there.
        cells: the published numbers of the synthetic task, compared.
        claims: every claim that runs decide, on each of its tasks.
        table2: the published numbers of DeepSEA's sequences, compared.
        networks: everything measured on ``synthetic``, ``chipseq`` and the controls that there are runs of.
        best_hits: the AU-ROC of each factor's best JASPAR hit alone; empty if the networks had other data.
        switches: what other protocols change.
    """

    protocol: str
    results: Mapping[str, Results]
    cells: tuple[Comparison, ...]
    claims: tuple[Judged, ...]
    table2: tuple[Comparison, ...]
    networks: Mapping[str, Networks]
    best_hits: Mapping[str, float] = field(default_factory=dict)
    switches: Switches = field(default_factory=Switches)

    @property
    def synthetic(self) -> Results:
        """The results of the synthetic task."""
        return self.results["synthetic"]

    @property
    def controls(self) -> tuple[str, ...]:
        """The controls that there are runs of."""
        return tuple(task for task in CONTROLS if task in self.networks)


def read(store: Path | str, protocol: str = RELEASED.name) -> Report:
    """Read the runs of a store under a protocol, and judge the published numbers and claims by them.

    Raises:
        ReceptiveError: the store has no full run under the protocol, or a run is damaged.
    """
    others = measured.read_others(store, protocol)
    elsewhere = any(results.data for results in others.values())
    synthetic = (
        measured.read_results(store, protocol) if elsewhere else measured.require_results(store, protocol)
    )
    return judge_results({"synthetic": synthetic, **others}, protocol, ablations.read(store))


def judge_results(
    results: Mapping[str, Results], protocol: str = RELEASED.name, switches: Switches = Switches()
) -> Report:
    """Judge the published numbers and claims by results under a protocol, by task."""
    results = {"synthetic": NOTHING, **results}
    pairs = {task: replace(results_, by_trial=True) for task, results_ in results.items()}
    judged = zip(judge_all(DECIDED, results), judge_all(DECIDED, pairs), strict=True)
    networks = {task: Networks.of(results.get(task, NOTHING)) for task in ("synthetic", "chipseq")}
    networks |= {task: Networks.of(results[task]) for task in CONTROLS if task in results}
    best = authors.constants()["best_hits"]
    same = results.get("chipseq", NOTHING).data == best["data_sha256"]
    return Report(
        protocol,
        results,
        _comparisons(results["synthetic"], "synthetic"),
        tuple(Judged(judgement, other.verdict) for judgement, other in judged),
        _comparisons(results.get("invivo", NOTHING), "invivo"),
        networks,
        best["auroc"] if same else {},
        switches,
    )


def _comparisons(results: Results, task: str) -> tuple[Comparison, ...]:
    return tuple(
        compare(cell, results.of(cell.key)) for cell in claims.published_numbers() if cell.task == task
    )
