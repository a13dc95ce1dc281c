"""Ablations: differences from ``released``, and which discrepancy explains a number."""

from dataclasses import fields, replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from tests.made import make_run, put_run

from receptive.errors import ReceptiveError
from receptive.evidence import ablations, claims
from receptive.evidence.verdicts import compare
from receptive.protocols import (
    ABLATED,
    ADDED,
    CONTROL_READING,
    DISCREPANCIES,
    PAPER,
    READING,
    RELEASED,
    Protocol,
    protocol,
    with_other_reading,
)


def explain(network, column, switched):
    cell = claims.cell(network, column)
    assert cell
    return ablations.explain(compare(cell, ()), switched)


THOUSANDTHS = st.lists(st.integers(0, 1000), min_size=3, max_size=5)
TRAINED, READ = protocol("released", beta_1=0.9), protocol("released", threshold=0.7)


def put(store, network, protocol, values, jaspar=None, **changes):
    """Store made-up runs; unless given, JASPAR is half of the AU-ROC, and relevant always a tenth."""
    for trial, value in enumerate(values):
        matching = value / 2 if jaspar is None else jaspar[trial]
        run = make_run(
            network, trial, value, matching, value / 10, protocol=protocol, by_factor={}, **changes
        )
        put_run(store, run)


@given(THOUSANDTHS, THOUSANDTHS)
def test_what_was_trained_otherwise_differs_by_welchs_interval(tmp_path_factory, base, other):
    """Where there is any spread: without, scipy has no interval."""
    assume(min(len(set(base)), len(set(other))) > 1)
    base, other = ([value / 1000 for value in values] for values in (base, other))
    store = tmp_path_factory.mktemp("store")
    for chosen, values in ((RELEASED, base), (TRAINED, other)):
        put(store, "cnn-2", chosen, values)
    released, trained = ablations.rows(store, [("cnn-2", RELEASED), ("cnn-2", TRAINED)])
    assert set(released.differences.values()) == {None}
    wanted = stats.ttest_ind(other, base, equal_var=False).confidence_interval()
    difference = trained.differences["auroc"]
    assert (difference.low, difference.high) == pytest.approx((wanted.low, wanted.high), abs=1e-9)


@given(st.lists(st.tuples(*[st.integers(0, 1000)] * 3), min_size=3, max_size=5), st.integers(0, 2))
def test_what_was_read_otherwise_is_compared_with_the_same_weights(tmp_path_factory, trials, strangers):
    """Trials of other weights, as their AU-ROC tells, are no pairs; nor are other runs of ``released``."""
    scores, base, other = zip(*trials, strict=True)
    pairs = len(trials) - strangers
    apart = [(a - b) / 1000 for a, b in zip(other, base, strict=True)][:pairs]
    assume(len(set(apart)) > 1 or pairs < 3)
    store = tmp_path_factory.mktemp("store")
    put(store, "cnn-2", RELEASED, [0.1, 0.9, 0.1])
    put(store, "cnn-2", CONTROL_READING, [score / 1000 for score in scores], [score / 1000 for score in base])
    moved = [score / 1000 if trial < pairs else 1 - score / 2000 for trial, score in enumerate(scores)]
    assume(all(moved[trial] != scores[trial] / 1000 for trial in range(pairs, len(trials))))
    put(store, "cnn-2", READ, moved, [score / 1000 for score in other])
    (read,) = ablations.rows(store, [("cnn-2", READ)])
    if pairs < 3:
        assert set(read.differences.values()) == {None}
        return
    assert vars(read.differences["auroc"]) == {"estimate": 0, "low": 0, "high": 0}
    interval, wanted = read.differences["jaspar"], stats.ttest_1samp(apart, 0).confidence_interval()
    assert (interval.low, interval.high) == pytest.approx((wanted.low, wanted.high), abs=1e-9)


def test_what_was_not_measured_often_enough_has_no_difference_and_no_verdict(tmp_path):
    put(tmp_path, "cnn-2", RELEASED, [0.9, 0.8, 0.7])
    put(tmp_path, "cnn-2", TRAINED, [0.9, 0.8])
    put(tmp_path, "cnn-2", READ, [0.9, 0.8, 0.7], epochs=99)
    rows = {row.protocol: row for row in ablations.read(tmp_path).ablations if row.variant == "cnn-2"}
    assert rows[RELEASED].n == 3
    assert rows[RELEASED].sample_of("relevant").mean == pytest.approx(0.08)
    for other, number in ((TRAINED, 2), (READ, 0), (PAPER, 0)):
        row = rows[other]
        assert row.n == number
        assert (row.differences["auroc"], row.comparison("auroc").verdict) == (None, "not measured")
    assert rows[PAPER].sample_of("auroc") is None


def test_every_switch_and_both_protocols_are_read(tmp_path):
    tmp_path.joinpath("synthetic").mkdir()
    switches = ablations.read(tmp_path)
    singles = [(row.variant, row.switches) for row in switches.ablations if len(row.switches) == 1]
    assert singles == [
        *((variant, {name: getattr(PAPER, name)}) for variant in ("cnn-2", "cnn-25") for name in ABLATED),
        ("cnn9-4", {"window": None}),
        ("cnn-50-2", {"cnn_50_2": "full"}),
    ]
    assert [row.variant for row in switches.protocols] == [
        variant for variant in ablations.BY_THE_PAPER for _ in range(3)
    ]
    assert set(DISCREPANCIES) == {field.name for field in fields(Protocol)} - {"name", *ADDED}
    reading = next(row for row in switches.ablations if row.protocol == with_other_reading(RELEASED))
    assert reading.discrepancies == ("D-7", "D-8")
    assert reading.switches.keys() <= READING


def test_a_switch_explains_a_number_that_it_makes_reproduced(tmp_path):
    """CNN-2's published AU-ROC is 0.966, JASPAR 0.240, relevant 0.007."""
    put(tmp_path, "cnn-2", RELEASED, [0.90, 0.91, 0.90])
    put(tmp_path, "cnn-2", TRAINED, [0.966, 0.965, 0.967])
    put(tmp_path, "cnn-2", READ, [0.90, 0.91, 0.90])
    put(tmp_path, "cnn-2", PAPER, [0.966, 0.965, 0.967])
    put(tmp_path, "cnn-25", READ, [0.966, 0.965, 0.967])
    switched = ablations.read(tmp_path).ablations
    assert explain("cnn-2", "auroc", switched) == [DISCREPANCIES["beta_1"]]
    assert explain("cnn-2", "jaspar", switched) == []
    assert explain("cnn-4", "auroc", switched) == []
    cell = claims.cell("cnn-2", "auroc")
    assert cell
    deeper = replace(cell, layer="conv2")
    assert ablations.explain(compare(deeper, ()), switched) == []


def test_a_wider_interval_explains_nothing(tmp_path):
    """CNN-2's published JASPAR fraction is 0.240: five trials differ from it, three of the same do not."""
    same = [2 * jaspar for jaspar in (0.30, 0.50, 0.44)]
    put(tmp_path, "cnn-2", RELEASED, [*same, 2 * 0.41, 2 * 0.42])
    put(tmp_path, "cnn-2", TRAINED, same)
    switched = ablations.read(tmp_path).ablations
    by_name = {row.protocol: row.comparison("jaspar").verdict for row in switched if row.variant == "cnn-2"}
    assert (by_name[RELEASED], by_name[TRAINED]) == ("not reproduced", "reproduced")
    assert explain("cnn-2", "jaspar", switched) == []


@pytest.mark.parametrize(
    ("again", "less", "reasons"),
    [
        ([0.40, 0.42, 0.44], 0.16, ["D-7"]),
        ([0.20, 0.26, 0.32], 0.16, []),  # read so, it is missed
        ([0.24, 0.26, 0.28], 0.02, []),  # it is hit by either reading, though they differ
    ],
)
def test_a_reading_explains_only_what_the_released_reading_of_its_weights_misses(
    tmp_path, again, less, reasons
):
    """CNN-2's published JASPAR fraction is 0.240; every filter set matches by so much less when read so."""
    put(tmp_path, "cnn-2", RELEASED, [0.9] * 5, [0.40, 0.41, 0.42, 0.43, 0.44])
    put(tmp_path, "cnn-2", CONTROL_READING, [0.9] * 3, again)
    put(
        tmp_path, "cnn-2", READ, [0.9] * 3, [score - less + place / 1000 for place, score in enumerate(again)]
    )
    switched = ablations.read(tmp_path).ablations
    assert explain("cnn-2", "jaspar", switched) == reasons


def test_several_switches_at_once_explain_nothing(tmp_path):
    put(tmp_path, "cnn-2", RELEASED, [0.90, 0.91, 0.90])
    put(tmp_path, "cnn-2", with_other_reading(RELEASED), [0.966, 0.965, 0.967])
    switched = ablations.read(tmp_path).ablations
    assert explain("cnn-2", "auroc", switched) == []


@pytest.mark.parametrize("value", [None, 2])
def test_a_damaged_run_is_refused_under_any_protocol(tmp_path, value):
    put_run(tmp_path, replace(make_run("cnn-2", protocol=TRAINED), auroc=(value,)))
    with pytest.raises(ReceptiveError, match="damaged"):
        ablations.read(tmp_path)


def test_a_protocol_is_named_by_what_is_switched():
    def named(row):
        return ablations.in_words(ablations.Row("cnn-2", row, {}, {}))

    assert named(CONTROL_READING) == "released, again"
    assert named(protocol("released", beta_1=0.9)) == "beta_1=0.9"
    assert named(with_other_reading(RELEASED)) == "read as paper"
    assert named(PAPER) == "paper"
    assert named(with_other_reading(PAPER)) == "paper, read as released"
    both = named(protocol("released", beta_1=0.9, threshold=0.7))
    assert sorted(both.split(", ")) == ["beta_1=0.9", "threshold=0.7"]
