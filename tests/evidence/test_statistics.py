"""Means, intervals and bootstraps, against scipy's own and against what follows from their definitions."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import spearmanr

from receptive.evidence import statistics
from receptive.evidence.statistics import contrast, sample

fractions = st.floats(0, 1).map(lambda value: round(value, 3))
trials = st.lists(fractions, min_size=2, max_size=8)
spread = trials.filter(lambda values: np.std(values) > 1e-3)


@given(spread, spread)
def test_a_difference_has_welchs_interval(a, b):
    interval = contrast((1, sample(a)), (-1, sample(b)))
    oracle = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    assert (interval.low, interval.high) == pytest.approx(tuple(oracle), abs=1e-9)
    assert interval.estimate == pytest.approx(np.mean(a) - np.mean(b), abs=1e-12)


@given(spread)
def test_a_single_mean_has_students_interval(values):
    interval = contrast((1, sample(values)))
    oracle = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (interval.low, interval.high) == pytest.approx(tuple(oracle), abs=1e-9)


@given(st.lists(st.tuples(st.floats(-2, 2), spread), min_size=1, max_size=4), st.floats(0.1, 10))
def test_a_contrast_scales_with_its_weights(terms, scale):
    assume(any(abs(weight) > 0.1 for weight, _ in terms))
    first = contrast(*((weight, sample(values)) for weight, values in terms))
    other = contrast(*((scale * weight, sample(values)) for weight, values in terms))
    expected = [scale * end for end in (first.low, first.estimate, first.high)]
    assert [other.low, other.estimate, other.high] == pytest.approx(expected, rel=1e-6, abs=1e-9)


@given(st.lists(fractions, min_size=2, max_size=2), st.integers(2, 6))
def test_samples_without_spread_give_an_interval_without_width(means, n):
    a, b = ([mean] * n for mean in means)
    interval = contrast((1, sample(a)), (-1, sample(b)))
    assert interval.high - interval.low == pytest.approx(0, abs=1e-12)
    assert interval.estimate == pytest.approx(means[0] - means[1])


@given(st.lists(trials, min_size=1, max_size=3), fractions)
def test_with_a_single_trial_there_is_an_estimate_and_no_interval(several, only):
    terms = [(1, sample(values)) for values in (*several, [only])]
    interval = contrast(*terms)
    assert np.isnan([interval.low, interval.high]).all()
    assert interval.estimate == pytest.approx(sum(map(np.mean, several)) + only)


numbered = st.dictionaries(st.integers(0, 9), fractions, min_size=2, max_size=8)


@given(numbered, numbered)
def test_trials_are_paired_by_their_numbers_or_not_at_all(a, b):
    shared = sorted(a.keys() & b.keys())
    paired = statistics.combine_trials(True, (1, a), (-1, b))
    differences = [a[number] - b[number] for number in shared]
    assert paired.estimate == pytest.approx(np.mean(differences) if shared else np.nan, nan_ok=True)
    if len(shared) > 1 and np.std(differences) > 1e-3:
        oracle = stats.ttest_rel([a[n] for n in shared], [b[n] for n in shared]).confidence_interval(0.95)
        assert (paired.low, paired.high) == pytest.approx(tuple(oracle), abs=1e-9)
    else:
        assert len(shared) > 1 or np.isnan([paired.low, paired.high]).all()
    apart = contrast((1, sample(list(a.values()))), (-1, sample(list(b.values()))))
    assert statistics.combine_trials(False, (1, a), (-1, b)) == apart


def test_an_interval_of_90_percent_stands_for_two_one_sided_tests_at_5():
    assert (statistics.CONFIDENCE, statistics.EQUIVALENCE) == (0.95, 0.90)


@given(st.lists(st.booleans(), min_size=3, max_size=30))
def test_a_bootstrap_interval_holds_the_mean_and_lies_among_the_values(hits):
    interval = statistics.bootstrap(np.mean, np.array(hits, dtype=float))
    assert min(hits) <= interval.low <= interval.estimate <= interval.high <= max(hits)


@given(st.lists(st.integers(0, 9), min_size=2, max_size=30))
def test_a_bootstrap_interval_is_of_the_means_of_drawn_samples(values):
    """Written out: the draws that decided on the registrations, whatever version of scipy makes them."""
    numbers = np.array(values, dtype=float)
    ours = statistics.bootstrap(np.mean, numbers)
    draws = np.random.default_rng(0).integers(len(values), size=(statistics.RESAMPLES, len(values)))
    low, high = np.quantile(numbers[draws].mean(axis=1), (0.025, 0.975))
    assert (ours.estimate, ours.low, ours.high) == (numbers.mean(), low, high)


points = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=9)


@given(points)
def test_spearman_is_scipys(pairs):
    interval = statistics.spearman(pairs)
    first, other = map(set, zip(*pairs, strict=True))
    if len(first) == 1 or len(other) == 1:
        assert interval is None
        return
    assert interval.estimate == pytest.approx(spearmanr(pairs).statistic)
    assert -1 <= interval.low <= interval.high <= 1


def test_the_bootstrap_is_reproducible_and_wider_for_noise():
    rng = np.random.default_rng(0)
    line = [(x, -x) for x in range(20)]
    noise = [(x, float(y)) for x, y in enumerate(rng.normal(size=20))]
    assert statistics.spearman(line) == statistics.spearman(line)
    straight, random = statistics.spearman(line), statistics.spearman(noise)
    assert (straight.low, straight.high) == pytest.approx((-1, -1))
    assert random.low < 0 < random.high


@pytest.mark.parametrize("pairs", [[], [(0, 1)], [(0, 1), (1, 0)], [(0, 1), (1, 1), (2, 1)]], ids=str)
def test_too_little_for_a_correlation(pairs):
    assert statistics.spearman(pairs) is None
