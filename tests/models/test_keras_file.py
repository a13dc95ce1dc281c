"""Files of Keras models, loaded with their weights; those of older Keras are in test_saved."""

import re

import keras
import pytest
from keras import layers, ops

from receptive.errors import ReceptiveError
from receptive.models import keras as keras_graph
from receptive.models.model import load

LENGTH = 24


class Doubled(layers.Layer):
    """A layer of the user's own."""

    def call(self, x):
        return 2 * x


@pytest.mark.parametrize(
    ("operate", "why"),
    [
        (
            lambda x: ops.relu(x[:, 2:]),
            r"holds operations on tensors \(GetItem, Relu\), which Keras cannot load",
        ),
        (lambda x: x * x, "Keras cannot load this model from .h5"),
    ],
)
def test_operations_on_tensors_are_no_code_of_ones_own_and_keras_files_keep_them(operate, why, tmp_path):
    inputs = keras.Input((LENGTH, 4))
    maps = operate(layers.Conv1D(3, 5, name="conv")(inputs))
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalMaxPooling1D()(maps)))
    model.save(tmp_path / "model.h5")
    said = load(tmp_path / "model.h5").left_out
    assert re.search(why, said)
    assert 'model.save("model.keras")' in said
    assert keras_graph.read(tmp_path / "model.h5") == keras_graph.read(model)
    model.save(tmp_path / "model.keras")
    assert load(tmp_path / "model.keras").count_params() == model.count_params()


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        (Doubled(name="twice"), "needs Doubled, which Keras cannot load without your code"),
        (layers.Lambda(lambda x: 2 * x, name="any"), 'needs the code of Lambda "any"'),
    ],
)
def test_files_that_need_code_before_their_first_convolution(layer, why, tmp_path):
    keras.Sequential([keras.Input((LENGTH, 4)), layer, layers.Conv1D(2, 3)]).save(tmp_path / "own.keras")
    with pytest.raises(ReceptiveError, match=why):
        load(tmp_path / "own.keras")


def test_files_that_are_no_models(tmp_path):
    with pytest.raises(ReceptiveError, match="no such file"):
        load(tmp_path / "none.keras")
