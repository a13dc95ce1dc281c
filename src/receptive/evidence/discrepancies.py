"""Contradictions of the paper with itself or with its code, and their consequences.

The code is that of revision 122f5f2 (:mod:`receptive.protocols`). Protocols hold the differences in method
(D-7 to D-17, :mod:`receptive.protocols`); here are those of numbers and names (D-1 to D-6).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from receptive.evidence import claims, measured
from receptive.evidence.claims import Cell
from receptive.evidence.verdicts import PUBLISHED_TRIALS
from receptive.networks.variants import VARIANTS


@dataclass(frozen=True)
class Quote:
    """A number of Table 1 as the text of Results gives it.

    Attributes:
        id, variant, column: the cell of the table.
        mean, sd: the number; ``None`` where the text gives no deviation.
        digits: decimals that the text gives.
    """

    id: str
    variant: str
    column: str
    mean: float
    sd: float | None
    digits: int

    @property
    def cell(self) -> Cell:
        """The number in the table."""
        (number,) = (
            cell for cell in claims.published_numbers() if cell.id == self.id and cell.column == self.column
        )
        return number

    @property
    def agrees(self) -> bool:
        """Whether the table says the same to as many digits."""
        means = round(self.cell.mean, self.digits) == self.mean
        return means and self.sd in (None, self.cell.sd)


QUOTES = (
    Quote("T1-3", "cnn-4", "jaspar", 0.453, 0.131, 3),
    Quote("T1-3", "cnn-4", "relevant", 0.127, 0.080, 3),
    Quote("T1-8", "cnn9-4", "relevant", 0.0, None, 2),
    Quote("T1-9", "cnn9-25", "relevant", 0.93, None, 2),
    Quote("T1-10", "cnn3-50", "auroc", 0.652, 0.060, 3),
    Quote("T1-11", "cnn3-2", "auroc", 0.968, 0.039, 3),
    Quote("T1-12", "cnn-50-2", "relevant", 0.90, None, 2),
    Quote("T1-13", "cnn19-1-2", "relevant", 0.87, None, 2),
)
"""Numbers of Table 1 that the text repeats (D-3)."""

NAMED_FACTORS = (
    *("Arid3", "CEBPB", "FOSL1", "Gabpa", "MEF2A", "MAFK", "MAX"),
    *("MEF2A", "NFYB", "SP1", "SRF", "STAT1", "YY1"),
)
"""The list of twelve factors, as Methods has it twice (D-4)."""

RELEASED_FILTERS = {"cnn-25": 30, "cnn-25-60": 30, "cnn-25-90": 30, "cnn-25-120": 30}
"""First-layer filters in the released model files (D-6)."""


def class_spread(store: Path | str, protocol: str = "released") -> dict[str, tuple[float, ...]]:
    """Return, for every variant and trial, the standard deviation of the AU-ROC over the classes (D-1)."""
    trials = measured.read_results(store, protocol).auroc
    return {
        name: tuple(float(np.std(list(scores.values()))) for scores in trial_scores)
        for name, trial_scores in trials.items()
    }


def copied_cells() -> tuple[Cell, ...]:
    """Return the cells of Table 2 that equal Table 1's for the same network, mean and deviation (D-2)."""
    first = {
        (cell.key, cell.mean, cell.sd) for cell in claims.published_numbers() if cell.id.startswith("T1-")
    }
    second = (cell for cell in claims.published_numbers() if cell.id.startswith("T2-"))
    return tuple(cell for cell in second if (cell.key, cell.mean, cell.sd) in first)


def fits(cell: Cell, filters: int) -> bool:
    """Tell whether a published fraction can be that of five trials of so many filters.

    It then is, to its three digits, a whole number of filters out of 5 · ``filters``.
    """
    total = PUBLISHED_TRIALS * filters
    return f"{round(cell.mean * total) / total:.3f}" == f"{cell.mean:.3f}"


def own_filters(cell: Cell) -> int:
    """Return how many filters the layer of a published fraction has, by the paper."""
    return VARIANTS[cell.variant].filters[int(cell.layer.removeprefix("conv")) - 1]
