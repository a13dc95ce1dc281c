"""The plan of a network: what every stage makes of a sequence, from the letters to the labels (ARCH-1)."""

from collections.abc import Sequence
from math import sqrt

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle

from receptive.figures.canvas import BLUE, GREEN, PURPLE, SKY, VERMILLION
from receptive.networks.variants import Shape, Variant, shapes

_GAP = 1.3
"""Between two stages, where a map of 100 channels is 1 thick."""
_COLOURS = {"conv": BLUE, "pool": SKY}

Extent = tuple[float, float]


def plan(networks: Sequence[Variant], length: int = 200, classes: int = 12) -> Figure:
    """Draw networks side by side, the sequence at the bottom, the probabilities at the top.

    Every map is as wide as the sequence, cut into its positions, and the thicker the more channels it has.
    One position of each stands out, and below it the window that it is computed from.

    Args:
        networks: two fit beside each other.
        length: of the sequence in nt.
        classes: labels of the task.
    """
    maps = [shapes(network, length) for network in networks]
    height = 1.0 + 0.92 * (max(map(len, maps)) + 2)
    figure = Figure(figsize=(5.0 * len(networks), height), layout="constrained")
    panels = figure.subplots(1, len(networks), sharey=True, squeeze=False)[0]
    for axes, network, stages in zip(panels, networks, maps, strict=True):
        top = _draw_maps(axes, network, stages)
        _draw_dense(axes, network, stages[-1], top, length, classes)
        axes.set_title(network.name.upper(), fontsize=14, fontweight="bold")
        axes.set_xlim(-0.3 * length, 1.01 * length)
        axes.set_axis_off()
    return figure


def _lit(stages: Sequence[Shape]) -> list[int]:
    """Return one position of each map, each in the window of the one above; the first of the last map."""
    chain = [0]
    for above, here in zip(stages[::-1], stages[-2::-1], strict=False):
        chain.append(int((chain[-1] + 0.5) * here.positions / above.positions))
    return chain[::-1]


def _draw_maps(axes: Axes, network: Variant, stages: Sequence[Shape]) -> float:
    """Draw the maps from the sequence upwards, and what leads from one to the next; return the top."""
    length, chain = stages[0].positions, _lit(stages)
    top = _draw_map(axes, stages[0], 0, chain[0], length)
    for layer, below, here, lit in zip(network.layers, stages, stages[1:], chain[1:], strict=False):
        cell, half = length / here.positions, layer.size * length / below.positions / 2
        middle = (lit + 0.5) * cell
        window = (max(middle - half, 0), min(middle + half, length))
        _draw_funnel(axes, window, (lit * cell, (lit + 1) * cell), top)
        if layer.kind == "conv":
            words = f"{here.channels} filters of {layer.size}\nnorm, ReLU"
        else:
            words = f"max of {layer.size}" + (f", stride {layer.stride}" * (layer.stride != layer.size))
        axes.text(length, top + _GAP / 2, words, ha="right", va="center", fontsize=11)
        top = _draw_map(axes, here, top + _GAP, lit, length)
    return top


def _draw_map(axes: Axes, stage: Shape, bottom: float, lit: int, length: int) -> float:
    """Draw a map, one position of it in another colour, its shape on the left; return its top."""
    cell, thick = length / stage.positions, sqrt(stage.channels) / 10
    colour = _COLOURS.get(stage.name[:4], "0.6")
    cells = [(i * cell, cell) for i in range(stage.positions)]
    axes.broken_barh(
        cells, (bottom, thick), facecolor=colour, edgecolor="white", linewidth=min(1.0, 0.25 * cell)
    )
    axes.broken_barh([(lit * cell, cell)], (bottom, thick), facecolor=VERMILLION, zorder=3)
    _count(axes, f"{stage.positions} × {stage.channels}", bottom + thick / 2, length)
    return bottom + thick


def _draw_dense(axes: Axes, network: Variant, last: Shape, top: float, length: int, classes: int) -> None:
    """Draw the hidden units and the probabilities, which have no positions any more."""
    left, right = 0.2 * length, 0.8 * length
    _draw_funnel(axes, (0, length), (left, right), top)
    words = f"all {last.positions * last.channels} inputs to each unit\nnorm, ReLU"
    axes.text(length / 2, top + _GAP / 2, words, ha="center", va="center", fontsize=11)
    bottom, thick = top + _GAP, 0.5
    axes.add_patch(Rectangle((left, bottom), right - left, thick, facecolor=GREEN))
    _count(axes, f"{network.units}", bottom + thick / 2, length)
    _draw_funnel(axes, (left, right), (left, right), bottom + thick)
    axes.text(length / 2, bottom + thick + _GAP / 2, "sigmoid", ha="center", va="center", fontsize=11)
    step = (right - left) / classes
    bottom += thick + _GAP
    axes.broken_barh(
        [(left + i * step, 0.8 * step) for i in range(classes)], (bottom, 0.35), facecolor=PURPLE
    )
    _count(axes, f"{classes}", bottom + 0.17, length)


def _draw_funnel(axes: Axes, below: Extent, above: Extent, bottom: float) -> None:
    corners = [(below[0], bottom), (above[0], bottom + _GAP), (above[1], bottom + _GAP), (below[1], bottom)]
    axes.add_patch(Polygon(corners, facecolor=VERMILLION, alpha=0.13, edgecolor=VERMILLION, linewidth=0.8))


def _count(axes: Axes, words: str, middle: float, length: int) -> None:
    axes.text(-0.03 * length, middle, words, ha="right", va="center", fontsize=11, color="0.2")
