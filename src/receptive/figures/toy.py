"""Fig 1 of the paper for any pool size, and how much about a pattern pooling keeps."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import log2

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle

from receptive.figures.canvas import BLUE, GREEN, GREY, ORANGE, SKY, VERMILLION
from receptive.theory import toy

Extent = tuple[float, float]

_COLOURS = (BLUE, ORANGE)
"""Of the two filters' units: dark and light, for those who print in grey."""

_LETTERS, _SCAN, _POOLED, _SECOND = 0.0, 1.3, 7.0, 11.0
"""Heights: the sequence's middle; the bottoms of feature maps, pooled maps and second-layer signatures."""


def figure_1(pool: int, stride: int | None = None, width: int = 3) -> Figure:
    """Draw the toy model: sequence, feature maps, pooled maps and what the second layer meets.

    From the bottom: the sequence, its patterns framed; the two filters' feature maps; what the first and the
    last pooled neuron that a pattern lights see of the sequence; the pooled maps; the signature of each
    pattern, and whether a second-layer filter of ``width`` bins resolves it. The two filters stand to the
    right.

    Raises:
        UsageError: a size below 1 or above the length of the sequence.
    """
    model = toy.toy_model(pool, stride, width)
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=(11, 2.2))
    axes = figure.add_subplot(grid[:, 0])
    feature_map = toy.scan(toy.SEQUENCE)
    pooled = toy.max_pool(feature_map, model.pool, model.stride)
    _draw_sequence(axes)
    _draw_map(axes, feature_map, _SCAN, pool=1, stride=1)
    _draw_map(axes, pooled, _POOLED, model.pool, model.stride)
    for pattern in toy.PATTERNS:
        bins = {b for b, _ in toy.lit_units(pattern, toy.STARTS[pattern.name], model.pool, model.stride)}
        on_map = sorted(bins & set(range(len(pooled))))
        for b in sorted({*on_map[:1], *on_map[-1:]}):
            _draw_field(axes, b, model)
        _draw_signature(axes, pattern.name, model)
    _finish(axes, model)
    for channel, part in enumerate(toy.PARTS):
        _draw_filter(figure.add_subplot(grid[channel, 1]), channel, part)
    return figure


def pool_sizes(pools: Sequence[int] = (1, 2, 3, 5, 10, 20), width: int = 3) -> Figure:
    """Draw the pooled maps of Fig 1's sequence for several pool sizes, one above another, stride = pool.

    The bands are the three patterns; over each map stands whether a second-layer filter of ``width`` bins
    resolves the pattern. The sequence is at the bottom, the first pool size at the top.

    Raises:
        UsageError: a size below 1 or above the length of the sequence.
    """
    figure = Figure(figsize=(9.5, 1.2 + 0.72 * len(pools)), layout="constrained")
    axes = figure.subplots()
    feature_map = toy.scan(toy.SEQUENCE)
    _draw_sequence(axes)
    rows = {_LETTERS: "sequence"}
    for level, pool in enumerate(reversed(pools)):
        model, bottom = toy.toy_model(pool, width=width), 1.2 + 3.4 * level
        rows[bottom + 1] = f"pool {pool}"
        _draw_map(axes, toy.max_pool(feature_map, pool, pool), bottom, pool, pool)
        for name, resolved in model.is_resolved.items():
            verdict = "resolved" if resolved else "not resolved"
            weight = "bold" if resolved else "normal"
            axes.text(
                _middle(name), bottom + 2.1, verdict, ha="center", va="bottom", fontsize=9, weight=weight
            )
    top = 1.2 + 3.4 * len(pools)
    for name, start in toy.STARTS.items():
        axes.axvspan(start - 0.5, start + len(name) - 0.5, ymin=0.03, color=GREEN, alpha=0.15, linewidth=0)
        axes.text(_middle(name), top + 0.3, name, ha="center", va="bottom", family="monospace", weight="bold")
    _frameless(axes, rows, top + 1.8)
    return figure


def bin_differences(
    patterns: Sequence[toy.Pattern] = toy.PATTERNS, pools: Sequence[int] = range(1, 21)
) -> Figure:
    """Draw how many bins apart the two parts of each pattern fall, as shares of the phases, stride = pool."""
    kinds = {
        "same bin": ("white", "////"),
        "1 bin apart": (SKY, ""),
        "2": (BLUE, ""),
        "3 or more": ("black", ""),
    }
    figure = Figure(figsize=(2.4 * len(patterns), 3.1), layout="constrained")
    panels = figure.subplots(1, len(patterns), sharey=True, squeeze=False)[0]
    for axes, pattern in zip(panels, patterns, strict=True):
        (first, start), (_, end) = sorted(pattern.features, key=lambda feature: feature[1])
        shares = [toy.bin_difference(end - start, pool) for pool in pools]
        below = [0.0] * len(pools)
        for apart, (label, (colour, hatch)) in enumerate(kinds.items()):
            last = apart == len(kinds) - 1
            heights = [
                float(sum(share for n, share in height.items() if n == apart or (last and n > apart)))
                for height in shares
            ]
            axes.bar(
                pools,
                heights,
                1,
                below,
                label=label,
                color=colour,
                hatch=hatch,
                edgecolor=GREY,
                linewidth=0.5,
            )
            below = [low + height for low, height in zip(below, heights, strict=True)]
        axes.set_title(f"{pattern.name}\n{toy.PARTS[first]} first, {end - start} apart", fontsize="medium")
        axes.set_xlabel("pool size (positions)")
        axes.set_xlim(min(pools) - 0.5, max(pools) + 0.5)
        axes.set_ylim(0, 1)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("share of the phases")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return figure


def _row(axes: Axes, extents: Sequence[Extent], bottom: float, lit: Sequence[bool], colour: str) -> None:
    """Draw a row of units, from left to right edge each, the lit ones filled."""
    bars = [(left, right - left) for left, right in extents]
    faces = [colour if on else "none" for on in lit]
    axes.broken_barh(bars, (bottom, 0.9), facecolors=faces, edgecolors=GREY, linewidths=0.6, zorder=3)


def _draw_sequence(axes: Axes) -> None:
    for position, letter in enumerate(toy.SEQUENCE):
        axes.text(position, _LETTERS, letter, ha="center", va="center", family="monospace", fontsize=9.5)
    for name, start in toy.STARTS.items():
        corner = (start - 0.5, _LETTERS - 0.6)
        axes.add_patch(Rectangle(corner, len(name), 1.2, facecolor=GREEN, alpha=0.3, linewidth=0))
        axes.add_patch(Rectangle(corner, len(name), 1.2, fill=False, edgecolor=GREEN, linewidth=1.5))


def _middle(name: str) -> float:
    """Return the middle of a pattern in the sequence."""
    return toy.STARTS[name] + (len(name) - 1) / 2


def _extent(b: int, pool: int, stride: int) -> Extent:
    """Return the ends of unit ``b`` of a map: as wide as the stride, in the middle of its window."""
    middle = b * stride + (pool - 1) / 2
    return max(middle - stride / 2, -0.5), min(middle + stride / 2, len(toy.SEQUENCE) - 0.5)


def _draw_map(axes: Axes, units: toy.FloatArray, bottom: float, pool: int, stride: int) -> None:
    """Draw a map (bins, 2) as two rows of cells, filter 1 on top."""
    extents = [_extent(b, pool, stride) for b in range(len(units))]
    for channel, colour in enumerate(_COLOURS):
        _row(axes, extents, bottom + 1 - channel, list(units[:, channel] > 0), colour)


def _draw_field(axes: Axes, b: int, model: toy.ToyModel) -> None:
    """Draw what pooled neuron ``b`` sees of the sequence: its window and half a filter on either side."""
    first, last = b * model.stride, b * model.stride + model.pool - 1
    left, right = _extent(b, model.pool, model.stride)
    corners = [
        (max(first - toy.PADDING, 0) - 0.5, _LETTERS + 0.6),
        (min(last + toy.PADDING, len(toy.SEQUENCE) - 1) + 0.5, _LETTERS + 0.6),
        (right, _POOLED),
        (left, _POOLED),
    ]
    axes.add_patch(Polygon(corners, facecolor=SKY, alpha=0.25, linewidth=0, zorder=1))
    axes.add_patch(Polygon(corners, fill=False, edgecolor=BLUE, linewidth=0.9, zorder=2))


def _draw_signature(axes: Axes, name: str, model: toy.ToyModel) -> None:
    """Draw a pattern's signature above it, with dark bins up to the width of the second-layer filters."""
    lit = model.signatures[name]
    span = max(min(model.width, 6), *(b + 1 for b, _ in lit), 1)
    cell = min(2.0, 15 / span)
    middle = _middle(name)
    edges = [middle + (column - span / 2) * cell for column in range(span + 1)]
    for channel, colour in enumerate(_COLOURS):
        shown = [(column, channel) in lit for column in range(span)]
        _row(axes, list(pairwise(edges)), _SECOND + 1 - channel, shown, colour)
    verdict = "resolved" if model.is_resolved[name] else "not resolved"
    axes.text(middle, _SECOND + 2.2, f"{name}\n{verdict}", ha="center", va="bottom", weight="bold")


def _finish(axes: Axes, model: toy.ToyModel) -> None:
    """Name the rows of Fig 1."""
    bins = f"pool {model.pool}, stride {model.stride}"
    rows = {
        _SECOND + 1: f"signatures, for filters\n{model.width} bins wide",
        _POOLED + 1: f"pooled maps\n{bins}",
        (_SCAN + _POOLED) / 2 + 1: "fields of pooled\nneurons",
        _SCAN + 1: "feature maps\nof the filters",
        _LETTERS: "sequence",
    }
    _frameless(axes, rows, _SECOND + 4.6)


def _frameless(axes: Axes, rows: Mapping[float, str], top: float) -> None:
    """Name the rows by their heights, and take the frame away."""
    axes.set_yticks(list(rows), list(rows.values()))
    axes.tick_params(length=0)
    axes.set_xticks([])
    axes.set_xlim(-1, len(toy.SEQUENCE))
    axes.set_ylim(_LETTERS - 0.8, top)
    axes.spines[:].set_visible(False)


def _draw_filter(axes: Axes, channel: int, part: str) -> None:
    """Draw a first-layer filter (7 columns, 4 rows), its weights of 1 filled."""
    columns = list(pairwise(range(toy.FILTER_SIZE + 1)))
    for row, weights in enumerate(toy.part_filter(part).T):
        _row(axes, columns, 3 - row, list(weights > 0), _COLOURS[channel])
    axes.set_title(f"filter {channel + 1}: {part}", fontsize="medium")
    axes.set_yticks([3.45, 2.45, 1.45, 0.45], list("ACGT"))
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.set_xlim(-0.1, toy.FILTER_SIZE + 0.1)
    axes.set_ylim(-0.1, 4.1)
    axes.set_aspect("equal")
    axes.spines[:].set_visible(False)


def information_against_pool(
    pools: Sequence[int] = range(1, 31), patterns: Sequence[toy.Pattern] = toy.PATTERNS, width: int = 3
) -> Figure:
    """Draw the bits about the pattern that are left after pooling, against pool size.

    To the left what the whole pooled map keeps, to the right what windows of ``width`` bins show of it; for
    pool strides equal to the pool, 1 and 2, the latter no longer than the pool. The grey line is the
    information before pooling.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    strides = {
        "stride = pool": (None, BLUE, "-", "o"),
        "stride 2": (2, GREEN, "--", "s"),
        "stride 1": (1, VERMILLION, ":", "^"),
    }
    panels = {"kept by the pooled map": None, f"seen in windows of {width} bins": width}
    for axes, (title, view) in zip(figure.subplots(1, 2, sharey=True), panels.items(), strict=True):
        axes.axhline(log2(len(patterns)), color=GREY, linewidth=0.8)
        for label, (stride, colour, style, marker) in strides.items():
            gapless = [pool for pool in pools if pool >= (stride or 1)]
            bits = [toy.information(patterns, pool, stride or pool, view) for pool in gapless]
            axes.plot(gapless, bits, color=colour, linestyle=style, marker=marker, markersize=4, label=label)
        axes.set_title(title, fontsize="medium")
        axes.set_xlabel("pool size (positions)")
        axes.set_ylim(-0.05, log2(len(patterns)) + 0.1)
        axes.spines[["top", "right"]].set_visible(False)
        axes.label_outer()
    figure.axes[0].set_ylabel("bits about the pattern")
    figure.axes[0].legend(frameon=False, loc="center right")
    return figure
