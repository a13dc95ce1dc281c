"""ONNX models: against which outputs change when a position of the input does, and against Keras."""

import re
from dataclasses import replace

import keras
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from keras import layers

from receptive.audits.audit import audit
from receptive.audits.inputs import Sequences
from receptive.errors import ReceptiveError, UsageError
from receptive.models import operators
from receptive.models.keras import read as keras_graph
from receptive.theory.fields import positions_seen, receptive_fields

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
    return dict(
        zip([output.name for output in session.get_outputs()], session.run(None, {"x": X}), strict=True)
    )


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
    # Not with zeros: a gate that multiplies them changes nothing.
    pads, value = net.constant([0, 0, left, 0, 0, right], np.int64), net.constant(0.7)
    net.add("Pad", pads, value, keep=(left, right) != (0, 0))


def slice_(draw, net):
    start, stop = draw(st.integers(0, 3)), draw(st.sampled_from([2**63 - 1, -1, -3, 1000]))
    step = draw(st.integers(1, 2))
    constants = [net.constant([number], np.int64) for number in (start, stop, 2, step)]
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
    branch = net.last
    net.add("MaxPool", reads=[before], kernel_shape=[3], pads=[1, 1])
    net.add("Conv", net.weights(2, CHANNELS, 1))
    net.add("Concat", reads=[branch, net.last], axis=draw(st.sampled_from([1, -2])))


def turned(draw, net):
    net.add("Transpose", perm=[0, 2, 1], keep=False)
    net.add("MatMul", net.weights(CHANNELS, CHANNELS), keep=False)
    net.add("Add", net.weights(CHANNELS), keep=False)
    net.add("Transpose", perm=[0, 2, 1], keep=False)


def multiplied(draw, net):
    """As TensorFlow writes a Dense layer on positions: sequences one behind the other, and apart again."""
    net.add("Transpose", perm=[0, 2, 1], keep=False)
    x, sizes = net.last, net.add("Shape", keep=False)
    target = net.constant([-1, CHANNELS], np.int64)
    if draw(st.booleans()):
        net.add("Gather", net.constant([0, 1], np.int64), keep=False)
        net.add("ReduceProd", net.constant([0], np.int64), keepdims=1, keep=False)
        target = net.add("Concat", net.constant([CHANNELS], np.int64), axis=0, keep=False)
    net.add("Reshape", target, reads=[x], keep=False)
    net.add("MatMul", net.weights(CHANNELS, CHANNELS), keep=False)
    net.add("Add", net.weights(CHANNELS), keep=False)
    net.add("Relu", keep=False)
    net.add("Reshape", sizes, keep=False)
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
    branch = net.last
    net.add("Concat", reads=[branch.replace(".0", ".1"), branch], axis=1, keep=False)


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


def gathered(draw, net):
    """Channels in another order, and some neighbouring positions."""
    net.add("Gather", net.constant(draw(st.permutations(range(CHANNELS))), np.int64), axis=1, keep=False)
    first = draw(st.integers(0, 3))
    net.add(
        "Gather",
        net.constant(np.arange(first, first + draw(st.integers(4, 9))), np.int64),
        axis=2,
        keep=False,
    )


def parted(draw, net):
    """The middle of three parts of the first nine positions."""
    net.add("Slice", *(net.constant([number], np.int64) for number in (0, 9, 2)), keep=False)
    sizes = draw(st.sampled_from([(1, 7, 1), (3, 6, 0), (0, 4, 5)]))
    whole = net.add("Split", net.constant(sizes, np.int64), axis=2, count=3, keep=False)
    net.add("Identity", reads=[whole.replace(".0", ".1")], keep=False)


def squeezed(draw, net):
    """Squeeze-and-excitation: each position times a weight made of all of them.

    Of padding, which is 0, the product would not show the weight: so something is added to it.
    """
    net.add("Add", net.constant([0.5], np.float32), keep=False)
    before = net.last
    net.add("GlobalAveragePool") if draw(st.booleans()) else net.add(
        "ReduceMean", net.constant([2], np.int64)
    )
    net.add("Conv", net.weights(CHANNELS, CHANNELS, 1))
    net.add("Sigmoid", keep=False)
    net.add("Mul", reads=[before, net.last])


def attended(draw, net):
    """Attention pooling, as in Enformer: windows on an axis of their own, weighed and summed."""
    net.add("Slice", *(net.constant([number], np.int64) for number in (0, 24, 2)), keep=False)
    windows = net.add("Reshape", net.constant([0, CHANNELS, 12, 2], np.int64))
    name = next(reversed(net.kept))
    net.add("Conv", net.weights(CHANNELS, CHANNELS, 1, 1), keep=False)
    net.add("Softmax", axis=-1, keep=False)
    net.add("Mul", reads=[windows, net.last], keep=False)
    net.kept[name] = net.add("ReduceSum", net.constant([-1], np.int64), keepdims=0, keep=False)


def repeated(draw, net):
    """All channels once more, and a convolution in groups that reads either, as in ExplaiNN."""
    net.add("Tile", net.constant([1, 2, 1], np.int64), keep=False)
    net.add("Conv", net.weights(CHANNELS, CHANNELS, 3), group=2, pads=[1, 1])


STEPS = (
    *(convolution, pooling, padding, slice_, residual, concatenation),
    *(turned, in_two_dimensions, normalised, gated, split, folded, gathered, parted, squeezed),
    *(attended, repeated, multiplied),
)


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
    try:
        before, after = results(model, X), results(model, changed)
    except Exception as error:  # of types of ONNX Runtime's own: too few positions are left for these nodes
        assume(not re.search("Reshape|Gather", str(error)))
        raise
    rows = {row.name: row for row in fields.rows}
    assert set(rows) >= set(net.kept)
    for name, tensor in net.kept.items():
        differs = (after[tensor] != before[tensor]).any(1)  # (position changed, neuron)
        assert differs.shape[1] == rows[name].length
        expected = np.zeros_like(differs)
        for neuron in range(differs.shape[1]):
            expected[positions_seen(fields, name, [neuron]), neuron] = True
        np.testing.assert_array_equal(differs, expected)


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
def test_a_graph_knows_what_follows_its_convolutions(activation):
    model = in_keras(activation)
    assert keras_graph(model).activations == {"conv1": activation, "conv2": "relu"}
    written = "exp" if activation == "exponential" else activation
    assert read(in_onnx(model, activation)).activations == {"conv1": written, "conv2": "relu"}


@pytest.mark.parametrize("activation", ["relu", "relu6", "silu", "exponential"])
def test_one_network_in_keras_and_in_onnx_has_the_same_filters_and_importances(activation):
    rng = np.random.default_rng(0)
    X = np.eye(4, dtype=np.uint8)[rng.integers(4, size=(300, LENGTH))]
    Y = np.stack([X[:, :20, 0].sum(1) > 5, X[:, :, 2].sum(1) > 10], axis=1).astype(np.int8)
    model, data = in_keras(activation), Sequences(X, Y, ("a", "b"))
    expected, audited = audit(model, data), audit(in_onnx(model, activation), data)
    assert [replace(row, name="") for row in audited.fields.rows] == [
        replace(row, name="") for row in expected.fields.rows
    ]
    known = {"exponential": "exp"}
    assert audited.activation == known.get(activation, activation)
    np.testing.assert_array_equal(audited.reading.sites, expected.reading.sites)
    for mine, other in zip(audited.reading.motifs, expected.reading.motifs, strict=True):
        np.testing.assert_allclose(mine.pwm, other.pwm, atol=1e-5)
    assert [[hit.target for hit in match.hits] for match in audited.matches] == [
        [hit.target for hit in match.hits] for match in expected.matches
    ]
    assert expected.importance.loss_change.any()
    np.testing.assert_allclose(audited.importance.loss_change, expected.importance.loss_change, atol=1e-5)


# --- filters that are held -----------------------------------------------------------------------------


def silu(net):
    read = net.last
    net.add("Mul", net.add("Sigmoid"), reads=[read])


BETWEEN = {
    "norm": lambda net: net.add("BatchNormalization", *(net.weights(CHANNELS) for _ in range(4))),
    "pool": lambda net: net.add("MaxPool", kernel_shape=[3], strides=[2]),
    "mean": lambda net: net.add("AveragePool", kernel_shape=[3], pads=[1, 1], count_include_pad=1),
    "silu": silu,
    "add": lambda net: net.add("Add", net.weights(1, CHANNELS, 1)),
    "turn": lambda net: [net.add("Transpose", perm=[0, 2, 1]) for _ in range(2)],
    "softmax": lambda net: net.add("Softmax", axis=1),
}


@settings(max_examples=25)
@given(
    st.lists(st.sampled_from(sorted(BETWEEN)), max_size=3),
    st.sampled_from(["NOTSET", "SAME_UPPER"]),
    st.integers(1, 2),
    st.sampled_from([2, None]),
    st.sampled_from(["no", "no", "sum", "groups"]),
)
def test_holding_one_after_another_is_holding_each_in_a_pass_of_its_own(steps, pad, stride, batch, also):
    from receptive.models.onnx import Onnx
    from receptive.models.probe import Probe

    net = Network(shape=(batch or "N", CHANNELS, LENGTH))
    groups = 2 if also == "groups" else 1
    net.add("Conv", net.weights(CHANNELS, CHANNELS, 3), name="first", auto_pad="SAME_UPPER")
    net.add("Relu", name="active")
    if also == "sum":
        net.add("Add", "x")
    for step in steps:
        BETWEEN[step](net)
    weights = (net.weights(2, CHANNELS // groups, 3), net.weights(2))
    net.add("Conv", *weights, auto_pad=pad, strides=[stride], group=groups, name="second")
    net.add("Tanh")
    net.add("Flatten")
    model = Onnx(net.model(outputs=[net.last]), "m.onnx")
    place, _, axis = model.activation("first")
    assert place == "active"
    plain = also == "no" and "softmax" not in steps
    assert model._next(place) == (model.names.index("second") if plain else None)
    X = np.eye(4, dtype=np.uint8)[np.random.default_rng(0).integers(4, size=(5, LENGTH))].swapaxes(1, 2)
    probe = Probe(model, place, X, axis)
    before, values = probe.scores(), {0: 0.25, 3: 1.5}
    for index, scores in probe.hold_each(values, before.shape[1], lambda: None):
        np.testing.assert_allclose(scores, probe.scores({index: values[index]}), atol=2e-6)
        assert np.abs(scores - before).max() > 1e-4


def two_strands(opset):
    """A convolution of both strands by the same weights, and its maps; of an old set of operators."""
    net = Network(shape=("N", 4, LENGTH))
    weights, kept = net.weights(CHANNELS, 4, 5), []
    turned = net.constant(np.eye(4)[::-1])
    for strand in ("first", "other"):
        x = "x" if strand == "first" else net.add("MatMul", reads=[turned, "x"], keep=False)
        net.add("Conv", weights, reads=[x], name=strand)
        kept += [net.add("Relu", name=f"{strand}-active")]
        net.add("GlobalMaxPool", name=f"{strand}-max")
    net.add("Sum", reads=["first-max.0", "other-max.0"])
    net.add("Flatten")
    net.add("MatMul", net.weights(CHANNELS, 2))
    net.add("Sigmoid")
    return net.model(outputs=[net.last], opset=opset), net.model(outputs=kept, opset=opset)


@pytest.mark.parametrize("opset", [7, 8, 9, 13])
def test_a_filter_whose_weights_are_used_twice_is_held_twice(opset):
    model, scan = two_strands(opset)
    data = Sequences(dna(), (dna()[:, :2, 0] > 0).astype(np.int8))
    found = audit(model, data)
    assert (found.layer, found.read_from) == ("first", "first-active")
    X = data.X.swapaxes(1, 2).astype("f")
    maps = [results(scan, X)[name] for name in ("first-active.0", "other-active.0")]
    weights = np.array(
        model.graph.initializer[-1].float_data
        or np.frombuffer(model.graph.initializer[-1].raw_data, np.float32)
    ).reshape(CHANNELS, 2)

    def loss(maps):
        scores = 1 / (1 + np.exp(-(sum(strand.max(2) for strand in maps) @ weights)))
        return -np.log(np.where(data.Y > 0, scores, 1 - scores)).mean()

    for index in range(CHANNELS):
        held = [strand.copy() for strand in maps]
        for strand in held:
            strand[:, index] = maps[0][:, index].mean()
        assert found.importance.loss_change[index] == pytest.approx(loss(held) - loss(maps), abs=1e-6)


@pytest.mark.parametrize("mode", ["reflect", "edge", "wrap"])
def test_ends_that_are_filled_are_padding_with_a_note(mode):
    net = Network(shape=("N", 4, LENGTH))
    net.add("Pad", net.constant([0, 0, 2, 0, 0, 2], np.int64), mode=mode, name="/first/Pad", keep=False)
    net.add("Conv", net.weights(CHANNELS, 4, 5), name="/first/Conv")
    model = net.model()
    graph = read(model)
    assert [(node.layer.name, node.layer.kind) for node in graph.nodes] == [
        ("first:2", "pad"),
        ("first", "conv"),
    ]
    (note,) = graph.notes
    assert note.startswith(f"first:2 fills the ends with values of other positions ({mode})")
    row = receptive_fields(graph, LENGTH).row("first")
    base = np.random.default_rng(0).uniform(0.1, 1, (1, 4, LENGTH)).astype("f")
    changed = np.repeat(base, LENGTH, axis=0)
    changed[range(LENGTH), :, range(LENGTH)] += 1
    moves = (results(model, changed)["/first/Conv.0"] != results(model, base)["/first/Conv.0"]).any(1)
    inside = range(2, LENGTH - 2)  # neurons whose field is the sequence's own
    for neuron in inside:
        assert np.flatnonzero(moves[:, neuron]).tolist() == [
            *range(row.start + neuron, row.start + neuron + 5)
        ]


# --- what others write


def dna(count=40, length=LENGTH, seed=0):
    rng = np.random.default_rng(seed)
    return np.eye(4, dtype=np.uint8)[rng.integers(4, size=(count, length))]


def convolved(*steps, shape=("N", 4, LENGTH), **more):
    """A graph of a convolution, what ``steps`` add, and another convolution."""
    net = Network(shape=shape)
    net.add("Conv", net.weights(CHANNELS, 4, 5), name="first")
    for step in steps:
        step(net)
    net.add("Conv", net.weights(CHANNELS, CHANNELS, 3), name="second")
    return net.model([net.last], **more)


def test_a_kernel_over_all_letters_is_one_over_positions():
    """As DeepBind's kind of networks are written in 2-D, letters first or last."""
    for shape, kernel in ((("N", 1, 4, LENGTH), (4, 5)), (("N", 1, LENGTH, 4), (5, 4))):
        net = Network(shape=shape)
        net.add("Conv", net.weights(3, 1, *kernel), name="conv")
        net.add("Relu", name="relu")
        net.add("MaxPool", name="pool", kernel_shape=[1, 4] if kernel[0] == 4 else [4, 1], strides=[4, 4])
        net.add("Flatten", name="flat")
        net.add("Gemm", net.weights(27, 2), name="dense")
        model = net.model([net.add("Sigmoid")])
        rows = read_model_rows(model)
        assert [(row.name, row.size, row.jump) for row in rows] == [("conv", 5, 1), ("pool", 8, 4)]
        audited = audit(model, Sequences(dna()))
        assert audited.reading.motifs[0].pwm.shape == (5, 4)
        assert (audited.read_from, audited.activation) == ("relu", "relu")


def read_model_rows(model, length=LENGTH):
    return receptive_fields(read(model), length).rows


# --- what cannot be followed ------------------------------------------------------------------------------


def within(net):
    """An If whose branches read the map from outside."""
    from onnx import helper

    branches = [
        helper.make_graph(
            [helper.make_node(op, [net.last], [f"{op}.0"])],
            op,
            [],
            [helper.make_empty_tensor_value_info(f"{op}.0")],
        )
        for op in ("Relu", "Neg")
    ]
    yes = net.constant(True, bool)
    net.add("If", reads=[yes], name="choice", then_branch=branches[0], else_branch=branches[1])


def op(kind, *constants, dtype=np.int64, **attributes):
    """A step that adds a node."""
    return lambda net: net.add(
        kind,
        *("" if constant is None else net.constant(constant, dtype) for constant in constants),
        **attributes,
    )


MOVED = (
    (op("Resize", None, None, [1, 1, 2], dtype=np.float32, name="node"), "stretches"),
    (lambda net: net.add("ConvTranspose", net.weights(4, 4, 3), name="node"), "stretches"),
    (op("Tile", [1, 1, 2], name="node"), "stretches"),
    (op("Slice", [-1], [-(2**31)], [2], [-1], name="node"), "turns the sequence around"),
    (op("Gather", [[0, 2]], axis=2, name="node"), "moves values"),
    (op("MaxPool", kernel_shape=[3], dilations=[2], name="node"), "gaps"),
    (op("Reshape", [0, 8, -1], name="node"), "moves values"),
    (op("Split", [1] * 32, axis=2, count=32, name="node"), "moves values"),
    (op("TopK", [5], axis=2, name="node", count=2), "moves values"),
    (op("Squeeze", [2], name="node"), "takes the axis of positions away"),
    (op("LpNormalization", axis=2, name="node"), "combines all positions"),
    (op("CumSum", 2, name="node"), "combines all positions"),
    (
        lambda net: net.add("Conv", reads=[net.constant(np.ones((2, 4, 36))), net.last], name="node"),
        "other inputs",
    ),
    (lambda net: net.add("Fancy", name="node", domain="my.own"), "operator of my.own"),
    (within, "holds a part of the network, which is not followed"),
    (op("QLinearConv", name="node"), "computes in whole numbers; take the model as it was before"),
    (op("DynamicQuantizeLinear", name="node", count=3), "computes in whole numbers"),
)
PASSED = {"Fancy", "If", "LpNormalization"}


@pytest.mark.parametrize(("step", "why"), MOVED)
def test_a_node_that_cannot_be_followed_is_named_and_ends_its_branch(step, why):
    kinds = []
    model = convolved(step, lambda net: kinds.append(net.nodes[-1].op_type))
    graph = read(model)
    assert [row.name for row in receptive_fields(graph, LENGTH).rows] == ["first"]
    (note,) = graph.notes
    name, (kind,) = "choice" if step is within else "node", kinds
    assert f"node {name} ({kind} of first): " in note
    assert why in note
    assert (f"--passthrough {name} or --passthrough {kind}" in note) == (kind in PASSED)
    if kind in PASSED:
        for way in (name, kind):
            rows = receptive_fields(read(model, [way]), LENGTH).rows
            assert [row.name for row in rows] == ["first", "second"]
    else:
        with pytest.raises(UsageError, match=f"node {name} .*moves or combines positions"):
            read(model, [name])


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (op("MaxPool", kernel_shape=[3], strides=[2], ceil_mode=1), "ceil_mode"),
        (op("MaxPool", kernel_shape=[3], strides=[2], auto_pad="SAME_LOWER"), "auto_pad"),
        (op("Split", axis=2, count=2, num_outputs=2), "how it splits"),
    ],
)
def test_what_depends_on_the_length_is_read_where_that_is_known(step, why):
    (note,) = read(convolved(step, shape=("N", 4, "L"))).notes
    assert why in note
    assert "open" in note
    assert not any("open" in note for note in read(convolved(step)).notes)


def test_a_filter_of_a_group_of_four_channels_sees_all_letters():
    for groups, notes in ((3, 0), (6, 1)):
        net = Network()
        net.add("Tile", net.constant([1, 3, 1], np.int64))
        net.add("Conv", net.weights(6, 12 // groups, 5), group=groups, name="units")
        assert len(read(net.model()).notes) == notes


def test_what_has_no_convolution_is_said_to_have_none():
    """Whatever stands in its way first, as in attention over tokens."""
    net = Network()
    net.add("Transpose", perm=[1, 0, 2])
    net.add("MatMul", net.weights(LENGTH, 2))
    with pytest.raises(ReceptiveError, match=r"m\.onnx: has no convolution or pooling over positions$"):
        read(net.model())


@pytest.mark.parametrize(
    ("kind", "domain", "why"),
    [
        (
            "FusedConv",
            "com.microsoft",
            "operator of com.microsoft, .*; take the model as it was before$",
        ),
        ("QLinearConv", "", r"node node \(QLinearConv of x\): computes in whole numbers"),
        ("If", "", "holds a part of the network, which is not followed"),
    ],
)
def test_convolutions_of_another_kind_are_named_with_a_way_out(kind, domain, why):
    net = Network()
    if kind == "If":
        within(net)
    else:
        net.add(kind, net.weights(CHANNELS, 4, 5), name="node", domain=domain)
    with pytest.raises(ReceptiveError, match=why):
        read(net.model())


def test_rows_of_a_batch_one_behind_the_other_are_followed_no_further_than_positions_go():
    def step(net):
        net.add("Transpose", perm=[0, 2, 1])
        net.add("Reshape", net.constant([-1, CHANNELS], np.int64))
        net.add("Reshape", net.constant([-1, 2 * CHANNELS], np.int64), name="node")

    graph = read(convolved(step))
    assert [node.layer.name for node in graph.nodes] == ["first"]
    assert "node node (Reshape of " in graph.notes[0]
    assert "moves values" in graph.notes[0]


def test_strands_beside_each_other_in_a_batch_are_named_with_a_way_out():
    net = Network()
    turn = [net.constant([number], np.int64) for number in (-1, -(2**31), 2, -1)]
    net.add("Concat", net.add("Slice", *turn), reads=["x"], axis=0)
    net.add("Conv", net.weights(CHANNELS, 4, 5))
    with pytest.raises(ReceptiveError, match=r"turns the sequence around; what .* one strand, saved"):
        read(net.model())


def test_recurrent_layers_end_the_spatial_part_without_a_note():
    net = Network(shape=("N", 4, LENGTH))
    net.add("Conv", net.weights(CHANNELS, 4, 5), name="first")
    net.add("Transpose", perm=[2, 0, 1])
    net.add("LSTM", net.weights(1, 12, CHANNELS), net.weights(1, 12, 3), hidden_size=3)
    graph = read(net.model([net.last]))
    assert [node.layer.name for node in graph.nodes] == ["first"]
    assert (graph.ends, graph.notes) == (("first",), ())


@pytest.mark.parametrize(
    "step", [op("Softmax", axis=2), op("LogSoftmax", axis=-1), op("Transpose", perm=[2, 0, 1])]
)
def test_attention_over_positions_ends_the_spatial_part_without_a_note(step):
    """A softmax over them weighs all; PyTorch's attention wants them before sequences."""
    net = Network(shape=("N", 4, LENGTH))
    net.add("Conv", net.weights(CHANNELS, 4, 5), name="first")
    step(net)
    net.add("Relu")
    graph = read(net.model([net.last]))
    assert ([node.layer.name for node in graph.nodes], graph.ends, graph.notes) == (["first"], ("first",), ())


def test_what_several_nodes_make_of_a_map_has_one_name():
    """PyTorch's softplus is a straight line beyond 20; mish holds a softplus."""

    def softplus(net):
        before = net.last
        soft = net.add("Softplus")
        net.add("Where", reads=[net.add("Greater", net.constant(20), reads=[before]), before, soft])

    def mish(net):
        before = net.last
        net.add("Softplus")
        net.add("Mul", reads=[before, net.add("Tanh")])

    for step in (softplus, mish):
        assert read(convolved(step)).activations["first"] == step.__name__


def test_the_length_may_be_open():
    pool = op("MaxPool", kernel_shape=[2], strides=[2])
    opened, fixed = (read(convolved(pool, shape=("N", 4, size))) for size in ("L", LENGTH))
    assert (opened.input_length, fixed.input_length) == (None, LENGTH)
    assert receptive_fields(opened, LENGTH).rows == receptive_fields(fixed, LENGTH).rows


def test_a_model_of_a_fixed_batch_is_audited_as_one_of_any():
    X = dna(45)
    audited, expected = (
        audit(convolved(op("Relu"), shape=(batch, 4, LENGTH)), Sequences(X)) for batch in (7, "N")
    )
    np.testing.assert_array_equal(audited.reading.sites, expected.reading.sites)
    for mine, other in zip(audited.reading.motifs, expected.reading.motifs, strict=True):
        np.testing.assert_array_equal(mine.pwm, other.pwm)


def test_operators_of_old_versions_give_by_attributes_what_new_ones_are_fed():
    def old(net):
        net.add("Pad", pads=[0, 0, 2, 0, 0, 1], name="pad")
        net.add("Slice", starts=[3], ends=[-1], axes=[2], name="slice")
        net.add("Unsqueeze", axes=[2], keep=False)
        net.add("Squeeze", axes=[2], keep=False)
        parts = net.add("Split", axis=1, split=[3, 1], count=2, keep=False)
        net.add("Concat", reads=[parts, parts.replace(".0", ".1")], axis=1, keep=False)

    def new(net):
        net.add("Pad", net.constant([0, 0, 2, 0, 0, 1], np.int64), name="pad")
        net.add("Slice", *(net.constant([number], np.int64) for number in (3, -1, 2)), name="slice")

    result, expected = (read_model_rows(convolved(way, opset=opset)) for way, opset in ((old, 9), (new, 20)))
    assert [row for row in result if row.kind != "concat"] == [*expected]


def test_weights_that_are_computed_or_nodes_keep_their_shape():
    """As files of other tools have them: constants as nodes, and quantised numbers."""
    from onnx import TensorProto, helper

    net = Network(shape=("N", 4, LENGTH))
    large = helper.make_tensor("w", TensorProto.FLOAT, (300, 4, 5), np.ones(6000, np.float32))
    net.nodes.append(helper.make_node("Constant", [], ["w"], value=large))
    net.add("Conv", "w", name="conv")
    small = [net.constant(np.ones((8, 300, 3)), np.int8), net.constant(0.5), net.constant(0, np.int8)]
    net.add("Conv", net.add("DequantizeLinear", reads=small, keep=False), reads=["conv.0"], name="deep")
    net.add("Relu", name="relu")
    graph = read(net.model([net.last]))
    assert not graph.notes
    assert [(row.name, row.size) for row in receptive_fields(graph, LENGTH).rows] == [
        ("conv", 5),
        ("deep", 7),
    ]


# --- names ------------------------------------------------------------------------------------------------


def named(*names, weights=None, metadata=()):
    """What the convolutions of a chain are called whose nodes have these names."""
    from onnx import helper

    net = Network(shape=("N", 4, LENGTH))
    for i, name in enumerate(names):
        constant = net.weights(4, 4, 3)
        if weights:
            net.constants[-1].name = constant = weights[i]
        net.nodes.append(helper.make_node("Conv", [net.last, constant], [f"{i}"], name=name))
        for key, value in metadata:
            net.nodes[-1].metadata_props.add(key=f"pkg.torch.onnx.{key}", value=value)
        net.last = f"{i}"
    return [row.name for row in read_model_rows(net.model([net.last]))]


def test_nodes_are_called_as_their_users_call_them():
    assert named("", "") == ["conv1", "conv2"]
    assert named("conv_a", "conv_a") == ["conv_a", "conv_a:2"]
    assert named("/features/features.0/Conv", "/body/Conv") == ["features.0", "body"]
    assert named("/Conv", "/Conv_1") == ["Conv", "Conv_1"]
    assert named("n0", "n1", weights=["tower.0.weight", "tower.1.weight"]) == ["tower.0", "tower.1"]
    keras = [f"functional_1/{name}" for name in ("a_1/convolution", "block/b_1/Conv1D")]
    assert named(*keras) == ["a_1", "block/b_1"]
    classes = ("class_hierarchy", "['Net', 'torch.nn.modules.conv.Conv1d', 'aten.conv1d']")
    scopes = ("name_scopes", "['', 'body.conv', 'conv1d']")
    assert named("node_1", metadata=[classes, scopes]) == ["body.conv"]
    classes = ("class_hierarchy", "['Net', 'torch.nn.utils.parametrize.ParametrizedConv1d', 'aten.conv1d']")
    assert named("node_1", metadata=[classes, scopes]) == ["body.conv"]
    classes = ("class_hierarchy", "['Net', 'mine.Block', 'aten.conv1d']")
    assert named("node_1", metadata=[classes, scopes]) == ["body.conv.conv1d"]
    assert named("n\x1b[2J") == [r"n\x1b[2J"]


@pytest.mark.parametrize("value", ["__import__('os').abort()", "['a'", "{'a': 1}", "['a', 'b']", "[" * 9999])
def test_metadata_that_is_no_list_of_names_names_nothing(value):
    assert named("own", metadata=[("name_scopes", value), ("class_hierarchy", "['Net']")]) == ["own"]


# --- functions and files ----------------------------------------------------------------------------------


def with_functions(*bodies):
    """A model of one node, which calls the last of some functions; each is a list of operators."""
    from onnx import helper

    sets = [helper.make_opsetid("", 20), helper.make_opsetid("own", 1)]
    made = []
    for i, body in enumerate(bodies):
        tensors = ["x", *map(str, range(len(body) - 1)), "y"]
        nodes = [
            helper.make_node(
                kind,
                [a, "w"] if kind == "Conv" else [a],
                [b],
                domain="own" if kind[0] == "f" else "",
                name=kind,
            )
            for kind, a, b in zip(body, tensors, tensors[1:], strict=False)
        ]
        made.append(helper.make_function("own", f"f{i}", ["x", "w"], ["y"], nodes, sets))
    net = Network(shape=("N", 4, LENGTH))
    net.nodes.append(
        helper.make_node(made[-1].name, ["x", net.weights(4, 4, 5)], ["y"], domain="own", name="block")
    )
    net.last = "y"
    model = net.model(["y"])
    model.opset_import.append(sets[1])
    model.functions.extend(made)
    return model


def test_functions_are_read_as_what_they_are_made_of():
    model = with_functions(["Conv", "Relu"])
    assert [(row.kind, row.size) for row in read_model_rows(model)] == [("conv", 5)]
    assert audit(model, Sequences(dna())).activation == "relu"


@pytest.mark.parametrize(
    "bodies", [[["f0"]], [["Neg", "Neg"], *([f"f{i}"] * 2 for i in range(40))]], ids=["itself", "2**40"]
)
def test_functions_without_end_are_refused(bodies):
    with pytest.raises(ReceptiveError, match=r"calls itself|its functions, written out, are \d"):
        read(with_functions(*bodies))


@pytest.fixture
def external(tmp_path):
    """A model whose weights lie in a file beside it, and the same in one file."""
    import onnx

    model = convolved(op("Relu"))
    path = tmp_path / "folder" / "m.onnx"
    path.parent.mkdir()
    whole = tmp_path / "whole.onnx"
    onnx.save(model, whole)
    onnx.save(model, path, save_as_external_data=True, location="w.data", size_threshold=0)
    return path, whole


def test_weights_in_a_file_beside_the_model_are_read(external, command, tmp_path, monkeypatch):
    path, whole = external
    (tmp_path / "s.fa").write_text(
        "".join(f">{i}\n{''.join('ACGT'[j] for j in x.argmax(1))}\n" for i, x in enumerate(dna()))
    )
    monkeypatch.chdir(tmp_path)
    result, expected = (
        command("audit", tensor, "--data", "s.fa", "--out", f"{tensor.stem}-out", "--json")[1]
        for tensor in external
    )
    assert result.replace("m.onnx", "whole.onnx") == expected
    code, rows, err = command("field", whole)
    (path.parent / "w.data").unlink()
    assert command("field", path) == (code, rows, err) == (0, rows, "")
    code, out, err = command("audit", path, "--data", "s.fa", "--out", "none")
    assert (code, out) == (1, "")
    assert "its weights lie in another file, which cannot be read" in err
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("how", ["above", "absolute", "link"])
def test_weights_are_read_from_the_folder_of_the_model_alone(external, how, tmp_path):
    import onnx

    from receptive.models.onnx import open_file

    path, _ = external
    secret = tmp_path / "secret"
    (path.parent / "w.data").rename(secret)
    place = {"above": "../secret", "absolute": str(secret), "link": "w.data"}[how]
    if how == "link":
        (path.parent / "w.data").symlink_to(secret)
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = place
    onnx.save(model, path)
    with pytest.raises(ReceptiveError, match=r"cannot be read \(.* leads out of the folder of the model\)"):
        audit(open_file(path), Sequences(dna()))


@pytest.fixture(scope="module")
def small():
    """The bytes of a small model."""
    return convolved(
        op("MaxPool", kernel_shape=[2], strides=[2]), op("Reshape", [0, 4, -1])
    ).SerializeToString()


@given(data=st.data())
def test_any_damage_is_read_or_refused_in_one_sentence(small, tmp_path_factory, data):
    from receptive.models.onnx import open_file

    at = data.draw(st.integers(0, len(small) - 1))
    damaged = (
        small[:at] + data.draw(st.binary(min_size=1, max_size=4)) + small[at + data.draw(st.integers(0, 4)) :]
    )
    if data.draw(st.booleans()):
        damaged = damaged[: data.draw(st.integers(0, len(damaged)))]
    path = tmp_path_factory.getbasetemp() / "damaged.onnx"
    path.write_bytes(damaged)
    try:
        receptive_fields(open_file(path).graph, LENGTH)
        said = ""
    except (ReceptiveError, UsageError) as error:
        said = str(error)
    assert "\n" not in said
    assert len(said) < 2000


@pytest.mark.parametrize("content", [b"", b"text", b"\x80\x04pickle", b"PK\x03\x04", bytes(100)])
def test_files_that_are_no_onnx_models(content, tmp_path, command):
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    code, out, err = command("field", path)
    assert (code, out) == (1, "")
    assert "not an ONNX model" in err


# --- the operators -------------------------------------------------------------------------------------


def reaches(kind, *types):
    """How far one value of the maps that an operator reads reaches: "itself", or "others", too.

    None: no value changes anything, or the operator does not work on maps of these types alone.
    """
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    random = np.random.default_rng(0)
    maps = {f"x{i}": random.uniform(-3, 3, (2, 2, 3)).astype(of) for i, of in enumerate(types)}
    if bool in types:
        maps = {name: values > 0 if values.dtype == bool else values for name, values in maps.items()}
    given = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(values.dtype), values.shape)
        for name, values in maps.items()
    ]
    node = helper.make_node(kind, [*maps], ["y"])
    graph = helper.make_graph([node], kind, given, [helper.make_empty_tensor_value_info("y")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    try:
        run = ReferenceEvaluator(model).run
        before, found = run(None, maps)[0], None
        for name, values in maps.items():
            for place in np.ndindex(values.shape):
                other = values.copy()
                other[place] = ~other[place] if values.dtype == bool else 1 - 2 * other[place]
                after = run(None, maps | {name: other})[0]
                same = (after == before) | ((after != after) & (before != before))
                if (
                    np.shape(same) != values.shape
                    or not np.delete(same, np.ravel_multi_index(place, values.shape)).all()
                ):
                    return "others"
                found = found if same.all() else "itself"
    except Exception:  # whatever the evaluator raises of what an operator does not take
        return None
    return found


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_operators_on_single_values_are_those_that_reach_no_other():
    """All of the format, against its reference evaluator."""
    from onnx import defs

    known = {schema.name: schema for schema in defs.get_all_schemas_with_history() if not schema.domain}
    reach, float32 = {}, np.float32
    for kind in sorted(known):
        if defs.has(kind, 20, ""):
            count = max(known[kind].min_input, 1)
            types = [(float32,) * count, (bool,) * count, (bool, *(float32,) * (count - 1))]
            reach[kind] = {reaches(kind, *each) for each in types} - {None}
    single = {kind for kind, found in reach.items() if found == {"itself"}}
    every = operators._POINTWISE | operators._JOINS
    listed = every & {*reach}
    assert {kind for kind in listed if "others" in reach[kind]} == set()
    no_such_maps = {"BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot", "OptionalGetElement", "Bernoulli"}
    nothing_to_move = {"Split", "Squeeze", "Trilu"}  # in maps of this shape
    assert single - listed <= no_such_maps | nothing_to_move
    more = {"BatchNormalization", "Cast", "QuantizeLinear", "DequantizeLinear", "IsInf", "IsNaN", "Or"}
    assert listed - single <= more  # they need more than maps, or answer the same of these
    named = {*operators._NOT_PASSED, *operators._FOLDED, *operators._OVER_CHANNELS, *operators._REDUCTIONS}
    named |= every | operators._ENDS | operators._MIXES | operators.ARRANGES | {*operators.HOLDING}
    assert named - {*known} <= {
        "MultiHeadAttention",
        "Attention",
        "Swish",
    }  # ONNX Runtime's, and of newer sets
