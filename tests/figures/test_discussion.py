"""The figures of the Discussion show the numbers that they are given."""

from dataclasses import replace

import numpy as np
import pytest

from receptive.evidence import labels
from receptive.evidence.discussion import CONDITIONS, EXPONENTIAL
from receptive.evidence.measured import Results
from receptive.evidence.rules import key
from receptive.evidence.studies import Epochs, Importance
from receptive.figures import discussion
from receptive.replication.targets import ACTIVATIONS, LATER
from receptive.theory.activation import gain


def marks(axes, marker):
    """Where the marks of a kind stand, without those that only explain it."""
    lines = [line for line in axes.lines if line.get_marker() == marker]
    return [point for line in lines for point in zip(line.get_xdata(), line.get_ydata(), strict=True)]


def least_margin(axes, which):
    """The room between what is drawn and the frame, as a share of the axis as it is drawn."""
    axis = getattr(axes, f"{which}axis")
    drawn = axis.get_transform().transform
    places = drawn(np.hstack([getattr(line, f"get_{which}data")() for line in axes.lines]).astype(float))
    low, high = drawn(np.array(axis.get_view_interval()))
    return min(places.min() - low, high - places.max()) / (high - low)


def results(numbers):
    return Results({key(name, column): values for (name, column), values in numbers.items()}, {})


def test_every_trained_activation_has_a_mark_of_its_own():
    names = {condition.suffix for every in (*ACTIVATIONS.values(), *LATER.values()) for condition in every}
    assert {name.removeprefix("+") for name in discussion.ACTIVATIONS} == {"", *names}
    assert len(set(discussion.ACTIVATIONS.values())) == len(discussion.ACTIVATIONS)


def test_activations_stand_over_their_network_at_the_mean_of_their_trials():
    numbers = {("cnn-2", "relevant"): (0.0, 0.1), ("cnn-2" + EXPONENTIAL, "relevant"): (0.8, 1.0)}
    shares, scores = discussion.activations(results(numbers)).axes[:2]
    ((relu, low),) = marks(shares, "o")
    ((exponential, high),) = marks(shares, "D")
    assert (low, high) == (pytest.approx(0.05), pytest.approx(0.9))
    assert 0.5 < relu < exponential < 1.5
    assert sorted(y for _, y in marks(shares, ".")) == [0.0, 0.1, 0.8, 1.0]
    assert marks(scores, "o") == marks(scores, "D") == []


def test_shares_stand_at_the_gain_of_their_activation_and_what_has_none_is_a_line():
    numbers = {("cnn-2", "relevant"): (0.0, 0.1), ("cnn-2" + EXPONENTIAL, "relevant"): (0.8, 1.0)}
    left, right = discussion.gains(results(numbers)).axes[:2]
    drawn = {marker: point for marker in "oD" for point in marks(right, marker)}
    assert drawn == {
        "o": pytest.approx((1, 0.05)),
        "D": pytest.approx((gain("exponential"), 0.9)),
    }
    (whole,) = marks(left, "D")
    assert whole == pytest.approx((4, 2 * gain("exponential")))
    waiting = sorted(line.get_xdata()[0] for line in right.lines if line.get_linestyle() == ":")
    names = ("softplus", "squared_relu", "sigmoid", "gelu", "silu", "cubed_relu")
    assert waiting == pytest.approx(sorted(map(gain, names)))
    assert least_margin(right, "x") > 0.04


def test_a_condition_that_says_nothing_has_hollow_marks():
    learned, failed = CONDITIONS[:2]
    numbers = {
        (f"{network}{shares_}", "relevant"): (0.5,)
        for network in discussion.TWO
        for shares_ in (learned, failed)
    }
    numbers |= {(f"cnn-25{learned}", "auroc"): (0.95,), (f"cnn-25{failed}", "auroc"): (0.6,)}
    axes = discussion.under_conditions(results(numbers)).axes[0]
    rows = 1 + len(discussion.BEFORE)
    fills = {
        line.get_ydata()[0]: line.get_markerfacecolor() == "none"
        for line in axes.lines
        if line.get_marker() in "oD" and len(line.get_ydata())
    }
    assert fills == {rows: False, rows + 1: True}


def test_every_condition_has_a_name():
    conditions = [condition.removeprefix("+") for condition in (*discussion.BEFORE, *CONDITIONS)]
    assert set(conditions) <= set(labels.SWITCHES)


KEPT = Epochs(
    epoch=(0, 1, 4),
    loss=(0.7, 0.5, 0.1),
    gradient=((1.0, 4.0), (2.0, 8.0), (0.0, 0.5)),
    bits=((1.0, 2.0), (3.0, 4.0), (5.0, 6.0)),
    factor=(("", ""), ("SP1", ""), ("SP1", "MAX")),
    matches=((False, False),) * 3,
    final=("", "MAX"),
)


def test_over_epochs_means_over_filters_are_drawn():
    panels = discussion.over_epochs({"CNN-2": [KEPT]}).axes
    expected = [KEPT.loss, (2.5, 5, 0.25), (1.5, 3.5, 5.5), (0, 0.5, 1)]
    for axes, values in zip(panels, expected, strict=True):
        (line,) = axes.lines
        assert line.get_xdata().tolist() == [0, 1, 4]
        assert line.get_ydata() == pytest.approx(values)


def test_filters_are_told_apart_by_how_they_end():
    relevant, other = discussion.two_kinds([KEPT]).axes[0].lines
    assert relevant.get_ydata() == pytest.approx([4, 8, 0.5])
    assert other.get_ydata()[:2] == pytest.approx([1, 2])
    assert np.isnan(other.get_ydata()[2])  # no gradient, no logarithm


def test_each_filter_has_a_mark_of_its_kind():
    importance = Importance(
        loss=0.1,
        auroc=0.9,
        loss_change=(0.3, 0.2, 0.1),
        auroc_change=(0.0,) * 3,
        by_class=((-0.1, 0.0), (0.0, -0.2), (0.0, 0.0)),
        factor=("SP1", "", ""),
        matches=(True, True, False),
        classes=("MAX", "SP1"),
    )
    assert discussion.kinds(importance) == ["relevant", "other", "none"]
    axes = discussion.rises({"CNN-2": [importance]}).axes[0]
    for (_, _, marker), rise in zip(discussion.KINDS.values(), importance.loss_change, strict=True):
        assert [y for _, y in marks(axes, marker)] == [rise]
    wide = replace(importance, loss_change=(0.046, 1e-4, -1.2e-3))
    assert least_margin(discussion.rises({"CNN-2": [wide]}).axes[0], "y") > 0.04
    (image,) = discussion.by_class(importance).axes[0].images
    assert image.get_array().tolist() == [[0.1, 0.0], [0.0, 0.2], [0.0, 0.0]]
