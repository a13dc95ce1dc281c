"""Match fractions against pool size and number of filters: rows of Table 1 as pictures."""

from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from receptive.evidence.measured import Results
from receptive.figures.series import draw_series
from receptive.networks.variants import LARGE, NUMBERS, SMALL, VARIANTS

PANELS = {"jaspar": "match any motif of JASPAR", "relevant": "match a relevant motif"}
POOLS = {variant: VARIANTS[variant].layers[1].size for variant in (*SMALL, *LARGE)}
"""Size of the first pool of CNN-1 to CNN-100."""
FILTERS = {variant: VARIANTS[variant].filters[0] for variant in NUMBERS}
"""Number of first-layer filters of CNN-25 and its larger kin."""


def match_fractions(results: Results) -> Figure:
    """Draw the match fractions of CNN-1 to CNN-100, those measured and any published, with their deviations.

    Bars are sample standard deviations over trials, dots single trials. A network without a run has no
    measured mark.
    """
    return against_pools(lambda axes, column: draw_series(axes, POOLS, column, results))


def against_pools(draw: Callable[[Axes, str], None]) -> Figure:
    """Lay out both match fractions against the size of the first pool, drawn by ``draw(axes, column)``."""
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    for axes, (column, title) in zip(figure.subplots(1, 2, sharey=True), PANELS.items(), strict=True):
        draw(axes, column)
        axes.set_ylim(-0.05, 1.05)
        axes.set_title(f"filters that {title}", fontsize="medium")
        axes.set_xlabel("size of the first pool")
    figure.axes[0].set_ylabel("fraction of first-layer filters")
    legend(figure)
    return figure


def filter_numbers(results: Results) -> Figure:
    """Draw the share and the number of relevant filters of CNN-25 with 30, 60, 90 and 120 filters (NUM-1).

    Marks are as in :func:`match_fractions`. The grey line is where every filter would be relevant.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    share, number = figure.subplots(1, 2)
    draw_series(share, FILTERS, "relevant", results, apart=1.02)
    draw_series(number, FILTERS, "relevant", results, times=FILTERS, apart=1.02)
    share.set_ylim(-0.05, 1.05)
    share.set_ylabel("fraction of filters that are relevant")
    number.plot(list(FILTERS.values()), list(FILTERS.values()), color="0.6", lw=1, zorder=0)
    number.set_ylim(0, 1.08 * max(FILTERS.values()))
    number.set_ylabel("number of filters that are relevant")
    for axes in (share, number):
        axes.set_xscale("linear")
        axes.set_xticks(list(FILTERS.values()))
        axes.set_xlabel("number of first-layer filters")
    legend(figure)
    return figure


def legend(figure: Figure) -> None:
    """Explain the marks of the first axes below a figure."""
    marks = figure.axes[0].get_legend_handles_labels()
    figure.legend(*marks, loc="outside lower center", ncols=3, frameon=False)
