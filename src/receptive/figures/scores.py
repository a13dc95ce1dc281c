"""Classification: AU-ROC against pool size and number of filters, and class by class."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from receptive.evidence.measured import Results
from receptive.figures.canvas import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION
from receptive.figures.matches import FILTERS, POOLS, legend
from receptive.figures.series import draw_series
from receptive.motifs.jaspar import FACTORS

GUESSING = 0.5
"""AU-ROC of a coin."""
MARKERS = "os^DvP"
COLOURS = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY)


def classification(results: Results) -> Figure:
    """Draw the AU-ROC of CNN-1 to CNN-100, published and measured, from guessing to certainty (POOL-1).

    Bars are sample standard deviations over trials, dots single trials. A network without a run has no
    measured mark.
    """
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    axes = figure.subplots()
    draw_series(axes, POOLS, "auroc", results)
    axes.set_ylim(GUESSING, 1)
    axes.set_xlabel("size of the first pool")
    axes.set_ylabel("AU-ROC (mean of 12 classes)")
    legend(figure)
    return figure


def accuracy(results: Results) -> Figure:
    """Draw the AU-ROC of CNN-1 to CNN-100, and of CNN-25 by its number of filters (VIVO-3, VIVO-4).

    Marks are as in :func:`classification`, but the axis is as short as the numbers allow.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    pools, filters = figure.subplots(1, 2, sharey=True, width_ratios=(7, 4))
    draw_series(pools, POOLS, "auroc", results)
    draw_series(filters, FILTERS, "auroc", results, apart=1.02)
    pools.set_xlabel("size of the first pool")
    filters.set_xlabel("first-layer filters of CNN-25")
    pools.set_ylabel("AU-ROC (mean over classes)")
    legend(figure)
    return figure


def by_class(results: Results, variants: Sequence[str], alone: Mapping[str, float] | None = None) -> Figure:
    """Draw the AU-ROC of each class, mean over trials with a bar from the worst to the best trial.

    Args:
        results: the measured trials.
        variants: up to six networks, told apart by colour and marker; one without a run is left out.
        alone: of each class what its motif scores without a network, if that is to be compared; these are
            the classes then, rather than the twelve factors.
    """
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    axes = figure.subplots()
    classes = tuple(alone or FACTORS)
    if alone:
        axes.plot(list(alone.values()), "_", color="black", ms=18, mew=2, label="best hit of its motif alone")
    shown = [variant for variant in variants if results.auroc.get(variant)]
    for place, variant in enumerate(shown):
        trials = np.array([[trial.get(name, np.nan) for name in classes] for trial in results.auroc[variant]])
        means = trials.mean(axis=0)
        reach = [means - trials.min(axis=0), trials.max(axis=0) - means]
        x = np.arange(len(classes)) + 0.16 * (place - (len(shown) - 1) / 2)
        colour, marker, label = COLOURS[place], MARKERS[place], variant.upper()
        axes.errorbar(x, means, reach, color=colour, marker=marker, ls="none", ms=5, capsize=2, label=label)
    axes.axhline(GUESSING, color="0.6", lw=1, zorder=0)
    axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
    axes.set_ylim(0.45, 1.02)
    axes.set_ylabel("AU-ROC")
    axes.grid(axis="y", color="0.9")
    axes.spines[["top", "right"]].set_visible(False)
    if shown or alone:
        legend(figure)
    return figure
