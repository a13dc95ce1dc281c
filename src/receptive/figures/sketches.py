"""Small pictures of single ideas: a field, a window, what neighbours share, sites as a PWM, Tomtom."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from receptive.figures.canvas import BLUE, GREY, SKY, VERMILLION
from receptive.figures.logos import draw_logo
from receptive.motifs.motif import Motif, reverse_complement
from receptive.motifs.tomtom import compare
from receptive.theory import toy
from receptive.theory.fields import ReceptiveFields, interval


def field_of_filter(sequence: str, word: str) -> Figure:
    """Draw how well a filter agrees with every window of a sequence, and the window of the best neuron.

    Args:
        sequence: letters.
        word: what the filter looks for; an activation is by how much more than a third of the letters agree.
    """
    size = len(word)
    agree = [
        sum(a == b for a, b in zip(sequence[i:], word, strict=False)) for i in range(len(sequence) - size + 1)
    ]
    heights = np.maximum(np.array(agree) - size / 3, 0)
    best = int(np.argmax(heights))
    figure, axes = _strip(len(sequence), 2.3)
    _spell(axes, sequence, range(best, best + size))
    axes.bar(np.arange(len(heights)) + (size - 1) / 2, heights / heights.max(), 0.7, 1.6, color=SKY)
    axes.bar(best + (size - 1) / 2, 1, 0.7, 1.6, color=VERMILLION)
    for corner in (best - 0.5, best + size - 0.5):
        axes.plot([corner, best + (size - 1) / 2], [0.55, 1.6], color=VERMILLION, lw=1)
    axes.text(-0.8, 2.1, "activations", ha="right", va="center", fontsize=10)
    axes.text(-0.8, 0, "sequence", ha="right", va="center", fontsize=10)
    axes.set_ylim(-0.6, 2.75)
    return figure


def window_of_pool(pool: int, places: Sequence[int], windows: int = 3) -> Figure:
    """Draw maps that differ in the place of their one high activation, and what max-pooling hands on.

    Args:
        pool: size of the windows, which do not overlap.
        places: of the high activation in each map; a panel for each.
        windows: how many of them.
    """
    figure = Figure(figsize=(9, 2.1), layout="constrained")
    faint = 0.25 * np.random.default_rng(0).random(pool * windows)
    for axes, place in zip(figure.subplots(1, len(places), sharey=True), places, strict=True):
        map_ = faint.copy()
        map_[place] = 1.0
        pooled = toy.max_pool(map_[:, None], pool, pool)[:, 0]
        axes.bar(
            range(len(map_)), map_, 0.7, color=[VERMILLION if i == place else SKY for i in range(len(map_))]
        )
        for window, height in enumerate(pooled):
            left = window * pool - 0.45
            axes.add_patch(Rectangle((left, -0.08), pool - 0.1, 1.16, fill=False, edgecolor=GREY, lw=1))
            high = window == place // pool
            axes.bar(left + pool / 2 - 0.05, height, 0.9 * pool, 1.4, color=VERMILLION if high else SKY)
        axes.set_ylim(-0.15, 2.5)
        axes.set_axis_off()
        axes.set_title(f"high activation at {place}", fontsize=11)
    for y, words in ((0.4, "map"), (1.9, "pooled")):
        figure.axes[0].text(-1.2, y, words, ha="right", va="center", fontsize=10)
    return figure


def shared_fields(pools: Mapping[str, ReceptiveFields], layer: str = "pool1") -> Figure:
    """Draw the fields of two neighbours in the middle of a layer, a row for each network.

    Args:
        pools: networks by what to write beside them.
        layer: whose neurons.
    """
    figure = Figure(figsize=(9, 0.6 + 0.75 * len(pools)), layout="constrained")
    axes = figure.subplots()
    widest = max(fields.row(layer).size + fields.row(layer).jump for fields in pools.values())
    for y, (name, fields) in enumerate(pools.items()):
        row = fields.row(layer)
        first = interval(row, 0, clipped=False).start
        own, two = (interval(row, neuron, clipped=False) for neuron in (0, 1))
        shift = -first + (widest - row.size - row.jump) / 2
        for field, low, colour in ((own, 0.02, BLUE), (two, -0.3, SKY)):
            axes.broken_barh([(field.start + shift, len(field))], (-y + low, 0.28), facecolor=colour)
        both = [(two.start + shift, own.stop - two.start)]
        axes.broken_barh(both, (-y - 0.3, 0.6), facecolor="none", edgecolor=VERMILLION, lw=1.5, hatch="///")
        axes.text(-2, -y, name, ha="right", va="center", fontsize=10)
        words = f"{row.overlap} of {row.size} shared"
        axes.text(widest + 2, -y, words, ha="left", va="center", fontsize=10)
    axes.set_xlim(-2, widest + 2)
    axes.set_ylim(0.5 - len(pools), 0.5)
    axes.set_axis_off()
    return figure


def site_stack(
    sequences: Sequence[str], sites: Sequence[tuple[int, int]], pwm: NDArray[np.float64]
) -> Figure:
    """Draw sequences with their sites boxed, the sites laid over one another, and the PWM that they give.

    Args:
        sequences: letters, all of one length.
        sites: index of the sequence and first position of each.
        pwm: (w, 4).
    """
    width, length = len(pwm), len(sequences[0])
    figure = Figure(figsize=(9, 0.42 * len(sequences) + 1.1), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(length, width, 1.6 * width))
    for y, sequence in enumerate(sequences):
        starts = [start for index, start in sites if index == y]
        _spell(left, sequence, [i for start in starts for i in range(start, start + width)], -y)
        for start in starts:
            left.add_patch(
                Rectangle((start - 0.5, -y - 0.42), width, 0.84, fill=False, edgecolor=VERMILLION, lw=1.5)
            )
    for y, (index, start) in enumerate(sites):
        _spell(middle, sequences[index][start : start + width], range(width), -y)
    for axes, title, rows in (
        (left, "sequences and sites", len(sequences)),
        (middle, "aligned", len(sequences)),
    ):
        axes.set_xlim(-0.7, (length if axes is left else width) - 0.3)
        axes.set_ylim(0.6 - rows, 0.6)
        axes.set_title(title, fontsize=11)
        axes.set_axis_off()
    draw_logo(right, pwm)
    right.set_title("PWM, as a logo", fontsize=11)
    return figure


def tomtom_offsets(query: Motif, target: Motif) -> Figure:
    """Draw a motif laid over another at every offset on both strands: the sum of column scores at each.

    A score is the distance of two columns, turned around: 0 for the least alike pair of columns, more for
    others. Columns that hang over count as the middling pair.
    """
    strands = {"+": target.pwm, "−": reverse_complement(target.pwm)}
    distances = {s: np.linalg.norm(query.pwm[:, None] - pwm[None], axis=2) for s, pwm in strands.items()}
    most = max(row.max() for row in distances.values())
    middling = float(np.median(most - np.concatenate([row.ravel() for row in distances.values()])))
    best = compare([query], [target])
    offset, strand = int(best.offset[0, 0]), "−" if best.reverse[0, 0] else "+"
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    logos, sums = figure.subplots(1, 2, width_ratios=(1, 1.1))
    offsets = range(1 - query.width, target.width)
    for name, colour in (("+", BLUE), ("−", SKY)):
        totals = [
            sum(
                float(most - distances[name][i, i + shift]) if 0 <= i + shift < target.width else middling
                for i in range(query.width)
            )
            for shift in offsets
        ]
        sums.plot(list(offsets), totals, ".-", color=colour, label=f"strand {name}")
        if name == strand:
            sums.plot([offset], [totals[offset - offsets.start]], "o", color=VERMILLION, ms=9, label="best")
    sums.set_xlabel("offset")
    sums.set_ylabel("sum of column scores")
    sums.legend(frameon=False, fontsize=9)
    sums.spines[["top", "right"]].set_visible(False)
    logos.set_axis_off()
    start = min(offset, 0)
    span = max(offset + query.width, target.width) - start
    for place, pwm, low, words in (
        (0, strands[strand], 0.55, f"database ({strand})"),
        (offset, query.pwm, 0.02, "filter"),
    ):
        box = ((place - start) / span, low, len(pwm) / span, 0.38)
        inset = logos.inset_axes(box)
        draw_logo(inset, pwm)
        inset.set_axis_off()
        logos.text(0, low + 0.39, words, fontsize=10, va="bottom")
    return figure


def _strip(length: int, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(9, height), layout="constrained")
    axes = figure.subplots()
    axes.set_xlim(-0.7, length - 0.3)
    axes.set_axis_off()
    return figure, axes


def _spell(axes: Axes, sequence: str, lit: Sequence[int] | range, y: float = 0) -> None:
    for i, letter in enumerate(sequence):
        text = axes.text(i, y, letter, ha="center", va="center", fontsize=11, family="monospace", color="0.5")
        if i in lit:
            text.set(fontweight="bold", color="black")
