"""Suggestions: each is predicted as asked, differs in one knob, and none that is nearer was left out."""

from dataclasses import replace
from math import log2

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from receptive.errors import UsageError
from receptive.evidence.suggestions import TOWARDS, _changes, suggest
from receptive.networks.variants import VARIANTS, Variant, parameters
from receptive.replication.targets import cost
from receptive.theory.fields import receptive_fields
from receptive.theory.layers import Graph, Layer, Node, chain, format_layers, parse_layers
from receptive.theory.prediction import outcomes, predict


def first_of(text, length):
    return predict(receptive_fields(parse_layers(text), length))[0]


def knobs(text):
    """What can be turned about a first layer, all that must stay, and the sizes of later pools."""
    first, *rest = parse_layers(text)
    pool = rest.pop(0) if rest and rest[0].kind == "pool" else Layer("pool", 1, 1)
    second = rest.pop(0) if rest and rest[0].kind == "conv" else Layer("conv")
    turned = {
        "first filter": first.size,
        "pool size": pool.size,
        "pool stride": pool.stride,
        "second filter": second.size,
        "dilation": second.dilation,
    }
    stay = [replace(first, size=1), replace(second, size=1, dilation=1)]
    stay += [layer for layer in rest if layer.kind != "pool"]
    return turned, stay, [layer.size for layer in rest if layer.kind == "pool"]


designs = st.builds(
    lambda filters, pool, second, dilation, rest: " ".join(
        filter(None, (f"conv{filters}", pool, f"conv{second}{dilation}", rest))
    ),
    st.sampled_from([8, 11, 19, 30]),
    st.sampled_from(
        ["", "pool1", "pool2", "pool4", "pool5", "pool10", "pool25", "pool6s3same", "pool8s4same"]
    ),
    st.sampled_from([1, 2, 3, 5, 9, 11]),
    st.sampled_from(["", "", "d2", "d4"]),
    st.sampled_from(["", "pool4", "pool50", "pool3 conv5 pool4", "conv5 pool20", "conv9valid pool20"]),
)


def advised(text, length, towards="motifs"):
    """Advice for a network; None if it leaves no positions."""
    try:
        return suggest(receptive_fields(parse_layers(text), length).graph, length, towards)
    except UsageError:
        return None


@settings(max_examples=12)
@example("conv11 pool6s3same conv3", 200, "parts")
@given(designs, st.sampled_from([200, 600]), st.sampled_from([*TOWARDS]))
def test_every_suggestion_is_predicted_as_asked_and_turns_one_knob(text, length, towards):
    if (advice := advised(text, length, towards)) is None:
        return
    before, stay, later = knobs(text)
    document = advice.document()
    assert document["network"] == format_layers(parse_layers(text))
    assert bool(advice.suggestions) == (not advice.note)
    for entry in document["suggestions"]:
        prediction = first_of(entry["network"], length)
        assert prediction.kind == entry["prediction"] == TOWARDS[towards]
        assert (entry["relevant"], entry["low"], entry["high"]) == (
            prediction.relevant,
            prediction.low,
            prediction.high,
        )
        after, same, shrunk = knobs(entry["network"])
        turned = [knob for knob in before if before[knob] != after[knob]]
        if all(state["pool stride"] == state["pool size"] for state in (before, after)):
            turned = [knob for knob in turned if knob != "pool stride"]  # windows that tile the map still do
        assert turned == [entry["knob"]]
        assert same == stay
        if shrunk != later:  # only where the knob alone leaves them too few positions
            assert "later pools" in entry["change"]
            assert all(now <= then for now, then in zip(shrunk, later, strict=True))


@settings(max_examples=8)
@given(designs)
def test_the_smallest_changes_come_first(text):
    if (advice := advised(text, 600)) is None:
        return

    def numbers(design):
        convolutions = sum(layer.kind == "conv" for layer in design.layers)
        made = Variant("", design.layers, (30, *[128] * (convolutions - 1)))
        return parameters(made, 600), design.positions, cost(made, 600)

    now, changes = numbers(advice.now), []
    for suggestion in advice.suggestions:
        assert (suggestion.parameters, suggestion.multiply_adds) == numbers(suggestion)[::2]
        changes.append(sum(abs(log2(b / a)) for a, b in zip(now, numbers(suggestion), strict=True)))
    assert changes == sorted(changes)


def of_knob(text, knob, towards="motifs", length=200):
    suggestions = suggest(chain(parse_layers(text)), length, towards).suggestions
    return [suggestion for suggestion in suggestions if suggestion.knob == knob]


def test_of_a_knob_the_nearest_value_counts_and_the_nearest_that_is_sure():
    """By trying every pool of CNN-2, with a second pool that always fits."""
    sizes = sorted(network.layers[1].size for network in of_knob("conv19 pool2 conv5 pool1", "pool size"))
    every = {size: first_of(f"conv19 pool{size} conv5 pool1", 200) for size in range(1, 101)}
    localist = [size for size in every if every[size].kind == "localist"]
    sure = [size for size in localist if every[size].low > 2 / 3]
    assert sizes == sorted({min(localist), min(sure)})


def test_for_cnn_2_and_the_stack_of_basset_there_are_suggestions():
    for text, length in (("conv19 pool2 conv5 pool50", 200), ("conv19 pool3 conv11 pool4 conv7 pool4", 600)):
        advice = suggest(chain(parse_layers(text)), length)
        assert "pool size" in {suggestion.knob for suggestion in advice.suggestions}
        for design in (advice.now, *advice.suggestions):
            assert design.like in outcomes().layers


def test_cnn_25_is_localist_as_it_is_and_can_be_led_to_parts():
    network = chain(VARIANTS["cnn-25"].layers)
    assert suggest(network, 200).note == "the first layer is predicted localist as it is"
    assert {suggestion.prediction.kind for suggestion in suggest(network, 200, "parts").suggestions} == {
        "distributed"
    }


def test_where_there_is_no_pool_one_is_put_after_the_first_convolution():
    suggestions = of_knob("conv19 conv5 pool1", "pool size")
    assert {format_layers(suggestion.layers) for suggestion in suggestions} == {
        f"conv19 pool{suggestion.layers[1].size} conv5 pool1" for suggestion in suggestions
    }
    every = {size: first_of(f"conv19 pool{size} conv5 pool1", 200) for size in range(2, 101)}
    least = min(size for size in every if every[size].kind == "localist")
    assert [suggestion.change for suggestion in suggestions][:1] == [f"pool size 1 → {least}"]


def test_where_a_convolution_would_not_fit_there_is_no_suggestion():
    """Pools are made to fit, not filters: of 200 positions a pool of 4 leaves 50."""
    assert of_knob("conv19 pool2 conv5 pool1", "pool size")
    for designs in (of_knob("conv19 pool2 conv5 conv90valid", knob) for knob in ("pool size", "pool stride")):
        assert all("conv90valid" in format_layers(design.layers) for design in designs)
    assert of_knob("conv19 pool2 conv5 conv90valid", "pool size") == []


def test_a_convolution_that_nothing_reads_has_the_positions_of_its_map():
    advice = suggest(chain(parse_layers("conv8 pool4")), 200)
    assert advice.now.positions == 50


def test_filters_that_are_too_short_are_made_longer():
    (suggestion,) = of_knob("conv8 pool25 conv5 pool4", "first filter")
    assert format_layers(suggestion.layers) == "conv11 pool25 conv5 pool4"
    nothing = suggest(chain(parse_layers("conv8 pool4 conv8 pool25")), 200)
    assert nothing.suggestions == ()
    assert "no single change is predicted to make it localist: its filters see 8 letters" in nothing.note


def test_nothing_is_suggested_for_other_activations():
    network = replace(chain(parse_layers("conv19 pool2 conv5 pool50")), activations={"conv1": "exponential"})
    advice = suggest(network, 200)
    assert advice.suggestions == ()
    assert "exponential" in advice.note


BRANCHES = Graph(
    (
        Node(Layer("conv", 19, name="a"), ("input",)),
        Node(Layer("conv", 19, name="b"), ("input",)),
        Node(Layer("concat", name="both"), ("a", "b")),
    )
)


@pytest.mark.parametrize(
    ("network", "towards", "words"),
    [
        (chain(parse_layers("conv19")), "fragments", "--towards fragments: expected motifs or parts"),
        (chain(parse_layers("pool3")), "motifs", "has no convolution"),
        (BRANCHES, "motifs", "one chain of layers; this one has branches"),
    ],
)
def test_what_cannot_be_asked(network, towards, words):
    with pytest.raises(UsageError, match=words):
        suggest(network, 200, towards)


@pytest.mark.parametrize(("reader", "may"), [("conv5", True), ("conv5s2", False), ("conv1", False)])
def test_gaps_are_put_only_where_a_filter_can_have_them(reader, may):
    """Keras makes no convolution of a stride and gaps, and one tap leaves no gap."""
    settings_ = [change for knob in _changes(parse_layers(f"conv19 pool4 {reader} pool4")) for change in knob]
    assert ("dilation" in {knob for knob, *_ in settings_}) is may
    assert all(layer.stride == 1 or layer.dilation == 1 for change in settings_ for layer in change[3])
