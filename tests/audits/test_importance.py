"""What a network loses without a filter: the numbers by their definitions, holding against whole passes."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from keras import layers
from sklearn.metrics import roc_auc_score

from receptive.audits import importance
from receptive.audits.importance import aurocs, enough
from receptive.models.keras import Keras, next_convolution
from receptive.models.probe import Probe

LENGTH = 24


def by_definition(labels, scores):
    """AU-ROC and its variance as DeLong et al. write them, pair by pair."""
    positive, negative = scores[labels == 1], scores[labels == 0]
    m, n = len(positive), len(negative)
    wins = (positive[:, None] > negative) + (positive[:, None] == negative) / 2
    return wins.mean(), wins.mean(1).var(ddof=1) / m + wins.mean(0).var(ddof=1) / n if min(
        m, n
    ) > 1 else np.nan


@given(st.data(), st.integers(1, 3), st.integers(2, 14))
def test_auroc_and_its_error_are_delongs(data, classes, count):
    Y = data.draw(arrays.arrays(np.int8, (count, classes), elements=st.sampled_from([-1, 0, 0, 1, 1])))
    scores = data.draw(
        arrays.arrays(np.float32, (count, classes), elements=st.sampled_from([0, 0.25, 0.5, 1]))
    )
    areas = aurocs(Y, scores)
    for c, (labels, column) in enumerate(zip(Y.T, scores.T, strict=True)):
        known = labels != -1
        if len(set(labels[known])) < 2:
            assert np.isnan(areas.values[c])
            assert np.isnan(areas.parts[known, c]).all()
            continue
        area, variance = by_definition(labels, column)
        assert areas.values[c] == pytest.approx(area)
        assert areas.values[c] == pytest.approx(roc_auc_score(labels[known], column[known]))
        np.testing.assert_allclose((areas.parts[:, c] ** 2).sum(), variance, atol=1e-12)
        assert (areas.parts[~known, c] == 0).all()


@given(st.data(), st.integers(2, 8), st.integers(2, 8))
def test_the_error_of_a_difference_is_delongs_of_the_differences(data, m, n):
    """Of two scores of the same sequences: variances less twice the covariance."""
    Y = np.repeat([1, 0], [m, n]).astype(np.int8)[:, None]
    first, two = data.draw(
        arrays.arrays(np.float32, (2, m + n, 1), elements=st.sampled_from([0, 0.25, 0.5, 1]))
    )
    wins = [
        (s[:m, 0][:, None] > s[m:, 0]) + (s[:m, 0][:, None] == s[m:, 0]) / 2
        for s in (first.astype(float), two.astype(float))
    ]
    expected = (wins[1] - wins[0]).mean(1).var(ddof=1) / m + (wins[1] - wins[0]).mean(0).var(ddof=1) / n
    difference = aurocs(Y, two).parts - aurocs(Y, first).parts
    assert (difference**2).sum() == pytest.approx(expected, abs=1e-12)


ABOVE = {
    "pool": [lambda: layers.MaxPooling1D(3)],
    "mean and norm": [
        lambda: layers.AveragePooling1D(3, padding="same"),
        lambda: layers.BatchNormalization(gamma_initializer="random_normal"),
        lambda: layers.Dropout(0.5),
    ],
    "nothing": [],
    "softmax": [lambda: layers.Softmax()],
    "letters mixed": [lambda: layers.Dense(6)],
}
BY_CHANNEL = {"pool", "mean and norm", "nothing"}
"""What treats each filter by itself, so that the next convolution is all that mixes them."""


@st.composite
def convolutions(draw):
    options = {
        "kernel_size": draw(st.integers(1, 4)),
        "padding": draw(st.sampled_from(["valid", "same", "causal"])),
        "strides": draw(st.integers(1, 2)),
        "groups": draw(st.sampled_from([1, 1, 1, 2])),
        "activation": draw(st.sampled_from([None, "relu", "elu"])),
        "use_bias": draw(st.booleans()),
    }
    if options["strides"] == 1:
        options["dilation_rate"] = draw(st.integers(1, 2))
    return options


@settings(max_examples=12)  # every example compiles a network
@given(
    st.sampled_from(sorted(ABOVE)),
    convolutions(),
    st.sampled_from(["no", "skip", "output"]),
    st.integers(0, 9),
)
def test_holding_one_after_another_is_holding_each_in_a_pass_of_its_own(above, options, also, seed):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((LENGTH, 4))
    x = first = layers.Conv1D(6, 5, padding="same", activation="relu", bias_initializer="ones", name="first")(
        inputs
    )
    for layer in ABOVE[above]:
        x = layer()(x)
    x = layers.Conv1D(4, bias_initializer="normal", name="second", **options)(x)
    x = layers.GlobalMaxPooling1D()(x)
    if also == "skip":
        x = layers.Concatenate()([x, layers.GlobalMaxPooling1D()(first)])
    head = layers.Dense(2, activation="sigmoid")(x)
    model = keras.Model(inputs, [head, first] if also == "output" else head)
    plain = options["groups"] == 1 and options["padding"] != "causal" and also == "no" and above in BY_CHANNEL
    assert next_convolution(model, "first", -1) == ("second" if plain else "")
    X = np.eye(4, dtype=np.uint8)[np.random.default_rng(seed).integers(4, size=(7, LENGTH))]
    probe = Probe(Keras(model), "first", X)
    before, values = probe.scores(), {0: 0.25, 3: 1.5, 5: 0.0}
    scores_held, ticks = {}, []
    for index, scores in probe.hold_each(values, before.shape[1], lambda: ticks.append(1)):
        scores_held[index] = scores
    assert [*scores_held] == [*values]
    assert len(ticks) == 3
    for index, value in values.items():
        np.testing.assert_allclose(scores_held[index], probe.scores({index: value}), atol=2e-6)
    assert max(np.abs(scores - before).max() for scores in scores_held.values()) > 1e-4
    np.testing.assert_array_equal(probe.scores(), before)  # and it is as before after that


def test_many_outputs_are_held_in_portions(monkeypatch):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((LENGTH, 4)),
            layers.Conv1D(5, 3, name="first"),
            layers.GlobalMaxPooling1D(),
            layers.Dense(2),
        ]
    )
    X = np.eye(4, dtype=np.uint8)[np.random.default_rng(0).integers(4, size=(8, LENGTH))]
    probe, values = Probe(Keras(model), "first", X), dict.fromkeys(range(5), 0.5)
    whole = dict(probe.hold_each(values, 2, lambda: None))
    monkeypatch.setattr("receptive.models.probe.HELD", 40)
    portions = dict(probe.hold_each(values, 2, lambda: None))
    assert [*whole] == [*portions] == [*values]
    for index in values:
        np.testing.assert_array_equal(whole[index], portions[index])


def test_how_many_sequences_are_enough():
    assert enough(30, 200) > 30_000
    assert enough(300, 600) == 1111
    assert enough(3000, 100_000) == 500
    assert enough(1, 1) == 200_000_000


def from_the_model(loss):
    return SimpleNamespace(loss=lambda unmeasured: ("theirs", loss))


@pytest.mark.parametrize("fails", [lambda Y, scores: np.full(len(Y), np.nan), lambda Y, scores: {}["x"]])
def test_a_models_own_loss_is_left_where_it_is_no_number_or_an_error(fails):
    Y, scores = np.array([[1, 0], [0, 1]], np.int8), np.array([[0.9, 0.2], [0.3, 0.4]], np.float32)
    kept = importance._loss(from_the_model(lambda Y, scores: scores.sum(1)), Y, scores, True)
    assert (kept[0], [*kept[1](Y, scores)]) == ("the model's own loss, theirs", [*scores.sum(1)])
    name, loss = importance._loss(from_the_model(fails), Y, scores, True)
    assert name.startswith("binary cross-entropy over the measured labels")
    np.testing.assert_allclose(loss(Y, scores), -np.log([[0.9, 0.8], [0.7, 0.4]]).mean(1), rtol=1e-6)


def test_a_certain_mistake_costs_the_most_that_keras_counts():
    Y, scores = np.array([[1, -1], [0, 1]], np.int8), np.array([[0, 1], [1, 1]], np.float32)
    np.testing.assert_allclose(importance._binary(Y, scores), -np.log([1e-7, 1e-7]) / [1, 2], rtol=1e-6)
