"""Predictions: the interval against its definition and on made-up worlds, and where none is made."""

import json
from dataclasses import replace
from math import inf, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import networks

from receptive.networks.variants import VARIANTS
from receptive.theory import prediction
from receptive.theory.assembly import FEATURES, View, kind_of
from receptive.theory.fields import receptive_fields, unreadable
from receptive.theory.layers import chain, parse_layers
from receptive.theory.prediction import (
    LEVEL,
    LIKE,
    Outcome,
    Outcomes,
    alike,
    interval,
    outside,
    predict,
    width,
)

SEEN = View("conv1", "conv2", 4, 4, 5, 1, 1)


def outcome(forecast, *trials, view=SEEN, registered=1, letters=19, network="made-up"):
    return Outcome(network, view, letters, registered, forecast, trials, (0.96, 0.01))


def predicted(text, length=200, activations=None):
    graph = replace(chain(parse_layers(text)), activations=activations or {})
    return predict(receptive_fields(graph, length))


# --- how surely ----------------------------------------------------------------------------------------

shares = st.floats(0, 1)
worlds = st.lists(st.tuples(shares, st.lists(shares, min_size=1, max_size=5)), min_size=1, max_size=30)


def held(world, spread):
    """The share of trainings within an interval, every network with the same weight."""
    return np.mean(
        [
            np.mean([abs(trial - p) <= spread * sqrt(p * (1 - p) + 1 / 900) + 1e-12 for trial in trials])
            for p, trials in world
        ]
    )


@given(worlds)
def test_the_width_is_the_least_that_holds_its_share_of_one_more_network_than_there_are(world):
    scales = width([outcome(p, *trials) for p, trials in world])
    n = len(world)
    if scales == inf:
        assert LEVEL * (n + 1) > n
        return
    assert held(world, scales) * n >= LEVEL * (n + 1) - 1e-6
    assert held(world, scales * (1 - 1e-9) - 1e-9) * n < LEVEL * (n + 1)


def test_an_interval_holds_its_share_of_trainings_of_networks_like_those_registered():
    """Whatever the curve's mistakes and the scatter are: both are drawn anew for each network."""
    rng, inside, worlds_ = np.random.default_rng(0), 0, 600
    for _ in range(worlds_):
        p = rng.random(21)
        mistake, scatter = rng.normal(0, 0.2, 21), rng.gamma(1, 0.1, 21)
        trials = np.clip(p[:, None] + mistake[:, None] + rng.normal(0, 1, (21, 3)) * scatter[:, None], 0, 1)
        spread = width([outcome(*case) for case in zip(p[:20], *trials[:20].T, strict=True)])
        low, high = interval(p[20], spread)
        inside += low <= trials[20, 0] <= high
    assert LEVEL - 0.03 < inside / worlds_ < LEVEL + 0.08


def test_only_first_layers_that_were_registered_count():
    right = [outcome(0.5, 0.5 + step / 100) for step in range(10)]
    others = [
        outcome(0.5, 0.0, registered=0),
        outcome(0.5, 0.0, view=replace(SEEN, name="conv2"), registered=2),
    ]
    assert width([*right, *others]) == width(right) < 0.3


def test_without_outcomes_anything_may_be():
    assert interval(0.5, width([])) == (0, 1)
    assert interval(0.0, width([outcome(0.5, 0.5)] * 3)) == (0, 1)


@given(shares, st.floats(0, 5))
def test_an_interval_holds_its_fraction_and_stays_a_share(fraction, spread):
    low, high = interval(fraction, spread)
    assert 0 <= low <= fraction <= high <= 1


# --- where -----------------------------------------------------------------------------------------------

sizes = st.integers(1, 40)
seen = st.builds(
    lambda pool, stride, taps, dilation, features: View(
        "conv1", "x", pool, stride, taps, dilation, 1, features
    ),
    *(sizes, sizes, st.integers(1, 12), st.integers(1, 6)),
    st.frozensets(st.sampled_from([*FEATURES]), max_size=2),
)


def within_reach(view):
    """Taps that two parts, at most 4 positions off, can light together with the first."""
    return sum(tap * view.stride * view.dilation <= view.pool + 4 for tap in range(view.taps))


@given(seen, seen)
def test_layers_are_alike_whose_numbers_differ_by_half_at_most(first, other):
    factors = [
        (first.pool, other.pool),
        (first.stride * first.dilation, other.stride * other.dilation),
        [
            sum(i * view.stride * view.dilation <= view.pool + 4 for i in range(view.taps))
            for view in (first, other)
        ],
    ]
    near = all(2 * max(pair) <= 3 * min(pair) for pair in factors)
    assert alike(first, other) == alike(other, first) == (near and first.features == other.features)
    assert alike(first, first)
    assert LIKE == 1.5


few = st.integers(1, 6)
small = st.builds(replace, st.just(SEEN), pool=few, stride=few, taps=few, dilation=st.integers(1, 2))


@given(small, st.lists(st.tuples(small, st.sampled_from([9, 11, 19])), max_size=6))
def test_the_nearest_layer_is_alike_and_long_enough_and_none_is_nearer(view, others):
    layers = [outcome(0.5, 0.5, view=other, letters=letters) for other, letters in others]

    def numbers(view):
        return view.pool, view.stride * view.dilation, within_reach(view)

    def factor(layer):
        pairs = zip(numbers(view), numbers(layer.view), strict=True)
        return float(np.prod([max(pair) / min(pair) for pair in pairs]))

    near = [layer for layer in layers if layer.letters >= 11 and alike(view, layer.view)]
    nearest = prediction.nearest(view, layers)
    if near:
        assert nearest in near
        assert factor(nearest) == pytest.approx(min(map(factor, near)))
    else:
        assert nearest is None


def test_features_of_outcomes_are_written_in_order():
    """They are a set, which has another order in every process."""
    entry = outcome(0.5, 0.5, view=replace(SEEN, features=frozenset(FEATURES)))
    document = Outcomes(prediction.outcomes().curve, 1.0, (entry,)).document()
    assert document["layers"][0]["view"]["features"] == sorted(FEATURES)


def test_a_number_is_given_where_the_curve_was_right_about_networks_like_it():
    right, wrong = outcome(0.5, 0.4, 0.6), outcome(0.5, 0.1, network="off")
    assert outside(SEEN, 19, "relu", [right]) == ""
    assert outside(SEEN, 19, "relu", [right, wrong, right]) == ""
    assert (
        outside(SEEN, 19, "relu", [wrong])
        == "off, which is like it, came out at 0.10 where the curve says 0.50"
    )
    beside = outcome(0.5, 0.1, view=replace(SEEN, pool=5, stride=5), network="beside")
    assert outside(SEEN, 19, "relu", [right, beside, beside]) == ""
    assert "beside, which is like it" in outside(SEEN, 19, "relu", [beside])
    assert "the nearest is made-up with a window of 4, 4 apart, 5 taps" in outside(
        replace(SEEN, pool=7), 19, "relu", [right]
    )
    short = outcome(0.5, 0.5, letters=9)
    assert "no network like it was trained" in outside(SEEN, 19, "relu", [right, short][1:])


@pytest.mark.parametrize("name", FEATURES)
def test_what_no_network_had_is_said_in_words(name):
    reason = outside(replace(SEEN, features=frozenset({name})), 19, "relu", [outcome(0.5, 0.5)])
    assert reason == f"no network like it was trained, as {FEATURES[name]}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("conv3 pool50 conv5 pool2", "its filters see 3 letters"),
        ("conv10 pool25 conv5 pool4", "its filters see 10 letters"),
        ("conv5d4 pool25 conv5 pool4", "its filters see 5 letters"),
        ("conv19 pool151 conv5", "the nearest is cnn-100 with a window of 100, 100 apart, 5 taps"),
        ("conv19 conv30d20 pool4", "the nearest is"),
        ("conv19 pool4s8 conv5 pool4", "the nearest is"),
        ("conv19 mean10 conv5 pool10", "average pooling"),
        ("conv19s2 pool5 conv5 pool10", "it moves by several positions itself"),
        ("conv19d2 pool10 conv5 pool10", "its own filters are dilated"),
        ("conv19 pool10 conv5s2 pool5", "the next filters move by several neurons"),
        ("conv19 global", "no network like it was trained"),
    ],
)
def test_outside_of_what_was_tested_there_is_no_number_but_a_reason(text, words):
    first = predicted(text)[0]
    assert words in first.outside
    assert (first.relevant, first.kind, first.share) == (None, None, "–")
    assert first.in_words.startswith("outside what was tested: ")
    (inside, *_) = prediction.predict(receptive_fields(VARIANTS["cnn-25"].layers, 200))
    assert (inside.outside, inside.in_words) == ("", str(inside.kind))


@pytest.mark.parametrize("activation", ["exponential", "softplus", "leaky_relu", "linear"])
def test_other_activations_than_relu_are_outside(activation):
    known = predicted("conv19 pool25 conv5 pool4")
    other = predicted("conv19 pool25 conv5 pool4", activations={"conv1": activation})
    assert predicted("conv19 pool25 conv5 pool4", activations={"conv1": "relu", "conv2": "relu"}) == known
    assert known[0].outside == "" != other[0].outside
    assert "the forecast is made for ReLU" in other[0].outside
    assert other[1] == known[1]


def test_what_is_known_of_another_activation_is_said_of_the_network_most_alike():
    near = outcome(0.0, 0.9, 0.95, network="near")
    far = outcome(0.0, 0.1, view=replace(SEEN, pool=40, stride=40), network="far")
    switched = [replace(outcome_, activation="exponential") for outcome_ in (far, near)]
    said = outside(SEEN, 19, "exponential", [], switched)
    assert said.endswith("the forecast is made for ReLU; near with exponential came out at 0.93")
    assert outside(SEEN, 19, "tanh", [], switched).endswith(
        "activation is tanh, and the forecast is made for ReLU"
    )
    assert "no activation follows it" in outside(SEEN, 19, "linear", [], switched)


@pytest.mark.parametrize("name", VARIANTS)
def test_of_the_papers_networks(name):
    """The class published is the one predicted, or none is."""
    from receptive.evidence import claims

    first = predicted(str(VARIANTS[name]))[0]
    assert bool(first.outside) == (VARIANTS[name].layers[0].size < 11)
    if not first.outside and (published := claims.cell(name, "relevant")):
        assert first.kind == kind_of(published.mean)


@given(networks())
def test_a_share_is_given_unless_it_is_untested_or_cannot_be_measured(network):
    layers, length = network
    fields = receptive_fields(layers, length)
    blurred = unreadable(fields)
    for forecast in predict(fields):
        assert (forecast.relevant is None) == bool(forecast.outside or blurred[forecast.name])
        assert (forecast.kind is None) == bool(forecast.outside)
        assert forecast.low <= forecast.curve <= forecast.high
        record = forecast.record()
        assert {type(record[name]) for name in ("relevant", "low", "high")} <= {float, type(None)}
        assert (
            forecast.relevant is None
            or forecast.share == f"{forecast.curve:.2f} [{forecast.low:.2f}, {forecast.high:.2f}]"
        )


@given(networks())
def test_filters_cannot_be_read_above_pooling_and_strides(network):
    layers, length = network
    fields, clear = receptive_fields(layers, length), True
    for row in fields.rows:
        if row.kind == "conv":
            assert (unreadable(fields)[row.name] == "") == clear
        clear = clear and (row.jump, row.uncertainty) == (1, 1)


@pytest.mark.parametrize(
    ("name", "layer", "readable"),
    [
        ("cnn-1", "conv2", True),
        ("cnn-2", "conv2", False),
        ("cnn-25", "conv1", True),
        ("cnn-50-2", "conv1", True),
        ("cnn19-1-2", "conv1", True),
        ("cnn-1-1-100", "conv3", True),
        ("cnn3-50", None, False),
    ],
)
def test_the_layer_that_holds_whole_motifs(name, layer, readable):
    predictions = predicted(str(VARIANTS[name]))
    assert prediction.whole_motifs_in(predictions) == layer
    assert prediction.whole_motifs_in(predicted("conv7 conv7 pool100")) is None
    if layer:
        (matching,) = (expected for expected in predictions if expected.name == layer)
        assert (matching.unreadable == "") == readable == ("cannot be read" not in matching.in_words)


# --- what ships ------------------------------------------------------------------------------------------


def test_outcomes_survive_json():
    known = prediction.outcomes()
    again = Outcomes.read(json.loads(json.dumps(known.document())))
    assert again == known
    assert {layer.registered for layer in known.layers} >= {0, 1}
    assert {layer.activation for layer in known.layers} == {"relu"}
    assert "relu" not in {layer.activation for layer in known.switched} >= {"exponential"}


def test_a_document():
    predictions = predicted("conv19 pool2 conv5 pool50")
    written = prediction.document(predictions)
    assert written["whole_motifs_in"] == "conv2"
    first, second = written["layers"]
    assert first["name"] == "conv1"
    assert (first["relevant"], first["low"], first["high"]) == (
        predictions[0].curve,
        predictions[0].low,
        predictions[0].high,
    )
    assert (first["prediction"], first["outside"], first["unreadable"]) == ("distributed", None, None)
    assert (second["relevant"], second["prediction"]) == (None, "localist")
    assert second["unreadable"].startswith("pool1 pools before it")
    names = {"assembly_bits", "read_by", "pool", "stride", "taps", "dilation", "step"}
    assert all(names <= layer.keys() for layer in written["layers"])
