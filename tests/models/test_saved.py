"""Model files of any Keras, and files that are something else: what is read, loaded, refused, never run."""

import base64
import json
import pickle
import re
import shutil
import zipfile
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from receptive.audits.audit import audit
from receptive.audits.inputs import Sequences
from receptive.errors import ReceptiveError, UsageError
from receptive.models import keras as keras_graph
from receptive.models import saved
from receptive.models.keras_layers import references
from receptive.models.model import live, load
from receptive.motifs.jaspar import embedded_motifs
from receptive.theory.fields import receptive_fields
from receptive.theory.layers import Layer, chain

LENGTH = 40
X = np.eye(4, dtype=np.uint8)[np.random.default_rng(0).integers(4, size=(9, LENGTH))]


def stack(recurrent=True):
    """A Sequential network with what changed from Keras to Keras."""
    keras.utils.set_random_seed(0)
    middle = [
        layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="both"),
        layers.GRU(3, reset_after=False, name="gru"),
    ]
    return keras.Sequential(
        [
            keras.Input((LENGTH, 4)),
            layers.Conv1D(6, 7, activation="relu", name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.LeakyReLU(0.2, name="leaky"),
            layers.MaxPooling1D(3, name="pool"),
            layers.Dropout(0.1, name="drop"),
            *(middle if recurrent else [layers.GlobalMaxPooling1D(name="max")]),
            layers.Dense(2, activation="sigmoid", name="head"),
        ]
    )


def as_keras_2(model, listed):
    """The description of `stack` as Keras 2 wrote it, until 2.2 with a list for its config."""
    document = json.loads(model.to_json())
    first, *rest = document["config"]["layers"]
    rest[0]["config"]["batch_input_shape"] = first["config"]["batch_shape"]
    for layer in rest:
        plain(layer)
        if layer["class_name"] == "BatchNormalization":
            layer["config"]["axis"] = [2]
        if layer["class_name"] == "LeakyReLU":
            layer["config"]["alpha"] = layer["config"].pop("negative_slope")
        if layer["class_name"] == "GRU":
            del layer["config"]["reset_after"]
    layers_ = rest if listed else {"name": "sequential_1", "layers": rest}
    return {"class_name": "Sequential", "config": layers_}


def plain(layer):
    """Take from a described layer what Keras 3 adds, and give it what Keras 2 wrote."""
    for name in ("module", "registered_name", "build_config"):
        layer.pop(name, None)
    config = layer["config"]
    config["dtype"] = "float32"
    for name in ("groups", "autocast", "synchronized", "quantization_config", "seed", "zero_output_for_mask"):
        config.pop(name, None)
    if "recurrent_activation" in config:
        config |= {"recurrent_activation": "hard_sigmoid", "implementation": 1, "time_major": False}
    if "kernel_regularizer" in config:
        config["kernel_regularizer"] = {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 1e-6}}
    for part in ("layer", "backward_layer"):
        if part in config:
            plain(config[part])
    config.pop("backward_layer", None)


def with_old_sigmoid(model):
    """The same network with the hard sigmoid of Keras 2 in its recurrent layers."""
    cells = [model.get_layer("gru").cell]
    both = model.get_layer("both")
    for cell in (*cells, both.forward_layer.cell, both.backward_layer.cell):
        cell.recurrent_activation = lambda x: keras.ops.clip(x / 5 + 0.5, 0, 1)
    return model


def rewritten(path, description, version, backend="tensorflow"):
    """Change the description in an HDF5 file, and the Keras that it names."""
    with h5py.File(path, "a") as file:
        file.attrs["model_config"] = json.dumps(description).encode()
        file.attrs["keras_version"] = version.encode()
        file.attrs["backend"] = backend
    return path


@pytest.mark.parametrize(("listed", "version"), [(False, "2.4.0"), (True, "2.2.4"), (True, "")])
def test_hdf5_of_keras_2_is_read_and_loaded(tmp_path, listed, version):
    model = stack()
    model.compile(loss="mse")
    path = tmp_path / "old.h5"
    model.save(path)
    rewritten(path, as_keras_2(model, listed), version)
    before = path.read_bytes()
    assert keras_graph.read(path) == keras_graph.read(model)
    loaded = load(path)
    expected = with_old_sigmoid(model).predict(X, verbose=0)
    np.testing.assert_allclose(loaded.predict(X, verbose=0), expected, atol=1e-6)
    assert loaded.loss.__name__ == "mean_squared_error"
    assert path.read_bytes() == before
    audited = audit(loaded, Sequences(X), targets=embedded_motifs())
    assert (audited.layer, audited.read_from, audited.activation) == ("conv", "conv", "relu")


LOGITS = {"reduction": "auto", "name": "bce", "from_logits": True, "label_smoothing": 0}


@pytest.mark.parametrize(
    "loss",
    ["mse", ["mse"], {"head": "mse"}, {"class_name": "BinaryCrossentropy", "config": LOGITS}, ["mse", "mae"]],
)
def test_a_loss_of_keras_2_is_the_models_own_however_it_is_written(tmp_path, loss):
    model, path = stack(), tmp_path / "old.h5"
    model.save(path)
    rewritten(path, as_keras_2(model, False), "2.4.0")
    with h5py.File(path, "a") as file:
        file.attrs["training_config"] = json.dumps({"loss": loss})
    own = live(load(path), LENGTH).loss(False)
    if loss == ["mse", "mae"]:
        assert own is None
        return
    rng = np.random.default_rng(0)
    Y, scores = rng.integers(2, size=(5, 2)).astype(np.int8), rng.normal(size=(5, 2)).astype(np.float32)
    expected = np.log1p(np.exp(scores)) - Y * scores if "class_name" in loss else (Y - scores) ** 2
    np.testing.assert_allclose(own[1](Y, scores), expected.mean(1), rtol=1e-5)


@pytest.mark.parametrize(
    ("ending", "called"), [("keras", "best.h5"), ("keras", "x.zip"), ("h5", "x.keras"), ("h5", "x")]
)
def test_a_file_is_loaded_whatever_its_name_ends_in(tmp_path, ending, called):
    model = stack(recurrent=False)
    model.save(tmp_path / f"model.{ending}")
    (tmp_path / f"model.{ending}").rename(tmp_path / called)
    np.testing.assert_array_equal(load(tmp_path / called).predict(X, verbose=0), model.predict(X, verbose=0))


def test_an_activation_of_ones_own_is_named_in_files_of_keras_2_too(tmp_path):
    model, path = stack(), tmp_path / "old.h5"
    model.save(path)
    description = as_keras_2(model, False)
    description["config"]["layers"][-1]["config"]["activation"] = "my_own"
    rewritten(path, description, "2.4.0")
    assert "needs my_own, which Keras cannot load without your code" in load(path).left_out


def functional():
    """A functional network with a nested one and a join."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((LENGTH, 4), name="dna")
    x = layers.Conv1D(6, 7, padding="same", activation="relu", name="conv")(inputs)
    block = keras.Sequential(
        [keras.Input((LENGTH, 6)), layers.Conv1D(6, 3, padding="same", name="within")], name="block"
    )
    x = layers.Add(name="sum")([x, block(x)])
    x = layers.GlobalMaxPooling1D(name="max")(x)
    return keras.Model(inputs, layers.Dense(1, name="head")(x), name="outer")


def functional_as_keras_2(zipped):
    """How Keras 2 describes `functional`: calls as lists, and those of a nested model counted from 1."""
    model = json.loads(functional().to_json())

    def listed(call):
        return [[name, int(name == "block"), output, {}] for name, _, output in references(call)]

    config = model["config"]
    for layer in config["layers"]:
        layer["inbound_nodes"] = [listed(call) for call in layer["inbound_nodes"]]
        for entry in (layer, *layer["config"].get("layers", ())):
            if zipped:
                entry["module"] = entry["module"].replace("keras.src.models", "tf_keras.src.engine")
                entry["config"]["dtype"] = "float32"
            else:
                plain(entry)
            if entry["class_name"] == "InputLayer":
                entry["config"]["batch_input_shape"] = entry["config"].pop("batch_shape")
    for ends in ("input_layers", "output_layers"):
        config[ends] = [config[ends]]
    model["module"] = "tf_keras.src.engine.functional"
    return model if zipped else {"class_name": "Model", "config": config}


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_functional_models_of_keras_2_are_read_and_loaded(tmp_path, ending):
    model, path = functional(), tmp_path / f"old.{ending}"
    model.save(tmp_path / f"new.{ending}")
    if ending == "h5":
        shutil.copy(tmp_path / "new.h5", path)
        rewritten(path, functional_as_keras_2(False), "2.9.0")
    else:
        with zipfile.ZipFile(tmp_path / "new.keras") as new, zipfile.ZipFile(path, "w") as old:
            for name in new.namelist():
                old.writestr(name, new.read(name))
        with zipfile.ZipFile(path) as old:
            weights = old.read("model.weights.h5")
        with zipfile.ZipFile(path, "w") as old:
            old.writestr("config.json", json.dumps(functional_as_keras_2(True)))
            old.writestr("metadata.json", '{"keras_version": "2.15.0"}')
            old.writestr("model.weights.h5", weights)
    assert keras_graph.read(path) == keras_graph.read(model)
    assert "block/within" in [node.layer.name for node in keras_graph.read(path).nodes]
    loaded = load(path)
    np.testing.assert_allclose(loaded.predict(X, verbose=0), model.predict(X, verbose=0), atol=1e-6)


KERAS_1 = [
    {
        "class_name": "Convolution1D",
        "config": {
            "name": "c",
            "nb_filter": 5,
            "filter_length": 7,
            "border_mode": "same",
            "subsample_length": 2,
            "activation": "relu",
            "init": "glorot_uniform",
            "W_regularizer": {"name": "WeightRegularizer", "l1": 0.0, "l2": 1e-6},
            "bias": True,
            "input_dim": 4,
            "input_length": LENGTH,
            "batch_input_shape": [None, LENGTH, 4],
        },
    },
    {
        "class_name": "MaxPooling1D",
        "config": {"name": "p", "pool_length": 4, "stride": 2, "border_mode": "valid"},
    },
    {"class_name": "Dropout", "config": {"name": "d", "p": 0.2}},
    {"class_name": "LSTM", "config": {"name": "l", "output_dim": 3, "inner_activation": "hard_sigmoid"}},
    {"class_name": "Dense", "config": {"name": "o", "output_dim": 2, "activation": "sigmoid", "bias": True}},
]
THEANO = [
    {
        "class_name": "Convolution2D",
        "config": {
            "name": "c",
            "nb_filter": 5,
            "nb_row": 1,
            "nb_col": 7,
            "border_mode": "valid",
            "subsample": [1, 1],
            "dim_ordering": "th",
            "batch_input_shape": [None, 4, 1, LENGTH],
        },
    },
    {
        "class_name": "MaxPooling2D",
        "config": {
            "name": "p",
            "pool_size": [1, 4],
            "strides": [1, 2],
            "border_mode": "valid",
            "dim_ordering": "th",
        },
    },
    {"class_name": "Flatten", "config": {"name": "f"}},
    {"class_name": "Dense", "config": {"name": "o", "output_dim": 2}},
]


@pytest.mark.parametrize(
    ("described", "backend", "first", "why"),
    [
        (
            KERAS_1,
            "tensorflow",
            Layer("conv", 7, 2, padding="same", name="c"),
            "written by Keras 1.2.2, whose weights",
        ),
        (THEANO, "theano", Layer("conv", 7, name="c"), "trained on Theano, which turns kernels around"),
    ],
)
def test_keras_1_is_read_and_its_weights_are_left_to_keras_2(tmp_path, described, backend, first, why):
    path = tmp_path / "old.h5"
    with h5py.File(path, "w") as file:
        file.create_group("model_weights").attrs["layer_names"] = [b"c", b"p", b"d", b"l", b"o"]
    rewritten(path, {"class_name": "Sequential", "config": described}, "1.2.2", backend)
    graph = keras_graph.read(path)
    assert graph.nodes == chain([first, Layer("pool", 4, 2, name="p")]).nodes
    assert (graph.input_length, graph.ends) == (LENGTH, ("p",))
    with pytest.raises(ReceptiveError, match=f"old.h5: {why}.*Keras 2.2"):
        load(path)


def test_a_merge_of_keras_1_is_a_join(tmp_path):
    def called(kind, name, *reads, **config):
        inbound = [[[read, 0, 0] for read in reads]] if reads else []
        return {
            "class_name": kind,
            "name": name,
            "config": {"name": name, **config},
            "inbound_nodes": inbound,
        }

    conv = {"nb_filter": 4, "border_mode": "same"}
    described = [
        called("InputLayer", "i", batch_input_shape=[None, None, 4]),
        called("Convolution1D", "a", "i", filter_length=7, **conv),
        called("AtrousConvolution1D", "b", "a", filter_length=3, atrous_rate=2, **conv),
        called("Merge", "m", "a", "b", mode="concat", concat_axis=-1),
        called("Merge", "s", "m", "m", mode="sum"),
    ]
    entry = {
        "class_name": "Model",
        "config": {"name": "x", "layers": described, "input_layers": [["i", 0, 0]]},
    }
    entry["config"]["output_layers"] = [["s", 0, 0]]
    (tmp_path / "model.json").write_text(json.dumps(entry))
    rows = {node.layer.name: node.layer for node in keras_graph.read(tmp_path / "model.json").nodes}
    assert {name: layer.kind for name, layer in rows.items()} == {
        "a": "conv",
        "b": "conv",
        "m": "concat",
        "s": "add",
    }
    assert rows["b"].dilation == 2
    with pytest.raises(ReceptiveError, match="describes a model without its weights"):
        load(tmp_path / "model.json")


def of_tensorflow(*calls):
    """The description by Keras 2 of a model of operations of TensorFlow, each of which reads the last one."""
    described: list[dict[str, Any]] = [
        {
            "class_name": "InputLayer",
            "name": "x0",
            "config": {"name": "x0", "batch_input_shape": [None, LENGTH, 4]},
            "inbound_nodes": [],
        }
    ]
    for i, (function, given) in enumerate(calls, start=1):
        kind = "SlicingOpLambda" if "slice_spec" in given else "TFOpLambda"
        name, config = f"x{i}", {"name": f"x{i}", "function": function}
        if function == "Conv1D":
            kind, config, given = function, {"name": name, "padding": "same", "strides": [1]} | given, {}
        described.append(
            {
                "class_name": kind,
                "name": name,
                "config": config,
                "inbound_nodes": [[f"x{i - 1}", 0, 0, given]],
            }
        )
    config = {"name": "m", "layers": described, "input_layers": [["x0", 0, 0]]}
    return {"class_name": "Functional", "config": config | {"output_layers": [[f"x{len(calls)}", 0, 0]]}}


CONVOLUTION = ("Conv1D", {"filters": 6, "kernel_size": [7]})
WHOLE = {"start": None, "stop": None, "step": None}


ROW = ("conv", 7, LENGTH)


@pytest.mark.parametrize(
    ("before", "after", "rows"),
    [
        (
            [("nn.relu", {})],
            [("math.multiply", {"y": 2.0}), ("math.reduce_max", {"axis": 1})],
            [ROW, ("global", LENGTH + 6, 1)],
        ),
        (
            [],
            [("math.greater", {"y": 0.0}), ("math.reduce_logsumexp", {"axis": [-2]})],
            [ROW, ("global", LENGTH + 6, 1)],
        ),
        (
            [("__operators__.getitem", {"slice_spec": [WHOLE, WHOLE | {"start": 5, "stop": -5}, WHOLE]})],
            [("transpose", {"perm": [0, 2, 1]}), ("reshape", {"shape": [-1, 6 * (LENGTH - 10)]})],
            [("crop", 1, LENGTH - 10), ("conv", 7, LENGTH - 10)],
        ),
        ([("expand_dims", {"axis": 1}), ("squeeze", {"axis": [1]})], [], [ROW]),
    ],
)
def test_operations_of_tensorflow_are_read_as_those_of_keras_3(tmp_path, before, after, rows):
    (tmp_path / "m.json").write_text(json.dumps(of_tensorflow(*before, CONVOLUTION, *after)))
    graph = keras_graph.read(tmp_path / "m.json")
    assert graph.notes == ()
    found = receptive_fields(graph, LENGTH).rows
    assert [(row.kind, row.size, row.length) for row in found] == rows


@pytest.mark.parametrize(("function", "given"), [("reverse", {"axis": [1]}), ("gather", {"indices": 0})])
def test_operations_of_tensorflow_that_move_positions_are_never_offered(tmp_path, function, given):
    (tmp_path / "m.json").write_text(json.dumps(of_tensorflow(CONVOLUTION, (function, given))))
    (note,) = keras_graph.read(tmp_path / "m.json").notes
    assert "moves values" in note
    assert "--passthrough" not in note


def test_operations_of_keras_2_are_named_with_the_way_out(tmp_path):
    path = tmp_path / "old.h5"
    functional().save(path)
    description = functional_as_keras_2(False)
    (join,) = (layer for layer in description["config"]["layers"] if layer["class_name"] == "Add")
    join |= {"class_name": "TFOpLambda", "config": join["config"] | {"function": "nn.ctc_loss"}}
    rewritten(path, description, "2.11.0")
    found = load(path)
    assert re.search(r"read up to .*TFOpLambda, which Keras 3 does not have.*tf2onnx", found.left_out)
    assert [node.layer.name for node in found.graph.nodes] == ["conv", "block/within"]
    assert "TFOpLambda" in keras_graph.read(path).notes[0]


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_layers_whose_arguments_have_changed_since_keras_2_are_loaded(tmp_path, ending):
    keras.utils.set_random_seed(0)
    given = keras.Input((LENGTH, 4))
    x = layers.SeparableConv1D(6, 7, name="separable")(given)
    x = layers.DepthwiseConv1D(3, name="depthwise")(layers.ReLU(threshold=0.1, name="threshold")(x))
    x = layers.Conv1DTranspose(6, 3, name="transposed")(layers.SpatialDropout1D(0.1, name="spatial")(x))
    x = layers.GlobalMaxPooling1D()(layers.Attention(name="attention")([x, x]))
    model = keras.Model(given, layers.Dense(1)(x))
    model.save(tmp_path / f"new.{ending}")
    description = json.loads(model.to_json())
    for layer in description["config"]["layers"]:
        config = layer["config"]
        if layer["name"] in ("separable", "depthwise", "transposed"):
            config["groups"] = 1
        if layer["name"] == "spatial":
            config |= {"trainable": True, "noise_shape": None}
        if layer["name"] == "threshold":
            layer["class_name"], layer["config"] = "ThresholdedReLU", {"name": "threshold", "theta": 0.1}
        calls = layer["inbound_nodes"]
        layer["inbound_nodes"] = [[[*each, {}] for each in references(call)] for call in calls]
        if ending == "h5":
            plain(layer)
    for ends in ("input_layers", "output_layers"):
        description["config"][ends] = [description["config"][ends]]
    path = tmp_path / f"old.{ending}"
    if ending == "h5":
        shutil.copy(tmp_path / "new.h5", path)
        rewritten(path, description, "2.11.0")
    else:
        with zipfile.ZipFile(tmp_path / "new.keras") as new, zipfile.ZipFile(path, "w") as old:
            old.writestr("model.weights.h5", new.read("model.weights.h5"))
            old.writestr("config.json", json.dumps(description))
            old.writestr("metadata.json", '{"keras_version": "2.15.0"}')
    loaded = load(path)
    np.testing.assert_allclose(loaded.predict(X, verbose=0), model.predict(X, verbose=0), atol=1e-6)


@pytest.mark.parametrize("kind", ["LocallyConnected1D", "MultiHeadAttention", "CuDNNLSTM"])
def test_what_keras_3_lacks_does_not_stop_the_reading_of_what_is_below(kind, tmp_path, monkeypatch):
    x = given = keras.Input((LENGTH, 4))
    x = layers.Conv1D(6, 7, activation="relu", name="conv")(x)
    below = keras.Model(given, x)
    side = layers.Conv1D(5, 3, name="side")(x)
    x = layers.Flatten(name="flat")(layers.Conv1D(6, 3, name="gone")(x))
    whole = keras.Model(given, [layers.Dense(2, name="head")(x), side])
    path = tmp_path / "old.h5"
    whole.save(path)
    description = json.loads(whole.to_json())
    for layer in description["config"]["layers"]:
        plain(layer)
        if layer["name"] == "gone":
            layer["class_name"] = kind
    rewritten(path, description, "2.4.0")
    labels = np.eye(2, dtype=np.int8)[np.arange(9) % 2]
    found = audit(load(path), Sequences(X, labels), targets=embedded_motifs())
    expected = np.asarray(below(X.astype("f")))
    assert found.reading.sites.tolist() == (expected > 0.5 * expected.max((0, 1))).sum((0, 1)).tolist()
    assert {row.name for row in found.fields.rows} == {"conv", "side"}
    (note,) = found.notes
    assert note.startswith("the model is read up to what Keras cannot load: written by Keras 2.4.0")
    assert found.importance == note
    monkeypatch.setattr("receptive.audits.audit.check", lambda positions: None)  # of what is installed
    with pytest.raises(
        UsageError, match="--attributions takes the whole network, and the model is read up to"
    ):
        audit(load(path), Sequences(X, labels), attributions=5)


def test_what_keras_cannot_convert_is_left_to_keras_2(tmp_path):
    path = tmp_path / "old.h5"
    functional().save(path)
    description = functional_as_keras_2(False)
    description["config"]["layers"][1]["config"]["filters"] = 7
    rewritten(path, description, "2.3.1")
    with pytest.raises(
        ReceptiveError,
        match=r"written by Keras 2.3.1, .*TF_USE_LEGACY_KERAS=1 python -m tf2onnx.convert --keras",
    ) as caught:
        load(path)
    assert "\n" not in str(caught.value)


# --- what is something else, or needs code ---------------------------------------------------------------


class Own(layers.Layer):
    """A layer of the user's own."""

    def call(self, x):
        return 2 * x


@keras.saving.register_keras_serializable("mine")
class Named(Own):
    """A layer of the user's own, registered by name."""


@pytest.mark.parametrize("ending", ["h5", "keras"])
@pytest.mark.parametrize("own", [Own, Named])
def test_own_layers_are_named_in_either_format(tmp_path, ending, own, monkeypatch):
    path = tmp_path / f"own.{ending}"
    body = [layers.Conv1D(2, 3, name="conv"), own(name="twice")]
    keras.Sequential([keras.Input((LENGTH, 4)), *body]).save(path)
    monkeypatch.delitem(keras.saving.get_custom_objects(), "mine>Named")
    found = load(path)
    assert re.search(rf"needs {own.__name__}, .*load the model with custom_objects", found.left_out)
    graph = keras_graph.read(path)
    assert [node.layer.name for node in graph.nodes] == ["conv"]
    assert not keras_graph.read(path, [own.__name__]).notes


def unknown(x):
    """An activation of the user's own."""
    return x


def strange(kind):
    """What Keras cannot load, to stand on maps of 6 filters."""
    if kind == "activation":
        return layers.Conv1D(6, 3, padding="same", name="again", activation=unknown)
    return Own(name="twice") if kind == "own" else layers.Lambda(lambda x: x, name="any")


@pytest.mark.parametrize("ending", ["h5", "keras"])
@pytest.mark.parametrize("kind", ["own", "lambda", "activation"])
@pytest.mark.parametrize("form", ["functional", "sequential", "own class"])
def test_what_comes_after_a_layer_does_not_stop_the_reading_of_its_filters(tmp_path, kind, form, ending):
    """Keras numbers the layers in a file, so what is left out, listed first, must not shift the weights."""
    keras.utils.set_random_seed(0)
    body = [
        layers.Conv1D(6, 7, name="conv"),
        layers.BatchNormalization(name="norm"),
        layers.ReLU(name="relu"),
    ]
    rest = [strange(kind), layers.Conv1D(6, 3, name="gone"), layers.GlobalMaxPooling1D(), layers.Dense(2)]
    given = x = keras.Input((LENGTH, 4))
    for layer in body:
        x = layer(x)
    below, side = keras.Model(given, x), layers.Conv1D(5, 3, name="side")
    if form == "sequential":
        model = keras.Sequential([given, *body, *rest])
    else:
        late = layers.Add(name="late")([side(x), side(x)])
        for layer in rest:
            x = layer(x)
        model = (Ours if form == "own class" else keras.Model)(given, [x, late])
    model.save(tmp_path / f"m.{ending}")
    found = load(tmp_path / f"m.{ending}")
    assert found.left_out.startswith("the model is read up to what Keras cannot load: ")
    names = {node.layer.name for node in found.graph.nodes}
    assert names >= {"conv"} | ({"side", "late"} if form != "sequential" else set())
    assert "gone" not in names
    assert (kind == "activation") == ("again" in names)
    np.testing.assert_allclose(found.maps("relu", [X.astype("f")]), below(X.astype("f")), atol=1e-6)
    if form != "sequential":
        expected = side(below(X.astype("f")))
        np.testing.assert_allclose(found.maps("side", [X.astype("f")]), expected, atol=1e-6)


class Ours(keras.Model):
    """A functional model of the user's own class, as for a training step of one's own."""


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_a_functional_model_of_ones_own_class_is_loaded_whole(tmp_path, ending):
    given = keras.Input((LENGTH, 4))
    model = Ours(given, layers.Dense(2)(layers.GlobalMaxPooling1D()(layers.Conv1D(6, 7)(given))))
    model.save(tmp_path / f"m.{ending}")
    found = load(tmp_path / f"m.{ending}")
    assert found.left_out == ""
    np.testing.assert_allclose(found.run([X.astype("f")])[0], model(X.astype("f")), atol=1e-6)


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def torch(path, mark):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", pickle.dumps(Bomb(str(mark))))


def pickled(path, mark):
    path.write_bytes(pickle.dumps(Bomb(str(mark))))


def weights(path, mark):
    stack(False).save_weights(path)


def old_weights(path, mark):
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"conv"]


def data(path, mark):
    with h5py.File(path, "w") as file:
        file["X_test"] = X


def saved_model(path, mark):
    path.mkdir()
    (path / "saved_model.pb").write_bytes(b"\x08\x01")


def saved_by_keras_2(path, mark):
    saved_model(path, mark)
    (path / "keras_metadata.pb").write_bytes(b"")


def folder(path, mark):
    path.mkdir()


def text(path, mark):
    path.write_text("not a model")


def other_zip(path, mark):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("something", "")


def lambda_(path, mark):
    keras.Sequential(
        [keras.Input((LENGTH, 4)), layers.Conv1D(2, 3, name="conv"), layers.Lambda(lambda x: x, name="any")]
    ).save(path)


def subclassed(path, mark):
    class Sub(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv = layers.Conv1D(2, 3)

        def call(self, x):
            return self.conv(x)

    model = Sub()
    model(X.astype("f"))
    model.save(path)


@pytest.mark.parametrize(
    ("name", "make", "why"),
    [
        ("m.pt", torch, "a PyTorch file, a pickle; .*torch.export.save"),
        ("m.pth", pickled, "a Python pickle, as PyTorch saves models; .*torch.export.save"),
        ("m.pkl", pickled, "left alone: where its class is known"),
        ("m.keras", pickled, "a Python pickle"),
        ("m.weights.h5", weights, "weights alone, .*load_weights"),
        ("m.h5", old_weights, "weights alone, .*load_weights"),
        ("m.hdf5", data, "an HDF5 file that holds no model"),
        (
            "m",
            saved_model,
            r'a folder, a TensorFlow SavedModel, .*save\("model.keras"\).* --saved-model \S+/m ',
        ),
        ("m", folder, "a folder; expected a model"),
        ("m.keras", text, saved.NO_MODEL),
        ("m.h5", text, saved.NO_MODEL),
        ("m.keras", other_zip, saved.NO_MODEL),
        ("m.keras", subclassed, r"found Sub; a subclassed model .*keras.Model\(x, model.call\(x\)\)"),
    ],
)
def test_what_is_no_model_is_named_with_a_way_out_and_never_run(tmp_path, command, name, make, why):
    path, mark = tmp_path / name, tmp_path / "mark"
    make(path, mark)
    (tmp_path / "x.fa").write_text(f">a\n{'ACGT' * (LENGTH // 4)}\n")
    for arguments in (
        ["field", path],
        ["predict", path],
        ["audit", path, "--data", tmp_path / "x.fa", "--out", tmp_path / "out"],
    ):
        code, out, err = command(*arguments)
        assert (code, out) == (1, "")
        assert re.search(why, err)
        assert err.strip().count("\n") == 0
    assert not mark.exists()
    assert not (tmp_path / "out").exists()


def test_the_way_out_of_a_subclassed_model_works(tmp_path):
    class Sub(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv, self.head = layers.Conv1D(2, 3, activation="relu", name="conv"), layers.Dense(1)

        def call(self, x):
            return self.head(keras.ops.max(self.conv(x), axis=1))

    model = Sub()
    model(X.astype("f"))
    for act in (
        keras_graph.read,
        lambda model: audit(model, Sequences(X), targets=embedded_motifs()),
    ):
        with pytest.raises(ReceptiveError, match="subclassed model") as caught:
            act(model)
        assert "\n" not in str(caught.value)
    x = keras.Input((LENGTH, 4))
    whole = keras.Model(x, model.call(x))
    assert audit(whole, Sequences(X), targets=embedded_motifs()).layer == "conv"


def test_a_class_of_ones_own_with_inputs_and_outputs_is_functional():
    class Net(keras.Model):
        def __init__(self, filters):
            x = inputs = keras.Input((LENGTH, 4))
            x = layers.GlobalMaxPooling1D()(layers.Conv1D(filters, 3, name="conv")(x))
            super().__init__(inputs, layers.Dense(1)(x))

    assert audit(Net(3), Sequences(X), targets=embedded_motifs()).layer == "conv"


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_code_in_a_model_is_never_run(tmp_path, ending):
    path = tmp_path / f"m.{ending}"
    lambda_(path, None)
    found = load(path)
    assert 'needs the code of Lambda "any"' in found.left_out
    assert [layer.name for layer in found.model.layers] == ["conv"]
    assert "any (Lambda)" in keras_graph.read(path).notes[0]


def outside(file, name, other):
    """Let the array be bytes of another file."""
    shape, dtype, size = file[name].shape, file[name].dtype, file[name].nbytes
    del file[name]
    file.create_dataset(name, shape, dtype, external=[(str(other), 0, size)])


def linked(file, name, other):
    del file[name]
    file[name] = h5py.ExternalLink(str(other), "/secret")


def mapped(file, name, other):
    layout = h5py.VirtualLayout(file[name].shape, file[name].dtype)
    layout[:] = h5py.VirtualSource(str(other), "secret", layout.shape)
    del file[name]
    file.create_virtual_dataset(name, layout)


def edit(path, change):
    """Change the layers described in a model's file, and its weights."""
    kept = {}
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            kept = {name: archive.read(name) for name in archive.namelist()}
    inner = path.with_name("inner.h5") if kept else path
    if kept:
        inner.write_bytes(kept["model.weights.h5"])
    with h5py.File(inner, "a") as file:
        described = json.loads(kept.get("config.json") or file.attrs["model_config"])
        change(described["config"]["layers"], file)
        if not kept:
            file.attrs["model_config"] = json.dumps(described).encode()
    if kept:
        kept |= {"config.json": json.dumps(described).encode(), "model.weights.h5": inner.read_bytes()}
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in kept.items():
                archive.writestr(name, content)


@pytest.mark.parametrize("ending", ["h5", "keras"])
@pytest.mark.parametrize("how", [outside, linked, mapped])
def test_weights_that_lie_in_another_file_are_not_read(tmp_path, ending, how):
    path, other = tmp_path / f"m.{ending}", tmp_path / "other.h5"
    stack(False).save(path)
    load(path)
    with h5py.File(other, "w") as file:
        file["secret"] = np.ones((7, 4, 6), "f")

    def steal(described, file):
        names = []
        file.visititems(lambda name, part: names.append(name) if getattr(part, "ndim", 0) == 3 else None)
        how(file, names[0], other)

    edit(path, steal)
    with pytest.raises(ReceptiveError, match="Keras cannot load this model"):
        load(path)


@pytest.mark.parametrize("ending", ["h5", "keras"])
@pytest.mark.parametrize(
    ("module", "name", "config"),
    [
        ("keras.layers", "TFSMLayer", {"filepath": "elsewhere"}),
        ("keras.layers", "TorchModuleWrapper", {"module": "BOMB"}),
        ("keras.layers", "JaxLayer", {"call_fn": "BOMB", "init_fn": "BOMB"}),
        ("keras.layers", "StringLookup", {"vocabulary": "elsewhere"}),
        ("os", "system", {"command": "touch mark"}),
        ("keras.utils", "get_file", {"fname": "mark", "origin": "elsewhere", "cache_dir": "."}),
        ("keras.config", "enable_unsafe_deserialization", {}),
    ],
)
def test_a_description_can_call_nothing(tmp_path, monkeypatch, ending, module, name, config):
    """Neither code nor files besides the model's own; in a description as a file can hold it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").write_text("A\nC\n")
    bomb = base64.b64encode(pickle.dumps(Bomb(str(tmp_path / "mark")))).decode()
    path = tmp_path / f"m.{ending}"
    stack(False).save(path)
    layer = {"module": module, "class_name": name, "registered_name": name, "build_config": None}
    layer["config"] = {key: value.replace("BOMB", bomb) for key, value in config.items()}
    edit(path, lambda described, file: described.insert(3, layer))
    why = f"Keras cannot load this model|needs {name}, which Keras"
    with pytest.raises(ReceptiveError, match=why):
        load(path)
    edit(path, lambda described, file: layer["config"].update(name="evil") or described.__setitem__(3, layer))
    assert re.search(why, load(path).left_out)  # what is below it is read
    assert not (tmp_path / "mark").exists()


def test_an_unzipped_model_is_read_from_its_folder(tmp_path):
    stack().save(tmp_path / "new.keras")
    with zipfile.ZipFile(tmp_path / "new.keras") as archive:
        archive.extractall(tmp_path / "folder")
    assert keras_graph.read(tmp_path / "folder") == keras_graph.read(stack())


JUNK = [None, 3, "x", [], {}, [[]], {"a": 1}]


@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize("key", ["class_name", "config", "layers", "layer"])
def test_hdf5_with_a_broken_description_is_refused_in_a_sentence(tmp_path, junk, key):
    path = tmp_path / "m.h5"
    functional().save(path)
    description = functional_as_keras_2(False)
    if key == "layer":
        description["config"]["layers"][1] = junk
    elif key == "layers":
        description["config"]["layers"] = junk
    else:
        description[key] = junk
    rewritten(path, description, "2.4.0")
    own_class = (key, junk) == ("class_name", "x")  # may be one of a functional model
    for act in (keras_graph.read, load) if not own_class else ():
        with pytest.raises(ReceptiveError) as caught:
            act(path)
        assert (caught.value.exit_code, str(caught.value).count("\n")) == (1, 0)
