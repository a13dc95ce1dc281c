"""Figures of assembly: the parts, the designs that leave them to the next layer, and the forecasts."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from receptive.evidence import predictions
from receptive.evidence.measured import Results
from receptive.evidence.rules import HALF, key
from receptive.figures.canvas import BLUE, GREY, ORANGE, VERMILLION
from receptive.figures.logos import draw_logo
from receptive.motifs.motif import Motif
from receptive.theory import assembly, prediction
from receptive.theory.assembly import View
from receptive.theory.prediction import Outcome, Outcomes

SIZES = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 25, 50, 100)
"""Pool sizes and strides of the map."""
TAPS = (1, 3, 5, 9)
"""Second filters of the map."""
FILTER = 19
"""Columns of a filter."""
_SHARES = ListedColormap(colormaps["Blues"](np.linspace(0.12, 1, 256)))
"""From a blue that is seen on white; turned around in the dark, more is lighter."""

FloatArray = NDArray[np.float64]


# --- the offset ----------------------------------------------------------------------------------------


def parts(motif: Motif, columns: tuple[int, int] = (3, 8), pool: int = 4, place: int = 22) -> Figure:
    """Draw how two filters see the two halves of a motif, where they fire, and what pooling leaves of that.

    Args:
        motif: the motif; its halves are the parts A and B.
        columns: the column of either filter in which its part begins; they differ by half of the motif less
            the residual offset.
        pool: size of the pooling windows.
        place: where the motif begins in the sequence.
    """
    half = motif.width // 2
    halves = ((motif.pwm[:half], place), (motif.pwm[half:], place + half))
    starts = [at - column for (_, at), column in zip(halves, columns, strict=True)]
    left, right = min(starts) - 2, max(starts) + FILTER + 2
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    axes = figure.subplots()

    def label(height: float, words: str) -> None:
        axes.text(left - 7, height, words, va="center", fontsize=9)

    _logo(axes, motif.pwm, place, 6.9)
    label(7.4, "the motif in a sequence")
    fired = [start + FILTER // 2 for start in starts]
    for row, (name, colour) in enumerate((("A", BLUE), ("B", ORANGE))):
        bottom, height, box = 5.3 - 1.5 * row, 2.9 - 0.7 * row, 0.65 - 0.75 * row
        axes.add_patch(Rectangle((starts[row], bottom), FILTER, 1.2, fill=False, ec=colour, lw=1.5))
        _logo(axes, *halves[row], bottom + 0.1)
        label(bottom + 0.6, f"filter {name} holds its part\nfrom column {columns[row]} on")
        axes.plot([left, right], [height, height], color="0.8", lw=0.8, zorder=0)
        axes.plot([fired[row] + 0.5] * 2, [height, bottom], color=colour, lw=0.8, ls=":")
        axes.plot(fired[row] + 0.5, height, "o", color=colour, ms=9)
        label(height, f"where {name} fires")
        for window in range(-(-left // pool), right // pool):
            fill = colour if window == fired[row] // pool else "white"
            axes.add_patch(Rectangle((window * pool, box), pool, 0.55, fc=fill, ec="0.5", lw=0.8))
        label(box + 0.27, f"{name}, pooled by {pool}")
    near, other = (at + 0.5 for at in fired)
    axes.annotate("", (other, 1.65), (near, 1.65), arrowprops={"arrowstyle": "<->", "lw": 1.2})
    words = f"δ = {fired[1] - fired[0]:+d}".replace("-", "−")
    axes.text(max(near, other) + 0.5, 1.65, words, va="center")
    axes.set(xlim=(left - 7, right), ylim=(-0.3, 8.1))
    axes.set_axis_off()
    return figure


def _logo(axes: Axes, pwm: FloatArray, at: int, bottom: float) -> None:
    """Draw a logo, a unit high, from a position on."""
    panel = axes.inset_axes((at, bottom, len(pwm), 1.0), transform=axes.transData)
    draw_logo(panel, pwm)
    panel.patch.set_alpha(0)
    panel.spines[:].set_visible(False)


# --- the map -------------------------------------------------------------------------------------------


def design_map(
    known: Outcomes | None = None, sizes: Sequence[int] = SIZES, taps: Sequence[int] = TAPS
) -> Figure:
    """Draw the predicted share of relevant filters over pool size and stride, for several second filters.

    Discs are networks that were trained, in the colour of what came out. Grey are designs of which nothing
    is predicted: no network like them was trained, or the curve was wrong about those that were. Strides
    beyond the pool, which would skip positions, are left out. On the line the curve passes a half.

    >>> design_map(sizes=(1, 2, 10), taps=(5,)).axes[0].get_title()
    'second filter of 5'

    Args:
        known: the curve and what came of it; by default what ships.
        sizes: of pools and strides.
        taps: second filters, a panel each.
    """
    known = known or prediction.outcomes()
    figure = Figure(figsize=(9.4, 7.6), layout=ConstrainedLayoutEngine(hspace=0.06))
    panels = figure.subplots(-(-len(taps) // 2), 2, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, count in zip(panels, taps, strict=False):
        shares = np.full((len(sizes), len(sizes)), np.nan)
        untested = np.zeros_like(shares)
        for row, stride in enumerate(sizes):
            for column, pool in enumerate(sizes[row:], row):
                view = View("conv1", "conv2", pool, stride, count, 1, 1)
                shares[row, column] = known.curve.fraction(view.bits)
                untested[row, column] = bool(prediction.outside(view, FILTER, "relu", known.layers))
        shown = np.where(untested > 0, np.nan, shares)
        image = axes.imshow(shown, origin="lower", cmap=_SHARES, vmin=0, vmax=1, aspect="auto")
        grey = np.where(untested > 0, 0.78, np.nan)
        axes.imshow(grey, origin="lower", cmap="gray", vmin=0, vmax=1, aspect="auto")
        edges = _border(shares > HALF, np.isnan(shares))
        axes.add_collection(LineCollection(edges, color=VERMILLION, lw=2))
        _mark_networks(axes, known, count, sizes)
        axes.set_title(f"second filter of {count}", fontsize="medium")
        axes.set_xticks(range(len(sizes)), list(map(str, sizes)))
        axes.set_yticks(range(len(sizes)), list(map(str, sizes)))
        axes.spines[:].set_visible(False)
    for axes in panels[len(taps) :]:
        axes.set_axis_off()
    figure.supxlabel("size of the first pool (positions)")
    figure.supylabel("its stride (positions)")
    figure.colorbar(image, ax=panels.tolist(), label="share of relevant filters", shrink=0.7)
    figure.legend(
        handles=[Patch(color="0.78", label="nothing is predicted")], loc="outside upper right", frameon=False
    )
    return figure


def _border(inside: NDArray[np.bool_], blank: NDArray[np.bool_]) -> list[list[tuple[float, float]]]:
    """Return the edges between cells inside and outside of a region, both on the map."""
    edges = []
    for row, column in np.argwhere(~blank).tolist():
        if column + 1 < inside.shape[1] and inside[row, column] != inside[row, column + 1]:
            edges.append([(column + 0.5, row - 0.5), (column + 0.5, row + 0.5)])
        if row and inside[row, column] != inside[row - 1, column]:
            edges.append([(column - 0.5, row - 0.5), (column + 0.5, row - 0.5)])
    return edges


def _mark_networks(axes: Axes, known: Outcomes, taps: int, sizes: Sequence[int]) -> None:
    """Put the trained networks of a panel where their pool and stride are on the map, once each."""
    marked = dict[tuple[int, int], Outcome]()
    for layer in known.layers:
        seen = layer.view
        plain = (seen.name, seen.taps, seen.dilation, seen.features) == ("conv1", taps, 1, frozenset())
        if plain and layer.letters >= prediction.SHORTEST and {seen.pool, seen.stride} <= {*sizes}:
            marked.setdefault((sizes.index(seen.pool), sizes.index(seen.stride)), layer)
    for at, network in marked.items():
        disc = axes.scatter(*at, c=[network.mean], cmap=_SHARES, vmin=0, vmax=1, s=60, ec="0.2", zorder=3)
        disc.set_path_effects([withStroke(linewidth=3.5, foreground="white")])


# --- the outcomes --------------------------------------------------------------------------------------


def forecast_and_measured(known: Outcomes, results: Results) -> Figure:
    """Draw measured against forecast shares: of the first registration, and of the second number.

    A dot is a training, a disc the mean of a network. Hollow discs of the second number are the networks of
    the first registration, which were known when it was chosen. The band is the interval of predictions.
    Networks whose mean leaves the band, or of the first registration the class forecast, are named.

    Args:
        known: the curve and what came of it.
        results: runs of the synthetic task.
    """
    figure = Figure(figsize=(10, 5.2), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    named = list[tuple[Axes, str, float, float]]()
    for came in predictions.score(results).outcomes:
        trials = results.of(key(came.network, "relevant"))
        _disc(left, came.predicted.fraction, trials, filled=True)
        if not came.hit:
            named.append((left, came.network, came.predicted.fraction, came.measured.mean))
    spread = prediction.width(known.layers)
    x = np.linspace(0, 1, 201)
    low, high = np.array([prediction.interval(share, spread) for share in x.tolist()]).T
    right.fill_between(x, low, high, color="0.9", zorder=0)
    for layer in known.layers:
        if layer.registered and layer.view.name == "conv1":
            _disc(right, layer.forecast, layer.trials, filled=layer.registered == 2)
            ends = prediction.interval(layer.forecast, spread)
            if not ends[0] <= layer.mean <= ends[1]:
                named.append((right, layer.network, layer.forecast, layer.mean))
    _name(named)
    titles = ("first registration: assembly information", "coincidence information")
    for axes, title in zip((left, right), titles, strict=True):
        axes.plot([0, 1], [0, 1], color=GREY, lw=1, zorder=0)
        for limit in assembly.MIXED:
            axes.axhline(limit, color="0.8", lw=0.8, zorder=0)
            axes.axvline(limit, color="0.8", lw=0.8, zorder=0)
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.05, 1.05), xlabel="forecast share of relevant filters")
        axes.set_title(title, fontsize="medium")
        axes.spines[["top", "right"]].set_visible(False)
    left.set_ylabel("measured share")
    return figure


def _name(points: Sequence[tuple[Axes, str, float, float]]) -> None:
    """Name points beside them, on the side with more room; a name that would lie on another goes below it."""
    taken = list[tuple[Axes, bool, float]]()
    for axes, name, across, up in sorted(points, key=lambda point: -point[3]):
        right, height = across <= HALF, up
        while any((axes, right) == place[:2] and abs(height - place[2]) < 0.045 for place in taken):
            height -= 0.015
        taken.append((axes, right, height))
        beside = across + (0.025 if right else -0.025)
        axes.text(beside, height, name, ha="left" if right else "right", va="center", fontsize=9)


def _disc(axes: Axes, forecast: float, trials: Sequence[float], filled: bool) -> None:
    axes.plot([forecast] * len(trials), trials, ".", color="black", ms=4, alpha=0.5, zorder=4)
    mean = sum(trials) / len(trials)
    axes.plot(forecast, mean, "o", color=BLUE, mfc=BLUE if filled else "white", ms=7, zorder=3)
