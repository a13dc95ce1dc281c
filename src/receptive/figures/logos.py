"""Sequence logos: what the filters of a layer look like, as in the paper's Fig 2 and Fig 3 (VIS-2)."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from receptive.figures.canvas import BLUE, GREEN, ORANGE, VERMILLION
from receptive.motifs import ALPHABET, RELEVANT, Motif, information_content
from receptive.tomtom import Match, best_factors

COLOURS = {"A": GREEN, "C": BLUE, "G": ORANGE, "T": VERMILLION}
BITS = 2.0
"""Height of a column that holds one nucleotide alone."""
VISIBLE = 1e-3
"""Least height in bits of a letter that anyone could see; below it logomaker has no scale."""


def logo_sheet(
    motifs: Sequence[Motif], labels: Sequence[str] | None = None, title: str = "", columns: int = 3
) -> Figure:
    """Draw the filters of a layer, each with its label, in columns from top to bottom.

    Args:
        motifs: the filters; a dead one is drawn as an empty frame.
        labels: what to write beside each, e.g. from :func:`match_labels`.
        title: above the sheet.
        columns: how many columns of logos.

    Returns:
        The figure; letters are as high as their share of the column's information in bits.
    """
    labels = [""] * len(motifs) if labels is None else labels
    rows = -(-len(motifs) // columns)
    figure = Figure(figsize=(3.1 * columns, 0.62 * rows + 0.5), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).T.ravel()
    for axis, motif, label in zip(axes, motifs, labels, strict=False):
        draw_logo(axis, motif.pwm)
        axis.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9, color="black")
        axis.text(
            1,
            1,
            motif.id.removeprefix("filter"),
            transform=axis.transAxes,
            ha="right",
            va="top",
            fontsize=6,
            color="0.4",
        )
        if motif.dead:
            axis.text(0.5, 0.5, "dead", transform=axis.transAxes, ha="center", va="center", color="0.5")
    for axis in axes[len(motifs) :]:
        axis.set_axis_off()
    figure.suptitle(title, fontsize=11)
    return figure


def draw_logo(axis: Axes, pwm: NDArray[np.float64]) -> None:
    """Draw one PWM (w, 4) as a logo: letters as high as p · I in bits, the likeliest on top (VIS-2)."""
    import logomaker
    import pandas as pd

    heights = pd.DataFrame(pwm * information_content(pwm)[:, None], columns=list(ALPHABET))
    if heights.to_numpy().max() > VISIBLE:
        logomaker.Logo(heights, ax=axis, color_scheme=COLOURS, show_spines=False)
    axis.set_xlim(-0.5, len(pwm) - 0.5)
    axis.set_ylim(0, BITS)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines["bottom"].set_visible(True)
    axis.spines["bottom"].set_color("0.6")


def match_labels(matches: Sequence[Match], relevant: str = "released") -> list[str]:
    """Name the factor of each filter's best relevant hit, as the paper's y-axis labels do; else empty."""
    return best_factors(matches, RELEVANT[relevant])
