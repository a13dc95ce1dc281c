"""The Keras reader against Keras itself: what a model answers is what the graph says it sees."""

import json
import subprocess
import sys
import zipfile
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers
from tests import strategies

from receptive.errors import ReceptiveError, UsageError
from receptive.models.keras import read
from receptive.networks.variants import VARIANTS, build
from receptive.protocols import PAPER
from receptive.theory.fields import interval, receptive_fields, seen
from receptive.theory.layers import Layer, chain


@st.composite
def keras_chains(draw, gapless=False):
    """A chain of named layers that Keras has too, and an input length on which it works."""
    chained, length = draw(strategies.networks(gapless, max_length=30))
    kept = []
    for node in chain(chained).nodes:
        layer = node.layer
        if layer.kind == "global" or (layer.stride > 1 and layer.dilation > 1):
            continue
        if layer.kind in ("conv", "pool", "mean") and isinstance(layer.padding, tuple):
            if layer.kind != "conv":
                continue
            layer = Layer("conv", layer.size, layer.stride, layer.dilation, (_reach(layer), 0), layer.name)
        try:
            receptive_fields([*kept, layer], length)
        except ReceptiveError:
            continue
        kept.append(layer)
    return kept or [Layer("conv", 3, padding="same", name="conv")], length


def _reach(layer):
    """Neurons from a filter's first tap to its last."""
    return (layer.size - 1) * layer.dilation


def built(layer, rng):
    """The Keras layer for one of ours, with positive random weights."""
    weights = keras.initializers.RandomUniform(0.5, 1.5, seed=int(rng.integers(1000)))
    name = layer.name
    if layer.kind == "conv":
        padding = "causal" if layer.padding == (_reach(layer), 0) else layer.padding
        shape = {"strides": layer.stride, "dilation_rate": layer.dilation, "padding": padding, "name": name}
        return layers.Conv1D(1, layer.size, kernel_initializer=weights, activation="relu", **shape)
    if layer.kind in ("pool", "mean"):
        pooling = layers.MaxPooling1D if layer.kind == "pool" else layers.AveragePooling1D
        return pooling(layer.size, layer.stride, layer.padding, name=name)
    return (layers.ZeroPadding1D if layer.kind == "pad" else layers.Cropping1D)(layer.padding, name=name)


@pytest.mark.claim("RF-6")
@settings(max_examples=12)  # every example builds a Keras model
@given(keras_chains(), st.integers(0, 99))
def test_a_model_answers_where_the_graph_says(network, seed):
    stack, length = network
    rng = np.random.default_rng(seed)
    model = keras.Sequential([keras.Input((length, 1)), *(built(layer, rng) for layer in stack)])
    graph = read(model)
    assert graph.input_length == length
    assert graph.nodes == chain(stack).nodes
    fields = receptive_fields(graph, length)
    response = np.asarray(model(np.eye(length)[:, :, np.newaxis]))[:, :, 0] > 0
    assert response.shape == (length, fields.rows[-1].length)
    for neuron in range(fields.rows[-1].length):
        expected = np.flatnonzero(response[:, neuron]).tolist()
        assert seen(fields, fields.rows[-1].name, [neuron]).tolist() == expected


@pytest.mark.claim("RF-6")
@settings(max_examples=8)  # every example builds a Keras model
@given(keras_chains(gapless=True), st.integers(0, 99))
def test_gradients_of_average_pooling_are_nonzero_exactly_in_the_interval(network, seed):
    import tensorflow as tf

    stack, length = network
    rng = np.random.default_rng(seed)
    averaging = [
        Layer("mean", layer.size, layer.stride, 1, layer.padding, layer.name)
        if layer.kind == "pool"
        else layer
        for layer in stack
    ]
    model = keras.Sequential([keras.Input((length, 1)), *(built(layer, rng) for layer in averaging)])
    row = receptive_fields(read(model), length).rows[-1]
    x = tf.constant(rng.uniform(0.5, 1.5, (1, length, 1)), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = model(x)
        neurons = [y[0, neuron, 0] for neuron in range(row.length)]
    for neuron, value in enumerate(neurons):
        gradient = np.asarray(tape.gradient(value, x))[0, :, 0]
        assert np.flatnonzero(gradient).tolist() == list(interval(row, neuron))


def residual(shared=False):
    """A small model with everything that is followed or passed over, ending in two heads."""
    x = inputs = keras.Input((120, 4), name="dna")
    x = layers.Dense(6, name="embed")(x)
    x = layers.Conv1D(6, 7, padding="same", name="conv")(x)
    x = layers.LayerNormalization()(layers.Dropout(0.1)(layers.ReLU()(layers.BatchNormalization()(x))))
    block = keras.Sequential(
        [
            keras.Input((120, 6)),
            layers.SeparableConv1D(6, 3, padding="same", dilation_rate=2, name="first"),
            layers.Activation("elu"),
            layers.DepthwiseConv1D(5, padding="same", name="second"),
        ],
        name="block",
    )
    x = layers.Add(name="sum")([x, block(x)])
    if shared:
        x = block(x)
    x = layers.Concatenate(name="joined")([x, layers.SpatialDropout1D(0.1)(x)])
    x = layers.MaxPooling1D(4, name="pool")(x)
    pooled = layers.GlobalAveragePooling1D(name="average")(x)
    x = layers.Dense(3, name="head")(layers.Flatten()(x))
    return keras.Model(inputs, [layers.Dense(3, name="other")(pooled), x], name="residual")


def test_branches_nested_models_and_layers_that_are_passed_over():
    fields = receptive_fields(read(residual()), 120)
    names = ["conv", "block/first", "block/second", "sum", "joined", "pool", "average"]
    assert sorted(row.name for row in fields.rows) == sorted(names)
    assert fields.unaligned == ()
    sizes = {row.name: row.size for row in fields.rows}
    assert sizes == dict(zip(names, [7, 11, 15, 15, 15, 18, 134], strict=True))
    assert fields.row("average").length == 1


@pytest.mark.parametrize("name", ["cnn-2", "cnn-25", "cnn-50-2", "cnn19-1-2", "cnn-1-1-100"])
def test_the_papers_networks_read_back_as_they_are_written_down(name):
    variant = VARIANTS[name]
    graph = read(build(variant, 200, 12, PAPER))
    assert graph.input_length == 200
    assert [replace(node.layer, name="") for node in graph.nodes] == list(variant.layers)


def test_a_layer_that_is_called_twice_has_two_names():
    fields = receptive_fields(read(residual(shared=True)), 120)
    assert fields.row("block/second").size == 15
    assert fields.row("block:2/second").size == 23


def test_a_saved_model_is_read_as_it_was_and_without_keras(tmp_path):
    model, path = residual(), tmp_path / "model.keras"
    model.save(path)
    assert read(path) == read(str(path)) == read(model)
    code = (
        "import sys; from receptive.models.keras import read; read(sys.argv[1]); "
        "print('keras' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("form", ["kept", "reshaped", "dropped"])
def test_squeeze_and_excitation_is_followed(form):
    """The gradient at a positive input: every neuron answers to every position that the squeeze reads."""
    import tensorflow as tf

    inputs = keras.Input((15, 1))
    x = layers.Conv1D(3, 3, padding="same", kernel_initializer="ones", name="conv")(inputs)
    gate = layers.GlobalAveragePooling1D(keepdims=form == "kept", name="squeeze")(x)
    if form == "reshaped":
        gate = layers.Reshape((1, 3))(gate)
    gate = layers.Dense(3, kernel_initializer="ones")(layers.Dense(2, kernel_initializer="ones")(gate))
    x = layers.Multiply(name="scale")([x, gate])
    model = keras.Model(inputs, layers.MaxPooling1D(2, name="pool")(x))
    fields = receptive_fields(read(model), 15)
    assert [row.name for row in fields.rows] == ["conv", "squeeze", "scale", "pool"]
    sequence = tf.random.stateless_uniform((1, 15, 1), seed=(0, 1), minval=0.5)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(sequence)
        answers = tf.unstack(model(sequence)[0, :, 0])
    for neuron, answer in enumerate(answers):
        gradient = np.asarray(tape.gradient(answer, sequence))[0, :, 0]
        assert np.flatnonzero(gradient).tolist() == seen(fields, "pool", [neuron]).tolist() == [*range(15)]


def test_a_turned_input_is_known_however_it_is_turned():
    for turn in (layers.Permute((2, 1)), lambda x: keras.ops.transpose(x, (0, 2, 1))):
        inputs = keras.Input((4, 30))
        graph = read(keras.Model(inputs, layers.Conv1D(2, 3, name="conv")(turn(inputs))))
        assert (graph.turned, graph.input_length) == (True, 30)
    within = keras.Sequential([keras.Input((4, 30)), layers.Permute((2, 1)), layers.Conv1D(2, 3)])
    outer = keras.Input((4, 30))
    assert read(keras.Model(outer, within(outer))).input_length == 30
    assert not read(residual()).turned
    with pytest.raises(ReceptiveError, match=r"back \(Permute\): it moves values"):
        read(keras.Sequential([*within.layers, layers.Permute((2, 1), name="back")]))


def test_what_leaves_the_sequence_is_known_beside_what_goes_on():
    """Dense layers that read a map directly, as well as through another convolution and global pooling."""
    inputs = keras.Input((30, 4))
    first = layers.Conv1D(4, 3, name="first")(inputs)
    last = layers.GlobalMaxPooling1D(name="max")(layers.Conv1D(4, 1, name="last")(first))
    joined = layers.Concatenate()([layers.Flatten()(first), last])
    graph = read(keras.Model(inputs, layers.Dense(2)(joined)))
    assert set(graph.ends) == {"first", "max"}
    assert [node.layer.name for node in graph.nodes] == ["first", "last", "max"]


@pytest.mark.parametrize("mix", ["attention", "recurrent"])
def test_pooling_all_positions_once_they_are_mixed_ends_as_well(mix):
    inputs = keras.Input((30, 4))
    x = layers.Conv1D(4, 3, name="conv")(inputs)
    if mix == "attention":
        x = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(1, 2)(x, x)]))
    else:
        x = layers.Bidirectional(layers.LSTM(2, return_sequences=True))(x)
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling1D()(x)))
    graph = read(model)
    assert [node.layer.name for node in graph.nodes] == list(graph.ends) == ["conv"]


def test_activations_given_as_operations_act_on_each_position():
    names = (
        "relu6",
        "elu",
        "selu",
        "celu",
        "hard_sigmoid",
        "hard_silu",
        "hard_tanh",
        "log_sigmoid",
        "softsign",
    )
    inputs = keras.Input((30, 4))
    for name in names:
        x = getattr(keras.ops, name)(layers.Conv1D(2, 3, name="conv")(inputs))
        assert [row.name for row in receptive_fields(read(keras.Model(inputs, x)), 30).rows] == ["conv"]


def test_operators_on_tensors_are_followed():
    inputs = keras.Input((30, 4))
    x = layers.Conv1D(4, 3, padding="same", name="conv")(inputs)
    x = keras.ops.relu(x) * 2 + inputs
    x = keras.ops.concatenate([x, inputs], axis=-1)
    rows = receptive_fields(read(keras.Model(inputs, x)), 30).rows
    assert [(row.kind, row.size) for row in rows] == [("conv", 3), ("add", 3), ("concat", 3)]


def test_a_model_of_unknown_length():
    model = keras.Sequential([keras.Input((None, 4)), layers.Conv1D(2, 3)])
    assert read(model).input_length is None
    assert read(keras.Sequential([layers.Conv1D(2, 3)])).input_length is None


def test_recurrent_layers_end_the_spatial_part():
    model = keras.Sequential(
        [
            keras.Input((90, 4)),
            layers.Conv1D(8, 26, name="conv"),
            layers.Bidirectional(layers.LSTM(3)),
            layers.Dense(2),
        ]
    )
    assert [row.name for row in receptive_fields(read(model), 90).rows] == ["conv"]


class Doubled(layers.Layer):
    """A layer of the user's own that acts on each position by itself."""

    def call(self, x):
        return 2 * x

    def compute_output_shape(self, shape):
        return shape


def own():
    """A model with a layer that is not Keras's own."""
    x = inputs = keras.Input((20, 4))
    x = Doubled(name="twice")(layers.Conv1D(2, 3, name="conv")(x))
    return keras.Model(inputs, layers.MaxPooling1D(2, name="pool")(x))


@pytest.mark.parametrize("passed", ["twice", "Doubled"])
def test_a_custom_layer_can_be_passed_over_by_name_or_class(passed, tmp_path):
    own().save(tmp_path / "own.keras")
    for model in (own(), tmp_path / "own.keras"):
        with pytest.raises(
            ReceptiveError, match=r"twice \(Doubled\).*Keras's own.*--passthrough twice or .* Doubled"
        ):
            read(model)
        assert [node.layer.name for node in read(model, [passed]).nodes] == ["conv", "pool"]


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (layers.Conv1DTranspose(2, 3, name="up"), r"up \(Conv1DTranspose\): it stretches the sequence"),
        (layers.UpSampling1D(2, name="up"), "stretches"),
        (layers.GroupNormalization(2, name="norm"), "combines all positions"),
        (
            layers.LayerNormalization(axis=1, name="norm"),
            r"norm \(LayerNormalization\): it combines all positions",
        ),
        (layers.Reshape((5, 16), name="other"), "moves values"),
        (layers.Reshape((1, 80), name="other"), "moves values"),
        (layers.EinsumDense("abc,bd->adc", (32, 4), name="mix"), r"mix \(EinsumDense\): its equation may"),
        (
            layers.Conv1D(2, 3, data_format="channels_first", name="first"),
            r"first \(Conv1D\): has its channels first; only \(batch, positions, channels\) can be read$",
        ),
        (
            layers.Lambda(lambda x: x, name="any"),
            r"any \(Lambda\): is not a layer whose receptive field is known",
        ),
    ],
)
def test_layers_that_are_refused(layer, words):
    model = keras.Sequential([keras.Input((20, 4)), layer])
    with pytest.raises(ReceptiveError, match=words):
        read(model)


def test_joining_along_positions_is_refused():
    inputs = keras.Input((20, 4))
    model = keras.Model(inputs, layers.Concatenate(axis=1, name="long")([inputs, inputs]))
    with pytest.raises(ReceptiveError, match=r"long \(Concatenate\): joins along positions"):
        read(model)


def test_convolution_after_positions_are_mixed_is_refused():
    model = keras.Sequential(
        [keras.Input((20, 4)), layers.LSTM(4, return_sequences=True), layers.Conv1D(2, 3, name="late")]
    )
    with pytest.raises(
        ReceptiveError, match=r"late \(Conv1D\): comes after a layer that mixes all positions"
    ):
        read(model)


def test_models_of_other_kinds_are_refused():
    class Own(keras.Model):
        def call(self, x):
            return x

    one, two = keras.Input((20, 4)), keras.Input((20, 4))
    image = keras.Sequential([keras.Input((20, 20, 3)), layers.Dense(2)])
    for model, words in [
        (Own(), "expected a Sequential or functional Keras model, found Own"),
        (keras.Model([one, two], layers.Add()([one, two])), "expected one input, the sequence, found 2"),
        (image, r"expected an input of \(batch, positions, channels\), found \[None, 20, 20, 3\]"),
        (keras.Sequential([keras.Input((20, 4)), layers.Flatten()]), "no convolution or pooling"),
    ]:
        with pytest.raises(ReceptiveError, match=words):
            read(model)


def test_files_that_are_not_models(tmp_path):
    with pytest.raises(ReceptiveError, match=r"cannot read .*none.keras: no such file"):
        read(tmp_path / "none.keras")
    text = tmp_path / "text.keras"
    text.write_text("not a model")
    archive = tmp_path / "archive.keras"
    with zipfile.ZipFile(archive, "w") as empty:
        empty.writestr("other.txt", "")
    broken = tmp_path / "broken.keras"
    with zipfile.ZipFile(broken, "w") as bad:
        bad.writestr("config.json", "{")
    for path in (text, archive, broken):
        with pytest.raises(ReceptiveError, match=r"not a model that Keras 3 saved"):
            read(path)
    with pytest.raises(ReceptiveError, match="found Own"):
        read(described(broken, json.dumps({"class_name": "Own", "config": {}})))


def described(path, text):
    """A ``.keras`` file whose description of the model is this text."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", text)
    return path


def assert_not_a_model(path):
    with pytest.raises(ReceptiveError, match=r"model\.keras: not a model that Keras 3 saved") as caught:
        read(path)
    assert caught.value.exit_code == 1
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "3",
        '"x"',
        '{"class_name": "Functional", "config": null}',
        '{"class_name": "Functional", "config": {"layers": null}}',
        '{"class_name": "Functional", "config": {"layers": [{}]}}',
        '{"class_name": [], "config": {"layers": []}}',
        "[" * 100_000,
    ],
)
def test_descriptions_that_are_not_of_a_model(tmp_path, text):
    assert_not_a_model(described(tmp_path / "model.keras", text))


FLAGS, METHOD, DATA = 6, 8, 30 + len("config.json")
"""Where the local header of a zip file's first member has its flags and method, and where its data begin."""


@pytest.mark.parametrize("damage", ["data", "encrypted", "method"])
def test_archives_that_are_damaged_or_locked(tmp_path, damage):
    path = described(tmp_path / "model.keras", json.dumps(list(range(100))))
    content = bytearray(path.read_bytes())
    central = content.index(b"PK\x01\x02") + 2  # the directory has the same fields two bytes further on
    if damage == "data":
        content[DATA : DATA + 8] = b"\xff" * 8
    elif damage == "encrypted":
        content[FLAGS] = content[central + FLAGS] = 1
    else:
        content[METHOD] = content[central + METHOD] = 77
    path.write_bytes(content)
    assert_not_a_model(path)


def places(value, path=()):
    """The paths to all values within a piece of JSON."""
    yield path
    for key in range(len(value)) if isinstance(value, list) else value if isinstance(value, dict) else ():
        yield from places(value[key], (*path, key))


@pytest.fixture(scope="module")
def description():
    """The description of a small model with a join, as text."""
    x = inputs = keras.Input((20, 4))
    x = layers.ZeroPadding1D((1, 1))(layers.Conv1D(4, 3, name="conv")(x))
    x = layers.Concatenate()([layers.Add()([x, inputs]), layers.LayerNormalization()(x)])
    return keras.Model(inputs, layers.MaxPooling1D(2)(x)).to_json()


JUNK = st.sampled_from([None, True, -1, 0, 2.5, 7, "", "conv", "same", [], [3], [None, 2, 4], {}, {"a": []}])


@given(st.data())
def test_any_change_to_a_description_is_read_or_refused_in_one_sentence(description, data):
    model = json.loads(description)
    *path, last = data.draw(st.sampled_from([path for path in places(model) if path]))
    part = model
    for key in path:
        part = part[key]
    if data.draw(st.booleans()):
        part[last] = data.draw(JUNK)
    else:
        del part[last]
    refused = None
    try:
        graph = read(SimpleNamespace(name="changed", to_json=lambda: json.dumps(model)))
    except ReceptiveError as error:
        refused = error
    else:
        with suppress(UsageError):  # the sequence may be too short for what is described now
            receptive_fields(graph, 20)
    assert refused is None or (refused.exit_code, str(refused).count("\n")) == (1, 0)


def test_an_impossible_layer_is_the_fault_of_the_file(description, tmp_path):
    text = description.replace('"kernel_size": [3]', '"kernel_size": [0]')
    with pytest.raises(ReceptiveError, match=r"model\.keras: layer conv .* the size must be 1") as caught:
        read(described(tmp_path / "model.keras", text))
    assert caught.value.exit_code == 1


def test_a_convolution_without_a_size_is_named_as_missing(description, tmp_path):
    text = description.replace('"kernel_size"', '"other"')
    with pytest.raises(ReceptiveError, match=r"model\.keras: not a model .* lacks 'kernel_size'"):
        read(described(tmp_path / "model.keras", text))
