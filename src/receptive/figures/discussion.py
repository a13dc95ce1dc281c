"""Figures of the Discussion: activations, conditions, and the first layer over epochs (DISC-1 to DISC-7)."""

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from receptive.evidence.discussion import CONDITIONS, LEARNED, activation_of
from receptive.evidence.labels import label as in_words
from receptive.evidence.labels import switches_in_words
from receptive.evidence.measured import Results
from receptive.evidence.rules import key
from receptive.evidence.studies import Epochs, Importance
from receptive.figures.canvas import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION
from receptive.figures.matches import legend
from receptive.networks.variants import SMALL
from receptive.theory.activation import FUNCTIONS, HALF, gain

COLUMNS = {"relevant": "share of relevant filters", "auroc": "AU-ROC"}
WHERE = {
    name: in_words(name).replace(" on ", "\n")
    for name in (*SMALL, "cnn-25", "chipseq/cnn-2", "chipseq/cnn-25")
}
"""Networks, and what stands below them."""
ACTIVATIONS = {
    "": (BLUE, "o"),
    "+activation=exponential": (VERMILLION, "D"),
    "+activation=softplus": (GREEN, "^"),
    "+activation=squared_relu": (ORANGE, "s"),
    "+activation=sigmoid": (PURPLE, "v"),
    "+activation=gelu": (SKY, "P"),
    "+activation=silu": ("black", "X"),
    "+activation=cubed_relu": (GREY, "h"),
}
"""Switches of the first layer's activation: colour and marker."""
BEFORE = ("+learning_rate=0.0003", "+beta_1=0.9", "+initializer=he_normal", "+patience=None")
"""Conditions that were measured before the registration, each from the paper's text."""
TWO = {"cnn-2": (BLUE, "o"), "cnn-25": (VERMILLION, "D")}
KINDS = {
    "relevant": ("matches a relevant motif", BLUE, "o"),
    "other": ("matches another motif", ORANGE, "s"),
    "none": ("matches none", GREY, "x"),
}


def activation_name(switch: str) -> str:
    """Name the first layer's activation by the switch that sets it; ReLU without one."""
    return switches_in_words(switch) if switch else "ReLU"


def activations(results: Results) -> Figure:
    """Draw relevant share and AU-ROC of networks with each activation of their first layers (DISC-1 to 3).

    A mark is the mean over trials, dots are trials. What has no run has no mark.

    Args:
        results: of `measured.conditions`.
    """
    figure = Figure(figsize=(9, 3.9), layout="constrained")
    for axes, (column, title) in zip(figure.subplots(1, 2), COLUMNS.items(), strict=True):
        for switch, (colour, marker) in ACTIVATIONS.items():
            if not any(results.of(key(network + switch, column)) for network in WHERE):
                continue
            step = list(ACTIVATIONS).index(switch) - 1
            axes.plot([], [], color=colour, marker=marker, ls="none", label=activation_name(switch))
            for place, network in enumerate(WHERE):
                values = results.of(key(network + switch, column))
                x = place + 0.1 * step
                axes.plot([x] * len(values), values, ".", color="black", ms=3, alpha=0.5, zorder=4)
                if values:
                    axes.plot([x], [np.mean(values)], marker, color=colour, ms=7)
        axes.axvline(3.5, color="0.8", lw=1)
        axes.set_xticks(range(len(WHERE)), list(WHERE.values()), fontsize="small")
        axes.set_xlim(-0.5, len(WHERE) - 0.4)
        axes.set_title(title, fontsize="medium")
        _plain(axes)
    figure.axes[0].set_ylim(-0.04, 1.04)
    legend(figure)
    return figure


def gains(results: Results) -> Figure:
    """Draw what activations make of a growing sum, and CNN-2's relevant share against their gains (DISC-10).

    Left, what is handed on at 0 is taken off, and what half a motif gives is 1. What is not trained yet has
    its place marked on the right by a line.

    Args:
        results: of `measured.conditions`.
    """
    figure = Figure(figsize=(9, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    right.set_xscale("log")  # before lines are drawn across: they fix the margins
    sums = np.linspace(0, 2 * HALF, 81)
    for switch, (colour, marker) in ACTIVATIONS.items():
        name = activation_of(switch)
        values = FUNCTIONS[name](sums) - FUNCTIONS[name](np.zeros(1))
        left.plot(sums, values / values[len(sums) // 2], color=colour, lw=1.4)
        left.plot(
            sums[-1:],
            values[-1:] / values[len(sums) // 2],
            marker,
            color=colour,
            ms=6,
            clip_on=False,
            label=activation_name(switch),
        )
        shares, x = results.of(key(f"cnn-2{switch}", "relevant")), gain(name)
        right.plot([x] * len(shares), shares, ".", color="black", ms=3, alpha=0.5, zorder=4)
        right.plot([x], [np.mean(shares) if shares else np.nan], marker, color=colour, ms=7)
        if not shares:
            right.axvline(x, color=colour, lw=1, ls=":")
    left.axhline(2, color="0.6", lw=1, ls="--")
    left.set_xticks([0, HALF, 2 * HALF], ["0", "half a motif", "a whole motif"])
    left.set_title("handed on, in units of what a half gives", fontsize="medium")
    right.set_xticks([0.5, 1, 2, 4], ["0.5", "1", "2", "4"])
    right.minorticks_off()
    right.set_xlabel("gain of the whole over two halves")
    right.set_ylim(-0.04, 1.04)
    right.set_title("share of relevant filters in CNN-2", fontsize="medium")
    _plain(left)
    _plain(right)
    legend(figure)
    return figure


def under_conditions(results: Results) -> Figure:
    """Draw relevant share and AU-ROC of CNN-2 and CNN-25 under each condition (DISC-4).

    A mark is the mean over trials, dots are trials; hollow where CNN-25 has not learned the task. Rows above
    the line were measured before the registration.
    """
    rows = ("", *BEFORE, *CONDITIONS)
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    for axes, (column, title) in zip(figure.subplots(1, 2, sharey=True), COLUMNS.items(), strict=True):
        for network, (colour, marker) in TWO.items():
            axes.plot([], [], color=colour, marker=marker, ls="none", label=in_words(network))
            for y, switch in enumerate(rows):
                values = results.of(key(network + switch, column))
                learned = results.of(key(f"cnn-25{switch}", "auroc"))
                fails = bool(learned) and np.mean(learned) < LEARNED
                axes.plot(values, [y] * len(values), ".", color="black", ms=3, alpha=0.5, zorder=4)
                if values:
                    fill = "none" if fails else colour
                    axes.plot([np.mean(values)], [y], marker, color=colour, mfc=fill, ms=7)
        axes.axhline(len(BEFORE) + 0.5, color="0.8", lw=1)
        axes.set_yticks(range(len(rows)), [switches_in_words(row) or "as released" for row in rows])
        axes.set_title(title, fontsize="medium")
        axes.grid(color="0.93")
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylim(len(rows) - 0.5, -0.5)
    figure.axes[0].set_xlim(-0.04, 1.04)
    legend(figure)
    return figure


def over_epochs(kept: Mapping[str, Sequence[Epochs]]) -> Figure:
    """Draw loss, gradient, information and relevant share of first layers over epochs (DISC-5).

    A line is a trial; a colour, a network. Gradient and information are means over filters.

    Args:
        kept: trials, by the name of the network.
    """
    panels: dict[str, Callable[[Epochs, int], float]] = {
        "loss on validation data": lambda layer, place: layer.loss[place],
        "gradient at a filter": lambda layer, place: fmean(layer.gradient[place]),
        "bits that a filter holds": lambda layer, place: fmean(layer.bits[place]),
        "share of relevant filters": lambda layer, place: layer.relevant(place),
    }
    figure = Figure(figsize=(9, 5.6), layout="constrained")
    for axes, (title, number) in zip(figure.subplots(2, 2).flat, panels.items(), strict=True):
        for colour, (network, trials) in zip((BLUE, VERMILLION, GREEN, PURPLE), kept.items(), strict=False):
            for trial, layer in enumerate(trials):
                values = [number(layer, place) for place in range(len(layer.epoch))]
                label = network if trial == 0 else None
                axes.plot(layer.epoch, values, color=colour, marker=".", ms=4, lw=1.2, alpha=0.8, label=label)
        _against_epochs(axes, title)
    figure.axes[1].set_yscale("log")
    figure.axes[3].set_ylim(-0.04, 1.04)
    legend(figure)
    return figure


def two_kinds(trials: Sequence[Epochs]) -> Figure:
    """Draw the gradient at filters that end with a relevant match, and at those that end without one.

    A line is the geometric mean over the filters of a kind in a trial; filters without a gradient are left
    out.
    """
    figure = Figure(figsize=(7, 3.4), layout="constrained")
    axes = figure.subplots()
    for trial, losses in enumerate(trials):
        ends = np.array(list(map(bool, losses.final)))
        for label, chosen, colour in (
            ("end with a relevant match", ends, BLUE),
            ("end without one", ~ends, ORANGE),
        ):
            norms = np.array(losses.gradient)[:, chosen]
            logs = np.ma.log(np.ma.masked_less_equal(norms, 0)).mean(axis=1)
            line = np.exp(np.ma.filled(logs, np.nan))
            axes.plot(
                losses.epoch,
                line,
                ".-",
                color=colour,
                lw=1.2,
                label=None if trial else f"filters that {label}",
            )
    _against_epochs(axes, "gradient at a filter")
    axes.set_yscale("log")
    legend(figure)
    return figure


def rises(kept: Mapping[str, Sequence[Importance]]) -> Figure:
    """Draw what holding each filter at its mean costs, network by network (DISC-6).

    A mark is a filter; in a network its trials stand side by side. The axis is logarithmic away from 0.
    """
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.set_yscale("symlog", linthresh=1e-3)  # before a line is drawn across: it fixes the margins
    for label, colour, marker in KINDS.values():
        axes.plot([], [], color=colour, marker=marker, ls="none", label=label)
    random = np.random.default_rng(0)
    for place, trials in enumerate(kept.values()):
        for trial, losses in enumerate(trials):
            x = place + 0.8 * ((trial + 0.5) / len(trials) - 0.5)
            for kind, (_, colour, marker) in KINDS.items():
                values = [
                    rise for rise, own in zip(losses.loss_change, kinds(losses), strict=True) if own == kind
                ]
                aside = random.uniform(-0.2, 0.2, len(values)) / len(trials)
                axes.plot(x + aside, values, marker, color=colour, ms=4, alpha=0.8)
    axes.axhline(0, color="0.6", lw=1, zorder=0)
    axes.set_xticks(range(len(kept)), list(kept))
    axes.set_ylabel("rise in test loss")
    _plain(axes)
    legend(figure)
    return figure


def kinds(importance: Importance) -> list[str]:
    """Sort filters by what they match: ``relevant``, ``other`` or ``none``."""
    return [
        "relevant" if factor else "other" if matches else "none"
        for factor, matches in zip(importance.factor, importance.matches, strict=True)
    ]


def by_class(importance: Importance) -> Figure:
    """Draw how much AU-ROC each class loses when each filter is held, filters sorted by factor."""
    order = sorted(
        range(len(importance.factor)), key=lambda i: (importance.factor[i] == "", importance.factor[i], i)
    )
    table = -np.array(importance.by_class)[order]
    figure = Figure(figsize=(8, 0.2 * len(order) + 1.4), layout="constrained")
    axes = figure.subplots()
    shown = axes.imshow(table, cmap="Blues", vmin=0, aspect="auto")
    axes.set_xticks(range(len(importance.classes)), importance.classes, rotation=45, ha="right")
    axes.set_yticks(range(len(order)), [importance.factor[i] or "–" for i in order], fontsize="small")
    axes.set_ylabel("filter, by its best relevant match")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.colorbar(shown, label="AU-ROC lost", shrink=0.6)
    return figure


def _against_epochs(axes: Axes, title: str) -> None:
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xticks([0, 1, 2, 4, 8, 16, 32, 64], list(map(str, (0, 1, 2, 4, 8, 16, 32, 64))))
    axes.minorticks_off()
    axes.set_xlabel("epochs")
    axes.set_title(title, fontsize="medium")
    _plain(axes)


def _plain(axes: Axes) -> None:
    axes.grid(axis="y", color="0.9")
    axes.spines[["top", "right"]].set_visible(False)
