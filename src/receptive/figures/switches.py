"""What switches of the protocol change, and how the paper's protocol as a whole compares with the code's."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from receptive.evidence.ablations import COLUMNS, differs, in_words
from receptive.evidence.verdicts import TOLERANCE
from receptive.figures.matches import PANELS, POOLS, against_pools, legend
from receptive.figures.scores import COLOURS, MARKERS
from receptive.figures.series import log_ticks
from receptive.protocols import RELEASED

TITLES = {"auroc": "AU-ROC", "jaspar": "filters that match JASPAR", "relevant": "filters that are relevant"}
APART = 1.07
"""Factor by which the marks of one pool size stand side by side."""
WIDTH = 0.6
"""Share of a row over which the marks of its networks are spread."""


def effects(entries: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw how far each protocol moves the numbers of some networks from those of ``released``.

    A row for every protocol, a panel for every column. Bars are 95% intervals. A mark is filled if its
    interval leaves 0 out, and hollow if it does not; grey is what counts as no difference between a published
    and a measured number. What was not measured often enough has no mark.

    Args:
        entries: ``ablations`` or ``protocols`` of :func:`~receptive.evidence.ablations.document`, of at most
            six networks.
    """
    others = [entry for entry in entries if entry["protocol"] != RELEASED.name]
    names = list(dict.fromkeys(_label(entry) for entry in others))
    networks = list(dict.fromkeys(entry["variant"] for entry in others))
    figure = Figure(figsize=(10, 1.6 + 0.36 * len(names)), layout="constrained")
    for axes, column in zip(figure.subplots(1, 3, sharey=True), COLUMNS, strict=True):
        axes.axvspan(-TOLERANCE[column], TOLERANCE[column], color="0.94", zorder=0)
        axes.axvline(0, color="0.6", lw=1, zorder=1)
        for place, network in enumerate(networks):
            colour, marker = COLOURS[place], MARKERS[place]
            axes.plot([], [], color=colour, marker=marker, ls="none", label=network.upper())
            for entry in others:
                found = entry[column]["difference"]
                if entry["variant"] == network and found:
                    y = names.index(_label(entry)) + WIDTH * ((place + 0.5) / len(networks) - 0.5)
                    reach = [[found["estimate"] - found["low"]], [found["high"] - found["estimate"]]]
                    fill = colour if differs(found) else "white"
                    style = {"color": colour, "marker": marker, "mfc": fill, "ms": 5, "capsize": 2}
                    axes.errorbar([found["estimate"]], [y], xerr=reach, **style)
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


def effects_in_words(entries: Sequence[Mapping[str, Any]]) -> str:
    """Name every difference whose interval leaves 0 out."""
    found = [
        f"{entry['variant'].upper()}, {_label(entry)}: {TITLES[column]} {number['estimate']:+.3f}"
        for entry in entries
        for column in COLUMNS
        if differs(number := entry[column]["difference"])
    ]
    return "; ".join(found) or "none"


def by_protocol(entries: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the match fractions of networks against their pool size, a line for each protocol.

    Bars are sample standard deviations over trials. What has no run has no mark.

    Args:
        entries: ``protocols`` of :func:`~receptive.evidence.ablations.document`, of networks of CNN-1 to
            CNN-100.
    """
    names = list(dict.fromkeys(map(in_words, entries)))

    def draw(axes: Axes, column: str) -> None:
        for place, name in enumerate(names):
            found = [entry for entry in entries if in_words(entry) == name]
            x = np.array([POOLS[entry["variant"]] for entry in found]) * APART ** (place - len(names) // 2)
            means, bars = (np.array([entry[column][one] for entry in found], float) for one in ("mean", "sd"))
            style: dict[str, Any] = {"color": COLOURS[place], "marker": MARKERS[place], "capsize": 3}
            axes.errorbar(x, means, np.nan_to_num(bars), label=name, **style)
        log_ticks(axes, sorted({POOLS[entry["variant"]] for entry in entries}))

    return against_pools(draw)


def by_protocol_in_words(entries: Sequence[Mapping[str, Any]]) -> str:
    """Say what :func:`by_protocol` shows."""
    found: dict[str, list[str]] = {}
    for entry in entries:
        if entry["n"]:
            jaspar, relevant = (entry[column]["mean"] for column in PANELS)
            words = f"pool {POOLS[entry['variant']]}: JASPAR {jaspar:.2f}, relevant {relevant:.2f}"
            found.setdefault(in_words(entry), []).append(words)
    return ". ".join(f"{name}: {'; '.join(words)}" for name, words in found.items()) or "nothing yet"


def _label(entry: Mapping[str, Any]) -> str:
    reasons = entry["discrepancies"]
    return in_words(entry) + (f"  ({reasons[0]})" if len(reasons) == 1 else "")
