"""Sequence logos: what the filters of a layer look like, as in the paper's Fig 2 and Fig 3 (VIS-2)."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.transforms import Affine2D
from numpy.typing import NDArray

from receptive.figures.canvas import BLUE, GREEN, ORANGE, VERMILLION
from receptive.motifs.motif import ALPHABET, Motif, information_content, reverse_complement
from receptive.motifs.tomtom import Hit
from receptive.pages import LEAST, outline

COLOURS = {"A": GREEN, "C": BLUE, "G": ORANGE, "T": VERMILLION}
BITS = 2.0
"""Height of a column that holds one nucleotide alone."""
WIDE = 0.94
"""Width of a letter, of a column's."""


def logo_sheet(
    motifs: Sequence[Motif], labels: Sequence[str] | None = None, title: str = "", columns: int = 3
) -> Figure:
    """Draw the filters of a layer, each with its label, in columns from top to bottom.

    Args:
        motifs: the filters; a dead one is drawn as an empty frame.
        labels: what to write beside each, e.g. from :func:`~receptive.motifs.tomtom.best_factors`.
        title: above the sheet.
        columns: how many columns of logos.

    Returns:
        The figure; letters are as high as their share of the column's information in bits.
    """
    labels = [""] * len(motifs) if labels is None else labels
    rows = -(-len(motifs) // columns)
    # Where each logo stands is put down here: matplotlib takes seconds to find it out of three dozen axes.
    wide, high = 3.1 * columns, 0.62 * rows + (0.4 if title else 0.12)
    lines = [line for label in labels for line in label.split("\n")]
    beside = 0.1 + 0.09 * max(map(len, lines), default=0)
    across, up = 3.1 - beside - 0.08, 0.42
    figure = Figure(figsize=(wide, high))
    places = {
        "left": beside / wide,
        "right": 1 - 0.08 / wide,
        "wspace": (beside + 0.08) / across,
        "bottom": 0.06 / high,
        "top": 1 - (high - 0.06 - up - 0.62 * (rows - 1)) / high,
        "hspace": (0.62 - up) / up,
    }
    axes = figure.subplots(rows, columns, squeeze=False, gridspec_kw=places).T.ravel()
    for axis, motif, label in zip(axes, motifs, labels, strict=False):
        draw_logo(axis, motif.pwm)
        axis.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9, color="black")
        axis.text(
            1,
            1,
            motif.id.removeprefix("filter"),
            transform=axis.transAxes,
            ha="right",
            va="bottom",
            fontsize=8.5,
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
    for column, heights in enumerate(pwm * information_content(pwm)[:, None]):
        floor = 0.0
        for base in np.argsort(heights):
            if heights[base] < LEAST:
                continue
            place = Affine2D().scale(WIDE, heights[base]).translate(column - WIDE / 2, floor)
            letter = ALPHABET[base]
            axis.add_artist(PathPatch(place.transform_path(outline(letter)), color=COLOURS[letter], lw=0))
            floor += heights[base]
    axis.set_xlim(-0.5, len(pwm) - 0.5)
    axis.set_ylim(0, BITS)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[["left", "top", "right"]].set_visible(not axis.patches)  # nothing is shown as a frame
    axis.spines["bottom"].set_color("0.6")


def alignments(
    hits: Sequence[tuple[Motif, Motif, Hit]], titles: Sequence[str], labels: tuple[str, str]
) -> Figure:
    """Draw filters above the motifs that they hit, position over position as Tomtom laid them.

    Args:
        hits: filter, database motif and hit; the motif is drawn as the strand that was hit.
        titles: above each pair.
        labels: what to write beside the upper and the lower row.
    """
    figure = Figure(figsize=(4.4 * len(hits), 2.7), layout="constrained")
    panels = figure.subplots(2, len(hits), squeeze=False).T
    for (query, target, hit), title, (upper, lower) in zip(hits, titles, panels, strict=True):
        draw_logo(upper, query.pwm)
        draw_logo(lower, target.pwm if hit.strand == "+" else reverse_complement(target.pwm))
        first, end = min(0, hit.offset), max(target.width, hit.offset + query.width)
        lower.set_xlim(first - 0.5, end - 0.5)
        upper.set_xlim(first - hit.offset - 0.5, end - hit.offset - 0.5)
        begin = max(0, hit.offset)
        for axis, at in ((upper, begin - hit.offset), (lower, begin)):
            axis.axvspan(at - 0.5, at + hit.overlap - 0.5, color="0.93", zorder=-1)
        upper.set_title(title, fontsize=11)
    for axis, label in zip(panels[0], labels, strict=True):
        axis.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=10)
    return figure
