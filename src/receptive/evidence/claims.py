"""The paper's claims, in our words, and its numbers.

Published numbers are for comparison only: none enters a computation of a result. The one forecast made from
them is the curve of `predictions`.
"""

import csv
import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from receptive.files import read_packaged


class Quantity(NamedTuple):
    """A number of a network: a score, with an empty layer, or a share of the filters of a layer."""

    variant: str
    layer: str
    column: str


@dataclass(frozen=True)
class Cell:
    """One published number: a cell of Table 1 or 2, or of the text on deeper layers.

    Attributes:
        id: row or claim, e.g. ``T1-5``.
        task: ``synthetic`` or ``invivo``.
        variant: name of the network.
        layer: the convolution whose filters were matched; empty for a classification score.
        column: ``auroc``, ``aupr``, ``jaspar`` or ``relevant``.
        mean, sd: over five trials (D-1). The released script takes the deviation by ``numpy.std``, that is,
            of the five trials as a whole population: n in its denominator, not n - 1.
    """

    id: str
    task: str
    variant: str
    layer: str
    column: str
    mean: float
    sd: float

    @property
    def key(self) -> Quantity:
        """The quantity that the number is of."""
        return Quantity(self.variant, self.layer, self.column)


@cache
def published_numbers() -> tuple[Cell, ...]:
    """Return every published number (Tables 1 and 2, and Results for deeper layers), in the paper's order."""
    text = read_packaged("published.tsv").decode()
    rows = csv.DictReader(text.splitlines(), delimiter="\t")
    return tuple(_cell(row) for row in rows)


def _cell(row: dict[str, str]) -> Cell:
    numbers = {"mean": float(row["mean"]), "sd": float(row["sd"])}
    return Cell(row["id"], row["task"], row["variant"], row["layer"], row["column"], **numbers)


def cell(variant: str, column: str, task: str = "synthetic", layer: str = "conv1") -> Cell | None:
    """Look one published number up, ``None`` if there is none; ``layer`` is for match fractions.

    >>> cell("cnn-25", "relevant").mean
    0.98
    """
    layer = layer if column in ("jaspar", "relevant") else ""
    wanted = (task, variant, layer, column)
    return next((c for c in published_numbers() if (c.task, c.variant, c.layer, c.column) == wanted), None)


@dataclass(frozen=True)
class Statement:
    """One claim in our words, and where everything about it stands.

    Attributes:
        id: as in the specification, e.g. ``RF-2``; tests, chapters and results refer to it.
        title: a few words.
        text: the statement; empty for a row of Table 1 or 2, whose numbers say it all. Math in dollars.
        source: where the paper says it.
        chapter: the chapter of the specification that argues it, the name of its file without ending.
        code: dotted names of what computes it.
        explanation: why it is undecided or not reproduced, if it is; a test demands one of every such claim
            (but not of rows of numbers).
    """

    id: str
    title: str
    text: str
    source: str
    chapter: str
    code: tuple[str, ...]
    explanation: str = ""


@cache
def statements() -> dict[str, Statement]:
    """Return every claim by its id, in the order of the specification."""
    text = read_packaged("claims.toml").decode()
    return {name: _statement(name, entry) for name, entry in tomllib.loads(text).items()}


def _statement(name: str, entry: dict[str, Any]) -> Statement:
    """Read a claim; a row of a table has no more than a title and a chapter."""
    row = {"text": "", "source": f"Table {name[1]}", "code": ["receptive.evidence.verdicts.compare"]}
    filled = row | entry
    return Statement(name, **{**filled, "code": tuple(filled["code"])})
