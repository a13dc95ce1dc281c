"""Ablations: what single switches of the protocol, and the paper's protocol as a whole, change.

Where the paper's text and the released code disagree (D-7 to D-17), either may be why a number is not
reproduced. So CNN-2 and CNN-25 are trained and read with every single switch, CNN9-4 is read with windows as
long as its filters, CNN-50-2 is as large as the text says, and six networks follow the paper in everything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from typing import Any

from receptive.evidence import claims, measured
from receptive.evidence.measured import Results
from receptive.evidence.rules import key
from receptive.evidence.statistics import LEAST_TRIALS, Interval, contrast, sample
from receptive.evidence.verdicts import compare
from receptive.protocols import AGAIN, DISCREPANCIES, PAPER, READING, RELEASED, Protocol, reread
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
            same weights (``AGAIN``). ``None`` with fewer than three trials of either.
    """

    variant: str
    protocol: Protocol
    values: Values
    differences: Mapping[str, Interval | None]


def rows(store: Path | str, pairs: Sequence[tuple[str, Protocol]]) -> list[Row]:
    """Compare the full runs of networks, each under a protocol, with those under ``released``.

    Raises:
        ReceptiveError: the store is missing, or a run is damaged.
    """
    wanted = {RELEASED, AGAIN, *(protocol for _, protocol in pairs)}
    held = {each: measured.held(store, each.name) for each in wanted}
    found = []
    for variant, protocol in pairs:
        values, again = _values(held[protocol], variant), _values(held[AGAIN], variant)
        if protocol == RELEASED:
            differences = dict.fromkeys(COLUMNS)
        elif switches(protocol) and switches(protocol).keys() <= READING:
            differences = _of_pairs(values, again)
        else:
            differences = _of_groups(values, _values(held[RELEASED], variant))
        found.append(Row(variant, protocol, values, differences))
    return found


def switches(protocol: Protocol) -> dict[str, Any]:
    """Return the fields in which a protocol differs from ``released``."""
    return protocol.differences(RELEASED)


def _values(results: Results, variant: str) -> Values:
    return {column: results.numbered(variant, results.of(key(variant, column))) for column in COLUMNS}


def _of_pairs(one: Values, again: Values) -> dict[str, Interval | None]:
    """Take the differences of two readings over the trials in which the weights, and so the AU-ROC, agree."""
    scores = again["auroc"]
    same = [trial for trial, score in one["auroc"].items() if scores.get(trial) == score]
    if len(same) < LEAST_TRIALS:
        return dict.fromkeys(COLUMNS)
    return {
        column: contrast((1, sample([one[column][trial] - again[column][trial] for trial in same])))
        for column in COLUMNS
    }


def _of_groups(one: Values, other: Values) -> dict[str, Interval | None]:
    if min(len(one["auroc"]), len(other["auroc"])) < LEAST_TRIALS:
        return dict.fromkeys(COLUMNS)
    samples = [{column: sample(list(each[column].values())) for column in COLUMNS} for each in (one, other)]
    return {column: contrast((1, samples[0][column]), (-1, samples[1][column])) for column in COLUMNS}


def document(store: Path | str) -> dict[str, Any]:
    """Return ``ablations``, the single switches, and ``protocols``, released and paper, as JSON has them.

    Every row has its ``variant``, ``protocol``, ``switches``, the ``discrepancies`` that they stand for and
    ``n`` trials; for each column ``mean``, ``sd``, the ``difference`` from ``released``, the ``published``
    number, the ``verdict`` on it and whether agreement is ``shown``.
    """
    single = {
        variant: (RELEASED, *own, *((PAPER,) if variant in BY_THE_PAPER else ()))
        for variant, own in ABLATIONS.items()
    }
    whole = dict.fromkeys(BY_THE_PAPER, (RELEASED, PAPER, reread(PAPER)))
    return {
        name: [_entry(row) for row in rows(store, [(v, one) for v, each in part.items() for one in each])]
        for name, part in {"ablations": single, "protocols": whole}.items()
    }


def _entry(row: Row) -> dict[str, Any]:
    switched = switches(row.protocol)
    return {
        "variant": row.variant,
        "protocol": row.protocol.name,
        "switches": {name: list(v) if isinstance(v, tuple) else v for name, v in switched.items()},
        "discrepancies": sorted({DISCREPANCIES[name] for name in switched}, key=lambda id: int(id[2:])),
        "n": len(row.values["auroc"]),
        **{column: _number(row, column) for column in COLUMNS},
    }


def in_words(entry: Mapping[str, Any]) -> str:
    """Name the protocol of an entry by what distinguishes it from ``released``."""
    name, _, switched = str(entry["protocol"]).partition("+")
    if name == "paper":
        return "paper, read as released" if switched else "paper"
    if entry["switches"].keys() == switches(reread(RELEASED)).keys():
        return "read as paper"
    return (switched if entry["switches"] else str(entry["protocol"])).replace("+", ", ")


def _number(row: Row, column: str) -> dict[str, Any]:
    values, difference = list(row.values[column].values()), row.differences[column]
    one = sample(values) if values else None
    cell = claims.cell(row.variant, column)
    found = compare(cell, values) if cell else None
    return {
        "mean": one.mean if one else None,
        "sd": None if one is None or isnan(one.sd) else one.sd,
        "difference": asdict(difference) if difference else None,
        "published": {"mean": cell.mean, "sd": cell.sd} if cell else None,
        "verdict": found.verdict if found else None,
        "shown": found.shown if found else None,
    }


def explain(cell: Mapping[str, Any], switched: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the discrepancies whose single switch turns a number that is not reproduced into one that is.

    The switch must also change the number, by its 95% interval: with fewer trials alone an interval is wider,
    and more is reproduced. And where only the reading differs, the released reading of the same weights must
    not be reproduced either.

    Args:
        cell: an entry of the report's ``cells``.
        switched: the ``ablations`` of :func:`document`.
    """
    column = cell["column"]
    rows = [row for row in switched if row["variant"] == cell["variant"]]
    again = {row[column]["verdict"] for row in rows if row["protocol"] == AGAIN.name}
    return [
        id
        for row in rows
        if len(row["switches"]) == 1 and cell["layer"] in (None, "conv1")
        if row[column]["verdict"] == "reproduced" and differs(row[column]["difference"])
        if not row["switches"].keys() <= READING or again == {"not reproduced"}
        for id in row["discrepancies"]
    ]


def differs(found: Mapping[str, float] | None) -> bool:
    """Whether a difference was measured and its interval leaves 0 out."""
    return found is not None and not found["low"] <= 0 <= found["high"]
