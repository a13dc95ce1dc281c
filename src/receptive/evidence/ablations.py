"""Ablations: what single switches of the protocol, and the paper's protocol as a whole, change.

Where the paper's text and the released code disagree (D-7 to D-17), either may be why a number is not
reproduced. So CNN-2 and CNN-25 are trained and read with every single switch, CNN9-4 is read with windows as
long as its filters, CNN-50-2 is as large as the text says, and six networks follow the paper in everything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from receptive.evidence import claims, measured
from receptive.evidence.measured import Results
from receptive.evidence.rules import key
from receptive.evidence.statistics import LEAST_TRIALS, Interval, Sample, combine_trials, sample
from receptive.evidence.verdicts import Comparison, compare
from receptive.protocols import (
    CONTROL_READING,
    DISCREPANCIES,
    PAPER,
    READING,
    RELEASED,
    Protocol,
    with_other_reading,
)
from receptive.replication.targets import ABLATIONS

COLUMNS = ("auroc", "jaspar", "relevant")
BY_THE_PAPER = ("cnn-1", "cnn-2", "cnn-4", "cnn-10", "cnn-25", "cnn-100")
"""Networks that are trained by the paper's protocol as well."""


Values = Mapping[str, Mapping[int, float]]
"""Of every column the number of each trial."""


@dataclass(frozen=True)
class Row:
    """The runs of a network under one protocol.

    Attributes:
        variant, protocol: which.
        values: for every column of :data:`COLUMNS` the number of each trial, for conv1.
        differences: from ``released``, with 95% intervals: Welch's, or, where the protocols differ only in
            how filters are read, that of the differences, trial by trial, from the released reading of the
            same weights (``CONTROL_READING``). ``None`` with fewer than three trials of either.
    """

    variant: str
    protocol: Protocol
    values: Values
    differences: Mapping[str, Interval | None]

    @property
    def n(self) -> int:
        """The number of trials."""
        return len(self.values["auroc"])

    @property
    def switches(self) -> dict[str, Any]:
        """The fields in which the protocol differs from ``released``."""
        return self.protocol.differences(RELEASED)

    @property
    def discrepancies(self) -> tuple[str, ...]:
        """The discrepancies that these fields stand for."""
        return tuple(sorted({DISCREPANCIES[name] for name in self.switches}, key=lambda id: int(id[2:])))

    def sample_of(self, column: str) -> Sample | None:
        """Return a number over the trials, ``None`` without any."""
        values = list(self.values[column].values())
        return sample(values) if values else None

    def comparison(self, column: str) -> Comparison | None:
        """Return a number beside the published one, ``None`` if none was."""
        cell = claims.cell(self.variant, column)
        return compare(cell, list(self.values[column].values())) if cell else None


class Switches(NamedTuple):
    """Runs under other protocols: ``ablations``, single switches, and ``protocols``, released and paper."""

    ablations: tuple[Row, ...] = ()
    protocols: tuple[Row, ...] = ()


def rows(store: Path | str, pairs: Sequence[tuple[str, Protocol]]) -> tuple[Row, ...]:
    """Compare the full runs of networks, each under a protocol, with those under ``released``.

    Raises:
        ReceptiveError: the store is missing, or a run is damaged.
    """
    wanted = {RELEASED, CONTROL_READING, *(protocol for _, protocol in pairs)}
    held = {protocol: measured.read_results(store, protocol.name) for protocol in wanted}
    compared = []
    for variant, protocol in pairs:
        values, again = _values(held[protocol], variant), _values(held[CONTROL_READING], variant)
        if protocol == RELEASED:
            differences = dict.fromkeys(COLUMNS)
        elif (switched := protocol.differences(RELEASED).keys()) and switched <= READING:
            differences = _of_pairs(values, again)
        else:
            differences = _differences(values, _values(held[RELEASED], variant))
        compared.append(Row(variant, protocol, values, differences))
    return tuple(compared)


def _values(results: Results, variant: str) -> Values:
    return {column: results.by_number(variant, results.of(key(variant, column))) for column in COLUMNS}


def _of_pairs(first: Values, again: Values) -> dict[str, Interval | None]:
    """Take the differences of two readings over the trials in which the weights, and so the AU-ROC, agree."""
    scores = again["auroc"]
    same = [trial for trial, score in first["auroc"].items() if scores.get(trial) == score]
    shared = {name: {trial: own[trial] for trial in same} for name, own in first.items()}
    return _differences(shared, again, by_trial=True)


def _differences(first: Values, other: Values, by_trial: bool = False) -> dict[str, Interval | None]:
    if min(len(first["auroc"]), len(other["auroc"])) < LEAST_TRIALS:
        return dict.fromkeys(COLUMNS)
    return {column: combine_trials(by_trial, (1, first[column]), (-1, other[column])) for column in COLUMNS}


def read(store: Path | str) -> Switches:
    """Compare the runs of a store by single switches, and by either protocol, with those of ``released``.

    Raises:
        ReceptiveError: the store is missing, or a run is damaged.
    """
    single = {
        variant: (RELEASED, *own, *((PAPER,) if variant in BY_THE_PAPER else ()))
        for variant, own in ABLATIONS.items()
    }
    whole = dict.fromkeys(BY_THE_PAPER, (RELEASED, PAPER, with_other_reading(PAPER)))
    return Switches(
        *(
            rows(
                store, [(variant, protocol) for variant, protocols in part.items() for protocol in protocols]
            )
            for part in (single, whole)
        )
    )


def in_words(row: Row) -> str:
    """Name the protocol of a row by what distinguishes it from ``released``."""
    protocol = row.protocol
    if protocol.base == PAPER.name:
        return "paper, read as released" if protocol.suffix else "paper"
    if row.switches.keys() == with_other_reading(RELEASED).differences(RELEASED).keys():
        return "read as paper"
    return (protocol.suffix if row.switches else protocol.name).replace("+", ", ")


def explain(comparison: Comparison, switched: Sequence[Row]) -> list[str]:
    """Return the discrepancies whose single switch turns a number that is not reproduced into one that is.

    The switch must also change the number, by its 95% interval: with fewer trials alone an interval is wider,
    and more is reproduced. And where only the reading differs, the released reading of the same weights must
    not be reproduced either.

    Args:
        comparison: the number.
        switched: the ``ablations`` of :func:`read`.
    """
    variant, layer, column = comparison.cell.key
    own = [row for row in switched if row.variant == variant]
    again = {_verdict(row, column) for row in own if row.protocol == CONTROL_READING}
    return [
        discrepancy
        for row in own
        if len(row.switches) == 1 and layer in ("", "conv1")
        if _verdict(row, column) == "reproduced" and differs(row.differences[column])
        if not row.switches.keys() <= READING or again == {"not reproduced"}
        for discrepancy in row.discrepancies
    ]


def _verdict(row: Row, column: str) -> str:
    comparison = row.comparison(column)
    return comparison.verdict if comparison else ""


def differs(difference: Interval | None) -> bool:
    """Tell whether a difference was measured and its interval leaves 0 out."""
    return difference is not None and not difference.low <= 0 <= difference.high
