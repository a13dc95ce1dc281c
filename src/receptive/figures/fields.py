"""Receptive fields of neighbouring neurons, layer by layer over the sequence (the blue regions of Fig 1)."""

from collections.abc import Iterator, Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from receptive.errors import UsageError, printable
from receptive.figures.canvas import BLUE, GREY, SKY, VERMILLION
from receptive.theory.fields import LayerField, ReceptiveFields, interval

_BAR = 0.17
"""Height of a neuron's bar, where a layer has height 1."""

MOST_LAYERS = 200

LOWER = ("conv1", "pool1", "conv2")
"""Layers that are compared between networks."""

_TICKS = 250
"""Above so many neurons a band stands for the ticks."""


def draw_fields(fields: ReceptiveFields, neighbours: int = 3) -> Figure:
    """Draw what neighbouring neurons in the middle of every layer see, the first layer at the bottom.

    A tick stands for every neuron of a layer, at the middle of its field. The bars below are the fields of
    ``neighbours`` of them, the middle one darker; what lies in padding is only outlined. A line across the
    middle bar is as long as the layer's uncertainty.

    Args:
        fields: what to draw; about twenty layers fit on a page.
        neighbours: number of neurons to draw in each layer.

    Raises:
        UsageError: more than `MOST_LAYERS` layers.
    """
    if len(fields.rows) > MOST_LAYERS:
        raise UsageError(f"a figure of {len(fields.rows)} layers: expected at most {MOST_LAYERS}")
    figure = Figure(figsize=(8.5, 1.1 + 0.72 * len(fields.rows)), layout="constrained")
    axes: Axes = figure.subplots()
    axes.axvspan(-0.5, fields.input_length - 0.5, color="0.94", zorder=0)
    for level, row in enumerate(fields.rows):
        _draw_layer(axes, row, level, neighbours)
    axes.set_yticks(range(len(fields.rows)), [_label(row) for row in fields.rows], parse_math=False)
    axes.set_ylim(-0.55, len(fields.rows) - 0.4)
    axes.set_xlabel(f"input position (shaded: the sequence of {fields.input_length}; outside it, padding)")
    axes.set_title(
        "bars: fields of neighbouring neurons; ticks: all neurons;\n"
        "orange line: places that the maximum in the middle of the field may have come from",
        fontsize="medium",
    )
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    return figure


def compare_fields(networks: Mapping[str, ReceptiveFields], motif: int) -> Figure:
    """Draw the first layers of networks below one another, over one axis, with a motif for scale.

    Marks are those of :func:`draw_fields`; the part of the sequence shown holds the widest of the fields.

    Args:
        networks: their fields up to the second convolution, by name.
        motif: positions of the motif.
    """
    shown_rows = {
        name: [row for row in fields.rows if row.name in LOWER] for name, fields in networks.items()
    }
    height = 0.9 + sum(0.35 + 0.72 * len(rows) for rows in shown_rows.values())
    figure = Figure(figsize=(9, height), layout="constrained")
    panels = figure.subplots(len(networks), 1, sharex=True, squeeze=False)[:, 0]
    reach = max(row.size + 2 * row.jump for rows in shown_rows.values() for row in rows) / 2
    for axes, (name, rows) in zip(panels, shown_rows.items(), strict=True):
        for level, row in enumerate(rows):
            _draw_layer(axes, row, level, 3)
        centre = networks[name].input_length / 2
        axes.broken_barh([(centre - reach, motif)], (-0.5, 0.22), facecolor=GREY)
        axes.text(centre - reach + motif + 1, -0.39, "a motif", va="center", fontsize=10)
        axes.set_yticks(range(len(rows)), [_label(row) for row in rows], parse_math=False)
        axes.set_ylim(-0.55, len(rows) - 0.4)
        axes.set_xlim(centre - reach, centre + reach)
        axes.set_title(name, fontsize=12, fontweight="bold", loc="left")
        axes.tick_params(axis="y", length=0)
        axes.spines[["top", "right", "left"]].set_visible(False)
    panels[-1].set_xlabel("input position")
    return figure


def _label(row: LayerField) -> str:
    """Return a layer's name with the numbers that the drawing shows."""
    shared = f"{row.overlap} shared ({row.overlap_share:.0%})" if row.length > 1 else "one neuron"
    return f"{printable(row.name)}: field {row.size}\n{shared}\nuncertainty {row.uncertainty}"


def _middle(row: LayerField, neighbours: int) -> Iterator[tuple[int, int]]:
    """Return the neurons to draw, each with its distance from the middle one."""
    middle = (row.length - 1) // 2
    for shift in range(-((neighbours - 1) // 2), neighbours // 2 + 1):
        if 0 <= middle + shift < row.length:
            yield middle + shift, shift


def _draw_layer(axes: Axes, row: LayerField, level: int, neighbours: int) -> None:
    """Draw one layer between ``level - 0.5`` and ``level + 0.5``."""
    if row.length <= _TICKS:
        ticks = [row.centre + i * row.jump for i in range(row.length)]
        axes.vlines(ticks, level + 0.3, level + 0.4, color=GREY, linewidth=0.6)
    else:
        axes.broken_barh([(row.centre, (row.length - 1) * row.jump)], (level + 0.3, 0.1), facecolor=GREY)
    for neuron, shift in _middle(row, neighbours):
        bottom = level - _BAR / 2 - shift * (_BAR + 0.02)
        whole, inside = interval(row, neuron, clipped=False), interval(row, neuron)
        colour = SKY if shift else BLUE
        axes.broken_barh(
            [(whole.start - 0.5, len(whole))],
            (bottom, _BAR),
            facecolor="none",
            edgecolor=colour,
            linewidth=0.8,
        )
        axes.broken_barh([(inside.start - 0.5, len(inside))], (bottom, _BAR), facecolor=colour)
        if not shift and row.uncertainty > 1:
            centre = row.centre + neuron * row.jump
            half = row.uncertainty / 2
            axes.hlines(bottom + _BAR / 2, centre - half, centre + half, color="white", lw=4)
            axes.hlines(bottom + _BAR / 2, centre - half, centre + half, color=VERMILLION, lw=2)
