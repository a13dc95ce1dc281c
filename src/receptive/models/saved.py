"""The description of a saved Keras model, whichever Keras wrote it, and what else a file may be.

A model file holds its layers as JSON: ``.keras`` in ``config.json``, HDF5 in the attribute ``model_config``.
Reading it needs neither Keras nor the weights, and runs none of the file's code. Keras 1 and 2 wrote other
names; `modern` turns them into those of Keras 3.
"""

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import h5py

from receptive.errors import ReceptiveError
from receptive.files import DAMAGED, MOST_JSON, check_file, from_json, kind, read_member, read_text

Entry = dict[str, Any]
"""A layer as Keras writes it: ``class_name``, ``module``, ``config`` and, in a graph, ``inbound_nodes``."""

MODELS = ("Sequential", "Functional", "Model")
MALFORMED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What reading a description raises that is not one of a model."""
NO_MODEL = "not a model of Keras, ONNX or PyTorch, as .keras, .h5, .onnx or .pt2"
EXPORTING = (
    "where its class is known, torch.export.save(torch.export.export(model.eval(), (torch.zeros(2, 4, L),), "
    'dynamic_shapes=({0: torch.export.Dim("batch")},)), "model.pt2") writes one that can be read'
)
"""How to get a file of a PyTorch model that holds no code."""

_CLASSES = {
    "Model": "Functional",
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "SeparableConvolution2D": "SeparableConv2D",
    "Deconvolution2D": "Conv2DTranspose",
    "TimeDistributedDense": "Dense",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
}
"""Classes of Keras 1 and 2 by the names that they have today."""

_ARGUMENTS = {
    "nb_filter": "filters",
    "filter_length": "kernel_size",
    "border_mode": "padding",
    "subsample_length": "strides",
    "subsample": "strides",
    "atrous_rate": "dilation_rate",
    "dim_ordering": "data_format",
    "bias": "use_bias",
    "pool_length": "pool_size",
    "stride": "strides",
    "output_dim": "units",
    "p": "rate",
    "sigma": "stddev",
    "length": "size",
    "inner_activation": "recurrent_activation",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
    "batch_input_shape": "batch_shape",
}
"""Arguments of Keras 1 and 2 by the names that they have today."""

_ORDERS = {"th": "channels_first", "tf": "channels_last"}
_MERGES = {"sum": "Add", "mul": "Multiply", "ave": "Average", "max": "Maximum", "concat": "Concatenate"}
_DROPPED = {
    *("input_dim", "input_length", "consume_less", "implementation", "time_major", "fused", "renorm"),
    *("renorm_clipping", "renorm_momentum", "virtual_batch_size", "adjustment", "mode", "nb_row", "nb_col"),
    *("init", "inner_init", "forget_bias_init", "beta_init", "gamma_init", "W_regularizer", "U_regularizer"),
    *("b_regularizer", "W_constraint", "U_constraint", "b_constraint", "gamma_regularizer", "ragged"),
    *("beta_regularizer", "kernel_initializer", "recurrent_initializer", "bias_initializer"),
    *("beta_initializer", "gamma_initializer", "kernel_regularizer", "bias_regularizer", "noise_shape"),
    *("recurrent_regularizer", "activity_regularizer", "kernel_constraint", "bias_constraint"),
    *("recurrent_constraint", "beta_constraint", "gamma_constraint", "moving_mean_initializer"),
    *("moving_variance_initializer", "depthwise_initializer", "depthwise_regularizer"),
    *("depthwise_constraint", "pointwise_initializer", "pointwise_regularizer", "pointwise_constraint"),
    *("embeddings_initializer", "embeddings_regularizer", "embeddings_constraint", "dtype"),
}
"""Arguments of Keras 1 and 2 that a trained network does not need."""


_OPERATIONS = {
    **{f"reduce_{name}": name.capitalize() for name in ("max", "mean", "sum", "min", "prod", "logsumexp")},
    **{
        f"nn.{name}": name.capitalize()
        for name in ("relu", "relu6", "elu", "selu", "gelu", "silu", "softplus")
    },
    **{
        name: name.capitalize()
        for name in ("sigmoid", "tanh", "exp", "log", "sqrt", "square", "softmax", "cast")
    },
    **{name: name.capitalize() for name in ("add", "subtract", "multiply", "divide", "maximum", "minimum")},
    **{name: name.capitalize() for name in ("greater", "less", "where", "reshape", "transpose", "squeeze")},
    **{name: name.capitalize() for name in ("pad", "roll", "tile", "repeat", "split", "stack", "unstack")},
    **{"abs": "Absolute", "negative": "Negative", "truediv": "TrueDivide", "pow": "Power", "swish": "Silu"},
    **{"leaky_relu": "LeakyRelu", "clip_by_value": "Clip", "log1p": "Log1p", "identity": "Identity"},
    **{"concat": "Concatenate", "expand_dims": "ExpandDims", "getitem": "GetItem", "reverse": "Flip"},
    **{"greater_equal": "GreaterEqual", "less_equal": "LessEqual", "gather": "Take", "matmul": "Matmul"},
    **{"zeros_like": "ZerosLike", "ones_like": "OnesLike", "one_hot": "OneHot"},
}
"""Operations of TensorFlow, as layers of Keras 2 hold them, by the names that Keras 3 gives its own."""

GONE = ("CuDNNLSTM", "CuDNNGRU", "LocallyConnected1D", "LocallyConnected2D")
"""Classes of Keras 2 that Keras 3 does not have, and that nobody's own code defines."""
OPERATIONS = ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer")
"""Those that hold an operation of TensorFlow."""


@dataclass(frozen=True)
class Saved:
    """The description of a model in a file.

    Attributes:
        model: the description, as the file has it.
        loss: the loss that it was compiled with, as the file has it; ``None`` if it says nothing.
        form: the format: ``keras`` (a zip archive or its folder), ``hdf5``, or ``json``, without weights.
        version: of the Keras that wrote it; "" if the file does not tell.
        backend: that Keras ran on; "" if the file does not tell.
    """

    model: Entry
    loss: Any
    form: Literal["keras", "hdf5", "json"]
    version: str = ""
    backend: str = ""

    @property
    def old(self) -> bool:
        """Whether Keras 1 or 2 wrote the file; Keras 3 always names itself in HDF5."""
        return self.version.split(".")[0] in ("0", "1", "2") or (self.form == "hdf5" and not self.version)


def read(path: Path | str) -> Saved:
    """Read the description of a model from its file, or from the folder of an unzipped ``.keras``.

    Raises:
        ReceptiveError: there is no model to be read; the sentence says what the file is, and the way out.
    """
    path = Path(path)
    if kind(path) == "folder":
        return _folder(path)
    check_file(path, "a model saved by Keras")
    try:
        with path.open("rb") as file:
            head = file.read(8)
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return _archive(path, archive)
        if h5py.is_hdf5(path):
            with h5py.File(path) as file:
                return _hdf5(path, file)
    except OSError as error:
        raise ReceptiveError(f"cannot read {path}: {error.strerror or error}") from None
    except (*DAMAGED, EOFError, KeyError, ValueError, TypeError, RuntimeError):
        # RuntimeError: encrypted, compressed by an unknown method, or nested too deep
        raise ReceptiveError(f"{path}: {NO_MODEL}") from None
    if path.name == "saved_model.pb":
        return _folder(path.parent)
    if head[:1] == b"\x80" and head[1:2] <= b"\x05":
        raise ReceptiveError(
            f"{path}: a Python pickle, as PyTorch saves models; reading one runs what it holds, so it is "
            f"left alone: {EXPORTING}"
        )
    if head.lstrip()[:1] == b"{":
        described = from_json(read_text(path, "a model", most=MOST_JSON), str(path))
        if isinstance(described, dict) and {"class_name", "config"} <= set(described):
            return Saved(described, None, "json", str(described.get("keras_version", "")))
    raise ReceptiveError(f"{path}: {NO_MODEL}")


def _folder(path: Path) -> Saved:
    """Return the model in a folder that Keras wrote unzipped; refuse any other, a SavedModel by its name."""
    if kind(path / "config.json") == "file":
        text = read_text(path / "config.json", "JSON", most=MOST_JSON)
        return _from_description(path, from_json(text, str(path)), "")
    if kind(path / "saved_model.pb") != "file":
        raise ReceptiveError(f"{path}: a folder; expected a model that Keras saved as .keras or .h5")
    raise ReceptiveError(
        f"{path}: a folder, a TensorFlow SavedModel, which holds no layers to read: save the Keras model "
        f'itself where it was made, model.save("model.keras"), or '
        f"convert it: {conversion_lines(path, 'saved-model')}"
    )


def conversion_lines(path: Path | str, form: Literal["keras", "saved-model"] = "keras") -> str:
    """Return the two lines that write a model of TensorFlow, or of Keras 2, as ONNX."""
    return (
        "pip install tf-keras tf2onnx; "
        f"TF_USE_LEGACY_KERAS=1 python -m tf2onnx.convert --{form} {path} --output model.onnx"
    )


def _archive(path: Path, archive: zipfile.ZipFile) -> Saved:
    """Return the model in a ``.keras`` file; refuse what PyTorch and others keep in zip archives."""
    names = archive.namelist()
    if "config.json" in names:
        version = ""
        if "metadata.json" in names:
            version = str(json.loads(read_member(archive, "metadata.json")).get("keras_version", ""))
        return _from_description(path, json.loads(read_member(archive, "config.json")), version)
    if any(name.endswith("data.pkl") for name in names):
        raise ReceptiveError(
            f"{path}: a PyTorch file, a pickle; reading one runs what it holds, so it is left alone: "
            f"{EXPORTING}"
        )
    raise ReceptiveError(f"{path}: {NO_MODEL}")


def _from_description(path: Path, entry: Any, version: str) -> Saved:
    """Return a model whose description is this."""
    if not isinstance(entry, dict):
        raise ReceptiveError(f"{path}: {NO_MODEL}")
    compiled = entry.get("compile_config")
    return Saved(entry, compiled.get("loss") if isinstance(compiled, dict) else None, "keras", version)


def _hdf5(path: Path, file: h5py.File) -> Saved:
    """Return the model in an HDF5 file; refuse weights alone, and other data."""

    def text(name: str) -> str:
        value = file.attrs.get(name, "")
        return value.decode() if isinstance(value, bytes) else str(value)

    if "model_config" in file.attrs:
        model, compiled = json.loads(text("model_config")), json.loads(text("training_config") or "{}")
        if not isinstance(model, dict):
            raise ReceptiveError(f"{path}: {NO_MODEL}")
        loss = compiled.get("loss") if isinstance(compiled, dict) else None
        return Saved(model, loss, "hdf5", text("keras_version"), text("backend"))
    if (
        {"layer_names", "weight_names"} & set(file.attrs)
        or path.name.endswith(".weights.h5")
        or "layers" in file
    ):
        raise ReceptiveError(
            f"{path}: weights alone, without the model they belong to: in Python, build the model, then "
            f'model.load_weights("{path.name}") and model.save("model.keras")'
        )
    raise ReceptiveError(f"{path}: an HDF5 file that holds no model (it lacks the attribute model_config)")


# --- the terms of Keras 3 ------------------------------------------------------------------------------


def modern(entry: Entry) -> Entry:
    """Return a description in the terms of Keras 3; one of Keras 3 stays as it is.

    Raises:
        AttributeError, LookupError, TypeError, ValueError: it is not one of a model (`MALFORMED`).
    """
    kind, config = _CLASSES.get(entry["class_name"], entry["class_name"]), entry["config"]
    if not isinstance(kind, str):
        raise TypeError("the name of a class is text")
    if isinstance(config, list):  # Sequential until Keras 2.2
        config = {"name": "sequential", "layers": config}
    if kind == "Merge":
        axis = {"axis": config.get("concat_axis", -1)} if config["mode"] == "concat" else {}
        kind, config = _MERGES.get(config["mode"], kind), {"name": config["name"], **axis}
    if "nb_row" in config:
        config = {**config, "kernel_size": [config["nb_row"], config["nb_col"]]}
    known = {"output_dim"} if kind == "Embedding" else set()
    config = {name if name in known else _ARGUMENTS.get(name, name): value for name, value in config.items()}
    if config.get("data_format") in _ORDERS:
        config["data_format"] = _ORDERS[config["data_format"]]
    if "layers" in config:
        config["layers"] = [modern(layer) for layer in config["layers"]]
        if kind == "Sequential":
            config["layers"] = _with_input_layer(config["layers"])
        if "input_layers" in config:
            config = _count_calls(config)
    if isinstance(config.get("layer"), dict):  # of a wrapper
        config["layer"] = modern(config["layer"])
    if kind in OPERATIONS:
        kind, config = _operation(entry)
    entry = {**entry, "class_name": kind, "config": config}
    if str(entry.get("module")).startswith("tf_keras"):  # what Keras 2 is called beside Keras 3
        entry["module"] = entry["module"].removeprefix("tf_")
    return entry


def _count_calls(config: Entry) -> Entry:
    """Count the calls of nested models from 0; Keras 2 counted how such a model was made as a call."""
    calls: dict[str, set[int]] = {}
    for name, call, *_ in _references(
        [config["output_layers"], *(layer["inbound_nodes"] for layer in config["layers"])]
    ):
        calls.setdefault(name, set()).add(call)
    late = {
        layer["name"]
        for layer in config["layers"]
        if layer["class_name"] in MODELS
        and (numbers := calls.get(layer["name"]))
        and (min(numbers) > 0 and max(numbers) == len(layer["inbound_nodes"]))
    }

    def count(value: Any) -> Any:
        if not isinstance(value, list):
            return value
        if _refers(value) and value[0] in late:
            return [value[0], value[1] - 1, *value[2:]]
        return [count(item) for item in value]

    if not late:
        return config
    layers = [{**layer, "inbound_nodes": count(layer["inbound_nodes"])} for layer in config["layers"]]
    return {**config, "layers": layers, "output_layers": count(config["output_layers"])}


def _operation(entry: Entry) -> tuple[str, Entry]:
    """Translate an operation of TensorFlow, with its arguments, to Keras 3; leave an unknown one as it is."""
    config, function = entry["config"], str(entry["config"].get("function"))
    kind = _OPERATIONS.get(function) or _OPERATIONS.get(function.rpartition(".")[2])
    if kind is None:
        return entry["class_name"], config
    given: Entry = next((call[3] for call in _references(entry["inbound_nodes"]) if len(call) > 3), {})
    names = {
        "axis": "axis",
        "keepdims": "keepdims",
        "perm": "axes",
        "shape": "newshape",
        "depth": "num_classes",
    }
    return kind, config | {ours: given[name] for name, ours in names.items() if name in given}


def _refers(value: list[Any]) -> bool:
    """Tell whether a list is how Keras 2 refers to a tensor: layer, call, output, and perhaps arguments."""
    return len(value) in (3, 4) and isinstance(value[0], str) and all(type(n) is int for n in value[1:3])


def _references(value: Any) -> Iterator[list[Any]]:
    """Yield the references to tensors by Keras 2 within lists."""
    if isinstance(value, list):
        if _refers(value):
            yield value
        for item in value:
            yield from _references(item)


def _with_input_layer(layers: list[Entry]) -> list[Entry]:
    """Give the layers of a Sequential model an input layer, which Keras 2 kept in the first one."""
    if not layers or layers[0]["class_name"] == "InputLayer" or "batch_shape" not in layers[0]["config"]:
        return layers
    config = layers[0]["config"]
    opening = {"batch_shape": config["batch_shape"], "name": f"{config['name']}_input"}
    return [{"class_name": "InputLayer", "config": opening}, *layers]


def loadable(entry: Entry, zipped: bool) -> Entry:
    """Return a `modern` description as Keras 3 can load it: without what training alone needs.

    Args:
        entry: what Keras 1 or 2 wrote.
        zipped: whether it goes into a ``.keras`` file, where Keras 3 asks for modules.
    """
    kind, config = entry["class_name"], dict(entry["config"])
    dropped = _DROPPED - ({"input_dim"} if kind == "Embedding" else set())
    if kind != "InputLayer":
        dropped |= {"batch_shape"}
    config = {name: value for name, value in config.items() if name not in dropped}
    if kind == "GRU":
        config = {"reset_after": False} | config  # what Keras 2 took for granted at first
    if kind.startswith("BatchNorm") and isinstance(config.get("axis"), list):
        (config["axis"],) = config["axis"]
    if "Conv" in kind and kind not in ("Conv1D", "Conv2D") and config.get("groups") == 1:
        del config["groups"]
    if kind.startswith("SpatialDropout"):
        config.pop("trainable", None)
    if kind == "ThresholdedReLU":
        kind, config = "ReLU", {"name": config["name"], "threshold": config["theta"]}
    if kind == "Attention" and config.get("score_mode") == "dot":
        del config["score_mode"]  # the default; in an .h5 file Keras 3 takes the word for its function
    if kind == "LeakyReLU" and "alpha" in config:
        config["negative_slope"] = config.pop("alpha")
    if "layers" in config:
        config["layers"] = [loadable(layer, zipped) for layer in config["layers"]]
    for part in ("layer", "backward_layer"):
        if isinstance(config.get(part), dict):
            config[part] = loadable(config[part], True)  # which Keras 3 looks up by its module
    entry = {**entry, "class_name": kind, "config": config}
    entry.pop("build_config", None)
    if zipped and str(entry.get("module") or "keras").startswith("keras"):
        places = {"Functional": "keras.src.models.functional", "Sequential": "keras"}
        entry |= {"module": places.get(kind, "keras.layers"), "registered_name": None}
    return entry


def own_classes(described: Any) -> Iterator[str]:
    """Yield the names of classes in a description that Keras does not have, and of functions."""
    if isinstance(described, dict):
        kind, module = described.get("class_name"), described.get("module")
        if isinstance(kind, str) and isinstance(described.get("config"), dict | list | str):
            if ">" in kind:
                yield kind.split(">")[-1]
            elif "registered_name" in described and module != "builtins":
                if not str(module or "keras").startswith("keras"):
                    yield str(described["config"] if kind == "function" else kind)
                elif module is None and ">" in str(described["registered_name"]):
                    yield kind
    if isinstance(described, dict | list):
        for below in described.values() if isinstance(described, dict) else described:
            yield from own_classes(below)


def layer_classes(entry: Entry) -> Iterator[str]:
    """Yield the class of every layer in a description."""
    config = entry["config"]
    for layer in config if isinstance(config, list) else config.get("layers", ()):
        yield layer["class_name"]
        yield from layer_classes(layer)


def code(described: Any) -> Iterator[str]:
    """Yield the names of the layers in a description that hold code, which is never run."""
    if isinstance(described, dict):
        if str(described.get("class_name")).split(">")[-1] == "Lambda":
            config = described.get("config")
            yield str(config.get("name", "")) if isinstance(config, dict) else ""
        described = list(described.values())
    if isinstance(described, list):
        for below in described:
            yield from code(below)
