from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from receptive.evidence import claims
from receptive.evidence.measured import Results
from receptive.evidence.roster import DECIDED
from receptive.evidence.rules import CLAIMS, IN_VIVO, above, below, closest, exceeds, key
from receptive.evidence.statistics import LEAST_TRIALS, Interval, sample
from receptive.evidence.verdicts import (
    PUBLISHED_TRIALS,
    TOLERANCE,
    Criterion,
    Evidence,
    compare,
    judge,
    judge_all,
    leans_on,
    published_sample,
)
from receptive.networks.variants import LARGE, NUMBERS, SMALL

BY_ID = {claim.id: claim for claim in (*CLAIMS, *IN_VIVO)}
PATTERN = (np.arange(5) - 2) / np.sqrt(2)
"""Five values of mean 0 and population standard deviation 1."""
UNRELATED = PATTERN[[1, 4, 2, 0, 3]]
"""The same in an order that has no correlation with the other: what varies in one does not in the other."""
ORDER = ("reproduced", "trend only", "not reproduced")

fractions = st.floats(0, 1).map(lambda value: round(value, 3))
trials = st.lists(fractions, min_size=2, max_size=8)
spread = trials.filter(lambda values: np.std(values) > 1e-3)
cells = st.builds(
    claims.Cell,
    id=st.just("T1-0"),
    task=st.just("synthetic"),
    variant=st.just("cnn-2"),
    layer=st.just("conv1"),
    column=st.sampled_from(sorted(TOLERANCE)),
    mean=fractions,
    sd=st.sampled_from([0.0, 0.001, 0.013, 0.08]),
)


def as_published(task="synthetic"):
    """Results just like the published ones, with five trials of each, on a task or on one like it."""
    published = "synthetic" if task == "synthetic" else "invivo"
    values = {
        c.key: tuple(c.mean + c.sd * (UNRELATED if c.column == "jaspar" else PATTERN))
        for c in claims.published_numbers()
        if c.task == published
    }
    shares = tuple(
        {factor: (1 + (place + trial) % 3) / 30 for place, factor in enumerate("abcdefghijkl")}
        for trial in range(5)
    )
    factors = {(variant, "conv1"): shares for variant in LARGE}
    if task != "synthetic":
        factors = covering({"cnn-25": [8, 9, 8, 8, 9], "cnn-25-120": [10, 11, 10, 11, 10]})
        factors |= covering({"cnn-1": [11, 11, 10, 11, 12]}, "conv2")
    return Results(values, factors, task=task)


def covering(numbers, layer="conv1"):
    """Filters on so many factors, of twelve, in the trials of some variants."""
    return {
        (variant, layer): tuple(
            {factor: 0.1 * (place < number) for place, factor in enumerate("abcdefghijkl")}
            for number in trials
        )
        for variant, trials in numbers.items()
    }


def changed(results, means, sd=0.005):
    """The results with other means, closely repeated."""
    moved = {quantity: tuple(mean + sd * PATTERN) for quantity, mean in means.items()}
    assert moved.keys() <= results.values.keys()
    return replace(results, values={**results.values, **moved})


def exact(results, means):
    """The results with other means, and all trials alike."""
    moved = {quantity: float(np.mean(values)) for quantity, values in results.values.items()} | means
    return replace(results, values={quantity: (mean,) * 5 for quantity, mean in moved.items()})


@pytest.mark.parametrize(
    "claim", [claim for claim in CLAIMS if claim.id != "POOL-4"], ids=lambda claim: claim.id
)
def test_rules_can_be_asked_of_single_trials(claim):
    """As ``tox -e gpu -- --quick`` does: the published means are on the claimed side, and nothing holds."""
    whole = as_published()
    single = replace(whole, values={quantity: (np.mean(v),) for quantity, v in whole.values.items()})
    for inequality in claim.rule(single):
        assert inequality.margin > 0
        assert not inequality.holds


@given(st.lists(fractions, min_size=5, max_size=5))
def test_a_published_deviation_becomes_a_samples(values):
    cell = replace(claims.published_numbers()[0], mean=float(np.mean(values)), sd=float(np.std(values)))
    assert published_sample(cell).sd == pytest.approx(sample(values).sd, abs=1e-12)


# The rule for numbers.


@pytest.mark.claim("T1-*", "T2-*")
@given(cells, trials)
def test_a_number_is_judged_by_the_written_rule(cell, values):
    verdict = compare(cell, values).verdict
    if len(values) < LEAST_TRIALS:
        assert verdict == "not measured"
        return
    difference = np.mean(values) - cell.mean
    assume(abs(abs(difference) - TOLERANCE[cell.column]) > 1e-9)
    theirs = cell.sd * np.sqrt(5 / 4)
    if np.std(values) < 1e-12 and theirs == 0:
        same = abs(difference) < 1e-12
    else:
        ours = (np.mean(values), np.std(values, ddof=1), len(values))
        same = stats.ttest_ind_from_stats(*ours, cell.mean, theirs, 5, equal_var=False).pvalue >= 0.05
    assert verdict == ("reproduced" if same or abs(difference) < TOLERANCE[cell.column] else "not reproduced")


@given(cells, st.lists(fractions, min_size=3, max_size=8), st.floats(0, 1))
def test_nearer_is_never_worse(cell, values, share):
    nearer = np.array(values) + share * (cell.mean - np.mean(values))
    far, near = (ORDER.index(compare(cell, trials_).verdict) for trials_ in (values, nearer.tolist()))
    assert near <= far


@pytest.mark.parametrize(
    ("column", "mean", "sd", "values", "verdict"),
    [
        ("relevant", 0.5, 0.0, [0.54] * 3, "reproduced"),
        ("relevant", 0.5, 0.0, [0.56] * 3, "not reproduced"),
        ("auroc", 0.5, 0.0, [0.509] * 3, "reproduced"),
        ("auroc", 0.5, 0.0, [0.511] * 3, "not reproduced"),
        ("auroc", 0.5, 0.1, [0.511] * 3, "reproduced"),
        ("relevant", 0.5, 0.0, [0.4, 0.6, 0.8], "reproduced"),
        ("relevant", 0.5, 0.0, [0.5] * 2, "not measured"),
        ("relevant", 0.5, 0.0, [], "not measured"),
    ],
)
def test_numbers_by_example(column, mean, sd, values, verdict):
    cell = claims.Cell("T1-0", "synthetic", "cnn-2", "conv1", column, mean, sd)
    comparison = compare(cell, values)
    assert comparison.verdict == verdict
    assert (comparison.cell, comparison.measured) == (cell, sample(values) if values else None)


@given(cells, st.lists(fractions, min_size=3, max_size=8))
def test_agreement_is_shown_by_two_one_sided_tests(cell, values):
    """Against scipy's t-test at either end of the tolerance; what is not reproduced is never shown."""
    judgement, tolerance = compare(cell, values), TOLERANCE[cell.column]
    assume(np.std(values) > 1e-6)
    ours, theirs = (np.mean(values), np.std(values, ddof=1), len(values)), cell.sd * np.sqrt(5 / 4)
    sides: tuple[tuple[float, Literal["greater", "less"]], ...] = (
        (-tolerance, "greater"),
        (tolerance, "less"),
    )
    ends = [
        stats.ttest_ind_from_stats(*ours, cell.mean + end, theirs, 5, equal_var=False, alternative=side)
        for end, side in sides
    ]
    assume(all(abs(end.pvalue - 0.05) > 1e-9 for end in ends))
    assert judgement.shown == all(end.pvalue < 0.05 for end in ends)
    assert judgement.verdict == "reproduced" or not judgement.shown


@pytest.mark.parametrize(
    ("values", "verdict", "shown"),
    [
        ([0.5] * 3, "reproduced", True),
        ([0.549] * 3, "reproduced", True),
        ([0.551] * 3, "not reproduced", False),
        ([0.3, 0.5, 0.7], "reproduced", False),
        ([0.5] * 2, "not measured", None),
        ([], "not measured", None),
    ],
)
def test_what_is_shown_by_example(values, verdict, shown):
    cell = claims.Cell("T1-0", "synthetic", "cnn-2", "conv1", "relevant", 0.5, 0.0)
    comparison = compare(cell, values)
    assert (comparison.verdict, comparison.shown) == (verdict, shown)


# The rule for claims.


def judged(*evidence, needs=()):
    """The judgement on a claim with this evidence, which leans on no number."""
    return judge(Criterion("POOL-2", lambda results: evidence, needs), Results({}, {}))


@pytest.mark.parametrize(
    ("side", "low", "estimate", "high", "status"),
    [
        ("above", 0.11, 0.2, 0.3, "holds"),
        ("above", 0.1, 0.2, 0.3, "open"),
        ("above", 0.0, 0.2, 0.3, "open"),
        ("above", 0.0, 0.05, 0.3, "open"),
        ("above", 0.0, 0.1, 0.2, "open"),
        ("above", 0.0, 0.05, 0.1, "contradicted"),
        ("above", 0.0, 0.05, 0.09, "contradicted"),
        ("above", 0.1, 0.1, 0.1, "contradicted"),
        ("below", 0.0, 0.05, 0.09, "holds"),
        ("below", 0.0, 0.05, 0.1, "open"),
        ("below", 0.0, 0.05, 0.2, "open"),
        ("below", 0.0, 0.15, 0.2, "open"),
        ("below", 0.1, 0.15, 0.2, "contradicted"),
        ("below", 0.1, 0.1, 0.1, "contradicted"),
    ],
)
def test_an_inequality_holds_is_contradicted_or_open(side, low, estimate, high, status):
    inequality = Evidence("it", Interval(estimate, low, high), side, 0.1)
    assert (inequality.holds, inequality.contradicted) == (status == "holds", status == "contradicted")
    verdict = {"holds": "reproduced", "open": "undecided", "contradicted": "not reproduced"}[status]
    assert judged(inequality).verdict == verdict


intervals = st.lists(st.integers(-3, 3), min_size=3, max_size=3).map(sorted)
inequalities = st.builds(
    lambda ends, side, limit: Evidence("it", Interval(ends[1], ends[0], ends[2]), side, limit),
    intervals,
    st.sampled_from(["above", "below"]),
    st.integers(-3, 3),
)


@given(inequalities)
def test_how_far_an_inequality_holds_is_the_distance_from_its_limit(inequality):
    """The smallest shift of the limit that would take the estimate, or an end, to the other side."""
    low, middle, high = inequality.interval.low, inequality.interval.estimate, inequality.interval.high
    if inequality.side == "above":
        expected = (middle - inequality.limit, low - inequality.limit, high - inequality.limit)
    else:
        expected = (inequality.limit - middle, inequality.limit - high, inequality.limit - low)
    assert (inequality.margin, inequality.clearance, inequality.reach) == expected
    assert inequality.requirement.split() == [inequality.side, f"{inequality.limit}"]


@given(st.lists(inequalities, min_size=1, max_size=4))
def test_a_claim_is_judged_by_what_its_intervals_allow(evidence):
    """By asking the ends of every interval, and nothing of estimates."""
    beyond = [
        {
            (end > inequality.limit) if inequality.side == "above" else (end < inequality.limit)
            for end in (low, high)
        }
        for inequality in evidence
        for low, high in [(inequality.interval.low, inequality.interval.high)]
    ]
    if any(ends == {False} for ends in beyond):
        expected = "not reproduced"
    elif any(len(ends) == 2 for ends in beyond):
        expected = "undecided"
    else:
        expected = "reproduced"
    assert judged(*evidence).verdict == expected


@given(st.lists(inequalities, min_size=1, max_size=4))
def test_the_new_verdict_only_divides_what_was_not_reproduced(evidence):
    """Before, a claim was reproduced if every whole interval lay on the claimed side, else not reproduced."""
    held = all(inequality.holds for inequality in evidence)
    assert (judged(*evidence).verdict == "reproduced") == held
    assert not any(inequality.holds and inequality.contradicted for inequality in evidence)


def test_without_an_interval_a_claim_is_not_measured():
    nan = float("nan")
    wrong = Evidence("wrong", Interval(0, -1, 0.5), "above", 1)
    assert judged(wrong, Evidence("no trials", Interval(nan, nan, nan), "above", 0)).verdict == "not measured"


def test_trials_of_which_none_is_a_pair_measure_nothing():
    values = {
        key(n, "auroc"): (0.7, 0.71, 0.72) if n in SMALL else (0.9, 0.91, 0.92) for n in (*SMALL, *LARGE)
    }
    numbers = {n: (place * 3, place * 3 + 1, place * 3 + 2) for place, n in enumerate((*SMALL, *LARGE))}
    apart = Results(values, {}, task="chipseq", trials=numbers)
    assert judge(BY_ID["VIVO-3"], apart).verdict == "not reproduced"
    assert judge(BY_ID["VIVO-3"], replace(apart, by_trial=True)).verdict == "not measured"


LIMITS = {
    "POOL-1": [("below", 0.1), ("above", 0.1)],
    "POOL-2": [("above", 0), ("above", 0), ("below", 0.5), ("above", 0.5), ("below", 0.1)],
    "POOL-3": [("above", 0.1)],
    "POOL-4": [("below", 1), ("above", 0.5)],
    "NUM-1": [("below", 0)],
    "SIZE-1": [("above", 0.5), ("below", 0.5)],
    "SIZE-2": [("above", 0.1), ("below", 0.1)],
    "SIZE-3": [("above", 0)],
    "STRIDE-1": [("above", 0.5), ("above", 0.1)],
    "DEEP-1": [("above", 0.5), ("above", 0.1)],
    "DEEP-2": [("above", 0.5), ("below", 0.5), ("above", 0.1)],
    "DEEP-3": [("above", 0.5), ("below", 0.5), ("above", 0.1)],
    "VIVO-1": [("above", 0.1), ("above", 0), ("above", 0.1), ("above", 0)],
    "VIVO-2": [("above", 0.1), ("above", 0.1)],
    "VIVO-3": [("above", 0), ("below", 0.1)],
    "VIVO-4": [("above", 0), ("above", 0)],
    "VIVO-5": [("above", 0)],
    "VIVO-6": [("above", 0.1), ("above", 0)],
    "VIVO-7": [("above", 0)],
    "VIVO-8": [("above", 0.1), ("above", 0.1)],
    "ASM-3": [("below", 0), ("above", 0.5)],
    "ASM-6": [("below", 0), ("below", 0.15)],
    "ASM-7": [("below", 0), ("below", 0.15)],
    "DISC-1": [("above", 0.1)] * 4 + [("above", 2 / 3)],
    "DISC-2": [("above", -0.01)] * 6,
    "DISC-3": [("above", 0.1)] * 3,
    "DISC-4": [("above", 5)],
    "DISC-5": [("below", 0.5), ("below", 0.5), ("below", 1 / 3), ("above", 0)],
    "DISC-6": [("above", 0)],
    "DISC-7": [("above", -0.1), ("below", 0.1)],
}
"""The side and the limit of every inequality, as they were committed."""


@pytest.mark.claim("POOL-*", "NUM-*", "SIZE-*", "STRIDE-*", "DEEP-*", "VIVO-*", "ASM-3", "DISC-*")
@pytest.mark.parametrize(
    "claim", [motif for motif in DECIDED if motif.id in LIMITS], ids=lambda claim: claim.id
)
def test_every_inequality_has_its_limit_and_holds_on_one_side_of_it(claim, committed):
    results = committed["synthetic"] if claim.id == "ASM-3" else as_published(claim.tasks[0])
    made_up = dict.fromkeys(claim.needs, tuple(PATTERN)) if claim.id.startswith("DISC") else {}
    evidence = list(claim.rule(replace(results, values={**results.values, **made_up})))
    assert [(inequality.side, inequality.limit) for inequality in evidence] == LIMITS[claim.id]
    for inequality in evidence:
        for beyond in (-1e-6, 1e-6):
            at = inequality.limit + beyond
            moved = replace(inequality, interval=Interval(at, at, at))
            assert moved.holds == ((beyond > 0) == (inequality.side == "above")) == (not moved.contradicted)


# The claims.

BREAKING = {
    "POOL-1": [{("cnn-4", "", "auroc"): 0.8}, {("cnn3-50", "", "auroc"): 0.9}],
    "POOL-2": [
        {("cnn-4", "conv1", "jaspar"): 0.95},
        {("cnn-4", "conv1", "relevant"): 0.6},
        {("cnn-100", "conv1", "relevant"): 0.4},
        {("cnn-25", "conv1", "relevant"): 0.75},
    ],
    "POOL-3": [{(variant, "conv1", "jaspar"): 0.1} for variant in ("cnn-1", "cnn-2", "cnn-4")],
    "POOL-4": [{(variant, "conv1", "relevant"): 1.0 for variant in LARGE}],
    "NUM-1": [{("cnn-25-90", "conv1", "relevant"): 1.0, ("cnn-25-120", "conv1", "relevant"): 1.0}],
    "SIZE-1": [{("cnn9-4", "conv1", "relevant"): 0.6}, {("cnn9-25", "conv1", "relevant"): 0.4}],
    "SIZE-2": [{("cnn3-2", "", "auroc"): 0.7}, {("cnn3-50", "", "auroc"): 0.9}],
    "SIZE-3": [{("cnn9-25", "", "auroc"): 0.98}],
    "STRIDE-1": [{("cnn-50-2", "conv1", "relevant"): 0.4}, {("cnn-2", "conv1", "relevant"): 0.85}],
    "DEEP-1": [{("cnn19-1-2", "conv1", "relevant"): 0.4}, {("cnn-2", "conv1", "relevant"): 0.7}],
    "DEEP-2": [{("cnn-1", "conv1", "relevant"): 0.7}, {("cnn-1", "conv2", "relevant"): 0.4}],
    "DEEP-3": [{("cnn-1-1-100", f"conv{n}", "relevant"): mean} for n, mean in ((1, 0.7), (2, 0.7), (3, 0.4))],
    "VIVO-1": [
        {("cnn-4", "conv1", "relevant"): 0.75},
        {("cnn-4", "conv1", "jaspar"): 0.92},
        {(variant, "conv1", "relevant"): 0.3 for variant in LARGE},
        {(variant, "conv1", "jaspar"): 0.5 for variant in LARGE},
    ],
    "VIVO-2": [{("cnn-1", "conv2", "relevant"): 0.1}, {("cnn-1", "conv2", "jaspar"): 0.3}],
    "VIVO-3": [
        {(variant, "", "auroc"): 0.89 for variant in SMALL},
        {(variant, "", "auroc"): 0.8 for variant in LARGE},
    ],
    "VIVO-4": [
        {(variant, "", "auroc"): 0.9 for variant in NUMBERS[1:]},
        {(variant, "conv1", "relevant"): 0.6 / (place + 2) ** 2 for place, variant in enumerate(NUMBERS[1:])},
    ],
    "VIVO-6": [
        {("cnn-4", "conv1", "relevant"): 0.75},
        {(variant, "conv1", "relevant"): 0.3 for variant in LARGE},
    ],
    "VIVO-8": [{("cnn9-4", "conv1", "relevant"): 0.6}, {("cnn-50-2", "conv1", "relevant"): 0.15}],
}
"""Changes to the published means, each of which breaks one inequality of a claim."""

SHIFTING = {
    "POOL-1": {("cnn-1", "", "auroc"): 0.94},
    "POOL-2": {("cnn-4", "conv1", "jaspar"): 0.75},
    "POOL-3": {("cnn-2", "conv1", "jaspar"): 0.5},
    "POOL-4": {("cnn-100", "conv1", "relevant"): 0.97},
    "NUM-1": {("cnn-25-120", "conv1", "relevant"): 0.6},
    "SIZE-1": {("cnn9-4", "conv1", "relevant"): 0.3},
    "SIZE-2": {("cnn3-50", "", "auroc"): 0.55},
    "SIZE-3": {("cnn9-25", "", "auroc"): 0.93},
    "STRIDE-1": {("cnn-50-2", "conv1", "relevant"): 0.7},
    "DEEP-1": {("cnn-2", "conv1", "jaspar"): 0.6},
    "DEEP-2": {("cnn-1", "conv2", "relevant"): 0.7},
    "DEEP-3": {("cnn-1-1-100", "conv3", "relevant"): 0.7},
    "VIVO-1": {("cnn-2", "conv1", "jaspar"): 0.5},
    "VIVO-2": {("cnn-1", "conv2", "relevant"): 0.75},
    "VIVO-3": {("cnn-1", "", "auroc"): 0.95},
    "VIVO-4": {("cnn-25-120", "", "auroc"): 0.96},
    "VIVO-5": {("cnn-25", "conv1", "relevant"): 0.9},
    "VIVO-6": {("cnn-2", "conv1", "relevant"): 0.3},
    "VIVO-7": {("cnn-1", "conv2", "relevant"): 0.75},
    "VIVO-8": {("cnn9-25", "conv1", "relevant"): 0.75},
}
"""Changes that no inequality minds, but a published number does."""


@pytest.mark.claim("POOL-*", "NUM-*", "SIZE-*", "STRIDE-*", "DEEP-*", "VIVO-*")
@pytest.mark.parametrize("claim", BY_ID.values(), ids=BY_ID)
def test_the_published_numbers_bear_every_claim_out(claim):
    """With no more than the quantities that the claim says it needs."""
    every = as_published(claim.tasks[0])
    only = replace(every, values={quantity: every.values[quantity] for quantity in claim.needs})
    judgement = judge(claim, only)
    assert judgement.verdict == "reproduced", judgement.evidence
    assert judgement.evidence


@pytest.mark.claim("POOL-*", "NUM-*", "SIZE-*", "STRIDE-*", "DEEP-*", "VIVO-*")
@pytest.mark.parametrize(
    ("name", "means"), [(name, means) for name, several in BREAKING.items() for means in several]
)
def test_a_claim_fails_when_an_inequality_does(name, means):
    claim = BY_ID[name]
    judgement = judge(claim, exact(as_published(claim.tasks[0]), means))
    assert judgement.verdict == "not reproduced"
    assert [inequality.contradicted for inequality in judgement.evidence] == [
        not inequality.holds for inequality in judgement.evidence
    ]
    scattered = judge(claim, changed(as_published(claim.tasks[0]), means))
    assert scattered.verdict in ("undecided", "not reproduced")


@pytest.mark.claim("POOL-4")
def test_pool_4_counts_filters_of_the_first_layer():
    """Thirty in each: of the trials' shares on a factor the standard deviation, in filters."""
    results = as_published()
    _, spread = BY_ID["POOL-4"].rule(results)
    deviations = [
        [np.std([30 * trial[factor] for trial in results.factors[v, "conv1"]], ddof=1) for v in LARGE]
        for factor in "abcdefghijkl"
    ]
    by_factor = np.mean(deviations, axis=1)
    low, high = stats.ttest_1samp(by_factor, 0).confidence_interval(0.95)
    assert spread.interval.estimate == pytest.approx(np.mean(by_factor))
    assert (spread.interval.low, spread.interval.high) == pytest.approx((low, high))


@pytest.mark.claim("POOL-4")
def test_pool_4_fails_when_every_trial_spends_its_filters_alike():
    alike = (dict.fromkeys("abcdefghijkl", 2 / 30),) * 5
    same = replace(as_published(), factors={(variant, "conv1"): alike for variant in LARGE})
    assert judge(BY_ID["POOL-4"], same).verdict == "not reproduced"


@pytest.mark.claim("POOL-*", "NUM-*", "SIZE-*", "STRIDE-*", "DEEP-*", "VIVO-*")
@pytest.mark.parametrize(("name", "means"), SHIFTING.items())
def test_a_claim_without_its_numbers_is_a_trend_only(name, means):
    claim = BY_ID[name]
    judgement = judge(claim, changed(as_published(claim.tasks[0]), means))
    assert judgement.verdict == "trend only"
    assert all(inequality.holds for inequality in judgement.evidence)


@pytest.mark.claim("POOL-*", "NUM-*", "SIZE-*", "STRIDE-*", "DEEP-*", "VIVO-*")
@pytest.mark.parametrize("claim", BY_ID.values(), ids=BY_ID)
def test_the_same_means_without_agreement_between_trials_show_nothing(claim):
    """Noise goes the other way in another column or layer, so that no difference is spared."""
    signs = {"auroc": 3, "aupr": 3, "jaspar": 3, "relevant": -3}
    published = as_published(claim.tasks[0])
    noise = {
        quantity: tuple(np.mean(values) + signs[quantity[2]] * (-1) ** (quantity[1] == "conv2") * PATTERN)
        for quantity, values in published.values.items()
    }
    factors = covering({"cnn-25": [0, 12, 0, 12, 0], "cnn-25-120": [12, 0, 12, 0, 12]})
    factors |= covering({"cnn-1": [12, 0, 12, 0, 12]}, "conv2")
    factors = factors if claim.id in ("VIVO-5", "VIVO-7") else published.factors
    judgement = judge(claim, replace(published, values=noise, factors=factors))
    assert judgement.verdict == "undecided"
    assert not any(inequality.contradicted for inequality in judgement.evidence)


@pytest.mark.claim("POOL-*", "NUM-*", "SIZE-*", "STRIDE-*", "DEEP-*", "VIVO-*")
@pytest.mark.parametrize("claim", BY_ID.values(), ids=BY_ID)
def test_a_claim_waits_for_each_of_its_networks(claim):
    every = as_published(claim.tasks[0])
    for variant in {quantity[0] for quantity in claim.needs}:
        short = {q: v[: claim.least - 1] if q[0] == variant else v for q, v in every.values.items()}
        judgement = judge(claim, replace(every, values=short))
        assert (judgement.verdict, judgement.waits_for, judgement.evidence) == (
            "not measured",
            (variant,),
            (),
        )


def test_every_claim_leans_on_published_numbers():
    assert (len(CLAIMS), len(BY_ID)) == (12, 20)
    assert {claim.least for claim in CLAIMS} == {PUBLISHED_TRIALS}
    for claim in CLAIMS:
        assert sorted(cell.key for cell in leans_on(claim)) == sorted(claim.needs)


@pytest.mark.claim("D-2")
def test_claims_in_vivo_lean_on_table_2_but_not_on_what_was_copied_from_table_1():
    published = {(c.id[:2], c.key): (c.mean, c.sd) for c in claims.published_numbers()}
    copied = {key(variant, column) for variant in NUMBERS[1:] for column in ("jaspar", "relevant")}
    for quantity in copied:
        assert published["T1", quantity] == published["T2", quantity]
    for claim in IN_VIVO:
        leant_on = sorted(cell.key for cell in leans_on(claim, "invivo"))
        assert leant_on == sorted(set(claim.needs) - copied)
        assert leans_on(claim, "chipseq") == []


@pytest.mark.claim("VIVO-*")
@pytest.mark.parametrize("claim", IN_VIVO, ids=[claim.id for claim in IN_VIVO])
def test_other_data_than_the_papers_bear_out_a_trend_at_best(claim):
    judgement = judge(claim, as_published("chipseq"))
    assert (judgement.task, judgement.verdict) == ("chipseq", "trend only")
    assert all(inequality.holds for inequality in judgement.evidence)


@pytest.mark.claim("VIVO-*")
def test_a_claim_is_judged_on_every_task_that_has_runs():
    papers, ours = as_published("invivo"), Results({}, {}, task="chipseq")
    judgements = judge_all(BY_ID.values(), {"synthetic": as_published(), "invivo": papers, "chipseq": ours})
    verdicts = {(judgement.criterion.id, judgement.task): judgement.verdict for judgement in judgements}
    assert len(verdicts) == len(judgements) == 12 + 8 * 2
    for name, claim in BY_ID.items():
        assert verdicts[name, claim.tasks[0]] == "reproduced"
    assert [judgement.verdict for judgement in judgements if judgement.task == "chipseq"] == [
        "not measured"
    ] * 8
    without = judge_all(BY_ID.values(), {"synthetic": as_published()})
    expected = [(name, claim.tasks[-1]) for name, claim in BY_ID.items()]
    assert [(judgement.criterion.id, judgement.task) for judgement in without] == expected


@pytest.mark.claim("VIVO-1", "VIVO-3")
@given(st.lists(st.lists(fractions, min_size=3, max_size=5), min_size=7, max_size=7))
def test_groups_of_networks_are_compared_by_their_means(values):
    names = (*SMALL, *LARGE)
    results = Results({key(n, "auroc"): tuple(v) for n, v in zip(names, values, strict=True)}, {})
    (difference, _) = BY_ID["VIVO-3"].rule(results)
    means = [np.mean(trial) for trial in values]
    assert difference.interval.estimate == pytest.approx(np.mean(means[:3]) - np.mean(means[3:]), abs=1e-9)


@pytest.mark.claim("VIVO-*")
def test_degrees_of_freedom_are_as_the_module_says():
    """Three trials each that scatter alike: the width of an interval over its standard error."""
    values = {key(n, "auroc"): (0.4, 0.5, 0.6) for n in (*SMALL, *LARGE, *NUMBERS)}
    values |= {key(n, "relevant"): (0.4, 0.5, 0.6) for n in NUMBERS}
    number = np.multiply((-0.3, -0.1, 0.1, 0.3), (30, 60, 90, 120)) ** 2
    few = 2 * number.sum() ** 2 / (number**2).sum()
    assert 2 < few < 3
    assert stats.t.ppf(0.975, few) == pytest.approx(3.4, abs=0.05)
    expected = (("VIVO-3", 0, 1 / 3 + 1 / 4, 13), ("VIVO-4", 0, 0.2, 5), ("VIVO-4", 1, number.sum(), few))
    for name, place, squared_weights, freedom in expected:
        interval = tuple(BY_ID[name].rule(Results(values, {})))[place].interval
        error = np.sqrt(squared_weights * 0.1**2 / 3)
        assert (interval.high - interval.low) / 2 / error == pytest.approx(
            stats.t.ppf(0.975, freedom), rel=0.01
        )


@pytest.mark.claim("VIVO-4", "D-2")
def test_the_number_of_relevant_filters_may_rise_while_their_fraction_falls():
    values = as_published("invivo").values
    shares = [np.mean(values[key(variant, "relevant")]) for variant in NUMBERS[1:]]
    assert shares == sorted(shares, reverse=True)
    _, number = BY_ID["VIVO-4"].rule(Results(values, {}))
    expected = np.polyfit([1, 2, 3], np.multiply(shares, [60, 90, 120]), 1)[0]
    assert expected > 0
    assert number.holds


@pytest.mark.claim("VIVO-5")
@pytest.mark.parametrize(
    ("few", "many", "holds"),
    [
        ([7, 7, 8], [9, 9, 10], True),
        ([8, 8, 8], [9, 9, 9], True),
        ([12, 12, 12], [12, 12, 12], False),
        ([7, 9, 11], [8, 10, 12], False),
        ([9, 9, 10], [7, 7, 8], False),
    ],
)
def test_more_factors_with_a_filter_show_motifs_that_were_missed(few, many, holds):
    results = Results({}, covering({"cnn-25": few, "cnn-25-120": many}))
    (inequality,) = BY_ID["VIVO-5"].rule(results)
    assert inequality.holds == holds
    assert inequality.interval.estimate == pytest.approx(np.mean(many) - np.mean(few))


@pytest.mark.claim("NUM-1")
@given(st.lists(st.lists(fractions, min_size=3, max_size=5), min_size=4, max_size=4))
def test_the_trend_with_filters_is_the_least_squares_slope(values):
    names = ("cnn-25", "cnn-25-60", "cnn-25-90", "cnn-25-120")
    results = Results(
        {key(name, "relevant"): tuple(trials_) for name, trials_ in zip(names, values, strict=True)}, {}
    )
    (slope,) = BY_ID["NUM-1"].rule(results)
    expected = np.polyfit([1, 2, 3, 4], [np.mean(trial) for trial in values], 1)[0]
    assert slope.interval.estimate == pytest.approx(expected, abs=1e-9)


@given(st.lists(st.tuples(spread, fractions, st.booleans()), min_size=1, max_size=6))
def test_the_closest_inequality_speaks_for_all(parts):
    evidence = [
        (above if up else below)(
            Results({key("cnn-2", "jaspar"): tuple(values)}, {}), key("cnn-2", "jaspar"), limit
        )
        for values, limit, up in parts
    ]
    assert closest(evidence).holds == all(inequality.holds for inequality in evidence)
    assert closest(evidence).contradicted == any(inequality.contradicted for inequality in evidence)
    assert closest(evidence).closest_of == len(parts)


@given(st.lists(st.tuples(fractions, fractions), min_size=3, max_size=6))
def test_quantities_of_the_same_networks_are_compared_trial_by_trial(pairs):
    assume(np.std([a - b for a, b in pairs]) > 1e-3)
    first, other = key("cnn-4", "jaspar"), key("cnn-4", "relevant")
    a, b = zip(*pairs, strict=True)
    interval = exceeds(Results({first: a, other: b}, {}), first, other).interval
    oracle = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert (interval.low, interval.high) == pytest.approx(tuple(oracle), abs=1e-9)


@given(st.lists(st.lists(fractions, min_size=3, max_size=5), min_size=7, max_size=7))
def test_by_trial_a_sum_is_taken_within_every_trial(values):
    """As many trials as all networks have; the oracle is the interval of the sums' mean."""
    names = (*SMALL, *LARGE)
    quantities = {key(n, "auroc"): tuple(v) for n, v in zip(names, values, strict=True)}
    sums = [np.mean(trial[:3]) - np.mean(trial[3:]) for trial in zip(*values, strict=False)]
    assume(np.std(sums) > 1e-3)
    (inequality, _) = BY_ID["VIVO-3"].rule(Results(quantities, {}, by_trial=True))
    oracle = stats.ttest_1samp(sums, 0).confidence_interval(0.95)
    assert (inequality.interval.low, inequality.interval.high) == pytest.approx(tuple(oracle), abs=1e-9)
    first, other = (key(name, "auroc") for name in names[:2])
    pair = exceeds(Results(quantities, {}, by_trial=True), first, other).interval
    assert pair.estimate == pytest.approx(
        np.mean([a - b for a, b in zip(values[0], values[1], strict=False)]), abs=1e-9
    )


def test_trials_are_pairs_by_their_numbers():
    first, other = key("cnn-2", "jaspar"), key("cnn-4", "jaspar")
    numbers = {"cnn-2": (0, 1, 2, 3), "cnn-4": (1, 2, 3, 4)}
    values = {first: (0.9, 0.2, 0.3, 0.5), other: (0.1, 0.3, 0.4, 0.8)}
    interval = exceeds(Results(values, {}, trials=numbers, by_trial=True), first, other).interval
    oracle = stats.ttest_rel(values[first][1:], values[other][:3])
    assert (interval.low, interval.high) == pytest.approx(tuple(oracle.confidence_interval()), abs=1e-9)


def test_factors_covered_are_compared_by_trial_too():
    """Of the same trials: the gain is 1 in each, however much the trials differ."""
    results = Results({}, covering({"cnn-25": [2, 5, 8], "cnn-25-120": [3, 6, 9]}))
    (apart,) = BY_ID["VIVO-5"].rule(results)
    (together,) = BY_ID["VIVO-5"].rule(replace(results, by_trial=True))
    assert (apart.holds, together.holds) == (False, True)


@given(st.lists(fractions, min_size=1, max_size=6))
def test_one_trial_has_no_deviation(values):
    found = sample(values)
    assert found.deviation == (pytest.approx(np.std(values, ddof=1)) if len(values) > 1 else None)
