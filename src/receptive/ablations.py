"""Ablations: what single switches of the protocol, and the paper's protocol as a whole, change.

Where the paper's text and the released code disagree (D-7 to D-17), either may be why a number is not
reproduced. So CNN-2 and CNN-25 are trained and read with every single switch, six networks by the paper's
protocol, and CNN-50-2 as large as the text says (D-5).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from typing import Any

from receptive import claims, measured
from receptive.measured import Results
from receptive.protocols import (
    DISCREPANCIES,
    PAPER,
    READING,
    RELEASED,
    Protocol,
    ablations,
    protocol,
    reread,
)
from receptive.sweep import TARGETS
from receptive.verdicts import LEAST_TRIALS, Interval, compare, contrast, key, sample

COLUMNS = ("auroc", "jaspar", "relevant")
SWITCHED = TARGETS["ablations"].networks
"""Networks with every single switch."""
LARGE_CNN_50_2 = protocol("released", cnn_50_2="full")
"""Everything as released but the size of CNN-50-2, which is then CNN-2's (D-5, STRIDE-1)."""
BY_THE_PAPER = ("cnn-1", "cnn-2", "cnn-4", "cnn-10", "cnn-25", "cnn-100")
"""Networks that are trained by the paper's protocol as well."""


@dataclass(frozen=True)
class Row:
    """The runs of a network under one protocol.

    Attributes:
        variant, protocol: which.
        values: for every column of :data:`COLUMNS` the number of each trial, for conv1.
        differences: from ``released``, with 95% intervals: Welch's, or, where the protocols differ only in
            how filters are read and so have the same weights, that of the differences trial by trial.
            ``None`` with fewer than three trials of either.
    """

    variant: str
    protocol: Protocol
    values: Mapping[str, Mapping[int, float]]
    differences: Mapping[str, Interval | None]


def rows(store: Path | str, variants: Iterable[str], protocols: Sequence[Protocol]) -> list[Row]:
    """Compare the full runs of networks under some protocols with those under ``released``.

    Raises:
        ReceptiveError: the store is missing, or a run is damaged.
    """
    held = {each: measured.held(store, each.name) for each in {RELEASED, *protocols}}
    found = []
    for variant in variants:
        base = _values(held[RELEASED], variant)
        for chosen in protocols:
            values = _values(held[chosen], variant)
            paired = switches(chosen).keys() <= READING
            differences = {
                column: _difference(values[column], base[column], paired) if chosen != RELEASED else None
                for column in COLUMNS
            }
            found.append(Row(variant, chosen, values, differences))
    return found


def switches(protocol: Protocol) -> dict[str, Any]:
    """Return the fields in which a protocol differs from ``released``."""
    fields = {name: value for name, value in vars(protocol).items() if name != "name"}
    return {name: value for name, value in fields.items() if value != vars(RELEASED)[name]}


def _values(results: Results, variant: str) -> dict[str, dict[int, float]]:
    trials = results.trials.get(variant, ())
    return {column: dict(zip(trials, results.of(key(variant, column)), strict=True)) for column in COLUMNS}


def _difference(one: Mapping[int, float], base: Mapping[int, float], paired: bool) -> Interval | None:
    if paired:
        each = [one[trial] - base[trial] for trial in one.keys() & base.keys()]
        return contrast((1, sample(each))) if len(each) >= LEAST_TRIALS else None
    if min(len(one), len(base)) < LEAST_TRIALS:
        return None
    return contrast((1, sample(list(one.values()))), (-1, sample(list(base.values()))))


def document(store: Path | str) -> dict[str, Any]:
    """Return ``ablations``, the single switches, and ``protocols``, released and paper, as JSON has them.

    The single switches end with that of CNN-50-2's size.

    Every row has its ``variant``, ``protocol``, ``switches``, the ``discrepancies`` that they stand for and
    ``n`` trials; for each column ``mean``, ``sd``, the ``difference`` from ``released``, the ``published``
    number and the ``verdict`` on it.
    """
    single = (*ablations(), PAPER)
    whole = (RELEASED, PAPER, reread(PAPER))
    resized = rows(store, ["cnn-50-2"], (RELEASED, LARGE_CNN_50_2))
    return {
        "ablations": [_entry(row) for row in (*rows(store, SWITCHED, single), *resized)],
        "protocols": [_entry(row) for row in rows(store, BY_THE_PAPER, whole)],
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
    if len(entry["switches"]) > 1:
        return "read as paper"
    return switched or name


def _number(row: Row, column: str) -> dict[str, Any]:
    values, difference = list(row.values[column].values()), row.differences[column]
    one = sample(values) if values else None
    cell = claims.cell(row.variant, column)
    return {
        "mean": one.mean if one else None,
        "sd": None if one is None or isnan(one.sd) else one.sd,
        "difference": asdict(difference) if difference else None,
        "published": {"mean": cell.mean, "sd": cell.sd} if cell else None,
        "verdict": compare(cell, values).verdict if cell else None,
    }


def explain(cell: Mapping[str, Any], switched: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the discrepancies whose single switch turns a number that is not reproduced into one that is.

    The switch must also change the number, by its 95% interval: with fewer trials alone an interval is wider,
    and more is reproduced.

    Args:
        cell: an entry of the report's ``cells``.
        switched: the ``ablations`` of :func:`document`.
    """
    return [
        id
        for row in switched
        if (row["variant"], len(row["switches"])) == (cell["variant"], 1) and cell["layer"] in (None, "conv1")
        if row[cell["column"]]["verdict"] == "reproduced" and differs(row[cell["column"]]["difference"])
        for id in row["discrepancies"]
    ]


def differs(found: Mapping[str, float] | None) -> bool:
    """Whether a difference was measured and its interval leaves 0 out."""
    return found is not None and not found["low"] <= 0 <= found["high"]
