"""PyTorch: the same network in three frameworks is one network, and nothing in a file of it is run.

The tests are marked `models`: they run in an environment of their own (tox -e models); fast has no PyTorch.
"""

import warnings
from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers

from receptive.audits.audit import Sequences, audit
from receptive.models.model import read_model
from receptive.theory.fields import receptive_fields

pytestmark = pytest.mark.models

LENGTH = 120


def dna(count=300, length=LENGTH, seed=0):
    """Random sequences with two labels that depend on them."""
    rng = np.random.default_rng(seed)
    X = np.eye(4, dtype=np.uint8)[rng.integers(4, size=(count, length))]
    Y = np.stack([X[:, :60, 0].sum(1) > 15, X[:, :, 2].sum(1) > 30], axis=1).astype(np.int8)
    return Sequences(X, Y, ("a", "b"))


# --- the same network, three ways -----------------------------------------------------------------------


def basset():
    """Convolution, normalisation, activation and pooling, and dense layers, in Keras."""
    x = dna_input = keras.Input((LENGTH, 4))
    for i, (filters, size) in enumerate(((12, 19), (16, 7)), start=1):
        x = layers.Conv1D(filters, size, padding="same", name=f"conv{i}")(x)
        x = layers.BatchNormalization(name=f"norm{i}")(x)
        x = layers.ReLU(name=f"relu{i}")(x)
        x = layers.MaxPooling1D(4, name=f"pool{i}")(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.3)(layers.Dense(20, activation="relu", name="dense1")(x))
    return keras.Model(dna_input, layers.Dense(2, activation="sigmoid", name="dense2")(x))


def bpnet():
    """A convolution and residual, dilated ones, in Keras."""
    x = dna_input = keras.Input((LENGTH, 4))
    x = layers.Conv1D(12, 21, padding="same", activation="relu", name="conv1")(x)
    for i in (1, 2, 3):
        y = layers.Conv1D(12, 3, dilation_rate=2**i, padding="same", activation="relu", name=f"conv{i + 1}")(
            x
        )
        x = layers.Add()([x, y])
    x = layers.Conv1D(8, 15, name="conv5")(x)
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(dna_input, layers.Dense(2, activation="sigmoid", name="dense1")(x))


def in_torch(name):
    """The same in PyTorch, with the same names, where it has layers to name."""
    from torch import nn

    class Basset(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv2 = nn.Conv1d(4, 12, 19, padding=9), nn.Conv1d(12, 16, 7, padding="same")
            self.norm1, self.norm2 = nn.BatchNorm1d(12, eps=1e-3), nn.BatchNorm1d(16, eps=1e-3)
            self.relu1, self.relu2, self.pool = nn.ReLU(), nn.ReLU(), nn.MaxPool1d(4)
            self.dense1, self.dense2 = nn.Linear(16 * (LENGTH // 16), 20), nn.Linear(20, 2)
            self.drop = nn.Dropout(0.3)

        def forward(self, x):
            x = self.pool(self.relu1(self.norm1(self.conv1(x))))
            x = self.pool(self.relu2(self.norm2(self.conv2(x)))).flatten(1)
            return self.dense2(self.drop(self.dense1(x).relu())).sigmoid()

    class BPNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv5 = nn.Conv1d(4, 12, 21, padding=10), nn.Conv1d(12, 8, 15)
            for i in (1, 2, 3):
                setattr(self, f"conv{i + 1}", nn.Conv1d(12, 12, 3, padding=2**i, dilation=2**i))
            self.dense1 = nn.Linear(8, 2)

        def forward(self, x):
            x = self.conv1(x).relu()
            for conv in (self.conv2, self.conv3, self.conv4):
                x = x + conv(x).relu()
            return self.dense1(self.conv5(x).mean(2)).sigmoid()

    return {"basset": Basset, "bpnet": BPNet}[name]()


def copied(model, module):
    """Give a module the weights of the Keras model with layers of the same names."""
    import torch

    def give(parameter, values):
        parameter.data = torch.tensor(np.ascontiguousarray(values))

    for layer in model.layers:
        weights, mine = layer.get_weights(), getattr(module, layer.name, None)
        if layer.name.startswith("conv"):
            give(mine.weight, weights[0].transpose(2, 1, 0))
            give(mine.bias, weights[1])
        elif layer.name.startswith("norm"):
            for name, values in zip(("weight", "bias", "running_mean", "running_var"), weights, strict=True):
                give(getattr(mine, name), values)
        elif layer.name.startswith("dense"):
            kernel = weights[0]
            if len(kernel) > 20:  # flattened with positions first; PyTorch has channels first
                kernel = kernel.reshape(-1, 16, 20).swapaxes(0, 1).reshape(-1, 20)
            give(mine.weight, kernel.T)
            give(mine.bias, weights[1])
    return module


@pytest.fixture(scope="module", params=["basset", "bpnet"])
def three(request, tmp_path_factory):
    """One network with random weights: in Keras, in an ONNX file, in PyTorch and in a .pt2 file."""
    import torch

    keras.utils.set_random_seed(1)
    model = {"basset": basset, "bpnet": bpnet}[request.param]()
    rng = np.random.default_rng(0)
    for layer in model.layers:  # normalisation that does something
        if layer.name.startswith("norm"):
            layer.set_weights([rng.uniform(0.5, 1.5, weights.shape) for weights in layer.get_weights()])
    model(np.zeros((2, LENGTH, 4)))
    folder = tmp_path_factory.mktemp(request.param)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of tf2onnx
        model.export(folder / "model.onnx", format="onnx", verbose=False)
    module = copied(model, in_torch(request.param)).eval()
    batch = {0: torch.export.Dim("batch")}
    program = torch.export.export(module, (torch.zeros(2, 4, LENGTH),), dynamic_shapes=(batch,))
    torch.export.save(program, folder / "model.pt2")
    return model, folder, module


def test_one_network_has_the_same_fields_in_every_framework(three):
    model, folder, module = three
    ways = (model, module, folder / "model.onnx", folder / "model.pt2")
    graphs = [read_model(each, LENGTH) for each in ways]
    found = [receptive_fields(each, LENGTH).rows for each in graphs]
    expected, *others = ([replace(row, name="") for row in rows] for rows in found)
    assert len(expected) >= 4
    for found in others:
        assert found == expected


def test_one_network_has_the_same_filters_and_importances_in_every_framework(three):
    import onnx

    model, folder, module = three
    data = dna()
    expected = audit(model, data)
    assert any(match.hits for match in expected.matches)
    for each in (onnx.load(folder / "model.onnx"), module):
        found = audit(each, data)
        np.testing.assert_array_equal(found.reading.sites, expected.reading.sites)
        for mine, other in zip(found.reading.motifs, expected.reading.motifs, strict=True):
            np.testing.assert_allclose(mine.pwm, other.pwm, atol=1e-5)
        for mine, other in zip(found.matches, expected.matches, strict=True):
            assert [hit.target for hit in mine.hits] == [hit.target for hit in other.hits]
            np.testing.assert_allclose(
                [hit.evalue for hit in mine.hits], [hit.evalue for hit in other.hits], 1e-3
            )
        assert found.activation == expected.activation == "relu"
        np.testing.assert_allclose(found.importance.loss_change, expected.importance.loss_change, atol=1e-5)
        np.testing.assert_allclose(found.importance.auroc_change, expected.importance.auroc_change, atol=1e-3)
