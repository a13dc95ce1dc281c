"""Published and measured numbers of several networks, side by side: what figures of series are made of."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from receptive.evidence import claims
from receptive.evidence.claims import Cell
from receptive.evidence.measured import Results
from receptive.evidence.rules import key
from receptive.evidence.statistics import Sample, sample
from receptive.evidence.verdicts import published_sample
from receptive.figures.canvas import BLUE, VERMILLION

NOTHING = Sample(float("nan"), float("nan"), 0)
_PUBLISHED: dict[str, Any] = {"color": VERMILLION, "marker": "s", "mfc": "white", "ls": "--"}
_MEASURED: dict[str, Any] = {"color": BLUE, "marker": "o", "ls": "-"}


def draw_series(
    axes: Axes,
    places: Mapping[str, int],
    column: str,
    results: Results,
    times: Mapping[str, int] | None = None,
    apart: float = 1.07,
) -> None:
    """Draw a column of Table 1 for networks along an axis, with their deviations over trials.

    Bars are sample standard deviations, dots single trials. What was not published or has no run has no mark.

    Args:
        axes: where to draw.
        places: of each network, e.g. the size of its first pool.
        column: ``auroc``, ``jaspar`` or ``relevant``.
        results: the measured trials.
        times: by what to multiply the numbers of each network, e.g. its filters to count them.
        apart: factor by which the two series stand left and right of a place; the axis is logarithmic.
    """
    scale = np.array([times[variant] if times else 1 for variant in places])
    cells = [claims.cell(variant, column, results.task) for variant in places]
    trials = [results.of(key(variant, column)) for variant in places]
    x = np.array(list(places.values()))
    measured = [sample(values) if values else NOTHING for values in trials]
    if any(cells):
        _errorbar(axes, x / apart, [_published_point(cell) for cell in cells], scale, "published", _PUBLISHED)
    _errorbar(axes, x * apart, measured, scale, "measured", _MEASURED)
    for place, values, factor in zip(x * apart, trials, scale, strict=True):
        dots = np.multiply(values, factor)
        axes.plot([place] * len(values), dots, ".", color="black", ms=4, alpha=0.5, zorder=4)
    log_ticks(axes, list(places.values()))


def log_ticks(axes: Axes, places: Sequence[int]) -> None:
    """Name places on a logarithmic axis, and nothing between them, below a light grid."""
    axes.set_xscale("log")
    axes.set_xticks(places, list(map(str, places)))
    axes.set_xticks([], minor=True)
    axes.grid(axis="y", color="0.9")
    axes.spines[["top", "right"]].set_visible(False)


def _published_point(cell: Cell | None) -> Sample:
    return published_sample(cell) if cell else NOTHING


def _errorbar(
    axes: Axes, x: Any, series: list[Sample], scale: Any, label: str, style: Mapping[str, Any]
) -> None:
    means = np.array([point.mean for point in series]) * scale
    bars = np.nan_to_num([point.sd for point in series]) * scale
    axes.errorbar(x, means, bars, capsize=3, label=label, **style)
