"""Auditing models of many kinds, against numpy and against the definitions written out."""

import doctest
import gzip
import html
import json
import re
import warnings
from collections import Counter
from dataclasses import replace
from itertools import pairwise, permutations
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from keras import layers, ops
from scipy.stats import chisquare
from tests.made import read_layer

from receptive.audits import audit as auditing
from receptive.audits import inputs, record
from receptive.audits import page as audits
from receptive.audits.audit import FEW_SITES, audit
from receptive.audits.inputs import Sequences
from receptive.cli.audit import describe
from receptive.errors import ReceptiveError, ReceptiveWarning, UsageError
from receptive.models import keras as keras_graph
from receptive.models.keras import Keras
from receptive.models.model import load
from receptive.models.probe import Probe
from receptive.motifs.jaspar import embedded_motifs
from receptive.motifs.meme import format_meme, read_meme
from receptive.networks import filters
from receptive.networks.filters import Window, unreadable
from receptive.networks.variants import VARIANTS, build, cross_entropy
from receptive.protocols import RELEASED
from receptive.tasks import dataset, fasta
from receptive.tasks.shuffle import dinucleotides
from receptive.theory.fields import receptive_fields
from receptive.theory.layers import parse_layers

LENGTH, SHOWN = 24, 60
TARGETS = embedded_motifs()


def dna(count=SHOWN, length=LENGTH, seed=0):
    """Random sequences with two labels that depend on them."""
    rng = np.random.default_rng(seed)
    X = np.eye(4, dtype=np.uint8)[rng.integers(4, size=(count, length))]
    Y = np.stack([X[:, :12, 0].sum(1) > 3, rng.random(count) < 0.5], axis=1).astype(np.int8)
    return Sequences(X, Y, ("a", "b"))


def network(
    *, conv=None, norm=False, activation="relu", head="sigmoid", outputs=2, length=LENGTH, seed=0, tail=None
):
    """A small network with random weights."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((length, 4))
    x = (conv or layers.Conv1D(3, 5, padding="same", name="conv"))(inputs)
    if norm:
        x = layers.BatchNormalization(name="norm")(x)
    if activation:
        x = layers.Activation(activation, name="active")(x)
    x = (tail or layers.GlobalAveragePooling1D())(x)
    return keras.Model(inputs, layers.Dense(outputs, activation=head, name="head")(x), name="small")


def turn(x):
    return ops.transpose(x, (0, 2, 1))


def run(model, data=None, **options):
    return audit(model, data or dna(), targets=TARGETS, **options)


# --- importance ----------------------------------------------------------------------------------------


def by_hand(model, X, held=None):
    """The outputs of `network` in numpy, with one filter's map held at its mean."""
    kernel, bias = map(np.asarray, model.get_layer("conv").get_weights())
    padded = np.pad(X.astype(float), ((0, 0), (2, 2), (0, 0)))
    windows = np.stack([padded[:, i : i + 5] for i in range(X.shape[1])], axis=1)
    maps = np.maximum(np.einsum("npwc,wcf->npf", windows, kernel) + bias, 0)
    if held is not None:
        maps[:, :, held] = maps[:, :, held].mean()
    weights, bias = map(np.asarray, model.get_layer("head").get_weights())
    return maps.mean(1) @ weights + bias


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def area(labels, scores):
    """AU-ROC by its definition: how often a positive scores above a negative."""
    positive, negative = scores[labels == 1], scores[labels == 0]
    return (positive[:, None] > negative).mean() + (positive[:, None] == negative).mean() / 2


LOSSES = {
    "sigmoid": (
        "binary cross-entropy",
        lambda z, Y: -np.mean(Y * np.log(sigmoid(z)) + (1 - Y) * np.log(sigmoid(-z))),
    ),
    "softmax": (
        "categorical cross-entropy",
        lambda z, Y: np.mean((Y * (np.log(np.exp(z).sum(1, keepdims=True)) - z)).sum(1)),
    ),
    "linear": ("mean squared error", lambda z, Y: np.mean((z - Y) ** 2)),
}


@pytest.mark.parametrize("head", LOSSES)
def test_importance_is_what_holding_a_filter_at_its_mean_costs(head):
    model, data = network(head=head), dna()
    importance = run(model, data).importance
    name, loss = LOSSES[head]
    assert importance.loss_name.startswith(name)
    before = loss(by_hand(model, data.X), data.Y)
    assert importance.loss == pytest.approx(before, rel=1e-4)
    # AU-ROC goes by ranks, which softmax of two keeps for the difference of the two numbers alone.
    rank = (lambda z: z - z[:, ::-1]) if head == "softmax" else (lambda z: z)
    areas = np.array(
        [
            [area(y, s) for y, s in zip(data.Y.T, rank(z).T, strict=True)]
            for z in (by_hand(model, data.X, held) for held in (None, 0, 1, 2))
        ]
    )
    assert importance.auroc == pytest.approx(areas[0].mean(), abs=1e-9)
    np.testing.assert_allclose(importance.auroc_change, areas[1:].mean(1) - areas[0].mean(), atol=1e-9)
    np.testing.assert_allclose(importance.class_auroc, areas[0], atol=1e-9)
    np.testing.assert_allclose(importance.class_change, areas[1:] - areas[0], atol=1e-9)
    assert importance.classes == ("a", "b")
    changes = [loss(by_hand(model, data.X, held), data.Y) - before for held in range(3)]
    np.testing.assert_allclose(importance.loss_change, changes, atol=2e-6)
    assert np.abs(changes).max() > 1e-4


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_progress_of_every_work_goes_step_by_step_to_its_end(labelled, activation):
    told: dict[str, list[tuple[int, int]]] = {}
    data = dna() if labelled else Sequences(dna().X, None)
    run(
        network(activation=activation),
        data,
        progress=lambda work, *step: told.setdefault(work, []).append(step),
    )
    assert len(told) == 1 + labelled
    for steps in told.values():
        assert steps == [(done, len(steps)) for done in range(1, len(steps) + 1)]


def test_errors_are_what_other_sequences_would_change():
    """Of the loss; those of AU-ROC are DeLong's (test_importance)."""
    model, data = network(), dna(200)
    drawn = [
        run(model, Sequences(part.X, part.Y)).importance for part in (dna(200, seed=s) for s in range(1, 9))
    ]
    spread = np.std([importance.loss_change for importance in drawn], axis=0, ddof=1)
    assert {importance.classes for importance in drawn} == {("0", "1")}  # labels without names
    importance = run(model, data).importance
    assert (importance.loss_error < 2.5 * spread).all()
    assert (spread < 2.5 * importance.loss_error).all()
    means = np.std([importance.auroc_change for importance in drawn], axis=0, ddof=1)
    assert (importance.auroc_error < 2.5 * means).all()
    assert (means < 2.5 * importance.auroc_error).all()


def test_filters_are_held_on_as_many_sequences_as_are_asked_for():
    model, data = network(), dna(300)
    part = inputs.sample(data, 70)
    importance, alone = run(model, data, held=70).importance, run(model, part).importance
    assert (importance.sequences, run(model, data).importance.sequences) == (70, 300)
    assert importance.loss == pytest.approx(alone.loss)
    # The filter is held at its mean over all sequences.
    np.testing.assert_allclose(importance.loss_change, alone.loss_change, atol=1e-3)
    page = audits.render(run(model, data, held=70))
    assert "on 70 of the sequences, drawn at random" in page
    assert "drawn at random" not in audits.render(run(model, data))


def test_the_page_shows_which_class_needs_which_filter():
    data = dna(300)
    data = replace(data, Y=np.column_stack([data.Y, np.ones(300, np.int8)]), classes=("a", "<b>", "all"))
    audited = run(network(outputs=3), data)
    shown, known = record.document(audited)["by_class"], audited.importance
    assert shown["classes"] == ["a", "<b>", "all"]
    np.testing.assert_allclose(shown["auroc"][:2], known.class_auroc[:2])
    np.testing.assert_allclose(
        [row[:2] for row in shown["auroc_change"]], known.class_change[:, :2], atol=1e-6
    )
    assert [row[2] for row in (*shown["auroc_change"], *shown["error"])] == [None] * 6
    assert shown["auroc"][2] is None
    page = audits.render(audited)
    cell = r'<td class="(fall|rise)" style="--s:(\d+)%" title="(\S+), (\S+): \S+ ± \S+">(.*?)</td>'
    cells = re.findall(cell, page)
    assert len(cells) == 6  # of the class whose labels are all the same nothing is known
    for side, share, name, kind, text in cells:
        row, column = int(name.removeprefix("filter")), data.classes.index(html.unescape(kind))
        value, error = known.class_change[row, column], known.class_error[row, column]
        clear = abs(value) > 2 * error
        assert text == (f"{1000 * value:.0f}".replace("-", "−") if clear else "·")
        assert (int(share) > 0) == clear
        assert side == ("fall" if value < 0 else "rise")
    first = run(network(outputs=1), Sequences(data.X, data.Y[:, :1]))
    assert (first.importance.classes, "Which classes need" in audits.render(first)) == (("0",), False)


def test_a_filter_that_nothing_reads_or_that_never_fires_has_importance_zero():
    model, data = network(), dna()
    weights, bias = model.get_layer("head").get_weights()
    weights[1] = 0
    model.get_layer("head").set_weights([weights, bias])
    kernel, bias = model.get_layer("conv").get_weights()
    kernel[..., 2], bias[2] = 0, -1
    model.get_layer("conv").set_weights([kernel, bias])
    audited = run(model, data)
    assert audited.importance.loss_change[0] != 0
    assert audited.importance.loss_change[1:].tolist() == pytest.approx([0, 0], abs=1e-7)
    assert audited.importance.auroc_change[1:].tolist() == pytest.approx([0, 0], abs=1e-7)
    assert [match.dead for match in audited.matches] == [False, False, True]


def skip(nested=False):
    """A network whose map is read twice: by a convolution, and by what adds it to that one's output."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((LENGTH, 4))
    stem = [layers.Conv1D(4, 3, padding="same", name="first"), layers.ReLU(name="active")]
    if nested:
        x = keras.Sequential([keras.Input((LENGTH, 4)), *stem], name="stem")(inputs)
    else:
        x = stem[1](stem[0](inputs))
    more = layers.Conv1D(4, 3, padding="same", activation="relu", name="second")(x)
    x = layers.Flatten()(layers.MaxPooling1D(4)(layers.Add()([x, more])))
    return keras.Model(inputs, layers.Dense(2, activation="sigmoid")(x), name="skip")


@pytest.mark.parametrize("nested", [False, True])
def test_a_network_with_all_filters_held_says_the_same_of_every_sequence(nested):
    model, data = skip(nested), dna()
    probe = Probe(Keras(model), "stem/active" if nested else "active", data.X)
    means = probe.levels().mean
    scores = probe.scores(dict(enumerate(means)))
    np.testing.assert_allclose(scores, np.broadcast_to(scores[0], scores.shape), atol=1e-6)
    assert np.ptp(probe.scores(), axis=0).min() > 1e-3  # and it is as before after that


def test_what_is_heard_is_what_keras_gives():
    model, data = skip(), dna()
    expected = np.asarray(keras.Model(model.input, model.get_layer("active").output)(data.X.astype("f")))
    heard = [maps for _, maps in Probe(Keras(model), "active", data.X).maps()]
    np.testing.assert_allclose(np.concatenate(heard), expected, atol=1e-6)


def test_several_outputs_are_taken_side_by_side():
    single = network()
    weights, bias = single.get_layer("head").get_weights()
    pooled = single.get_layer("head").input
    heads = {name: layers.Dense(1, activation="sigmoid", name=name) for name in ("one", "two")}
    double = keras.Model(single.inputs, {name: head(pooled) for name, head in heads.items()}, name="double")
    for column, head in enumerate(heads.values()):
        head.set_weights([weights[:, [column]], bias[[column]]])
    single_importance, two = run(single).importance, run(double).importance
    np.testing.assert_allclose(single_importance.loss_change, two.loss_change, atol=1e-6)


def test_the_models_own_loss_is_taken_where_it_fits_the_labels():
    model, data = network(), dna()
    model.compile(loss="mse")
    importance = run(model, data).importance
    assert importance.loss_name == "the model's own loss, mean_squared_error"
    scores = sigmoid(by_hand(model, data.X))
    assert importance.loss == pytest.approx(np.mean((scores - data.Y) ** 2), rel=1e-4)
    unmeasured = data.Y.copy()
    unmeasured[::2, 1] = -1
    masked = run(model, Sequences(data.X, unmeasured)).importance
    model.compile(loss=cross_entropy)
    assert run(model, Sequences(data.X, unmeasured)).importance.loss == pytest.approx(masked.loss)
    assert masked.loss_name.startswith("binary cross-entropy over the measured labels")
    assert masked.loss == pytest.approx(
        float(np.mean(cross_entropy(unmeasured, scores.astype("f")))), rel=1e-4
    )
    model.compile(loss="sparse_categorical_crossentropy")  # asks for labels of another form
    assert run(model, data).importance.loss_name.startswith("binary cross-entropy")
    model = network(head="linear")
    model.compile(loss="poisson")  # no number where an output is negative
    assert run(model, data).importance.loss_name.startswith("mean squared error")


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_changes_importance_by_no_more_than_it_rounds(policy):
    expected = run(network()).importance
    default = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy(policy)
        importance = run(network()).importance
    finally:
        keras.config.set_dtype_policy(default)
    assert importance.loss == pytest.approx(expected.loss, abs=0.01)
    np.testing.assert_allclose(importance.loss_change, expected.loss_change, atol=0.01)
    assert importance.auroc is not None


def infinite():
    model = network(head="linear")
    model.get_layer("head").bias.assign([np.inf, 0])
    return model


def cancelling():
    """Outputs of 1 that are the difference of two equal filters, so that without one some are negative."""
    model = network(head="linear")
    kernel, bias = model.get_layer("conv").get_weights()
    model.get_layer("conv").set_weights([kernel[:, :, [0, 0, 0]], bias])
    model.get_layer("head").set_weights([np.array([[99, 99], [-99, -99], [0, 0]]), np.ones(2)])
    model.compile(loss="poisson")
    return model


@pytest.mark.parametrize(
    ("model", "data", "why"),
    [
        (cancelling, dna(), "loss, poisson, is no number when filter 0 is held at its mean"),
        (network, Sequences(dna().X), "the sequences have no labels"),
        (lambda: network(outputs=3), dna(), "the model has 3 outputs, the data have 2 labels"),
        (lambda: network(tail=layers.Identity()), dna(), "not one number for each label"),
        (infinite, dna(), "outputs are not all finite numbers"),
        (
            lambda: network(head="linear"),
            Sequences(dna().X, dna().Y - 1),
            "needs labels that are all measured",
        ),
    ],
)
def test_without_fitting_labels_filters_are_read_and_importance_is_not_known(model, data, why):
    audited = run(model(), data)
    assert why in audited.importance
    assert [entry["importance"] for entry in record.document(audited)["filters"]] == [None] * 3
    assert why.split(",")[0] in audits.render(audited)


def test_one_output_that_is_a_track_is_unlike_labels():
    x = inputs = keras.Input((LENGTH, 4))
    x = layers.Conv1D(2, 5, padding="same", activation="relu", name="conv")(x)
    heads = [layers.Dense(1)(layers.GlobalMaxPooling1D()(x)), layers.Conv1D(1, 1)(x)]
    why = "the model's outputs, (1,), (24, 1), are not one number for each label"
    assert run(keras.Model(inputs, heads)).importance == why


def test_one_output_that_is_always_1_is_no_softmax():
    model = network(outputs=1)
    kernel, bias = model.get_layer("head").get_weights()
    model.get_layer("head").set_weights([kernel * 0, bias + 20])
    data = dna()
    audited = run(model, Sequences(data.X, data.Y[:, :1]))
    assert audited.importance.loss_name.startswith("binary cross-entropy")


# --- reading -------------------------------------------------------------------------------------------


@given(
    maps=arrays.arrays(np.float32, (4, 5, 2), elements=st.sampled_from([0, 0, 0.25, 0.5, 1, 1.5])),
    jump=st.integers(1, 3),
    left=st.integers(-3, 6),
    width=st.integers(1, 7),
    ends=st.sampled_from(["pad", "drop"]),
)
def test_strided_maps_are_read_as_maps_with_nothing_in_between(maps, jump, left, width, ends):
    X = dna(4, 5 * jump, seed=jump).X
    spread = np.zeros((4, 5 * jump, 2), np.float32)
    spread[:, ::jump] = maps
    protocol = RELEASED.__class__(**{**vars(RELEASED), "ends": ends})
    strided = filters.count(lambda: [(0, maps)], X, protocol, Window(width, left, jump))
    plain = filters.count(lambda: [(0, spread)], X, protocol, Window(width, left))
    for first, other in zip(strided, plain, strict=True):
        np.testing.assert_array_equal(first, other)


@pytest.mark.claim("VIS-1")
@pytest.mark.parametrize(
    "options",
    [{"padding": "same"}, {"padding": "valid"}, {"strides": 3}, {"dilation_rate": 3}, {"padding": "causal"}],
    ids=str,
)
def test_a_planted_word_is_read_back_through_strides_and_dilation(options):
    """A filter that fires on CAT, its letters ``dilation_rate`` apart, is read back as it."""
    conv = layers.Conv1D(1, 3, name="conv", **options)
    model = network(conv=conv)
    kernel = np.full((3, 4, 1), -5.0)
    kernel[[0, 1, 2], [1, 0, 3]] = 1
    conv.set_weights([kernel, np.array([-2.0])])
    gap = options.get("dilation_rate", 1)
    audited = run(model, dna(400))
    (motif,) = audited.reading.motifs
    assert motif.width == 2 * gap + 1
    np.testing.assert_array_equal(motif.pwm[::gap], np.eye(4)[[1, 0, 3]])
    assert gap == 1 or motif.pwm[1].max() < 0.6
    expected = sum(
        "".join("ACGT"[base] for base in row.argmax(1)[start : start + 2 * gap + 1 : gap]) == "CAT"
        for row in dna(400).X
        for start in range(0, LENGTH - 2 * gap, options.get("strides", 1))
    )
    assert audited.reading.sites.tolist() == [expected]


@settings(max_examples=6)  # every example builds a Keras model
@given(st.permutations("ACGT"), st.sampled_from((None, layers.Permute((2, 1)), turn)))
def test_the_order_of_channels_and_axes_does_not_matter(order, turns):
    """A model with its channels in another order has the same filters; whole weights make sums exact."""
    model = network()
    kernel = np.random.default_rng(0).integers(-2, 3, (5, 4, 3)).astype(np.float32)
    model.get_layer("conv").set_weights([kernel, np.zeros(3)])
    inputs = keras.Input((4, LENGTH) if turns else (LENGTH, 4))
    conv = layers.Conv1D(3, 5, padding="same", activation="relu", name="conv")
    x = conv(turns(inputs) if turns else inputs)
    conv.set_weights([kernel[:, ["ACGT".index(letter) for letter in order]], np.zeros(3)])
    x = model.get_layer("head")(layers.GlobalAveragePooling1D()(x))
    first, other = run(model), run(keras.Model(inputs, x), alphabet="".join(order))
    assert first.reading.sites.tolist() == other.reading.sites.tolist()
    for ours, theirs in zip(first.reading.motifs, other.reading.motifs, strict=True):
        np.testing.assert_array_equal(ours.pwm, theirs.pwm)
    np.testing.assert_allclose(first.importance.loss_change, other.importance.loss_change, atol=1e-6)


@pytest.mark.parametrize(
    ("stack", "place", "function"),
    [
        (lambda: [layers.Conv1D(2, 3, name="c", activation="gelu")], "c", "gelu"),
        (lambda: [layers.Conv1D(2, 3, name="c"), layers.ELU(name="e")], "e", "elu"),
        (lambda: [layers.Conv1D(2, 3, name="c"), layers.LeakyReLU(name="e")], "e", "leakyrelu"),
        (
            lambda: [layers.Conv1D(2, 3, name="c"), layers.ReLU(negative_slope=0.1, name="e")],
            "e",
            "leaky_relu",
        ),
        (
            lambda: [
                layers.Conv1D(2, 3, name="c"),
                layers.BatchNormalization(),
                layers.Dropout(0.1),
                layers.Activation("exponential", name="e"),
                layers.ReLU(),
            ],
            "e",
            "exponential",
        ),
        (
            lambda: [
                layers.Conv1D(2, 3, name="c"),
                layers.BatchNormalization(name="n"),
                layers.MaxPooling1D(2),
            ],
            "n",
            "linear",
        ),
        (lambda: [layers.Conv1D(2, 3, name="c"), layers.MaxPooling1D(2), layers.ReLU()], "c", "linear"),
        (lambda: [layers.Conv1D(2, 3, activation=layers.ReLU(), name="c")], "c", "relu"),
        (lambda: [layers.Conv1D(2, 3, activation=layers.LeakyReLU(0.1), name="c")], "c", "leakyrelu"),
    ],
)
def test_where_a_map_is_complete(stack, place, function):
    stack = stack()
    model = keras.Sequential([keras.Input((LENGTH, 4)), *stack])
    assert keras_graph.activation(model, "c") == (place, function)
    outer = keras.Input((LENGTH, 4))
    block = keras.Sequential([keras.Input((LENGTH, 4)), *stack], name="block")
    assert keras_graph.activation(keras.Model(outer, block(outer)), "block/c") == (f"block/{place}", function)


def test_operations_are_found_and_branches_end_the_search():
    inputs = keras.Input((LENGTH, 4))
    x = layers.Conv1D(3, 5, padding="same", name="conv")(inputs)
    rectified = keras.ops.relu(x)
    head = layers.Dense(2, activation="sigmoid", name="head")
    model = keras.Model(inputs, head(layers.GlobalAveragePooling1D()(rectified)))
    place, function = keras_graph.activation(model, "conv")
    assert function == "relu"
    assert run(model).read_from == place != "conv"
    forked = keras.Model(inputs, layers.Flatten()(layers.Add()([x, rectified])))
    assert keras_graph.activation(forked, "conv") == ("conv", "linear")


@pytest.mark.parametrize("activation", ["gelu", "elu", "sigmoid", "exponential", "tanh", None])
@pytest.mark.parametrize("norm", [False, True])
def test_other_activations_are_read_from_their_mean_upwards(activation, norm):
    model, data = network(activation=activation, norm=norm), dna()
    audited = run(model, data)
    place = "active" if activation else "norm" if norm else "conv"
    assert (audited.read_from, audited.activation) == (place, activation or "linear")
    assert "from the filter's mean" in audited.rule
    maps = np.asarray(keras.Model(model.input, model.get_layer(place).output)(data.X.astype("f")))
    level = maps.mean((0, 1), dtype=np.float64)
    above = maps - level > 0.5 * (maps.max((0, 1)) - level)
    assert np.abs(audited.reading.sites - above.sum((0, 1))).max() <= 1  # a tie at the threshold may round
    assert not any(match.dead for match in audited.matches)


def test_a_constant_on_a_linear_map_changes_nothing():
    model = network(activation=None)
    before = run(model)
    kernel, bias = model.get_layer("conv").get_weights()
    model.get_layer("conv").set_weights([kernel, bias - 8])
    after = run(model)
    assert before.reading.sites.tolist() == after.reading.sites.tolist()


def test_examples_in_docstrings_are_true():
    assert doctest.testmod(auditing).failed == 0


def test_a_network_of_the_paper_is_read_as_a_run_reads_it(small):
    """On sequences of 200 nt and the network's own test split: `receptive train` and the audit agree."""
    keras.utils.set_random_seed(0)
    model = build(VARIANTS["cnn-25"], 200, 12, RELEASED)
    X = small.test.X[:40]
    expected = read_layer(model, "conv1", X, RELEASED, Window(19, 9))
    audited = run(model, Sequences(X))
    assert audited.reading.sites.tolist() == expected.sites.tolist()
    for ours, theirs in zip(audited.reading.motifs, expected.motifs, strict=True):
        np.testing.assert_allclose(ours.pwm, theirs.pwm, atol=1e-9)
    document = record.document(audited)
    assert [row["prediction"] for row in document["layers"]][:2] == ["localist", None]
    assert document["whole_motifs_in"] == "conv1"


def test_a_model_of_any_length_takes_that_of_the_data():
    inputs = keras.Input((None, 4))
    x = layers.GlobalMaxPooling1D()(layers.Conv1D(3, 5, activation="relu", name="conv")(inputs))
    model = keras.Model(inputs, layers.Dense(2, activation="sigmoid")(x))
    assert run(model).fields.input_length == LENGTH
    assert run(model, dna(20, 31)).fields.input_length == 31


def test_an_audit_expects_nothing_of_filters_too_short_for_a_motif():
    """They have their bits; the page gives the reason."""
    inputs = keras.Input((LENGTH, 4))
    x = layers.GlobalMaxPooling1D()(layers.Conv1D(3, 5, activation="relu", name="conv")(inputs))
    audited = run(keras.Model(inputs, layers.Dense(2, activation="sigmoid")(x)))
    document = record.document(audited)
    (row,) = (row for row in document["layers"] if row["name"] == "conv")
    assert (row["prediction"], row["predicted_relevant"], document["whole_motifs_in"]) == (None, None, None)
    assert row["assembly_bits"] is not None
    assert "its filters see 5 letters" in row["outside"]
    assert "its filters see 5 letters" in audits.render(audited)


# --- which layers --------------------------------------------------------------------------------------


@pytest.mark.claim("DEEP-2", "DEEP-3")
@pytest.mark.parametrize("name", VARIANTS)
def test_the_layers_of_the_paper_that_can_be_read(name):
    fields = receptive_fields(VARIANTS[name].layers, 200)
    convolutions = [row.name for row in fields.rows if row.kind == "conv"]
    readable = [layer for layer in convolutions if not unreadable(fields, layer)]
    assert readable == list(filters.readable(VARIANTS[name], 200))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("conv5 pool3 conv3", "pool1 pools before it, so that an input may come from any of 3 positions"),
        ("conv5s2 conv3", "conv1 before it moves by 2 positions, so that a motif is seen in 2 phases"),
        ("conv5d3 conv90d4", "its field of 369 positions is wider than the 200"),
    ],
)
def test_why_a_deeper_layer_cannot_be_read(text, why):
    fields = receptive_fields(parse_layers(text), 400)
    assert unreadable(fields, "conv1") == ""
    assert why in unreadable(fields, "conv2")


def test_a_deeper_layer_is_read_over_its_whole_field():
    audited = run(skip(), layer="second")
    assert {motif.width for motif in audited.reading.motifs} == {5}
    assert len(run(skip(nested=True), layer="stem/first").matches) == 4
    pooled = keras.Sequential(
        [
            keras.Input((LENGTH, 4)),
            layers.Conv1D(2, 3, name="first"),
            layers.MaxPooling1D(2),
            layers.Conv1D(2, 3, name="second"),
        ]
    )
    with pytest.raises(UsageError, match=r"--layer second: its filters cannot be read: max_pool.* pools"):
        run(pooled, layer="second")
    with pytest.raises(UsageError, match="--layer third: expected a convolution of the model: first, second"):
        run(pooled, layer="third")


def test_a_layer_that_comes_after_what_cannot_be_followed_is_named_with_why():
    x = inputs = keras.Input((LENGTH, 4))
    x = layers.UpSampling1D(2, name="up")(layers.Conv1D(2, 3, activation="relu", name="first")(x))
    model = keras.Model(inputs, layers.Conv1D(2, 3, name="second")(x))
    with pytest.raises(UsageError, match=r"--layer second: .* of the model: first; followed up to layer up"):
        run(model, layer="second")
    audited = run(model)
    (note,) = record.document(audited)["notes"]
    assert note.startswith("followed up to layer up (UpSampling1D): it stretches the sequence")
    assert note in html.unescape(audits.render(audited))


AFTER = {
    "u-net": lambda x: layers.Concatenate()([layers.UpSampling1D(2)(layers.MaxPooling1D(2)(x)), x]),
    "transposed": lambda x: layers.Conv1DTranspose(3, 4, strides=2)(x),
    "recurrent": lambda x: layers.Conv1D(2, 3)(layers.GRU(3, return_sequences=True)(x)),
    "attention": lambda x: layers.Conv1D(2, 3)(layers.MultiHeadAttention(1, 2)(x, x)),
    "own": lambda x: layers.Conv1D(2, 3)(Doubled()(x)),
    "turned": lambda x: layers.Conv1D(2, 3)(layers.Permute((2, 1))(x)),
    "reversed": lambda x: layers.Conv1D(2, 3)(x[:, ::-1]),
}


@pytest.mark.parametrize("after", AFTER)
def test_what_comes_after_the_layer_that_is_read_never_stops_it(after):
    """The filters are the same, whatever reads them."""
    plain = network()
    conv = layers.Conv1D(3, 5, padding="same", activation="relu", name="conv")
    x = inputs = keras.Input((LENGTH, 4))
    x = layers.GlobalMaxPooling1D()(AFTER[after](conv(x)))
    model = keras.Model(inputs, layers.Dense(2, activation="sigmoid")(x))
    conv.set_weights(plain.get_layer("conv").get_weights())
    first, other = run(plain), run(model)
    assert first.reading.sites.tolist() == other.reading.sites.tolist()
    for ours, theirs in zip(first.reading.motifs, other.reading.motifs, strict=True):
        np.testing.assert_array_equal(ours.pwm, theirs.pwm)
    assert len(other.importance.loss_change) == 3
    assert [note.startswith("followed up to layer") for note in other.notes] == [True]


def pointwise(*more):
    """A network that begins, as SpliceAI does, with a convolution of one column."""
    x = inputs = keras.Input((None, 4))
    for layer in (layers.Conv1D(3, 1, name="point"), *more):
        x = layer(x)
    return keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling1D()(x)))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([layers.Conv1D(3, 1), layers.Conv1D(3, 7, name="wide")], "--layer wide sees 7"),
        ([], "no convolution sees more"),
        (
            [layers.MaxPooling1D(2, name="pool"), layers.Conv1D(3, 7, name="wide")],
            "wide, which sees more, cannot be read: pool pools before it",
        ),
    ],
)
def test_a_first_convolution_of_one_column_is_pointed_out(more, said):
    audited = run(pointwise(*more))
    (note,) = audited.notes
    assert note.startswith(f"each filter of point sees one nucleotide, and can be no motif; {said}")
    assert record.document(audited)["notes"] == [note]
    assert note in html.unescape(audits.render(audited))
    assert note in describe(record.document(audited), Path("out"))
    if "--layer" in said:
        assert run(pointwise(*more), layer="wide").notes == ()


# --- other ways to write a network -----------------------------------------------------------------------


def folded(shape, conv, *before):
    """A Sequential network like `network`, with its input and convolution in another shape."""
    pool = layers.GlobalAveragePooling2D if isinstance(conv, layers.Conv2D) else layers.GlobalAveragePooling1D
    tail = [
        layers.ReLU(),
        pool(data_format=conv.data_format),
        layers.Dense(2, activation="sigmoid", name="head"),
    ]
    return keras.Sequential([keras.Input(shape), *before, conv, *tail])


FOLDED = {
    "(L, 4)": lambda **k: folded((LENGTH, 4), layers.Conv1D(3, 5, **k)),
    "(L, 1, 4)": lambda **k: folded((LENGTH, 1, 4), layers.Conv2D(3, (5, 1), **k)),
    "(1, L, 4)": lambda **k: folded((1, LENGTH, 4), layers.Conv2D(3, (1, 5), **k)),
    "(L, 4, 1)": lambda **k: folded(
        (LENGTH, 4, 1), layers.Conv2D(3, (5, 4), name="conv"), layers.ZeroPadding2D((2, 0))
    ),
    "(4, L, 1)": lambda **k: folded(
        (4, LENGTH, 1), layers.Conv2D(3, (4, 5), name="conv"), layers.ZeroPadding2D((0, 2))
    ),
    "(4, L)": lambda **k: folded((4, LENGTH), layers.Conv1D(3, 5, data_format="channels_first", **k)),
    "(4, 1, L)": lambda **k: folded(
        (4, 1, LENGTH), layers.Conv2D(3, (1, 5), data_format="channels_first", **k)
    ),
    "(4L,)": lambda **k: folded((4 * LENGTH,), layers.Conv1D(3, 5, **k), layers.Reshape((LENGTH, 4))),
    "(L·4,) turned": lambda **k: folded(
        (4 * LENGTH,), layers.Conv1D(3, 5, **k), layers.Reshape((4, LENGTH)), layers.Permute((2, 1))
    ),
    "open": lambda **k: folded(
        (None, 1, 4), layers.Conv2D(3, (5, 1), **k), layers.BatchNormalization(epsilon=0)
    ),
}


@pytest.mark.parametrize("form", FOLDED)
def test_however_a_network_is_written_its_filters_and_their_importance_are_the_same(form):
    """Whole weights make sums exact. A reading of (L, 4, 1) weighs letters where others weigh channels."""
    plain = network()
    kernel = np.random.default_rng(0).integers(-2, 3, (5, 4, 3)).astype(np.float32)
    plain.get_layer("conv").set_weights([kernel, np.zeros(3)])
    model = FOLDED[form](padding="same", name="conv")
    if form == "(4, L, 1)":
        kernel = kernel.swapaxes(0, 1)
    shape = model.get_layer("conv").kernel.shape
    model.get_layer("conv").set_weights([kernel.reshape(shape), np.zeros(3)])
    model.get_layer("head").set_weights(plain.get_layer("head").get_weights())
    first, other = run(plain), run(model)
    assert first.reading.sites.tolist() == other.reading.sites.tolist()
    for ours, theirs in zip(first.reading.motifs, other.reading.motifs, strict=True):
        np.testing.assert_allclose(ours.pwm, theirs.pwm, atol=1e-9)
    np.testing.assert_allclose(first.importance.loss_change, other.importance.loss_change, atol=2e-3)
    assert other.fields.row("conv").size == 5


class Refuses(layers.Layer):
    """A layer that can be called on a shape, and computes nothing."""

    def call(self, x):
        raise RuntimeError("no kernel for this processor")

    def compute_output_shape(self, shape):
        return shape


@pytest.mark.parametrize("labels", [True, False])
def test_what_the_framework_cannot_run_is_said_in_one_sentence(labels):
    *below, head = network().layers[1:]
    model = keras.Sequential([keras.Input((LENGTH, 4)), *below, Refuses(), head], name="small")
    data = dna() if labels else replace(dna(), Y=None)
    said = r"^small: Keras cannot run it on \w+: no kernel for this processor$"
    with pytest.raises(ReceptiveError, match=said):
        run(model, data)


def same_layers(model):
    """The layers of `network`, in a Sequential model."""
    return keras.Sequential([keras.Input((LENGTH, 4)), *model.layers[1:]], name="small")


@pytest.mark.parametrize("how", ["live", "built", "called", "keras", "h5", "nested"])
def test_a_sequential_model_is_audited_as_the_functional_one_of_its_layers(how, tmp_path):
    plain = network(norm=True)
    model = same_layers(plain)
    if how in ("built", "called"):
        model = keras.Sequential(plain.layers[1:])
        model.build((None, LENGTH, 4)) if how == "built" else model(dna().X[:2].astype("f"))
    if how in ("keras", "h5"):
        model.save(tmp_path / f"model.{how}")
        model = load(tmp_path / f"model.{how}")
    if how == "nested":
        model = keras.Sequential([keras.Input((LENGTH, 4)), model])
    first, other = run(plain), run(model)
    assert other.read_from == ("small/active" if how == "nested" else "active")
    assert first.reading.sites.tolist() == other.reading.sites.tolist()
    np.testing.assert_allclose(first.importance.loss_change, other.importance.loss_change, atol=1e-6)


# --- called twice, fed twice ----------------------------------------------------------------------------


def strands(first):
    """A convolution of both strands, the sequence's own called first or second, and what reads that alone."""
    x = keras.Input((LENGTH, 4))
    conv = layers.Conv1D(4, 5, activation="relu", name="conv")
    turned = conv(x[:, ::-1, ::-1]) if not first else None
    maps = conv(x)
    turned = conv(x[:, ::-1, ::-1]) if first else turned
    pooled = [layers.GlobalMaxPooling1D()(strand) for strand in (maps, turned)]
    score = layers.Dense(2, activation="sigmoid", name="head")(layers.Maximum()(pooled))
    return keras.Model(x, score), keras.Model(x, maps), keras.Model(x, turned)


def towers():
    """A nested model that reads the sequence turned around, and then as it is."""
    x = keras.Input((LENGTH, 4))
    tower = [layers.Conv1D(4, 5, name="conv"), layers.ReLU(), layers.GlobalMaxPooling1D()]
    inner = keras.Input((LENGTH, 4))
    y = tower[2](tower[1](tower[0](inner)))
    block = keras.Model(inner, y, name="tower")
    score = layers.Dense(2)(layers.Add()([block(x[:, ::-1]), block(x)]))
    return keras.Model(x, score), keras.Model(inner, tower[1].output)


def one_activation():
    """Two convolutions that share an activation."""
    x = keras.Input((LENGTH, 4))
    act = layers.ReLU(name="act")
    maps = act(layers.Conv1D(4, 5, name="conv")(x))
    score = layers.Dense(2)(layers.Flatten()(act(layers.Conv1D(3, 3)(maps))))
    return keras.Model(x, score), keras.Model(x, maps)


def upon_itself():
    """A convolution that reads what it gives."""
    x = keras.Input((LENGTH, 4))
    conv = layers.Conv1D(4, 5, padding="same", activation="relu", name="conv")
    maps = conv(x)
    return keras.Model(x, layers.Dense(2)(layers.Flatten()(conv(maps)))), keras.Model(x, maps)


@pytest.mark.parametrize(
    "made", [lambda: strands(True), lambda: strands(False), towers, one_activation, upon_itself]
)
def test_of_what_is_called_twice_the_call_on_the_sequence_is_read(made):
    model, maps, *_ = made()
    data, result = dna(), run(model)
    expected = np.asarray(maps(data.X.astype("f")))
    np.testing.assert_allclose(result.reading.maxima, expected.max((0, 1)), rtol=1e-5)
    assert result.reading.sites.tolist() == (expected > 0.5 * expected.max((0, 1))).sum((0, 1)).tolist()


@pytest.mark.parametrize("first", [True, False])
def test_a_filter_that_is_called_twice_is_held_twice(first):
    model, *both = strands(first)
    data, result = dna(), run(model)
    maps = [np.asarray(scan(data.X.astype("f"))) for scan in both]
    weights, bias = model.get_layer("head").get_weights()

    def loss(maps):
        scores = 1 / (1 + np.exp(-(np.max([strand.max(1) for strand in maps], axis=0) @ weights + bias)))
        return -np.log(np.where(data.Y > 0, scores, 1 - scores)).mean()

    for index in range(4):
        held = [strand.copy() for strand in maps]
        for strand in held:
            strand[..., index] = maps[0][..., index].mean()
        change = loss(held) - loss(maps)
        assert result.importance.loss_change[index] == pytest.approx(change, abs=1e-6)


def several_inputs():
    """The sequence, some numbers for it, and a track along it that the convolution does not read."""
    x, numbers, track = keras.Input((LENGTH, 4), name="dna"), keras.Input((3,), name="cov"), None
    track = keras.Input((LENGTH, 1), name="track")
    maps = layers.Conv1D(4, 5, activation="relu", name="conv")(x)
    joined = layers.Concatenate()([layers.GlobalMaxPooling1D()(maps), numbers, layers.Flatten()(track)])
    score = layers.Dense(2, activation="sigmoid", name="head")(joined)
    return keras.Model({"track": track, "dna": x, "cov": numbers}, score), keras.Model(x, maps)


@pytest.mark.parametrize("fed", [(), ("cov",), ("cov", "track")])
def test_other_inputs_are_given_what_there_is_for_them_or_zeros(fed):
    model, scan = several_inputs()
    rng, plain = np.random.default_rng(1), dna()
    every = {"cov": rng.normal(size=(SHOWN, 3)), "track": rng.normal(size=(SHOWN, LENGTH, 1))}
    data = replace(plain, others={name: every[name] for name in fed})
    result, maps = run(model, data, held=40), np.asarray(scan(plain.X.astype("f")))
    assert result.reading.sites.tolist() == (maps > 0.5 * maps.max((0, 1))).sum((0, 1)).tolist()
    part = inputs.sample(data, 40)
    rows = [np.flatnonzero((x == plain.X).all((1, 2)))[0] for x in part.X]
    weights, bias = model.get_layer("head").get_weights()
    given = [every[name] if name in fed else np.zeros_like(every[name]) for name in ("cov", "track")]
    beside = np.concatenate([array.reshape(SHOWN, -1) for array in given], axis=1)[rows]

    def loss(maps):
        scores = 1 / (1 + np.exp(-(np.hstack([maps[rows].max(1), beside]) @ weights + bias)))
        return -np.log(np.where(part.Y > 0, scores, 1 - scores)).mean()

    for index in range(4):
        held = maps.copy()
        held[..., index] = maps[..., index].mean()
        assert result.importance.loss_change[index] == pytest.approx(loss(held) - loss(maps), abs=1e-6)
    zeros = [note for note in result.notes if note.startswith("given 0 for ")]
    missing = ", ".join(sorted({*every} - {*fed}))
    assert zeros == [
        f"given 0 for {missing}: what is said of filters, and of what matters, holds for that"
    ] * bool(missing)


def two_sequences(form):
    """A network of two sequences of different lengths, and what its tower of "near" does; Keras or ONNX."""
    keras.utils.set_random_seed(0)
    far, near = keras.Input((LENGTH + 9, 4), name="far"), keras.Input((LENGTH, 4), name="near")
    maps = [layers.Conv1D(3, 5, name=f"conv-{x.name}", activation="relu")(x) for x in (far, near)]
    joined = layers.Concatenate()([layers.GlobalMaxPooling1D()(x) for x in maps])
    model = keras.Model([far, near], layers.Dense(2, activation="sigmoid", name="head")(joined))
    if form == "keras":
        return model
    from onnx import TensorProto, helper, numpy_helper

    nodes, weights = [], {}
    for name in ("far", "near"):
        kernel, bias = model.get_layer(f"conv-{name}").get_weights()
        weights |= {f"k {name}": kernel.transpose(2, 1, 0), f"b {name}": bias}
        nodes += [
            helper.make_node("Transpose", [name], [f"{name} 0"], perm=[0, 2, 1]),
            helper.make_node("Conv", [f"{name} 0", f"k {name}", f"b {name}"], [f"{name} 1"], f"conv-{name}"),
            helper.make_node("Relu", [f"{name} 1"], [f"{name} 2"]),
            helper.make_node("GlobalMaxPool", [f"{name} 2"], [f"{name} 3"]),
            helper.make_node("Flatten", [f"{name} 3"], [f"{name} 4"]),
        ]
    weights |= dict(zip(("head", "bias"), model.get_layer("head").get_weights(), strict=True))
    nodes += [
        helper.make_node("Concat", ["far 4", "near 4"], ["joined"], axis=1),
        helper.make_node("Gemm", ["joined", "head", "bias"], ["score"]),
        helper.make_node("Sigmoid", ["score"], ["y"]),
    ]
    shapes = {"far": ["N", LENGTH + 9, 4], "near": ["N", LENGTH, 4], "y": ["N", 2]}
    fed = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    held = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "towers", fed[:2], fed[2:], held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


@pytest.mark.parametrize("form", ["keras", "onnx"])
def test_of_several_sequences_one_is_audited_and_the_other_is_an_input(form):
    rng, data = np.random.default_rng(2), dna()
    far = np.eye(4)[rng.integers(4, size=(SHOWN, LENGTH + 9))]
    result = run(two_sequences(form), replace(data, others={"far": far}), sequence_input="near")
    tower = two_sequences("keras")
    score = keras.Model(tower.input, tower.output)
    kernel, bias = tower.get_layer("conv-near").get_weights()
    maps = np.asarray(tower.get_layer("conv-near")(data.X.astype("f")))
    assert result.layer == "conv-near"
    assert result.reading.sites.tolist() == (maps > 0.5 * maps.max((0, 1))).sum((0, 1)).tolist()
    assert not any(note.startswith("given 0") for note in result.notes)
    still = kernel.copy()
    still[..., 1] = 0
    tower.get_layer("conv-near").set_weights([still, np.where([0, 1, 0], maps.mean((0, 1)), bias)])

    def loss():
        scores = np.asarray(score([far, data.X.astype("f")]))
        return -np.log(np.where(data.Y > 0, scores, 1 - scores)).mean()

    held = loss()
    tower.get_layer("conv-near").set_weights([kernel, bias])
    assert result.importance.loss_change[1] == pytest.approx(held - loss(), abs=1e-6)
    with pytest.raises(ReceptiveError, match="--sequence-input NAME says which"):
        run(two_sequences(form), data)


def beside_each_other(*convs):
    """A model of convolutions, (name, filters, width), that read one sequence."""
    x = keras.Input((LENGTH, 4))
    maps = [layers.Conv1D(n, size, padding="same", name=name)(x) for name, n, size in convs]
    bias = keras.Model(x, layers.Conv1D(2, 9, name="conv")(layers.ZeroPadding1D(4)(x)), name="bias")
    return keras.Model(
        x, layers.Dense(2)(layers.GlobalMaxPooling1D()(layers.Concatenate()([bias(x), *maps])))
    )


@pytest.mark.parametrize(
    ("convs", "read"),
    [
        ([("main", 4, 7)], "main"),
        ([("short", 4, 3), ("long", 4, 11), ("between", 4, 5)], "long"),
        ([("many", 6, 5), ("long", 4, 11)], "many"),
        ([("letters", 9, 1)], "bias/conv"),
        ([], "bias/conv"),
    ],
)
def test_of_convolutions_beside_each_other_the_one_of_most_filters_is_read_and_said(convs, read):
    result = run(beside_each_other(*convs))
    assert result.layer == read
    has = {name: f"{n} filters of {size}" for name, n, size in [*convs, ("bias/conv", 2, 9)]}
    said = [note for note in result.notes if "the sequence itself" in note]
    assert len(said) == bool(convs)
    for note in said:
        assert note.startswith(f"{read} is read, which has {has[read]}; ")
        assert all(f"{name} ({those})" in note for name, those in has.items() if name != read)
    assert run(beside_each_other(*convs), layer="bias/conv").layer == "bias/conv"


def test_other_inputs_stand_beside_the_sequences_in_the_file(tmp_path):
    data, numbers = dna(), np.arange(3 * SHOWN).reshape(SHOWN, 3)
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["X_test"], file["Y_test"] = data.X.swapaxes(1, 2), data.Y
        file["cov_test"], file["cov_train"] = numbers, numbers[:5]
    found = inputs.sequences(tmp_path / "d.h5")
    assert {name: array.tolist() for name, array in found.others.items()} == {"cov": numbers.tolist()}
    with h5py.File(tmp_path / "d.h5", "a") as file:
        file["track_test"] = numbers[:7]
    with pytest.raises(ReceptiveError, match=rf"track_test has shape \(7, 3\), expected {SHOWN} rows"):
        inputs.sequences(tmp_path / "d.h5")
    with pytest.raises(UsageError, match=rf"input cov: expected an array of \({SHOWN}, 3\), found"):
        run(several_inputs()[0], replace(data, others={"cov": numbers[:, :2]}))


# --- refusals ------------------------------------------------------------------------------------------


def diverged():
    model = network()
    kernel, bias = model.get_layer("conv").get_weights()
    model.get_layer("conv").set_weights([kernel * np.nan, bias])
    return model


def turned_or_not(shape, *turns):
    inputs = x = keras.Input(shape)
    for turn in turns:
        x = turn(x)
    x = layers.GlobalMaxPooling1D()(layers.Conv1D(3, 3, name="conv")(x))
    return keras.Model(inputs, layers.Dense(2)(x))


class Shortened(layers.Layer):
    """A layer of the user's own that drops every second position."""

    def call(self, x):
        return x[:, ::2]


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (diverged, "layer active: returns values that are NaN or infinite"),
        (lambda: turned_or_not((4, LENGTH)), r"convolves over the letters of its input of \(None, 4, 24\)"),
        (lambda: turned_or_not((LENGTH, 4), layers.Permute((2, 1))), r"turns its input of \(None, 24, 4\)"),
        (lambda: network(length=50), "the model takes sequences of 50 nucleotides, the data have 24"),
        (
            lambda: keras.Sequential([keras.Input((24, 5)), layers.Conv1D(2, 3)]),
            r"one-hot DNA.* found \(None, 24, 5\)",
        ),
        (
            lambda: keras.Sequential([keras.Input((23, 3)), layers.Conv1D(2, 3), layers.Flatten()]),
            r"one-hot DNA.* found \(None, 23, 3\)",
        ),
        (lambda: keras.Sequential([keras.Input((96,)), layers.Dense(2)]), "no convolution or pooling"),
        (
            lambda: keras.Sequential([layers.Conv1D(2, 3), layers.Flatten()]),
            r"not been built; begin it with keras.Input",
        ),
        (
            lambda: keras.Sequential([keras.Input((LENGTH, 4, 1)), layers.Conv2D(2, (3, 1), name="each")]),
            "layer each: returns maps of 22 × 4, expected one number for each position",
        ),
        (lambda: keras.Sequential([keras.Input((24, 4)), layers.MaxPooling1D(2)]), "no convolution"),
    ],
)
def test_models_that_are_refused(model, why):
    with pytest.raises(ReceptiveError, match=why) as caught:
        run(model())
    assert caught.value.exit_code == 1


def test_a_layer_passed_over_that_changes_positions_is_found_out():
    inputs = keras.Input((LENGTH, 4))
    x = layers.Conv1D(3, 3, padding="same", name="conv")(Shortened(name="half")(inputs))
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))
    with pytest.raises(ReceptiveError, match=r"layer conv: its map has 12 positions.* it has 24"):
        run(model, passthrough=["half"])


@pytest.mark.parametrize(
    ("layer", "named"), [(None, "the first convolution, conv:"), ("conv", "--layer conv:")]
)
def test_a_convolution_that_cannot_be_read_is_named_as_it_was_asked_for(layer, named):
    model = keras.Sequential(
        [keras.Input((LENGTH, 4)), layers.MaxPooling1D(2), layers.Conv1D(2, 3, name="conv")]
    )
    with pytest.raises(UsageError, match=f"^{named} its filters cannot be read: .* pools before it"):
        run(model, layer=layer)


def test_no_sequences_are_refused():
    data = dna()
    with pytest.raises(UsageError, match="found none"):
        run(network(), Sequences(data.X[:0]))


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"alphabet": "ACGU"}, "--alphabet ACGU"),
        ({"alphabet": "AACGT"}, "AACGT"),
        ({"threshold": 0}, "E-value"),
    ],
)
def test_options_that_cannot_be_meant(options, why):
    with pytest.raises(UsageError, match=why):
        run(network(), **options)


class Doubled(layers.Layer):
    """A layer of the user's own."""

    def call(self, x):
        return 2 * x


def test_an_error_of_an_audit_names_the_file_of_the_model(command, tmp_path):
    network().save(tmp_path / "m.keras")
    (tmp_path / "x.fa").write_text(">a\nACGT\n")
    code, out, err = command(
        "audit", tmp_path / "m.keras", "--data", tmp_path / "x.fa", "--out", tmp_path / "o"
    )
    assert (code, out) == (1, "")
    why = f"receptive: {tmp_path / 'm.keras'}: the model takes sequences of {LENGTH} nucleotides"
    assert err.strip().startswith(why)


@pytest.mark.parametrize("embedded", [True, False])
def test_codes_are_not_taken_for_letters(embedded):
    inputs = keras.Input((LENGTH,) if embedded else (LENGTH, 1))
    maps = layers.Conv1D(3, 5)(layers.Embedding(5, 4)(inputs) if embedded else inputs)
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalMaxPooling1D()(maps)))
    with pytest.raises(ReceptiveError, match="takes one number for each position"):
        audit(model, dna())


# --- sequences -----------------------------------------------------------------------------------------


def noted(text):
    """The records of a FASTA text, and what is noted of it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        records = fasta.parse(text, "text")
    return records, [str(warning.message) for warning in caught]


@given(
    st.lists(st.text("ACGTUNRYSWKMBDHVXacgtunry-.*", min_size=7, max_size=7), min_size=1, max_size=5),
    st.integers(1, 7),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["", ">last\n", ">last"]),
)
def test_fasta_is_read_whatever_its_letters_case_and_lines(written, wrap, ending, last):
    text = ";a comment\n" + "".join(
        f">séquence{i}\x0cof\tsome kind\n;another\n"
        + "".join(f"{s[j : j + wrap]} \n" for j in range(0, 7, wrap))
        for i, s in enumerate(written)
    )
    records, said = noted((text + last).replace("\n", ending))
    sequences = [sequence.upper().replace("U", "T") for sequence in written]
    assert records == [(f"séquence{i}", sequence) for i, sequence in enumerate(sequences)]
    unknown = len([letter for sequence in sequences for letter in sequence if letter not in "ACGT"])
    assert [value.split(" ")[1:5] for value in said if "unknown" in value] == [
        [str(unknown), "of", str(7 * len(written)), "letters"]
    ] * (unknown > 0)
    assert ["text: the last record, last, is empty and left out"] * bool(last) == said[
        : len(said) - (unknown > 0)
    ]


def test_unknown_letters_are_counted_each():
    assert noted(">a\nRNrA-n\n")[1] == ["text: 5 of 6 letters are read as unknown: R 2, N 2, - 1"]


def test_fasta_as_one_hot_plain_and_gzipped(tmp_path):
    (tmp_path / "x.fa").write_text(">a\nACgt\n>b\nURAA\n", encoding="utf-8-sig")
    (tmp_path / "x.fa.gz").write_bytes(gzip.compress((tmp_path / "x.fa").read_bytes()))
    expected = np.eye(5, 4, dtype=np.uint8)[[[0, 1, 2, 3], [3, 4, 0, 0]]]
    for name in ("x.fa", "x.fa.gz"):
        with pytest.warns(ReceptiveWarning, match="x.fa.*: 1 of 8 letters are read as unknown: R 1"):
            sequences = inputs.sequences(tmp_path / name)
        np.testing.assert_array_equal(sequences.X, expected)
        assert sequences.Y is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (">a\nACGT\n>b\nACET\n", r'record b, position 2 \(from 0\): expected A, C, G, T, U or .*, found "E"'),
        (">a\nACGT\n>b\nAC T\n", "record b has 3 nucleotides"),
        (">a\n", "record a is empty"),
        (";only a comment\n", "found none"),
        (">a\nACGT\n>b\nACG\n", "record b has 3 nucleotides, a has 4"),
        (">a\n>b\nACG\n", "record a is empty"),
        ("ACGT\n", 'line 1: expected a record that begins with ">"'),
        ("", "found none"),
    ],
)
def test_fasta_that_is_refused(text, why, tmp_path):
    (tmp_path / "x.fa").write_text(text)
    with pytest.raises(ReceptiveError, match=why):
        fasta.read(tmp_path / "x.fa")


def test_hdf5_gives_one_split_and_needs_no_other_nor_its_task(tmp_path, small):
    dataset.write(small, tmp_path / "x.h5")
    named = inputs.sequences(tmp_path / "x.h5")
    valid = inputs.sequences(tmp_path / "x.h5", split="valid")
    with h5py.File(tmp_path / "x.h5", "a") as file:
        del file.attrs["task"]
        for key in [key for key in file if not key.endswith("test")]:
            del file[key]
    for sequences in (named, inputs.sequences(tmp_path / "x.h5")):
        np.testing.assert_array_equal(sequences.X, small.test.X)
        np.testing.assert_array_equal(sequences.Y, small.test.Y)
        assert sequences.classes == small.classes
    np.testing.assert_array_equal(valid.X, small.valid.X)
    with pytest.raises(ReceptiveError, match=r"no array 'X_train'; found .*X_test"):
        inputs.sequences(tmp_path / "x.h5", split="train")
    with pytest.raises(UsageError, match="--split all: expected one of train, valid, test"):
        inputs.sequences(tmp_path / "x.h5", split="all")
    with pytest.raises(UsageError, match=r"--labels t.tsv: .*x.h5 is an HDF5 file"):
        inputs.sequences(tmp_path / "x.h5", "t.tsv")
    few = inputs.sample(named, 7)
    again = inputs.sample(named, 7)
    assert few.Y is not None
    assert again.Y is not None
    assert len(few.X) == len(few.Y) == 7
    assert np.array_equal(few.X, again.X)
    assert np.array_equal(few.Y, again.Y)
    assert len(inputs.sample(named, 10**6).X) == len(named.X)


def test_hdf5_without_labels_gives_sequences_alone(tmp_path, small):
    dataset.write(small, tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5", "a") as file:
        file["Y_test"][0, 0] = 3
    with pytest.raises(ReceptiveError, match=r"besides 0, 1 and -1 .*; a file without Y_test is read as one"):
        inputs.sequences(tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5", "a") as file:
        del file["Y_test"]
    given = inputs.sequences(tmp_path / "x.h5")
    assert (given.Y, given.classes) == (None, ())
    np.testing.assert_array_equal(given.X, small.test.X)


def test_hdf5_cut_short_is_refused(tmp_path, small):
    dataset.write(small, tmp_path / "x.h5")
    (tmp_path / "x.h5").write_bytes((tmp_path / "x.h5").read_bytes()[:3000])
    with pytest.raises(ReceptiveError, match="not a readable HDF5 file"):
        inputs.sequences(tmp_path / "x.h5")


# --- few sites, and the control ------------------------------------------------------------------------


@given(
    st.lists(st.text("ACGTN", min_size=9, max_size=9), min_size=1, max_size=6),
    st.integers(0, 2**32),
    st.data(),
)
def test_shuffling_keeps_ends_and_dinucleotides(written, seed, data):
    length = data.draw(st.integers(1, 9))
    codes = np.array([["ACGTN".index(letter) for letter in word[:length]] for word in written])
    X = np.eye(5, 4, dtype=np.uint8)[codes]
    shuffled = dinucleotides(X, seed)
    np.testing.assert_array_equal(shuffled, dinucleotides(X, seed))
    again = np.where(shuffled.any(-1), shuffled.argmax(-1), 4)
    for first, other in zip(codes.tolist(), again.tolist(), strict=True):
        assert (first[0], first[-1]) == (other[0], other[-1])
        assert Counter(pairwise(first)) == Counter(pairwise(other))


@pytest.mark.parametrize("word", ["ACACGTA", "AACGAAC", "AGAGCAGA", "CCGCACGC"])
def test_shuffles_are_all_there_and_equally_likely(word):
    codes = np.tile(["ACGT".index(letter) for letter in word], (6000, 1))
    drawn = Counter(map(tuple, dinucleotides(np.eye(4, dtype=np.uint8)[codes], 0).argmax(-1).tolist()))
    steps = Counter(pairwise(codes[0].tolist()))
    walks = {
        walk
        for walk in permutations(codes[0].tolist())
        if walk[0] == codes[0, 0] and Counter(pairwise(walk)) == steps
    }
    assert set(drawn) == walks
    assert chisquare(list(drawn.values())).pvalue > 0.001


def test_the_control_reads_the_same_filters_on_shuffled_sequences():
    model, data = network(), dna(300)
    audited = run(model, data)
    again = run(model, Sequences(dinucleotides(data.X, 0)))
    assert audited.control.sites.tolist() == again.reading.sites.tolist()
    assert audited.control.fractions == again.fractions
    assert audited.control.matched.tolist() == [bool(match.hits) for match in again.matches]
    shown = record.document(audited)
    how = {"sequences": 300, "shuffle": "dinucleotides", "seed": 0}
    assert shown["control"] == {**how, "fractions": again.fractions._asdict()}
    assert [entry["control"]["sites"] for entry in shown["filters"]] == again.reading.sites.tolist()


def test_as_many_matches_on_shuffled_sequences_are_a_warning():
    audited = run(network(), dna(2000))
    for here, there, warned in ((0.25, 0.3, True), (0.25, 0.25, True), (0.3, 0.25, False), (0, 0, False)):
        chance = replace(audited.control, fractions=audited.control.fractions._replace(jaspar=there))
        changed = replace(audited, fractions=audited.fractions._replace(jaspar=here), control=chance)
        assert [f"({there:.0%}, here {here:.0%})" in warning for warning in changed.warnings] == [
            True
        ] * warned


def test_the_share_of_filters_with_many_sites_is_told_apart():
    audited = run(network(), dna(2000))
    hits = [bool(match.hits) for match in audited.matches]
    for sites in ([FEW_SITES - 1, FEW_SITES, 900], [0, 1, 900], [0, 1, 2], [FEW_SITES] * 3):
        changed = replace(audited, reading=replace(audited.reading, sites=np.array(sites)))
        many = [hit for hit, count in zip(hits, sites, strict=True) if count >= FEW_SITES]
        shown = record.document(changed)["trusted"]
        assert shown == {"filters": len(many), "jaspar": np.mean(many) if many else None}
        said = [warning for warning in changed.warnings if "fewer than" in warning]
        assert len(said) == (min(sites) < FEW_SITES)
        for sentence in said:
            told = {0: "", 1: f"; the other filter matches {'one' if any(many) else 'none'}"}
            assert sentence.endswith(told.get(len(many), f" filters {np.mean(many or [False]):.0%} match"))
            assert (f"of the other {len(many)} filters" in sentence) == (len(many) > 1)


def test_filters_of_few_sites_are_counted_with_their_matches():
    many, few = run(network(), dna(2000)), run(network(), dna(3))
    assert many.reading.sites.min() >= FEW_SITES > few.reading.sites.max()
    assert (many.warnings, record.document(many)["warnings"]) == ((), [])
    matched = sum(bool(match.hits) for match in few.matches)
    live = int((few.reading.sites > 0).sum())
    said = few.warnings[0]
    assert said.startswith(
        f"{live} of 3 filters were read from fewer than {FEW_SITES} sites, {matched} of which"
    )
    assert record.document(few)["warnings"] == list(few.warnings)
    assert said in audits.render(few)
    assert [entry["few_sites"] for entry in record.document(few)["filters"]] == (
        few.reading.sites > 0
    ).tolist()
    assert audits.render(few).count("(few)") == live
    assert "(few)" not in audits.render(many)
    assert "<title>Audit of &lt;b&gt;</title>" in audits.render(replace(few, name="<b>"))
    assert "<b>" not in audits.render(replace(few, name="<b>", notes=("<b>",), read_from="<b>", rule="<b>"))


# --- the command ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A model in both formats, compiled with a loss of Keras's, and sequences."""
    folder = tmp_path_factory.mktemp("audit")
    model = network(norm=True)
    model.compile(loss="binary_crossentropy")
    model.save(folder / "model.keras")
    model.save(folder / "model.h5")
    data = dna()
    lines = [f">s{i}\n{''.join('ACGT'[b] for b in row.argmax(1))}\n" for i, row in enumerate(data.X)]
    (folder / "x.fa").write_text("".join(lines))
    split = dataset.Split(data.X, data.Y)
    dataset.write(dataset.Dataset("mine", ("a", "b"), split, split, split), folder / "x.h5")
    return folder


def test_the_command_writes_page_json_and_motifs(saved, tmp_path, command):
    documents = []
    for name in ("model.keras", "model.h5"):
        out = tmp_path / name
        code, printed, said = command("audit", saved / name, "--data", saved / "x.h5", "--out", out, "--json")
        assert code == 0, said
        documents.append(json.loads(printed))
        assert documents[-1] == json.loads((out / "audit.json").read_text())
        assert {path.name for path in out.iterdir()} == {"index.html", "audit.json", "filters.meme"}
    first, other = (document["filters"] for document in documents)
    assert first == other
    assert documents[0]["loss"]["name"] == "the model's own loss, binary_crossentropy"
    assert documents[1]["loss"] == documents[0]["loss"]
    assert {"id", "sites", "best", "importance"} <= set(first[0])
    assert {"jaspar", "relevant"} <= set(documents[0]["fractions"])
    assert documents[0]["layers"][0]["name"] == "conv"
    motifs = read_meme(tmp_path / "model.keras" / "filters.meme")
    assert [motif.id for motif in motifs] == [entry["id"] for entry in first]
    page = (tmp_path / "model.keras" / "index.html").read_text()
    assert not re.search(r"https?:|src=|\$", page)
    assert page.count("<svg ") == page.count('role="img"') + 1  # the outlines of the letters are hidden
    dead = sum(entry["dead"] for entry in first)
    assert re.findall(r"(\d+) never found anything", page) == [str(dead)] * (dead > 0)
    widths = re.findall(r'class="lost" y="6" height="2" x="\S+" width="(\S+)"', page)
    rows = documents[0]["layers"]
    lost = [100 * (row["uncertainty"] - 1) / documents[0]["input_length"] for row in rows]
    assert list(map(float, widths)) == pytest.approx(lost, rel=1e-3)
    ranked = [entry["id"] for entry in sorted(first, key=lambda entry: -entry["importance"])]
    table, _, cards = page.partition('<div class="cards">')
    assert re.findall(r"Sequence logo of (filter\d+)", cards) == ranked
    # The table of classes has them again, beside their names.
    assert re.findall(r'<td aria-hidden="true"><svg [^>]*Sequence logo of (filter\d+)', table) == ranked

    matched = command("match", tmp_path / "model.keras" / "filters.meme", "--json")
    assert json.loads(matched[1])["fractions"] == documents[0]["fractions"]


@given(st.lists(st.integers(-10_000, 10_000).map(lambda n: n / 10_000), min_size=1, max_size=40))
def test_bars_stand_on_the_line_or_hang_from_it(values):
    drawn, zero, low, high = audits.bars([{"id": "f", "importance": value, "best": None} for value in values])
    assert (low, high) == (min(0, *values), max(0, *values))
    scale = 90 / ((high - low) or 1)
    for value, (_, _, top, _, tall) in zip(sorted(values, reverse=True), drawn, strict=True):
        assert tall == pytest.approx(max(abs(value) * scale, 0.3), rel=0.01)
        assert top == pytest.approx(zero - max(value, 0) * scale, abs=0.1)
        assert -0.1 <= top <= 108 - tall + 0.1


def test_the_command_without_labels(saved, tmp_path, command):
    few = ["--out", tmp_path / "a", "--sequences", "3"]
    code, printed, _ = command("audit", saved / "model.keras", "--data", saved / "x.fa", *few)
    assert "read on shuffled sequences, 0." in printed
    assert "sites, 0 of which match" in printed
    assert code == 0
    assert "importance is not known: the sequences have no labels" in printed
    assert "is not known: the sequences have no labels" in (tmp_path / "a" / "index.html").read_text()
    again = command("audit", saved / "model.keras", "--data", saved / "x.fa", *few, "--json")
    assert again[0] == 0
    assert "receptive: 3 of 3 filters were read from fewer than 50 sites, 0 of which match" in again[2]
    assert all(load["importance"] is None for load in json.loads(again[1])["filters"])


def test_a_table_of_labels_gives_what_hdf5_gives(saved, tmp_path, command):
    data = dna()
    rows = [f"s{i},{a},{b}\n" for i, (a, b) in enumerate(data.Y)]
    (tmp_path / "labels.csv").write_text("id,a,b\n" + "".join(reversed(rows)))
    expected = [
        json.loads(command("audit", saved / "model.keras", "--out", tmp_path / "a", "--json", *given)[1])
        for given in (
            ["--data", saved / "x.h5"],
            ["--data", saved / "x.fa", "--labels", tmp_path / "labels.csv"],
        )
    ]
    assert expected[0] == expected[1]
    assert expected[0]["filters"][0]["importance"] is not None


def test_regions_of_a_genome_give_what_their_sequences_give(saved, tmp_path, command):
    lines = (saved / "x.fa").read_text().splitlines()
    (tmp_path / "genome.fa").write_text(">chr1\n" + "\n".join(lines[1::2]) + "\n")
    ends = [f"chr1\t{start}\t{start + LENGTH}\n" for start in range(0, SHOWN * LENGTH, LENGTH)]
    (tmp_path / "x.bed").write_text("".join(ends))
    given = (["--data", saved / "x.fa"], ["--bed", tmp_path / "x.bed", "--genome", tmp_path / "genome.fa"])
    first, other = (
        json.loads(command("audit", saved / "model.keras", "--out", tmp_path / "a", "--json", *value)[1])
        for value in given
    )
    assert first == other


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ([], "expected either --data or --bed with --genome"),
        (["--data", "x.fa", "--bed", "x.bed"], "expected either --data or --bed"),
        (["--bed", "x.bed"], "--bed needs --genome"),
        (["--data", "x.fa", "--genome", "g.fa"], "need --bed"),
        (["--data", "x.fa", "--length", 20], "need --bed"),
        (["--bed", "x.bed", "--genome", "g.fa", "--split", "test"], "x.bed has no splits"),
    ],
)
def test_sequences_are_given_in_one_way(saved, tmp_path, command, options, why):
    code, _, said = command("audit", saved / "model.keras", "--out", tmp_path / "a", *options)
    assert (code, why in said, (tmp_path / "a").exists()) == (2, True, False)


def test_notes_on_the_data_are_lines_on_standard_error(saved, tmp_path, command):
    text = (saved / "x.fa").read_text()
    (tmp_path / "x.fa").write_text(text.replace("A", "R", 2) + ">cut\n")
    (tmp_path / "own.meme").write_text(format_meme(TARGETS) + format_meme(TARGETS[:1]))
    options = ["--out", tmp_path / "a", "--database", tmp_path / "own.meme", "--json"]
    code, printed, said = command("audit", saved / "model.keras", "--data", tmp_path / "x.fa", *options)
    assert code == 0, said
    assert json.loads(printed)["sequences"] == SHOWN
    notes = [line for line in said.splitlines() if line.startswith("receptive: ")]
    assert "own.meme: 1 of 13 motifs have the id of an earlier one and are left out: MA0151.1" in notes[0]
    assert "x.fa: the last record, cut, is empty and left out" in notes[1]
    assert "x.fa: 2 of 1,440 letters are read as unknown: R 2" in notes[2]


@pytest.mark.parametrize(
    ("options", "code", "why"),
    [
        (["--labels", "none.tsv"], 1, "cannot read none.tsv"),
        (["--split", "valid"], 2, "--split valid: "),
        (["--layer", "none"], 2, "expected a convolution of the model: conv"),
        (["--alphabet", "XYZT"], 2, "--alphabet XYZT"),
        (["--threshold", "0"], 2, "--threshold"),
        (["--importance", "0"], 2, "--importance 0: expected a number of sequences, or all"),
        (["--importance", "some"], 2, "--importance some: expected"),
        (["--database", "nowhere"], 2, "database nowhere"),
        (["--data", "none.fa"], 1, "cannot read none.fa"),
        (["--protocol", "none"], 2, "unknown protocol 'none'"),
        (["--out", __file__], 1, f"cannot write {__file__}"),
    ],
)
def test_the_command_refuses_and_leaves_nothing(saved, tmp_path, command, options, code, why):
    arguments = ["audit", saved / "model.keras", "--data", saved / "x.fa", "--out", tmp_path / "a", *options]
    out, printed, said = command(*arguments)
    assert (out, printed) == (code, "")
    assert why in said
    assert not (tmp_path / "a").exists()
