import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from receptive.errors import UsageError
from receptive.evidence.claims import published_numbers
from receptive.networks.variants import (
    SMALL_CNN_50_2,
    VARIANTS,
    build,
    cross_entropy,
    parameters,
    shapes,
    variant,
)
from receptive.protocols import PAPER, RELEASED, protocol
from receptive.theory.fields import receptive_fields
from receptive.theory.layers import parse_layers

NAMES = [
    "cnn-1",
    "cnn-2",
    "cnn-4",
    "cnn-10",
    "cnn-25",
    "cnn-50",
    "cnn-100",
    "cnn9-4",
    "cnn9-25",
    "cnn3-50",
    "cnn3-2",
    "cnn-50-2",
    "cnn19-1-2",
    "cnn-25-60",
    "cnn-25-90",
    "cnn-25-120",
    "cnn-1-1-100",
]


def test_the_seventeen_variants():
    assert list(VARIANTS) == NAMES
    rows = {cell.id: cell.variant for cell in published_numbers() if cell.id.startswith("T1-")}
    assert {network.claim: network.name for network in VARIANTS.values() if network.claim} == rows


@pytest.mark.parametrize(
    ("names", "length", "expected"),
    [
        ("cnn-1 cnn-2 cnn-4 cnn-10 cnn-25 cnn-50 cnn-100 cnn-50-2", 200, 160_048),
        ("cnn9-4 cnn9-25", 200, 158_848),
        ("cnn3-50 cnn3-2", 200, 158_128),
        ("cnn-1 cnn-2 cnn-4 cnn-10 cnn-25 cnn-50 cnn-100 cnn-50-2", 1000, 684_336),
        ("cnn9-4 cnn9-25", 1000, 683_136),
    ],
)
@pytest.mark.claim("ARCH-1", "ARCH-2", "ARCH-3")
def test_parameter_counts_are_the_released_ones(names, length, expected):
    assert {parameters(VARIANTS[name], length) for name in names.split()} == {expected}


@pytest.mark.claim("D-5", "ARCH-3")
def test_cnn_50_2_as_released_is_small():
    assert variant("cnn-50-2", RELEASED) is SMALL_CNN_50_2
    assert parameters(SMALL_CNN_50_2, 200) == 25_712
    assert parameters(variant("cnn-50-2", PAPER), 200) == parameters(VARIANTS["cnn-2"], 200)


@pytest.mark.claim("ARCH-1")
@pytest.mark.parametrize("network", [*VARIANTS.values(), SMALL_CNN_50_2], ids=str)
def test_counting_by_arithmetic_agrees_with_keras(network):
    model = build(network, 200, 12, RELEASED)
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == parameters(network, 200)
    biased = [layer.name for layer in model.layers if getattr(layer, "bias", None) is not None]
    assert biased == ["output"]


@pytest.mark.claim("ARCH-1")
@pytest.mark.parametrize("network", [*VARIANTS.values(), SMALL_CNN_50_2], ids=str)
def test_the_shapes_are_those_of_the_keras_model(network):
    layers = {layer.name: layer for layer in build(network, 200, 12, RELEASED).layers}
    sequence, *maps = shapes(network, 200)
    assert sequence == ("sequence", 200, 4)
    assert len(maps) == len(network.layers)
    convolutions = [shape for shape in maps if shape.name.startswith("conv")]
    assert [shape[1:] for shape in convolutions] == [
        layers[shape.name].output.shape[1:] for shape in convolutions
    ]
    assert maps[-1][1:] == layers["flat"].input.shape[1:]


@pytest.mark.claim("ARCH-2")
def test_the_dense_layer_sees_as_much_in_every_variant_of_the_pooling_series():
    series = [VARIANTS[f"cnn-{pool}"] for pool in (1, 2, 4, 10, 25, 50, 100)]
    assert {
        np.prod([layer.size for layer in network.layers if layer.kind == "pool"]) for network in series
    } == {100}
    assert {receptive_fields(network.layers, 200).rows[-1].length for network in series} == {2}


@pytest.mark.claim("ARCH-1")
def test_the_layers_of_cnn_2():
    model = build(VARIANTS["cnn-2"], 200, 12, PAPER)
    first, second = (f"conv{n} norm{n} active{n} pool{n} drop{n}" for n in (1, 2))
    names = f"sequence {first} {second} flat dense norm active drop output"
    assert " ".join(layer.name for layer in model.layers) == names
    shapes = {layer.name: layer.output.shape[1:] for layer in model.layers[1:]}
    assert shapes["active1"] == (200, 30)
    assert shapes["pool1"] == (100, 30)
    assert shapes["conv2"] == (100, 128)
    assert shapes["pool2"] == (2, 128)
    assert shapes["dense"] == (512,)
    assert shapes["output"] == (12,)
    rates = {layer.name: layer.rate for layer in model.layers if hasattr(layer, "rate")}
    assert rates == {"drop1": 0.1, "drop2": 0.1, "drop": 0.5}


@pytest.mark.claim("D-14", "D-15", "D-17", "TRAIN-1")
@pytest.mark.parametrize("protocol", [PAPER, RELEASED], ids=lambda protocol: protocol.name)
def test_the_protocol_reaches_the_model(protocol):
    model = build(VARIANTS["cnn-25"], 200, 12, protocol)
    optimizer = model.optimizer.get_config()
    assert optimizer["learning_rate"] == pytest.approx(protocol.learning_rate)
    assert (optimizer["beta_1"], optimizer["beta_2"], optimizer["epsilon"]) == (protocol.beta_1, 0.999, 1e-8)
    norm = model.get_layer("norm2")
    assert (norm.epsilon, norm.momentum) == (protocol.bn_epsilon, protocol.bn_momentum)
    for name in ("conv1", "conv2", "dense", "output"):
        config = model.get_layer(name).get_config()
        assert config["kernel_regularizer"]["config"]["l2"] == pytest.approx(1e-6)
    kernel = np.asarray(model.get_layer("conv1").kernel)
    limit = np.sqrt(6 / (19 * 4 + 19 * 30))
    assert (np.abs(kernel).max() <= limit) == (protocol is RELEASED)


@pytest.mark.claim("D-12")
def test_padding_a_filter_of_size_one_changes_nothing():
    for padding in ("same", "valid"):
        layers = parse_layers(f"conv19 pool2 conv1{padding} pool50")
        rows = receptive_fields(layers, 200).rows
        assert [(row.size, row.jump, row.start, row.length) for row in rows] == [
            (row.size, row.jump, row.start, row.length)
            for row in receptive_fields(VARIANTS["cnn19-1-2"].layers, 200).rows
        ]


@given(
    labels=arrays.arrays(np.int8, (3, 4), elements=st.integers(-1, 1)),
    probabilities=arrays.arrays(np.float32, (3, 4), elements=st.floats(2**-10, 1 - 2**-10, width=32)),
)
def test_cross_entropy_counts_measured_labels_alone(labels, probabilities):
    import keras

    losses = keras.ops.convert_to_numpy(
        cross_entropy(
            keras.ops.convert_to_tensor(labels.astype(np.float32)), keras.ops.convert_to_tensor(probabilities)
        )
    )
    for row in range(3):
        known = [(label, p) for label, p in zip(labels[row], probabilities[row], strict=True) if label >= 0]
        terms = [-np.log(p if label else 1 - p) for label, p in known]
        assert losses[row] == pytest.approx(np.mean(terms) if terms else 0, rel=1e-4)


def test_cross_entropy_of_a_sure_mistake_is_finite():
    import keras

    loss = cross_entropy(keras.ops.zeros((1, 2)), keras.ops.ones((1, 2)))
    assert 15 < float(loss[0]) < 17


@pytest.mark.parametrize(
    ("name", "hint"),
    [("cnn-26", "did you mean cnn-2"), ("CNN-25", "did you mean cnn-25"), ("xyz", "receptive variants")],
)
def test_an_unknown_variant_is_refused_with_a_hint(name, hint):
    with pytest.raises(UsageError, match=f"unknown variant '{name}'.*{hint}"):
        variant(name)


def test_a_learning_rate_may_be_a_whole_number():
    model = build(VARIANTS["cnn-100"], 200, 12, protocol("released", learning_rate=1))
    assert float(model.optimizer.learning_rate) == 1
