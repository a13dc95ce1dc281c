"""The synthetic task to look at: a sequence with its truth, how motifs are planted, and chance sites."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from numpy.typing import NDArray

from receptive.figures.canvas import BLUE, GREEN, ORANGE
from receptive.figures.logos import BITS, draw_logo
from receptive.motifs.jaspar import embedded_motifs
from receptive.motifs.motif import ALPHABET, Motif
from receptive.tasks.dataset import Split
from receptive.tasks.synthetic import sequence_models

LINE = 50
"""Nucleotides on a line of a sequence."""
BIN = 10
"""Positions in a bar of the histogram of places."""
SHADE = 0.15
"""How dark the shading of planted motifs is."""
_COLOURS = (BLUE, ORANGE)
_HATCHES = ("", "////")


def one_sequence(split: Split, row: int, motifs: Sequence[Motif] | None = None) -> Figure:
    """Draw one sequence over the model it was drawn from.

    Lines of 50 positions. The letters at the bottom of each are the sequence; above them stands its model as
    a logo, whose height is nothing where the background is; planted motifs are shaded and named, with an
    arrow to the right if planted as given and to the left if as the reverse complement.

    Args:
        split: sequences with their truth.
        row: which of them.
        motifs: what was embedded; the paper's twelve by default.
    """
    motifs = embedded_motifs() if motifs is None else motifs
    single = Split(
        split.X[row : row + 1],
        split.Y[row : row + 1],
        {key: split.truth[key][row : row + 1] for key in ("motif", "strand", "start")},
    )
    model = sequence_models(single, motifs)[0].T.astype(np.float64)
    letters = [ALPHABET[base] for base in single.X[0].argmax(-1)]
    lines = -(-len(letters) // LINE)
    figure = Figure(figsize=(9, 0.95 * lines), layout="constrained")
    for line, axes in enumerate(figure.subplots(lines, 1, squeeze=False)[:, 0]):
        begin = line * LINE
        draw_logo(axes, model[begin : begin + LINE])
        axes.axhline(0, color="0.6", linewidth=0.8)
        for at, letter in enumerate(letters[begin : begin + LINE]):
            axes.text(at, -0.55, letter, ha="center", va="center", family="monospace", fontsize=8.5)
        for which, strand, start in zip(*(single.truth[key][0] for key in single.truth), strict=True):
            if which >= 0:
                _shade(axes, motifs[which], bool(strand), int(start) - begin)
        axes.set_xlim(-0.6, LINE - 0.4)
        axes.set_ylim(-1.1, BITS + 1.1)
        axes.set_yticks([0.5], [str(begin)])
        axes.tick_params(length=0, labelsize=8)
        axes.spines[:].set_visible(False)
    return figure


def _shade(axes: Axes, motif: Motif, reverse: bool, start: int) -> None:
    """Shade where a motif lies on a line, and name it where it begins there."""
    left, right = max(start, 0) - 0.5, min(start + motif.width, LINE) - 0.5
    if left < right:
        axes.axvspan(left, right, color=GREEN, alpha=SHADE, linewidth=0, zorder=-1)
        if start >= 0:
            name = f"← {motif.name}" if reverse else f"{motif.name} →"
            align = "right" if start > LINE - 8 else "left"
            axes.text(
                right if align == "right" else left, BITS + 0.15, name, ha=align, va="bottom", fontsize=9
            )


def motif_places(drawn: Mapping[str, Split]) -> Figure:
    """Draw how many motifs sequences have, and where they begin, for two ways of drawing the data.

    Args:
        drawn: sequences with their truth, by the name of the protocol that drew them; at most two.
    """
    figure = Figure(figsize=(9, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    for number, (name, split) in enumerate(drawn.items()):
        planted = split.truth["motif"] >= 0
        most = planted.shape[1]
        shares = np.bincount(planted.sum(1), minlength=most + 1)[1:] / len(planted)
        places = np.arange(1, most + 1) + 0.4 * number - 0.2
        bars = left.bar(places, shares, 0.4, label=name, color=_COLOURS[number], linewidth=0)
        _hatch(bars, number)
        edges = np.arange(0, split.X.shape[1] + 1, BIN)
        share = np.histogram(split.truth["start"][planted], edges)[0] / planted.sum()
        right.stairs(share, edges, label=name, color=_COLOURS[number], linewidth=2, linestyle="-:"[number])
    left.set_xlabel("motifs in a sequence")
    left.set_ylabel("share of the sequences")
    left.legend(frameon=False)
    right.set_xlabel(f"where a motif begins (bars of {BIN} positions)")
    right.set_ylabel("share of the motifs")
    right.set_ylim(0, None)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _hatch(bars: BarContainer, number: int) -> None:
    """Tell the second series from the first without colour."""
    for bar in bars:
        bar.set_hatch(_HATCHES[number])
        bar.set_edgecolor("white")


def chance_bars(names: Sequence[str], shares: Mapping[str, NDArray[np.float64]]) -> Figure:
    """Draw the shares of negative sequences with a chance site, a row for each motif (SYN-6).

    Args:
        names: what to call the motifs, first on top.
        shares: one share for each motif, by what the threshold is; at most two thresholds.
    """
    figure = Figure(figsize=(8, 0.9 + 0.33 * len(names)), layout="constrained")
    axes = figure.subplots()
    rows = np.arange(len(names))
    for number, (label, values) in enumerate(shares.items()):
        heights = rows + 0.38 * (number - 0.5)
        bars = axes.barh(heights, values, 0.38, label=label, color=_COLOURS[number], linewidth=0)
        _hatch(bars, number)
        for height, share in zip(heights, values, strict=True):
            axes.text(share, height, f" {share:.1%}", va="center", fontsize=7.5)
    axes.set_yticks(rows, list(names))
    axes.invert_yaxis()
    axes.set_xlabel("share of the sequences labelled 0 that hold a chance site")
    axes.legend(frameon=False, loc="lower right")
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    return figure
