"""Tables of labels: which sequence of a FASTA file is of which class."""

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from receptive.errors import ReceptiveError
from receptive.files import lines, read_text
from receptive.tasks.dataset import UNKNOWN

VALUES = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "": UNKNOWN, "-1": UNKNOWN, "na": UNKNOWN, "nan": UNKNOWN}
"""What a cell may hold, in either case, and the label it is."""


def read(path: Path | str, names: Sequence[str]) -> tuple[NDArray[np.int8], tuple[str, ...]]:
    """Read the labels of sequences from a table: a header line, then a row for each sequence, in any order.

    The first column holds the sequences' ids, each other one a class, by its name in the header. Cells hold
    1, 0, or nothing where it was not measured. Columns are apart by tabs, or commas if the header has no tab.

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
    if not content:
        raise ReceptiveError(f"{path}: expected a table of labels, found nothing")
    try:
        rows = list(csv.reader(content, delimiter="\t" if "\t" in content[0] else ","))
    except csv.Error as error:
        raise ReceptiveError(f"{path}: expected a table of labels, found none ({error})") from None
    header, *body = [[cell.strip() for cell in row] for row in rows]
    classes = header[1:]
    if not classes or len({*classes, ""}) <= len(classes) or all(name.lower() in VALUES for name in classes):
        raise ReceptiveError(
            f"{path}: expected a header line with an id and the names of the classes, apart by tabs or "
            f"commas, no name twice, found {content[0][:80]!r}"
        )
    places: dict[str, list[int]] = {}
    for id, *cells in body:
        if len(cells) != len(classes):
            raise ReceptiveError(f"{path}: id {id}: expected {len(classes)} labels, found {len(cells)}")
        for name, cell in zip(classes, cells, strict=True):
            if cell.lower() not in VALUES:
                raise ReceptiveError(
                    f"{path}: id {id}, class {name}: expected 0, 1 or nothing (not measured), found {cell!r}"
                )
        if id in places:
            raise ReceptiveError(f"{path}: id {id}: expected one row, found several")
        places[id] = [VALUES[cell.lower()] for cell in cells]
    known = Counter(names)
    for where, ids in (
        ("without a row of labels", [name for name in names if name not in places]),
        ("in the table but not among the sequences", [id for id in places if id not in known]),
        ("of more than one sequence", [name for name, count in known.items() if count > 1]),
    ):
        if ids:
            more = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
            raise ReceptiveError(f"{path}: ids {where}: {', '.join(ids[:3])}{more}")
    Y = np.array([places[name] for name in names], np.int8)
    if (Y == UNKNOWN).all():
        raise ReceptiveError(f"{path}: expected labels 0 and 1, found none that is measured")
    return Y, tuple(classes)
