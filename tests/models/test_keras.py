"""The Keras reader against Keras itself: what a model answers is what the graph says it sees."""

import json
import re
import subprocess
import sys
import zipfile
from contextlib import suppress
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from keras import layers
from tests import strategies

from receptive.errors import ReceptiveError, UsageError
from receptive.models.axes import POSITIONS, Tensor, Trail, reshape
from receptive.models.keras import activation, read
from receptive.models.model import live, read_model
from receptive.models.saved import NO_MODEL
from receptive.networks.variants import VARIANTS, build
from receptive.protocols import PAPER
from receptive.theory.fields import interval, positions_seen, receptive_fields
from receptive.theory.layers import INPUT, Layer, chain


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
        assert positions_seen(fields, fields.rows[-1].name, [neuron]).tolist() == expected


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


# --- other ways to write a 1-D network ---------------------------------------------------------------------


def stretched(value, axis):
    """A size of a 1-D layer as one of 2-D; padding is given for both ends."""
    beside = (0, 0) if isinstance(value, tuple) else 1
    return (value, beside) if axis == 0 else (beside, value)


def built_flat(layer, axis, order, channels):
    """The 2-D layer of Keras for one of ours, over one of its axes."""
    form = {"name": layer.name, "data_format": order}
    if layer.kind == "conv":
        shape = {"strides": stretched(layer.stride, axis), "dilation_rate": stretched(layer.dilation, axis)}
        size = stretched(layer.size, axis)
        return layers.Conv2D(channels, size, padding=layer.padding, **shape, **form)
    if layer.kind in ("pool", "mean"):
        pool = layers.MaxPooling2D if layer.kind == "pool" else layers.AveragePooling2D
        size, stride = stretched(layer.size, axis), stretched(layer.stride, axis)
        return pool(size, strides=stride, padding=layer.padding, **form)
    edge = layers.ZeroPadding2D if layer.kind == "pad" else layers.Cropping2D
    return edge(stretched(layer.padding, axis), **form)


@given(
    keras_chains(),
    st.sampled_from([0, 1]),
    st.sampled_from(["channels_last", "channels_first"]),
    st.booleans(),
)
@settings(max_examples=25)  # every example builds a Keras model
def test_a_network_in_two_dimensions_over_one_axis_is_read_as_in_one(network, axis, order, reshaped):
    chained, length = network
    assume(not any(layer.kind == "conv" and isinstance(layer.padding, tuple) for layer in chained))  # causal
    sizes = (length, 1) if axis == 0 else (1, length)
    sizes = (*sizes, 4) if order == "channels_last" else (4, *sizes)
    if reshaped and order == "channels_last":
        stack = [keras.Input((length, 4)), layers.Reshape(sizes)]
    else:
        stack = [keras.Input(sizes)]
    stack += [built_flat(layer, axis, order, 3) for layer in chained]
    graph = read(keras.Sequential(stack))
    assert graph.nodes == chain(chained).nodes
    turned = order == "channels_first"
    assert (graph.input_length, graph.turned, graph.notes) == (length, turned, ())


@pytest.mark.parametrize("open_", [False, True])
@pytest.mark.parametrize(
    ("shape", "kernel", "turned"),
    [((30, 4, 1), (7, 4), False), ((4, 30, 1), (4, 7), True), ((30, 1, 4), (7, 1), False)],
)
def test_a_kernel_over_all_letters_is_one_over_positions(shape, kernel, turned, open_):
    sizes = tuple(None if size == 30 and open_ else size for size in shape)
    conv = layers.Conv2D(2, kernel, name="conv")
    pool = layers.MaxPooling2D((1, 4) if turned else (4, 1), name="pool")
    graph = read(keras.Sequential([keras.Input(sizes), conv, layers.BatchNormalization(), pool]))
    assert graph.nodes == chain([Layer("conv", 7, name="conv"), Layer("pool", 4, 4, name="pool")]).nodes
    assert (graph.input_length, graph.turned) == (None if open_ else 30, turned)


@pytest.mark.parametrize(
    ("shape", "conv"),
    [((30, 4, 1), layers.Conv2D(2, (7, 4), padding="same")), ((28, 28, 1), layers.Conv2D(2, 3))],
)
def test_a_kernel_that_slides_both_ways_is_refused(shape, conv):
    with pytest.raises(ReceptiveError, match=r"\(Conv2D\): slides over two axes"):
        read(keras.Sequential([keras.Input(shape), conv]))


@given(
    st.integers(1, 12),
    st.integers(1, 6),
    st.lists(st.sampled_from([1, 2, 3, 4, 6]), min_size=1, max_size=4),
    st.booleans(),
)
def test_a_reshape_is_read_if_an_axis_holds_positions_or_windows_of_them(length, channels, target, turned):
    """Against numpy: the number of each value's position, reshaped."""
    axes: tuple[tuple[int, ...], ...] = ((POSITIONS,), () if channels == 1 else (channels,))
    numbers = np.broadcast_to(np.arange(length)[:, None], (length, channels))
    if turned:
        axes, numbers = axes[::-1], numbers.T
    trail = Trail((), {INPUT: length})
    reshaped = reshape("r", [*target, -1], Tensor(INPUT, axes), trail)
    if length * channels % np.prod(target):
        assert reshaped is None
        return
    numbers = numbers.reshape((*target, -1))
    windows = {
        axis: length // size
        for axis, size in enumerate(numbers.shape)
        if size > 1 and length % size == 0
        if (np.moveaxis(numbers, axis, -1).reshape(-1, size) // (length // size) == np.arange(size)).all()
    }
    if reshaped is None or reshaped.along is None or reshaped.flat:
        assert not windows
    else:
        assert reshaped.along in windows
        made = [(node.layer.kind, node.layer.size, node.layer.stride) for node in trail.nodes]
        window = windows[reshaped.along]
        assert made == ([] if window == 1 else [("mean", window, window)])


@given(st.integers(5, 20), st.integers(-25, 25), st.integers(-25, 25), st.integers(1, 3), st.data())
@settings(max_examples=25)  # every example builds a Keras model
def test_a_slice_is_read_as_numpy_slices(length, start, stop, step, data):
    start, stop = (data.draw(st.sampled_from([None, end])) for end in (start, stop))
    kept = range(length)[start:stop:step]
    assume(len(kept))
    x = inputs = keras.Input((length, 4))
    key = (slice(None), slice(start, stop, step)) if data.draw(st.booleans()) else None
    x = x[key] if key else x[..., start:stop:step, :]
    x = keras.ops.expand_dims(x, 1)[:, 0, :, 1:3]
    graph = read(keras.Model(inputs, layers.Conv1D(2, 1, name="conv")(x)))
    row = receptive_fields(graph, length).row("conv")
    assert [row.start + i * row.jump for i in range(row.length)] == [*kept]
    assert row.size == 1


def test_a_slice_of_an_open_length_is_read_where_it_does_not_matter():
    x = inputs = keras.Input((None, 4))
    model = keras.Model(inputs, layers.Conv1D(2, 3, name="conv")(x[:, 2:-3]))
    assert [row.length for row in receptive_fields(read(model), 30).rows] == [25, 23]
    with pytest.raises(ReceptiveError, match="depends on the length of the sequence, which is open"):
        read(keras.Model(inputs, layers.Conv1D(2, 3)(x[:, 2:20])))
    x = fixed = keras.Input((30, 4))
    (note,) = read(keras.Model(fixed, layers.Conv1D(2, 3)(x[:, 2:20]))).notes
    assert re.fullmatch(r"the slice get_item\w* is read as it is of 30 positions", note)


def test_a_flat_input_and_a_flattened_map_are_folded_again():
    conv = [layers.Conv1D(2, 3, name="conv")]
    for stack, turned in (
        ([keras.Input((80,)), layers.Reshape((20, 4))], False),
        ([keras.Input((80,)), layers.Reshape((4, 20)), layers.Permute((2, 1))], True),
        ([keras.Input((20, 4)), layers.Flatten(), layers.Reshape((20, 4))], False),
        (
            [keras.Input((4, 20)), layers.Flatten(), layers.Reshape((4, 1, 20)), layers.Permute((3, 1, 2))],
            True,
        ),
    ):
        last = [layers.Reshape((20, 4))] if len(stack) == 4 else []
        graph = read(keras.Sequential([*stack, *last, *conv]))
        assert graph.nodes == chain([Layer("conv", 3, name="conv")]).nodes
        assert (graph.input_length, graph.turned) == (20, turned)
        conv = [layers.Conv1D(2, 3, name="conv")]
    flat = keras.Sequential([keras.Input((20, 4)), *conv, layers.Flatten(), layers.ReLU(), layers.Dense(2)])
    assert read(flat).ends == ("conv",)
    assert read(keras.Sequential(flat.layers[:2])).ends == ("conv",)


def test_reductions_over_positions_are_global_pooling():
    for reduce in (keras.ops.max, keras.ops.mean, keras.ops.sum):
        for keepdims in (False, True):
            inputs = keras.Input((20, 4))
            x = layers.Conv1D(2, 3, name="conv")(inputs)
            x = layers.Dense(1)(reduce(x, axis=1, keepdims=keepdims))
            assert [node.layer.kind for node in read(keras.Model(inputs, x)).nodes] == ["conv", "global"]
            x = reduce(layers.Conv1D(2, 3, name="conv")(inputs), axis=-1, keepdims=keepdims)
            assert [node.layer.kind for node in read(keras.Model(inputs, x)).nodes] == ["conv"]


ONES = partial(layers.Conv1D, kernel_initializer="ones")


@pytest.mark.parametrize(
    ("step", "kinds"),
    [
        (layers.SpectralNormalization(ONES(2, 4, dilation_rate=2, name="inner"), name="outer"), ["conv"]),
        (lambda x: keras.ops.split(x, 2, axis=-1)[1], []),
        (lambda x: keras.ops.split(x, [4, 9], axis=1)[1], ["crop", "crop", "crop"]),
        (lambda x: keras.ops.pad(x, [[0, 0], [3, 1], [0, 1]]), ["pad"]),
        (lambda x: keras.ops.flip(x, axis=[2]), []),
        (layers.AdaptiveMaxPooling1D(5, name="adaptive"), ["pool"]),
        (layers.AdaptiveAveragePooling1D(1, name="adaptive"), ["global"]),
    ],
)
def test_further_steps_answer_where_the_graph_says(step, kinds):
    x = inputs = keras.Input((20, 1))
    x = step(ONES(2, 3, padding="same", name="first")(x))
    model = keras.Model(inputs, ONES(2, 2, name="last")(x) if kinds != ["global"] else x)
    fields = receptive_fields(read(model), 20)
    named = [row.kind for row in fields.rows if row.name not in ("first", "last")]
    assert sorted(named) == sorted(kinds)
    response = np.asarray(model(np.eye(20)[..., np.newaxis])).sum(2) > 0
    name = "last" if kinds != ["global"] else "adaptive"
    for neuron in range(response.shape[1]):
        expected = np.flatnonzero(response[:, neuron]).tolist()
        assert positions_seen(fields, name, [neuron]).tolist() == expected


@pytest.mark.parametrize(
    ("conv", "groups"),
    [
        (layers.DepthwiseConv1D(3, name="first"), 4),
        (layers.Conv1D(4, 3, groups=2, name="first"), 2),
        (layers.Conv1D(4, 3, name="first"), 1),
        (layers.SeparableConv1D(4, 3, name="first"), 1),
    ],
)
def test_a_first_convolution_that_sees_letters_apart_is_noted(conv, groups):
    inputs = keras.Input((20, 4))
    x = layers.Conv1D(4, 3, groups=4, name="second")(conv(layers.ZeroPadding1D(1)(inputs)))
    notes = read(keras.Model(inputs, x)).notes
    assert len(notes) == (groups > 1)
    assert all(
        f"first reads the letters in {groups} groups: a filter of it sees {4 // groups} of" in n
        for n in notes
    )


# --- several inputs ------------------------------------------------------------------------------------


def test_of_several_inputs_the_sequence_is_followed():
    inputs = [
        keras.Input((8,), name="decay"),
        keras.Input((40, 4), name="dna"),
        keras.Input((38, 2), name="bias"),
    ]
    x = layers.Conv1D(6, 3, name="conv")(inputs[1])
    x = layers.Concatenate(name="joined")([x, layers.Conv1D(2, 5, padding="same")(inputs[2])])
    x = layers.Conv1D(3, 5, name="last")(x)
    x = layers.Flatten()(layers.Multiply()([x, layers.Dense(3)(inputs[0])]))
    model = keras.Model(inputs, layers.Dense(1)(layers.Concatenate()([x, inputs[0]])))
    graph = read(model)
    assert graph.nodes == chain([Layer("conv", 3, name="conv"), Layer("conv", 5, name="last")]).nodes
    assert (graph.input_length, graph.ends) == (40, ("last",))
    assert graph.notes == ("of 3 inputs dna, (40, 4), is followed",)
    strands = [keras.Input((40, 4), name=name) for name in ("forward", "backward")]
    conv = layers.Conv1D(6, 3, name="conv")
    graph = read(keras.Model(strands, layers.Add()([conv(strand) for strand in strands])))
    assert [node.layer.name for node in graph.nodes] == ["conv"]
    assert graph.notes == ("of 2 inputs forward, (40, 4), is followed; --sequence-input names another",)
    other = keras.Model(inputs[::2], layers.Concatenate()([inputs[0], layers.Flatten()(inputs[2])]))
    with pytest.raises(ReceptiveError, match=r"found none of 2: decay \(8,\), bias \(38, 2\)$"):
        read(other)


def towers():
    """Two sequences of different lengths, each with a convolution of its own; "near" has the shorter one."""
    inputs = [keras.Input((40, 4), name="far"), keras.Input((20, 4), name="near")]
    maps = [layers.Conv1D(2, 5, name=f"conv-{x.name}", activation="relu")(x) for x in inputs]
    joined = layers.Concatenate()([layers.GlobalMaxPooling1D()(x) for x in maps])
    return keras.Model(inputs, layers.Dense(2, activation="sigmoid")(joined))


@pytest.mark.parametrize("ending", ["", ".keras", ".h5"])
def test_of_several_sequences_one_is_named(tmp_path, ending):
    model = towers()
    if ending:
        model.save(tmp_path / f"m{ending}")
        model = tmp_path / f"m{ending}"
    for name, length in (("far", 40), ("near", 20)):
        graph = read_model(model, sequence_input=name)
        assert (graph.nodes[0].layer.name, graph.input_length) == (f"conv-{name}", length)
        assert graph.notes == (f"of 2 inputs {name}, ({length}, 4), is followed",)
    listed = r"far \(40, 4\), near \(20, 4\)"
    with pytest.raises(ReceptiveError, match=f"found 2 of 2: {listed}; --sequence-input NAME says which$"):
        read_model(model)
    with pytest.raises(UsageError, match=f"--sequence-input dna: expected an input of .*: {listed}$"):
        read_model(model, sequence_input="dna")


# --- what comes after ----------------------------------------------------------------------------------


def u_net():
    inputs = keras.Input((32, 4))
    first = layers.Conv1D(4, 5, padding="same", activation="relu", name="first")(inputs)
    low = layers.Conv1D(4, 3, padding="same", name="low")(layers.MaxPooling1D(2, name="pool")(first))
    x = layers.Concatenate()([layers.UpSampling1D(2, name="up")(low), first])
    x = layers.Add()([layers.Conv1DTranspose(4, 2, strides=2)(low), layers.Conv1D(4, 3, padding="same")(x)])
    return keras.Model(inputs, layers.Conv1D(1, 1, activation="sigmoid")(x))


def test_a_u_net_is_read_on_its_way_down():
    graph = read(u_net())
    assert [node.layer.name for node in graph.nodes] == ["first", "pool", "low"]
    assert set(graph.ends) == {"first", "low"}
    (note,) = graph.notes
    assert note.startswith("followed up to layer up (UpSampling1D): it stretches the sequence")


def test_states_of_recurrent_layers_are_outputs_as_well():
    inputs = keras.Input((32, 4))
    _, *states = layers.LSTM(3, return_state=True)(layers.Conv1D(4, 5, name="conv")(inputs))
    graph = read(keras.Model(inputs, layers.Dense(1)(layers.Concatenate()(states))))
    assert ([node.layer.name for node in graph.nodes], graph.ends, graph.notes) == (["conv"], ("conv",), ())


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
        assert (
            np.flatnonzero(gradient).tolist()
            == positions_seen(fields, "pool", [neuron]).tolist()
            == [*range(15)]
        )


def test_a_turned_input_is_known_however_it_is_turned():
    for turn in (layers.Permute((2, 1)), lambda x: keras.ops.transpose(x, (0, 2, 1))):
        inputs = keras.Input((4, 30))
        graph = read(keras.Model(inputs, layers.Conv1D(2, 3, name="conv")(turn(inputs))))
        assert (graph.turned, graph.input_length) == (True, 30)
    within = keras.Sequential([keras.Input((4, 30)), layers.Permute((2, 1)), layers.Conv1D(2, 3)])
    outer = keras.Input((4, 30))
    assert read(keras.Model(outer, within(outer))).input_length == 30
    assert not read(residual()).turned
    back = keras.Sequential([*within.layers, layers.Permute((2, 1))])
    assert (read(back).nodes, read(back).turned) == (read(within).nodes, True)
    kept = keras.Sequential([keras.Input((30, 4)), layers.Permute((1, 2)), layers.Conv1D(2, 3)])
    assert not read(kept).turned


@pytest.mark.parametrize("pool", [keras.ops.max_pool, keras.ops.average_pool])
@pytest.mark.parametrize("options", [{}, {"strides": 2, "padding": "same"}])
def test_pooling_by_an_operation_is_that_of_a_layer(pool, options):
    kind = layers.MaxPooling1D if pool is keras.ops.max_pool else layers.AveragePooling1D
    two = []
    for step in (lambda x: pool(x, 3, **options), kind(3, **options)):
        x = inputs = keras.Input((30, 4))
        x = layers.Conv1D(2, 3, name="last")(step(layers.Conv1D(2, 5, name="conv")(x)))
        graph = read(keras.Model(inputs, x))
        two.append([(row.size, row.jump, row.start) for row in receptive_fields(graph, 30).rows])
        assert not graph.notes
    assert two[0] == two[1]
    x = inputs = keras.Input((30, 4, 1))  # and over two axes
    graph = read(keras.Model(inputs, pool(layers.Conv2D(2, (5, 4))(x), (3, 1))))
    assert [(node.layer.size, node.layer.stride) for node in graph.nodes] == [(5, 1), (3, 3)]


def test_codes_are_looked_up_or_spread_over_letters():
    for spread in (layers.Embedding(5, 4), lambda x: keras.ops.one_hot(x, 4)):
        inputs = keras.Input((30,), dtype="int32")
        graph = read(keras.Model(inputs, layers.Conv1D(2, 5, name="conv")(spread(inputs))))
        assert [node.layer.name for node in graph.nodes] == ["conv"]


@pytest.mark.parametrize(
    "weigh",
    [
        lambda x: layers.Softmax(axis=1)(layers.Dense(1)(x)),
        lambda x: keras.ops.softmax(layers.Dense(1)(x), axis=1),
        lambda x: layers.Permute((2, 1))(
            layers.RepeatVector(6)(layers.Activation("softmax")(layers.Flatten()(layers.Dense(1)(x))))
        ),
    ],
)
def test_pooling_by_attention_ends_the_spatial_part(weigh):
    """A softmax over positions sees them all, however it is written; the same over channels moves none."""
    x = inputs = keras.Input((30, 4))
    x = layers.Conv1D(6, 5, name="conv")(layers.Normalization(mean=0.2, variance=0.1)(x))
    x = layers.Activation("softmax")(x)
    x = layers.Multiply()([x, weigh(x)])
    graph = read(keras.Model(inputs, layers.Dense(1)(keras.ops.sum(x, axis=1))))
    assert ([node.layer.name for node in graph.nodes], graph.ends, graph.notes) == (["conv"], ("conv",), ())


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
    said = r"followed up to layer twice \(Doubled\).*Keras's own.*--passthrough twice or .* Doubled; what"
    for model in (own(), tmp_path / "own.keras"):
        graph = read(model)
        assert [node.layer.name for node in graph.nodes] == ["conv"] == [*graph.ends]
        assert re.match(said, *graph.notes)
        assert [node.layer.name for node in read(model, [passed]).nodes] == ["conv", "pool"]


REFUSED = [
    (layers.Conv1DTranspose(2, 3, name="up"), r"up \(Conv1DTranspose\): it stretches the sequence"),
    (layers.UpSampling1D(2, name="up"), "stretches"),
    (layers.Reshape((8, 10), name="other"), "moves values"),
    (layers.RepeatVector(3, name="other"), "stretches"),
    (lambda x: keras.ops.flip(x, 1), "moves values"),
    (lambda x: x[:, ::-1], "turns the sequence around"),
    (
        lambda x: keras.ops.depthwise_conv(x, np.ones((3, 4, 1)), padding="same"),
        "with weights that no layer holds; a layer",
    ),
    (layers.Concatenate(axis=1, name="long"), "joins along positions; only channels can be joined"),
]
HARMLESS_PERHAPS = [
    (layers.GroupNormalization(2, name="norm"), "combines all positions"),
    (
        layers.LayerNormalization(axis=1, name="norm"),
        r"norm \(LayerNormalization\): it combines all positions",
    ),
    (layers.EinsumDense("abc,bd->adc", (32, 4), name="mix"), r"mix \(EinsumDense\): its equation may"),
    (
        layers.Lambda(lambda x: x, name="any"),
        r"any \(Lambda\): is not a layer whose receptive field is known",
    ),
]


def stopped(layer, after):
    """A model in which a layer cannot be followed, before or after its convolution."""
    x = inputs = keras.Input((20, 4))
    conv = layers.Conv1D(4, 3, padding="same", name="conv")
    if isinstance(layer, layers.Concatenate):
        layer = partial(lambda layer, x: layer([x, x]), layer)
    if isinstance(layer, layers.RepeatVector):
        layer = partial(lambda layer, x: layer(layers.GlobalMaxPooling1D(name="max")(x)), layer)
    x = layer(conv(x) if after else x)
    return keras.Model(inputs, x if after else conv(x))


@pytest.mark.parametrize(("layer", "words"), REFUSED + HARMLESS_PERHAPS)
def test_layers_that_cannot_be_followed(layer, words):
    """What comes after them does not matter to what comes before; passing over is offered where it may do."""
    if not isinstance(layer, layers.RepeatVector):
        with pytest.raises(ReceptiveError, match=words) as caught:
            read(stopped(layer, after=False))
        assert ("--passthrough" in str(caught.value)) == ((layer, words) in HARMLESS_PERHAPS)
    graph = read(stopped(layer, after=True))
    assert graph.nodes[0].layer.name == "conv"
    (note,) = graph.notes
    assert re.search(f"^followed up to layer .*{words}", note)
    assert ("--passthrough" in note) == ((layer, words) in HARMLESS_PERHAPS)
    assert [*graph.ends] == [graph.nodes[-1].layer.name]


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv1DTranspose(2, 3),
        layers.UpSampling1D(2),
        layers.Reshape((20, 4)),
        layers.Permute((1, 2)),
        layers.Flatten(),
        layers.Cropping1D(1),
        layers.MaxPooling1D(2),
        layers.Conv1D(4, 3),
        lambda x: x[:, 2:],
        lambda x: keras.ops.flip(x, 1),
        lambda x: keras.ops.average_pool(x, 2),
        lambda x: keras.ops.transpose(x, (0, 1, 2)),
    ],
)
def test_layers_that_move_positions_cannot_be_declared_harmless(layer):
    x = inputs = keras.Input((20, 4))
    x = layer(layers.Conv1D(4, 3, padding="same", name="conv")(x))
    model = keras.Model(inputs, x)
    moved = model.operations[-1]
    for declared in (moved.name, type(moved).__name__):
        with pytest.raises(
            UsageError, match=r"--passthrough: layer .* moves or combines positions"
        ) as caught:
            read(model, [declared])
        assert caught.value.exit_code == 2


def test_a_slice_to_the_end_of_nothing_leaves_no_neuron():
    x = inputs = keras.Input((20, 4))
    graph = read(keras.Model(inputs, layers.Conv1D(4, 3)(x[:, 3:-3])))
    with pytest.raises(UsageError, match="removes 6 neurons of the sequence"):
        receptive_fields(graph, 6)


def test_over_channels_axes_are_counted_from_either_end():
    for kind in (layers.LayerNormalization, layers.Softmax, layers.UnitNormalization):
        for axis in (-1, 2):
            x = inputs = keras.Input((20, 4))
            x = layers.Conv1D(2, 3, name="last")(kind(axis=axis)(layers.Conv1D(4, 3, name="conv")(x)))
            graph = read(keras.Model(inputs, x))
            assert ([node.layer.name for node in graph.nodes], graph.notes) == (["conv", "last"], ())


def test_a_convolution_after_positions_are_mixed_is_not_followed():
    mixed = [layers.LSTM(4, return_sequences=True), layers.Conv1D(2, 3, name="late")]
    why = r"late \(Conv1D\): comes after a layer that mixes all positions"
    with pytest.raises(ReceptiveError, match=why):
        read(keras.Sequential([keras.Input((20, 4)), *mixed]))
    graph = read(keras.Sequential([keras.Input((20, 4)), layers.Conv1D(2, 3, name="conv"), *mixed]))
    assert [node.layer.name for node in graph.nodes] == ["conv"] == [*graph.ends]
    assert re.search(why, *graph.notes)


def test_models_of_other_kinds_are_refused():
    class Own(keras.Model):
        def call(self, x):
            return x

    first, two = keras.Input((20, 4), name="one"), keras.Input((30, 4), name="two")
    image = keras.Sequential([keras.Input((20, 20, 3)), layers.Dense(2)])
    for model, words in [
        (Own(), "expected a Sequential or functional Keras model, found Own"),
        (
            keras.Model([first, two], layers.Concatenate()([layers.Flatten()(first), layers.Flatten()(two)])),
            r"expected one input of one-hot DNA, found 2 of 2: one \(20, 4\), two \(30, 4\)",
        ),
        (image, r"expected an input of \(batch, positions, channels\), found \(None, 20, 20, 3\)"),
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
        with pytest.raises(ReceptiveError, match=NO_MODEL):
            read(path)
    with pytest.raises(ReceptiveError, match="found Own"):
        read(described(broken, json.dumps({"class_name": "Own", "config": {}})))


def described(path, text):
    """A ``.keras`` file whose description of the model is this text."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", text)
    return path


def assert_not_a_model(path):
    with pytest.raises(ReceptiveError, match=rf"model\.keras: {NO_MODEL}") as caught:
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


def bordered(form):
    """A convolution and its activation, with the border of a nested model between them."""
    x = inputs = keras.Input((30, 4))
    conv = layers.Conv1D(5, 7, name="conv", bias_initializer="random_normal")
    norm = layers.BatchNormalization(beta_initializer="random_normal", name="norm")
    if form == "before":
        x = keras.Sequential([norm, layers.ReLU(name="act"), layers.MaxPooling1D(2)], name="body")(conv(x))
        return keras.Model(inputs, x), "conv", "body/act"
    if form == "deep":
        inside = keras.Sequential([keras.Input((30, 4)), conv, norm], name="inside")
        stem = keras.Sequential([keras.Input((30, 4)), inside], name="stem")
        x = keras.Sequential([keras.Input((24, 5)), layers.ReLU(name="act")], name="body")(stem(x))
        return keras.Model(inputs, x), "stem/inside/conv", "body/act"
    tower = keras.Model(inputs, norm(conv(x)), name="tower")
    both = [layers.ReLU(name=name)(tower(x)) for name, x in (("act", inputs), ("other", inputs))]
    return keras.Model(inputs, layers.Add()(both)), "tower/conv", "act"


@pytest.mark.parametrize("form", ["before", "deep", "shared"])
def test_an_activation_is_found_beyond_the_border_of_a_nested_model(form):
    model, conv, act = bordered(form)
    assert activation(model, conv) == (act, "relu")
    assert {*read(model).activations.values()} == {"relu"}
    X = np.eye(4, dtype=np.float32)[np.random.default_rng(0).integers(4, size=(3, 30))]
    kernel, bias, *rest = model.get_weights()
    windows = np.lib.stride_tricks.sliding_window_view(X, 7, axis=1)
    map_ = np.einsum("nlcw,wcf->nlf", windows, kernel) + bias
    expected = np.maximum(map_ / np.sqrt(1 + 1e-3) + rest[1], 0)  # of scale, shift, mean and variance
    assert np.allclose(live(model, 30).maps(act, [X]), expected, atol=1e-5)


def test_the_activation_of_a_layer_that_is_not_there():
    with pytest.raises(UsageError, match='no layer is called "none"'):
        activation(residual(), "none")
    with pytest.raises(UsageError, match='no layer is called "conv/none"'):
        activation(residual(), "conv/none")


@pytest.mark.parametrize("axis", [2, -1, [2]])
def test_a_normalisation_over_the_channels_is_passed_however_its_axis_is_written(axis):
    inputs = keras.Input((30, 4))
    x = layers.LayerNormalization(axis=axis)(layers.Conv1D(4, 3, name="conv")(inputs))
    graph = read(keras.Model(inputs, layers.Conv1D(2, 3, name="next")(x)))
    assert [node.layer.name for node in graph.nodes] == ["conv", "next"]
    mixed = layers.LayerNormalization(axis=1, name="norm")(layers.Conv1D(4, 3, name="conv")(inputs))
    cut = read(keras.Model(inputs, layers.Conv1D(2, 3, name="next")(mixed)))
    assert [node.layer.name for node in cut.nodes] == ["conv"]
    assert "norm" in cut.notes[0]
