"""How many filters match a motif, against the size of the first pool: Table 1's first rows as a picture."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from receptive import claims
from receptive.figures.canvas import BLUE, VERMILLION
from receptive.measured import Results
from receptive.networks import VARIANTS
from receptive.verdicts import LARGE, SMALL, Sample, key, published_sample, sample

PANELS = {"jaspar": "match any motif of JASPAR", "relevant": "match a relevant motif"}
POOLS = {variant: VARIANTS[variant].layers[1].size for variant in (*SMALL, *LARGE)}
"""Size of the first pool of CNN-1 to CNN-100."""
NOTHING = Sample(float("nan"), float("nan"), 0)
_APART = 1.07
"""Factor by which the two series stand left and right of the pool size."""


def match_fractions(results: Results) -> Figure:
    """Draw the match fractions of CNN-1 to CNN-100, published and measured, with their deviations.

    Bars are sample standard deviations over trials, dots single trials. A network without a run has no
    measured mark.
    """
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    for axes, (column, title) in zip(figure.subplots(1, 2, sharey=True), PANELS.items(), strict=True):
        _draw_panel(axes, column, results)
        axes.set_title(f"filters that {title}", fontsize="medium")
        axes.set_xlabel("size of the first pool")
    figure.axes[0].set_ylabel("fraction of first-layer filters")
    figure.legend(
        *figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False
    )
    return figure


def _draw_panel(axes: Axes, column: str, results: Results) -> None:
    published = [published_sample(cell) for variant in POOLS if (cell := claims.cell(variant, column))]
    trials = [results.of(key(variant, column)) for variant in POOLS]
    measured = [sample(values) if values else NOTHING for values in trials]
    left, right = np.array(list(POOLS.values())) / _APART, np.array(list(POOLS.values())) * _APART
    theirs: dict[str, Any] = {"color": VERMILLION, "marker": "s", "mfc": "white", "ls": "--"}
    ours: dict[str, Any] = {"color": BLUE, "marker": "o", "ls": "-"}
    for label, series, x, style in (
        ("published", published, left, theirs),
        ("measured", measured, right, ours),
    ):
        bars = np.nan_to_num([one.sd for one in series])
        axes.errorbar(x, [one.mean for one in series], bars, capsize=3, label=label, **style)
    for x, values in zip(right, trials, strict=True):
        axes.plot([x] * len(values), values, ".", color="black", ms=4, alpha=0.5, zorder=4)
    axes.set_xscale("log")
    axes.set_xticks(list(POOLS.values()), [str(pool) for pool in POOLS.values()])
    axes.set_xticks([], minor=True)
    axes.set_ylim(-0.05, 1.05)
    axes.grid(axis="y", color="0.9")
    axes.spines[["top", "right"]].set_visible(False)
