"""Filters of several networks beside one another, as in the paper's Fig 2 and Fig 3."""

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from receptive.figures.logos import logo_sheet
from receptive.motifs.jaspar import relevant_ids
from receptive.motifs.motif import Motif
from receptive.motifs.tomtom import best_factors
from receptive.replication import runs


def read_named(folder: Path, layer: str = "conv1") -> tuple[tuple[Motif, ...], list[str]]:
    """Read the filters of a stored run and name them.

    Returns:
        The untrimmed motifs, and of each the factor of its best match among those that the run's task asks
        for; empty without one.

    Raises:
        ReceptiveError: the run cannot be read.
    """
    motifs, matches = runs.stored_matches(folder, layer)
    return motifs, best_factors(matches, relevant_ids(runs.load(folder).plan.classes))


def names_in_words(folders: Mapping[str, Path], layer: str = "conv1", filters: int = 12) -> str:
    """Say which names `side_by_side` writes beside the logos, for those who cannot see them."""
    shown = {title: filter(None, read_named(folder, layer)[1][:filters]) for title, folder in folders.items()}
    return "; ".join(f"{title}: {', '.join(names) or 'none'}" for title, names in shown.items())


def side_by_side(folders: Mapping[str, Path], layer: str = "conv1", filters: int = 12) -> Figure:
    """Draw the first filters of stored runs, a column of logos for each run.

    Args:
        folders: of at least one run, by the title of its column.
        layer: whose filters.
        filters: how many; the first ones, so that nobody chooses. Each layer has at least as many.

    Returns:
        The figure; beside a filter stands the factor of its best relevant match, if it has one.

    Raises:
        ReceptiveError: a run's motifs cannot be read.
    """
    motifs: list[Motif] = []
    labels: list[str] = []
    for folder in folders.values():
        shown, names = read_named(folder, layer)
        motifs += shown[:filters]
        labels += names[:filters]
    figure = logo_sheet(motifs, labels, columns=len(folders))
    for axis, title in zip(figure.axes, folders, strict=False):
        axis.set_title(title, fontsize=11)
    return figure
