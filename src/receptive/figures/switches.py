"""Switches of the protocol: the effect of each, and the paper's protocol as a whole beside the code's."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from receptive.evidence.ablations import COLUMNS, Row, differs, in_words
from receptive.evidence.verdicts import TOLERANCE
from receptive.figures.matches import PANELS, POOLS, against_pools, legend
from receptive.figures.scores import COLOURS, MARKERS
from receptive.figures.series import NOTHING, log_ticks
from receptive.protocols import RELEASED

TITLES = {"auroc": "AU-ROC", "jaspar": "filters that match JASPAR", "relevant": "filters that are relevant"}
APART = 1.07
"""Factor by which the marks of one pool size stand side by side."""
WIDTH = 0.6
"""Share of a row over which the marks of its networks are spread."""


def effects(rows: Sequence[Row]) -> Figure:
    """Draw how far each protocol moves the numbers of some networks from those of ``released``.

    A row for every protocol, a panel for every column. Bars are 95% intervals. A mark is filled if its
    interval leaves 0 out, and hollow if it does not; grey is what counts as no difference between a published
    and a measured number. What was not measured often enough has no mark.

    Args:
        rows: ``ablations`` or ``protocols`` of :func:`~receptive.evidence.ablations.read`, of at most six
            networks.
    """
    others = [row for row in rows if row.protocol != RELEASED]
    names = list(dict.fromkeys(map(_label, others)))
    networks = list(dict.fromkeys(row.variant for row in others))
    figure = Figure(figsize=(10, 1.6 + 0.36 * len(names)), layout="constrained")
    for axes, column in zip(figure.subplots(1, 3, sharey=True), COLUMNS, strict=True):
        axes.axvspan(-TOLERANCE[column], TOLERANCE[column], color="0.94", zorder=0)
        axes.axvline(0, color="0.6", lw=1, zorder=1)
        for place, network in enumerate(networks):
            colour, marker = COLOURS[place], MARKERS[place]
            axes.plot([], [], color=colour, marker=marker, ls="none", label=network.upper())
            for row in others:
                moved = row.differences[column]
                if row.variant == network and moved:
                    y = names.index(_label(row)) + WIDTH * ((place + 0.5) / len(networks) - 0.5)
                    reach = [[moved.estimate - moved.low], [moved.high - moved.estimate]]
                    fill = colour if differs(moved) else "white"
                    style = {"color": colour, "marker": marker, "mfc": fill, "ms": 5, "capsize": 2}
                    axes.errorbar([moved.estimate], [y], xerr=reach, **style)
        axes.set_title(TITLES[column], fontsize="medium")
        axes.set_xlabel("difference from released")
        axes.locator_params(axis="x", nbins=4)
        axes.grid(axis="x", color="0.9")
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
    figure.axes[0].set_yticks(range(len(names)), names)
    figure.axes[0].set_ylim(len(names) - 0.4, -0.6)
    legend(figure)
    return figure


def effects_in_words(rows: Sequence[Row]) -> str:
    """Name every difference whose interval leaves 0 out."""
    words = [
        f"{row.variant.upper()}, {_label(row)}: {TITLES[column]} {moved.estimate:+.3f}"
        for row in rows
        for column in COLUMNS
        if (moved := row.differences[column]) and differs(moved)
    ]
    return "; ".join(words) or "none"


def by_protocol(rows: Sequence[Row]) -> Figure:
    """Draw the match fractions of networks against their pool size, a line for each protocol.

    Bars are sample standard deviations over trials. What has no run has no mark.

    Args:
        rows: ``protocols`` of :func:`~receptive.evidence.ablations.read`, of networks of CNN-1 to CNN-100.
    """
    names = list(dict.fromkeys(map(in_words, rows)))

    def draw(axes: Axes, column: str) -> None:
        for place, name in enumerate(names):
            own = [row for row in rows if in_words(row) == name]
            x = np.array([POOLS[row.variant] for row in own]) * APART ** (place - len(names) // 2)
            samples = [row.sample_of(column) or NOTHING for row in own]
            means, bars = np.array([(sample.mean, sample.sd) for sample in samples]).T
            style: dict[str, Any] = {"color": COLOURS[place], "marker": MARKERS[place], "capsize": 3}
            axes.errorbar(x, means, np.nan_to_num(bars), label=name, **style)
        log_ticks(axes, sorted({POOLS[row.variant] for row in rows}))

    return against_pools(draw)


def by_protocol_in_words(rows: Sequence[Row]) -> str:
    """Say what :func:`by_protocol` shows."""
    pools: dict[str, list[str]] = {}
    for row in rows:
        jaspar, relevant = (row.sample_of(column) for column in PANELS)
        if jaspar and relevant:
            words = f"pool {POOLS[row.variant]}: JASPAR {jaspar.mean:.2f}, relevant {relevant.mean:.2f}"
            pools.setdefault(in_words(row), []).append(words)
    return ". ".join(f"{name}: {'; '.join(words)}" for name, words in pools.items()) or "nothing yet"


def _label(row: Row) -> str:
    return in_words(row) + (f"  ({row.discrepancies[0]})" if len(row.discrepancies) == 1 else "")
