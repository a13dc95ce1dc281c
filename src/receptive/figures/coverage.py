"""Filters on each factor, trial by trial: how much redundancy is chance (POOL-4)."""

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from receptive.evidence.measured import Results
from receptive.motifs.jaspar import FACTORS
from receptive.networks.variants import VARIANTS

NONE = "none"
"""Name of the row of filters without a relevant match."""


def factors_of(results: Results, variant: str) -> tuple[str, ...]:
    """Return the factors that the network's task has, all twelve without a run."""
    trials = results.factors.get((variant, "conv1"))
    return tuple(trials[0]) if trials else tuple(FACTORS)


def counts(results: Results, variant: str) -> NDArray[np.int64]:
    """Count the first-layer filters on each factor, by their best relevant match.

    Returns:
        Shape (factors + 1, trials): the task's factors and, last, the filters on none of them; a column sums
        to the number of filters.
    """
    filters, factors = VARIANTS[variant].filters[0], factors_of(results, variant)
    trials = results.factors.get((variant, "conv1"), ())
    shares = np.array([[trial[factor] for factor in factors] for trial in trials]).reshape(-1, len(factors))
    numbers = np.rint(shares * filters).astype(np.int64)
    return np.vstack([numbers.T, filters - numbers.sum(axis=1)])


def coverage(results: Results, variant: str) -> Figure:
    """Draw how many first-layer filters each factor has in every trial, if there is any."""
    table, factors = counts(results, variant), factors_of(results, variant)
    figure = Figure(figsize=(8, 4.2), layout="constrained")
    axes = figure.subplots()
    if table.size:
        axes.imshow(table, cmap="Blues", vmin=0, vmax=table.max() * 1.2, aspect="auto")
    for (row, trial), count in np.ndenumerate(table):
        dark = count > 0.7 * table.max()
        axes.text(trial, row, str(count), ha="center", va="center", color="white" if dark else "black")
    axes.axhline(len(factors) - 0.5, color="white", lw=4)
    axes.set_yticks(range(len(factors) + 1), [*factors, NONE])
    axes.set_xticks(range(table.shape[1]))
    axes.set_xlabel("trial")
    axes.set_title(f"{variant.upper()}: filters on each factor", fontsize="medium")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure
