"""Tables of labels: which sequence of a FASTA file is of which class."""

import csv
from collections import Counter
from collections.abc import Sequence
from math import isnan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from receptive.errors import ReceptiveError
from receptive.files import lines, read_text
from receptive.tasks.dataset import UNKNOWN

WORDS = {
    "false": 0,
    "true": 1,
    **dict.fromkeys(("", "na", "n/a", "<na>", "nan", "none", "null", "."), UNKNOWN),
}
"""What a cell may hold besides numbers, in either case, and the label it is."""


def read(path: Path | str, names: Sequence[str]) -> tuple[NDArray[np.int8], tuple[str, ...]]:
    """Read the labels of sequences from a table: a header line, then a row for each sequence, in any order.

    The first column holds the sequences' ids, each other one a class, by its name in the header. Cells hold
    1, 0, or nothing where it was not measured. Columns are apart by tabs, or else by commas, semicolons or
    blanks. The header may lack a name for the ids, as R writes it, and stand below lines that begin with #.

    Args:
        path: the table, plain or gzipped.
        names: the ids of the sequences, in the order that is wanted.

    Returns:
        Labels, int8 (N, C): 1, 0 or -1 (not measured); the C classes.

    Raises:
        ReceptiveError: the file cannot be read or is no such table, or the ids of table and sequences are not
            the same, each once.
    """
    content = [line for line in lines(read_text(path, "a table of labels")) if line.strip()]
    while len(content) > 1 and content[0].startswith("#") and _marks(content[1]) > _marks(content[0]):
        del content[0]  # a comment
    if not content:
        raise ReceptiveError(f"{path}: expected a table of labels, found nothing")
    try:
        between = next((mark for mark in "\t,;" if mark in _marks(content[:2][-1])), " ")
        rows = list(csv.reader(content, delimiter=between, skipinitialspace=between == " "))
    except csv.Error as error:
        raise ReceptiveError(f"{path}: expected a table of labels, found none ({error})") from None
    header, *body = [[cell.strip() for cell in row] for row in rows]
    bare = header[0].lower() != "id" and {len(row) for row in body} == {len(header) + 1}
    classes = header if bare else header[1:]
    if not classes or len({*classes, ""}) <= len(classes) or None not in map(_label, classes):
        raise ReceptiveError(
            f"{path}: expected a header line with an id and the names of the classes, none of them empty, a "
            f"number or given twice, found {content[0][:80]!r}"
        )
    places, rows_of = dict[str, list[int]](), Counter[str]()
    for title, *cells in body:
        id = next(iter(title.removeprefix(">").split()), "")
        if len(cells) != len(classes):
            raise ReceptiveError(f"{path}: id {id}: expected {len(classes)} labels, found {len(cells)}")
        rows_of[id] += 1
        places[id] = []
        for name, cell in zip(classes, cells, strict=True):
            if (label := _label(cell)) is None:
                raise ReceptiveError(
                    f"{path}: id {id}, class {name}: expected 0, 1 or nothing (not measured), found {cell!r}"
                )
            places[id].append(label)
    known = Counter(names)
    for where, ids in (
        ("without a row of labels", [name for name in names if name not in places]),
        ("in the table but not among the sequences", [id for id in places if id not in known]),
        ("of more than one row", [id for id, count in rows_of.items() if count > 1]),
        ("of more than one sequence", [name for name, count in known.items() if count > 1]),
    ):
        if ids:
            more = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
            raise ReceptiveError(f"{path}: ids {where}: {', '.join(ids[:3])}{more}")
    Y = np.array([places[name] for name in names], np.int8)
    if (Y == UNKNOWN).all():
        raise ReceptiveError(f"{path}: expected labels 0 and 1, found none that is measured")
    return Y, tuple(classes)


def _marks(line: str) -> set[str]:
    """Return what may keep the columns of a line apart, but for blanks."""
    return {*"\t,;"} & {*line}


def _label(cell: str) -> int | None:
    """Return the label that a cell holds; None if it is none."""
    try:
        number = float(cell)
    except ValueError:
        return WORDS.get(cell.lower())
    return UNKNOWN if isnan(number) else int(number) if number in (0, 1, UNKNOWN) else None
