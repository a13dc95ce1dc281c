"""The figures of series, of classes and of coverage show the numbers that they are given."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from receptive.evidence import claims
from receptive.evidence.measured import Results
from receptive.evidence.statistics import sample
from receptive.evidence.verdicts import published_sample
from receptive.figures import coverage, matches, scores
from receptive.figures.series import draw_series
from receptive.motifs.jaspar import FACTORS
from receptive.networks.variants import NUMBERS

EMPTY = Results({}, {})
fractions = st.floats(0, 1)


def bars(container):
    """Half the height of every error bar; NaN of a point that is not drawn counts as none."""
    low, high = (np.asarray(cap.get_ydata(), np.float64) for cap in container.lines[1])
    return np.nan_to_num((high - low) / 2)


@given(
    st.dictionaries(st.sampled_from(list(matches.POOLS)), st.lists(fractions, min_size=1, max_size=5)),
    st.sampled_from(["auroc", "jaspar", "relevant"]),
    st.integers(1, 100),
)
def test_a_series_shows_means_deviations_and_every_trial(trials, column, factor):
    layer = "" if column == "auroc" else "conv1"
    results = Results({(v, layer, column): tuple(values) for v, values in trials.items()}, {})
    axes = Figure().subplots()
    draw_series(axes, matches.POOLS, column, results, times=dict.fromkeys(matches.POOLS, factor))
    theirs, ours = axes.containers
    published = [claims.cell(variant, column).mean for variant in matches.POOLS]
    assert theirs.lines[0].get_ydata() == pytest.approx(np.multiply(published, factor))
    assert (theirs.lines[0].get_xdata() < ours.lines[0].get_xdata()).all()
    spread = [
        factor * sample(values).sd if len(values := trials.get(v, [])) > 1 else 0 for v in matches.POOLS
    ]
    assert bars(ours) == pytest.approx(spread, nan_ok=True)
    spread = [factor * published_sample(claims.cell(v, column)).sd for v in matches.POOLS]
    assert bars(theirs) == pytest.approx(spread)
    means = [factor * np.mean(trials.get(variant, [np.nan])) for variant in matches.POOLS]
    assert ours.lines[0].get_ydata() == pytest.approx(means, nan_ok=True)
    shown = {place: line.get_ydata() for place, line in zip(matches.POOLS, axes.lines[-7:], strict=True)}
    for variant, values in trials.items():
        assert shown[variant] == pytest.approx(np.multiply(values, factor))


def test_what_was_not_published_has_no_mark():
    axes = Figure().subplots()
    draw_series(axes, matches.POOLS, "relevant", Results({}, {}, task="chipseq"))
    assert [container.get_label() for container in axes.containers] == ["measured"]


def test_the_figure_of_numbers_counts_filters():
    results = Results({(name, "conv1", "relevant"): (0.5, 0.7) for name in NUMBERS}, {})
    share, number = matches.filter_numbers(results).axes
    assert share.containers[1].lines[0].get_ydata() == pytest.approx([0.6] * 4)
    assert number.containers[1].lines[0].get_ydata() == pytest.approx([18, 36, 54, 72])
    assert number.containers[1].lines[0].get_xdata() == pytest.approx([30, 60, 90, 120], rel=0.03)


def test_classification_is_drawn_from_guessing_to_certainty():
    (axes,) = scores.classification(EMPTY).axes
    assert axes.get_ylim() == (0.5, 1)


def test_accuracy_shows_the_trials_of_both_series():
    values = {(name, "", "auroc"): (0.9, 0.94) for name in ("cnn-1", "cnn-25", "cnn-25-120")}
    pools, filters = scores.accuracy(Results(values, {}, task="chipseq")).axes
    for axes, drawn in ((pools, ["cnn-1", "cnn-25"]), (filters, ["cnn-25", "cnn-25-120"])):
        (measured,) = axes.containers
        heights = measured.lines[0].get_ydata()
        assert heights[~np.isnan(heights)] == pytest.approx([0.92] * len(drawn))
        assert axes.get_ylim()[0] > 0.8


def test_classes_stand_beside_what_their_motifs_do_alone():
    aurocs = {"cnn-2": ({"SP1": 0.8, "MAX": 0.9},)}
    alone = {"MAX": 0.7, "SP1": 0.6}
    (axes,) = scores.by_class(Results({}, {}, auroc=aurocs), ("cnn-2",), alone).axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["MAX", "SP1"]
    assert axes.lines[0].get_ydata() == pytest.approx([0.7, 0.6])
    assert axes.containers[0].lines[0].get_ydata() == pytest.approx([0.9, 0.8])


@given(st.lists(st.lists(fractions, min_size=12, max_size=12), min_size=1, max_size=5))
def test_classes_are_drawn_at_their_mean_from_worst_to_best(trials):
    aurocs = {"cnn-2": tuple(dict(zip(FACTORS, trial, strict=True)) for trial in trials)}
    (axes,) = scores.by_class(Results({}, {}, auroc=aurocs), ("cnn3-2", "cnn-2")).axes
    (only,) = axes.containers
    assert only.get_label() == "CNN-2"
    assert only.lines[0].get_ydata() == pytest.approx(np.mean(trials, axis=0))
    low, high = (cap.get_ydata() for cap in only.lines[1])
    assert low == pytest.approx(np.min(trials, axis=0))
    assert high == pytest.approx(np.max(trials, axis=0))


@settings(max_examples=settings.default.max_examples // 4)
@given(st.lists(st.lists(st.integers(-1, 11), min_size=30, max_size=30), min_size=1, max_size=5))
def test_coverage_counts_every_filter_once(trials):
    names = list(FACTORS)
    shares = tuple({name: trial.count(i) / 30 for i, name in enumerate(names)} for trial in trials)
    results = Results({}, {("cnn-25", "conv1"): shares})
    table = coverage.counts(results, "cnn-25")
    assert table.tolist() == [[trial.count(i) for trial in trials] for i in (*range(12), -1)]
    (axes,) = coverage.coverage(results, "cnn-25").axes
    assert [text.get_text() for text in axes.texts] == [str(count) for count in table.ravel()]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [*names, "none"]


def test_coverage_has_the_factors_of_the_task():
    results = Results({}, {("cnn-25-60", "conv1"): ({"MAX": 0.5, "SP1": 0.1},)}, task="chipseq")
    assert coverage.counts(results, "cnn-25-60").tolist() == [[30], [6], [24]]
    (axes,) = coverage.coverage(results, "cnn-25-60").axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["MAX", "SP1", "none"]


def test_nothing_is_drawn_without_runs():
    for figure in (scores.by_class(EMPTY, ("cnn-2",)), coverage.coverage(EMPTY, "cnn-25")):
        assert not figure.axes[0].containers
        assert not figure.axes[0].texts
    assert coverage.counts(EMPTY, "cnn-25").shape == (13, 0)
