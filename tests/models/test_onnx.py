"""ONNX models: against which outputs change when a position of the input does, and against Keras."""

import re
from dataclasses import replace

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import layers

from receptive.audits.audit import Sequences, audit
from receptive.errors import UsageError
from receptive.theory.fields import receptive_fields, seen

LENGTH, CHANNELS = 40, 4


class Network:
    """An ONNX graph in the making, with positive weights, so that nothing it sees goes unseen.

    Attributes:
        last: the tensor to read next, (N, CHANNELS, positions).
        kept: the tensors to compare, by the name of their node.
    """

    def __init__(self, length=LENGTH, shape=("N", CHANNELS, LENGTH)):
        from onnx import TensorProto

        self.float, self.shape = TensorProto.FLOAT, shape
        self.nodes, self.constants, self.kept, self.last = [], [], {}, "x"

    def constant(self, values, dtype=np.float32):
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.array(values, dtype), f"c{len(self.constants)}"))
        return self.constants[-1].name

    def add(self, op, *more, reads=None, keep=True, name=None, count=1, **attributes):
        from onnx import helper

        name = name or f"{op.lower()}-{len(self.nodes)}"
        outputs = [f"{name}.{i}" for i in range(count)]
        reads = [self.last] if reads is None else reads
        self.nodes.append(helper.make_node(op, [*reads, *more], outputs, name=name, **attributes))
        self.last = outputs[0]
        if keep:
            self.kept[name] = self.last
        return self.last

    def weights(self, *shape):
        return self.constant(np.random.default_rng(len(self.nodes)).uniform(0.1, 0.3, shape))

    def model(self, outputs=None, opset=20):
        from onnx import helper

        graph = helper.make_graph(
            self.nodes,
            "network",
            [helper.make_tensor_value_info("x", self.float, self.shape)],
            [
                helper.make_empty_tensor_value_info(name)
                for name in outputs or [*self.kept.values(), self.last]
            ],
            self.constants,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def read(model, passthrough=()):
    from receptive.models.onnx import Onnx

    return Onnx(model, "m.onnx", passthrough=passthrough).graph


def results(model, X):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    return dict(zip([each.name for each in session.get_outputs()], session.run(None, {"x": X}), strict=True))


def windowed(draw, pads):
    """A window; what ONNX Runtime does not run is not drawn: automatic padding with gaps of any kind."""
    size, stride, dilation = draw(st.integers(1, 5)), draw(st.integers(1, 3)), draw(st.integers(1, 2))
    how = draw(st.sampled_from(["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"]))
    if how.startswith("SAME"):
        stride, dilation = min(stride, size), 1
    given = {"kernel_shape": [size], "strides": [stride], "auto_pad": how}
    if how == "NOTSET":
        most = min(pads, size - 1)
        given["pads"] = [draw(st.integers(0, most)), draw(st.integers(0, most))]
    return given, dilation


def convolution(draw, net):
    given, dilation = windowed(draw, 3)
    groups = draw(st.sampled_from([1, 2, CHANNELS]))
    weights = net.weights(CHANNELS, CHANNELS // groups, *given["kernel_shape"])
    net.add("Conv", weights, group=groups, dilations=[dilation], **given)


def pooling(draw, net):
    given, _ = windowed(draw, 2)
    if given["auto_pad"] == "NOTSET":
        given["ceil_mode"] = draw(st.integers(0, 1))
    kind = draw(st.sampled_from(["MaxPool", "AveragePool"]))
    net.add(kind, **given)


def padding(draw, net):
    left, right = draw(st.integers(-2, 3)), draw(st.integers(-2, 3))
    net.add("Pad", net.constant([0, 0, left, 0, 0, right], np.int64), keep=(left, right) != (0, 0))


def slice_(draw, net):
    start, stop = draw(st.integers(0, 3)), draw(st.sampled_from([2**63 - 1, -1, -3, 1000]))
    step = draw(st.integers(1, 2))
    constants = [net.constant([each], np.int64) for each in (start, stop, 2, step)]
    net.add("Slice", *constants, keep=False)


def residual(draw, net):
    before = net.last
    dilation = draw(st.integers(1, 3))
    net.add("Conv", net.weights(CHANNELS, CHANNELS, 3), dilations=[dilation], pads=[dilation, dilation])
    net.add("Relu", keep=False)
    net.add("Add", reads=[before, net.last])


def concatenation(draw, net):
    before = net.last
    net.add("Conv", net.weights(2, CHANNELS, 3), pads=[1, 1])
    one = net.last
    net.add("MaxPool", reads=[before], kernel_shape=[3], pads=[1, 1])
    net.add("Conv", net.weights(2, CHANNELS, 1))
    net.add("Concat", reads=[one, net.last], axis=draw(st.sampled_from([1, -2])))


def turned(draw, net):
    net.add("Transpose", perm=[0, 2, 1], keep=False)
    net.add("MatMul", net.weights(CHANNELS, CHANNELS), keep=False)
    net.add("Add", net.weights(CHANNELS), keep=False)
    net.add("Transpose", perm=[0, 2, 1], keep=False)


def in_two_dimensions(draw, net):
    """As tf2onnx writes a Conv1D."""
    net.add("Unsqueeze", net.constant([2], np.int64), keep=False)
    weights, stride = net.weights(CHANNELS, CHANNELS, 1, 3), draw(st.integers(1, 2))
    net.add("Conv", weights, pads=[0, 1, 0, 1], strides=[1, stride])
    name = next(reversed(net.kept))
    net.kept[name] = net.add("Squeeze", net.constant([2], np.int64), keep=False)


def normalised(draw, net):
    constants = [net.weights(CHANNELS) for _ in range(4)]
    net.add("BatchNormalization", *constants, keep=False)
    net.add(draw(st.sampled_from(["Relu", "Softplus", "Identity", "LeakyRelu"])), keep=False)


def gated(draw, net):
    before = net.last
    net.add("Sigmoid", keep=False)
    net.add("Mul", reads=[before, net.last], keep=False)


def split(draw, net):
    sizes = net.constant([3, 1], np.int64)
    net.add("Split", sizes, axis=1, keep=False, count=2)
    one = net.last
    net.add("Concat", reads=[one.replace(".0", ".1"), one], axis=1, keep=False)


def folded(draw, net):
    """Through a Reshape whose target is computed, as PyTorch's exporters write it."""
    x = net.last
    net.add("Shape", keep=False)
    sizes = net.last
    parts = []
    for at in (0, 2):
        net.add("Gather", net.constant([at], np.int64), reads=[sizes], keep=False)
        parts.append(net.last)
    two = net.constant([2, 2], np.int64)
    net.add("Concat", reads=[parts[0], two, parts[1]], axis=0, keep=False)
    net.add("Reshape", net.last, reads=[x], keep=False)
    net.add("Reshape", sizes, keep=False)


STEPS = (convolution, pooling, padding, slice_, residual, concatenation)
STEPS += (turned, in_two_dimensions, normalised, gated, split, folded)


@st.composite
def networks(draw):
    net = Network()
    for step in draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=6)):
        step(draw, net)
    convolution(draw, net)
    return net


def fitting(model):
    """The fields of a network; None if the sequence is too short for it."""
    graph = read(model)
    try:
        return receptive_fields(graph, LENGTH)
    except UsageError as error:
        why = str(error)
    assert re.search("needs|removes", why)
    return None


@given(networks())
def test_a_neuron_sees_the_positions_that_change_it(net):
    model = net.model()
    fields = fitting(model)
    if fields is None:
        return
    X = np.random.default_rng(0).uniform(0.5, 1, (1, CHANNELS, LENGTH)).astype(np.float32)
    changed = np.repeat(X, LENGTH, axis=0)
    changed[np.arange(LENGTH), :, np.arange(LENGTH)] += 50
    before, after = results(model, X), results(model, changed)
    rows = {row.name: row for row in fields.rows}
    assert set(rows) >= set(net.kept)
    for name, tensor in net.kept.items():
        found = (after[tensor] != before[tensor]).any(1)  # (position changed, neuron)
        assert found.shape[1] == rows[name].length
        expected = np.zeros_like(found)
        for neuron in range(found.shape[1]):
            expected[seen(fields, name, [neuron]), neuron] = True
        np.testing.assert_array_equal(found, expected)


# --- audits ---------------------------------------------------------------------------------------------


def in_keras(activation):
    """A network with normalisation that does something, pooling and a dense layer, with random weights."""
    keras.utils.set_random_seed(0)
    x = given = keras.Input((LENGTH, 4))
    x = layers.Conv1D(6, 9, padding="same", name="conv1")(x)
    x = layers.BatchNormalization(name="norm1")(x)
    x = layers.MaxPooling1D(2, name="pool1")(layers.Activation(activation)(x))
    x = layers.Conv1D(5, 3, activation="relu", name="conv2")(x)
    x = layers.Dense(2, activation="sigmoid", name="dense")(layers.Flatten()(x))
    model = keras.Model(given, x)
    rng = np.random.default_rng(0)
    norm = model.get_layer("norm1")
    norm.set_weights([rng.uniform(0.5, 1.5, weights.shape) for weights in norm.get_weights()])
    return model


def in_onnx(model, activation):
    """The same as ONNX writes it, channels first."""
    net = Network(shape=("N", 4, LENGTH))
    kernel, bias = model.get_layer("conv1").get_weights()
    net.add("Conv", net.constant(kernel.transpose(2, 1, 0)), net.constant(bias), name="conv1", pads=[4, 4])
    net.add("BatchNormalization", *map(net.constant, model.get_layer("norm1").get_weights()), epsilon=1e-3)
    if activation == "silu":
        before = net.last
        net.add("Sigmoid")
        net.add("Mul", reads=[before, net.last])
    elif activation == "relu6":
        net.add("Clip", net.constant(0), net.constant(6))
    else:
        net.add({"relu": "Relu", "exponential": "Exp"}[activation])
    net.add("MaxPool", name="pool1", kernel_shape=[2], strides=[2])
    kernel, bias = model.get_layer("conv2").get_weights()
    net.add("Conv", net.constant(kernel.transpose(2, 1, 0)), net.constant(bias), name="conv2")
    net.add("Relu")
    net.add("Transpose", perm=[0, 2, 1])
    net.add("Flatten")
    kernel, bias = model.get_layer("dense").get_weights()
    net.add("Gemm", net.constant(kernel), net.constant(bias))
    return net.model([net.add("Sigmoid")])


@pytest.mark.parametrize("activation", ["relu", "relu6", "silu", "exponential"])
def test_one_network_in_keras_and_in_onnx_has_the_same_filters_and_importances(activation):
    rng = np.random.default_rng(0)
    X = np.eye(4, dtype=np.uint8)[rng.integers(4, size=(300, LENGTH))]
    Y = np.stack([X[:, :20, 0].sum(1) > 5, X[:, :, 2].sum(1) > 10], axis=1).astype(np.int8)
    model, data = in_keras(activation), Sequences(X, Y, ("a", "b"))
    expected, found = audit(model, data), audit(in_onnx(model, activation), data)
    assert [replace(row, name="") for row in found.fields.rows] == [
        replace(row, name="") for row in expected.fields.rows
    ]
    known = {"exponential": "exp"}
    assert found.activation == known.get(activation, activation)
    np.testing.assert_array_equal(found.reading.sites, expected.reading.sites)
    for mine, other in zip(found.reading.motifs, expected.reading.motifs, strict=True):
        np.testing.assert_allclose(mine.pwm, other.pwm, atol=1e-5)
    assert [[hit.target for hit in match.hits] for match in found.matches] == [
        [hit.target for hit in match.hits] for match in expected.matches
    ]
    assert expected.importance.loss_change.any()
    np.testing.assert_allclose(found.importance.loss_change, expected.importance.loss_change, atol=1e-5)
