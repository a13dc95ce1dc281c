"""Assembly information as a map of designs, how it depends on its two constants, and how it predicts."""

from collections.abc import Sequence
from math import log2

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from receptive.evidence import predictions
from receptive.evidence.measured import Results
from receptive.evidence.predictions import Assembled
from receptive.evidence.rules import key
from receptive.figures.canvas import BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION
from receptive.networks.variants import REGISTERED
from receptive.theory import assembly
from receptive.theory.assembly import bits

SIZES = (1, 2, 3, 4, 5, 6, 8, 10, 12, 20, 25, 50, 100)
"""Pool sizes and strides of the map."""
TAPS = (1, 3, 5, 9)
"""Second filters of the map."""
REACHES = tuple(range(3, 10))
CHANCES = tuple(2.0**-k for k in range(3, 11))

_COLOURS = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE)
_MARKERS = "osD^v"


def _paper_layers() -> dict[str, Assembled]:
    """First layers of the variants that the curve was fitted to, one of each shape, most bits first."""
    shapes = {
        predictions.first_layer(network): network.name for network in predictions.paper_networks()[::-1]
    }
    return {shapes[found]: found for found in sorted(shapes, key=lambda each: -each.bits)}


def design_map(sizes: Sequence[int] = SIZES, taps: Sequence[int] = TAPS) -> Figure:
    """Draw assembly information over pool size and stride, a panel for each second filter size.

    On the line the curve predicts that half of the filters are whole motifs; on its dark side a network puts
    motifs together from parts. Rings with names are the paper's variants, dots the registered networks.
    Strides beyond the pool, which would skip positions, are left out.
    """
    curve = assembly.fitted()
    figure = Figure(figsize=(9, 7.6), layout="constrained")
    panels = figure.subplots(-(-len(taps) // 2), 2, sharex=True, sharey=True, squeeze=False).ravel()
    most = log2(2 * assembly.REACH + 1)
    for axes, count in zip(panels, taps, strict=False):
        table = np.full((len(sizes), len(sizes)), np.nan)
        for row, stride in enumerate(sizes):
            for column, pool in enumerate(sizes[row:], row):
                table[row, column] = bits(pool, stride, count, chance=curve.chance)
        image = axes.imshow(table, origin="lower", cmap="Blues", vmin=0, vmax=most, aspect="auto")
        axes.add_collection(
            LineCollection(_border(table > curve.midpoint, np.isnan(table)), color=VERMILLION, lw=2)
        )
        _mark_networks(axes, count, sizes)
        axes.set_title(f"second filter of {count}", fontsize="medium")
        axes.set_xticks(range(len(sizes)), list(map(str, sizes)))
        axes.set_yticks(range(len(sizes)), list(map(str, sizes)))
        axes.spines[:].set_visible(False)
    for axes in panels[len(taps) :]:
        axes.set_axis_off()
    figure.supxlabel("size of the first pool (positions)")
    figure.supylabel("its stride (positions)")
    figure.colorbar(image, ax=panels.tolist(), label="assembly information (bits)", shrink=0.7)
    return figure


def _border(inside: NDArray[np.bool_], blank: NDArray[np.bool_]) -> list[list[tuple[float, float]]]:
    """The edges between cells inside and outside of a region, both on the map."""
    edges = []
    for row, column in np.argwhere(~blank).tolist():
        if column + 1 < inside.shape[1] and inside[row, column] != inside[row, column + 1]:
            edges.append([(column + 0.5, row - 0.5), (column + 0.5, row + 0.5)])
        if row and inside[row, column] != inside[row - 1, column]:
            edges.append([(column - 0.5, row - 0.5), (column + 0.5, row - 0.5)])
    return edges


def _mark_networks(axes: Axes, taps: int, sizes: Sequence[int]) -> None:
    """Mark the networks of a panel where their pool and stride are on the map."""

    def place(found: Assembled) -> tuple[int, int] | None:
        shown = (
            found.taps == taps
            and found.dilation == found.step == 1
            and {found.pool, found.stride} <= {*sizes}
        )
        return (sizes.index(found.pool), sizes.index(found.stride)) if shown else None

    for name, found in _paper_layers().items():
        if at := place(found):
            axes.plot(*at, "o", mfc="white", mec="black", ms=7)
            side, shift = ("right", -6) if at[0] else ("left", 6)
            label = axes.annotate(name, at, (shift, 5), textcoords="offset points", ha=side, fontsize="small")
            label.set_bbox({"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 0.5})
    for network in REGISTERED.values():
        if at := place(predictions.first_layer(network)):
            axes.plot(*at, "o", color="black", ms=4)


def sensitivity(reaches: Sequence[int] = REACHES, chances: Sequence[float] = CHANCES) -> Figure:
    """Draw the bits of the paper's networks against the reach and the chance that the definition assumes.

    The grey line is the information that the offset has; the dotted ones are the reach and the chance in use.
    """
    curve = assembly.fitted()
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for i, (name, found) in enumerate(_paper_layers().items()):
        shape = (found.pool, found.stride, found.taps, found.dilation)
        style = {
            "color": _COLOURS[i % len(_COLOURS)],
            "marker": _MARKERS[i % len(_MARKERS)],
            "ls": "-" if i < len(_COLOURS) else "--",
            "mfc": None if i < len(_COLOURS) else "white",
            "ms": 5,
        }
        left.plot(reaches, [bits(*shape, curve.chance, reach) for reach in reaches], **style)
        right.plot(chances, [bits(*shape, chance) for chance in chances], label=name, **style)
    left.plot(reaches, [log2(2 * reach + 1) for reach in reaches], color=GREY)
    left.text(reaches[-1], log2(2 * reaches[-1] + 1), "all there is ", ha="right", va="bottom", color="0.4")
    left.set_xlabel("largest offset R of the parts (positions)")
    left.set_ylabel("assembly information (bits)")
    right.set_xlabel("chance q that a filter fires without its part")
    right.set_xscale("log", base=2)
    right.set_xticks(chances, [f"1/{1 / chance:.0f}" for chance in chances])
    left.axvline(assembly.REACH, color="black", ls=":", lw=1)
    right.axvline(curve.chance, color="black", ls=":", lw=1)
    for axes in (left, right):
        axes.set_ylim(-0.05, None)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(*right.get_legend_handles_labels(), loc="outside right upper", frameon=False)
    return figure


def predicted_and_measured(results: Results | None = None) -> Figure:
    """Draw relevant fractions against bits, with the curve, and against the fractions that it predicts.

    Squares are the paper's published numbers, which the curve was fitted to; discs the registered networks'
    measured means with their trials, named where their class is not the predicted one. Registered networks
    without enough runs are ticks on the curve.
    """
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    curve, most = assembly.fitted(), log2(2 * assembly.REACH + 1)
    range_ = np.linspace(0, most, 200)
    left.plot(range_, [curve.fraction(each) for each in range_], color=GREY, label="the fitted curve")
    right.plot([0, 1], [0, 1], color=GREY)
    fitted = [predictions.first_layer(network) for network in predictions.paper_networks()]
    published = [cell.mean for cell in predictions.fitted_to()]
    for axes, x in ((left, [each.bits for each in fitted]), (right, [each.fraction for each in fitted])):
        axes.plot(x, published, "s", color=VERMILLION, mfc="white", ms=6, label="published, fitted to")
    score = predictions.score(results or Results({}, {}))
    waiting = [predictions.first_layer(REGISTERED[name]) for name in score.waits_for]
    if waiting:
        on_curve = [each.bits for each in waiting], [each.fraction for each in waiting]
        left.plot(*on_curve, "|", color="black", ms=12, label="registered, not measured yet")
    above = True
    for number, one in enumerate(score.outcomes):
        trials = results.of(key(one.network, "relevant")) if results else ()
        for axes, place in ((left, one.predicted.bits), (right, one.predicted.fraction)):
            axes.plot([place] * len(trials), trials, ".", color="black", ms=4, alpha=0.5, zorder=4)
            label = "registered, measured" if number == 0 else None
            axes.plot(place, one.measured.mean, "o", color=BLUE, ms=6, label=label)
        if not one.hit:
            name, at = one.network.removeprefix("cnn-"), (one.predicted.bits, one.measured.mean)
            left.annotate(name, at, (6, 3 if above else -11), textcoords="offset points", fontsize="small")
            above = not above
    for axes in (left, right):
        for limit in assembly.MIXED:
            axes.axhline(limit, color="0.85", lw=0.8, zorder=0)
        axes.set_ylim(-0.05, 1.05)
        axes.spines[["top", "right"]].set_visible(False)
    for limit in assembly.MIXED:
        right.axvline(limit, color="0.85", lw=0.8, zorder=0)
    left.set_xlabel("assembly information (bits)")
    right.set_xlabel("predicted relevant fraction")
    left.set_ylabel("relevant fraction of the first layer's filters")
    for height, kind in ((0.18, "distributed"), (0.5, "mixed"), (0.82, "localist")):
        left.text(most, height, kind, ha="right", va="center", color="0.4", fontsize="small")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return figure
