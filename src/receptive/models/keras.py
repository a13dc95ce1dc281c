"""Read the receptive-field graph of a Keras model, from its configuration alone.

A Keras 3 model describes itself as JSON, and a ``.keras`` file holds that JSON, so reading needs neither
Keras nor the weights, and runs none of the file's code.
"""

import json
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import index
from pathlib import Path
from typing import Any, cast

from receptive.errors import ReceptiveError, UsageError
from receptive.files import DAMAGED, check_file, read_member
from receptive.theory.layers import INPUT, Graph, Layer, Node

Entry = dict[str, Any]
"""A layer as Keras writes it: ``class_name``, ``module``, ``config`` and, in a graph, ``inbound_nodes``."""

Place = str | None
"""Where a tensor comes from: the name of a node of our graph, or None once positions are mixed for good."""

_CONVOLUTIONS = {"Conv1D", "SeparableConv1D", "DepthwiseConv1D"}
_POOLS = {"MaxPooling1D": "pool", "AveragePooling1D": "mean"}
_GLOBAL = {"GlobalMaxPooling1D", "GlobalAveragePooling1D"}
_JOINS = {"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"}
_MODELS = {"Sequential", "Functional", "Model"}
_ACTIVATIONS = {
    *("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax"),
    *("Relu", "Relu6", "LeakyRelu", "Gelu", "Elu", "Selu", "Celu", "Silu", "Sigmoid", "Tanh", "Exp"),
    *("Softplus", "Softsign", "LogSigmoid", "HardSigmoid", "HardSilu", "HardTanh"),
}
_BEFORE_ACTIVATION = {
    *("BatchNormalization", "LayerNormalization", "Identity", "Rescaling", "ActivityRegularization"),
    *("Dropout", "SpatialDropout1D", "GaussianDropout", "GaussianNoise", "AlphaDropout"),
}
_POINTWISE_OVER_CHANNELS = {"LayerNormalization", "UnitNormalization", "Softmax"}
_POINTWISE = {"Masking", "Dense", "Embedding", "TimeDistributed"} | (
    (_ACTIVATIONS | _BEFORE_ACTIVATION) - _POINTWISE_OVER_CHANNELS
)
_ENDS = {"Flatten", "LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional", "Attention", "MultiHeadAttention"}
_FOREIGN = "not a model that Keras 3 saved with the ending .keras"
_STRETCHED = "it stretches the sequence, so that neighbouring neurons no longer move by a whole position"
_MIXED = "it combines all positions, so that every neuron sees all of them"
_MOVED = "it moves values between positions"
_REFUSED = {
    "Conv1DTranspose": _STRETCHED,
    "UpSampling1D": _STRETCHED,
    "GroupNormalization": _MIXED,
    "Reshape": _MOVED,
    "Permute": _MOVED,
    "Transpose": _MOVED,
    "EinsumDense": "its equation may combine positions",
}


def read(model: Any, passthrough: Sequence[str] = ()) -> Graph:
    """Read the spatial part of a Sequential or functional Keras model as a `Graph`.

    Convolutions, pooling, padding and cropping become nodes, named as in the model (``block/conv`` inside
    the nested model ``block``); layers that act on each position by itself are passed over, a Dense layer on
    a sequence among them; Flatten, recurrent layers and attention, after which every neuron sees everything,
    end the spatial part. A model whose input is (batch, channels, positions) is read if a Permute or
    ``keras.ops.transpose`` turns it first.

    Args:
        model: a Keras model whose inputs are (batch, positions, channels), or the path of a ``.keras`` file.
        passthrough: names or classes of further layers that do not change which positions a neuron sees. Of
            several inputs they pass on the first.

    Raises:
        ReceptiveError: the file cannot be read, or holds a model of another kind, several inputs, or a layer
            whose field is not known or not an interval; the message names it and says what can be done.
    """
    entry, what = _described(model)
    try:
        return _graph(entry, what, passthrough)
    except UsageError as error:  # a layer that the file describes, not an argument
        raise ReceptiveError(f"{what}: {error}") from None
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        lacks = f"; its description lacks {error}" if isinstance(error, KeyError) else ""
        raise ReceptiveError(f"{what}: {_FOREIGN}{lacks}") from error


def activation(model: Any, convolution: str) -> tuple[str, str]:
    """Find where the map of a convolution is complete: behind the first activation that follows it.

    Normalisation and dropout in between are passed. Anything else before an activation, such as pooling, or
    several layers that read the same map, ends the search: the map is then ``linear``.

    Args:
        model: as for `read`.
        convolution: its name, as `read` gives it.

    Returns:
        The layer that gives the map, named as in `read`, and the activation as Keras calls it: ``relu``.

    Raises:
        UsageError: there is no layer of this name.
    """
    entry, what = _described(model)
    config, (*blocks, name) = entry["config"], convolution.split("/")
    try:
        for block in blocks:
            config = _named(config, block)["config"]
        layer = _named(config, name)
    except LookupError:
        raise UsageError(f'{what}: no layer is called "{convolution}"') from None
    while _function(layer) == "linear":
        above = _readers(config, layer["config"]["name"])
        if len(above) != 1 or above[0]["class_name"] not in _ACTIVATIONS | _BEFORE_ACTIVATION:
            break
        layer = above[0]
    return "/".join([*blocks, layer["config"]["name"]]), _function(layer)


def _named(config: Entry, name: str) -> Entry:
    """The layer of a described model that has a name."""
    layers: list[Entry] = config["layers"]
    return {layer["config"]["name"]: layer for layer in layers}[name]


def _function(layer: Entry) -> str:
    """The activation that a layer applies; a ReLU that lets something negative or little pass is no relu."""
    kind, config = layer["class_name"], layer["config"]
    if kind == "ReLU" and (config.get("negative_slope") or config.get("threshold")):
        return "leaky_relu"
    if kind in _ACTIVATIONS - {"Activation"}:
        return cast(str, kind.lower())
    given = config.get("activation") or "linear"
    if isinstance(given, str):
        return given
    return given["config"] if isinstance(given.get("config"), str) else _function(given)


def _readers(config: Entry, name: str) -> list[Entry]:
    """The layers of a model that read the output of one of them."""
    layers: list[Entry] = config["layers"]
    if "input_layers" not in config:  # Sequential
        names = [layer["config"]["name"] for layer in layers]
        return layers[names.index(name) + 1 :][:1]
    return [layer for layer in layers if any(n == name for n, *_ in _tensors(layer["inbound_nodes"]))]


def _described(model: Any) -> tuple[Entry, str]:
    """How Keras describes a model, or the file of one, and what to call it in errors."""
    if isinstance(model, str | Path):
        return _saved(Path(model)), str(model)
    return cast(Entry, json.loads(model.to_json())), f'model "{model.name}"'


def _graph(entry: Entry, what: str, passthrough: Sequence[str]) -> Graph:
    """The graph of a described model, which errors call ``what``."""
    if entry.get("class_name") not in _MODELS or "layers" not in entry.get("config", {}):
        raise ReceptiveError(
            f"{what}: expected a Sequential or functional Keras model, found {entry.get('class_name')}; "
            "a subclassed model does not tell how its layers are connected"
        )
    shapes = _input_shapes(entry)
    if len(shapes) != 1:
        raise ReceptiveError(f"{what}: expected one input, the sequence, found {len(shapes)}")
    if shapes[0] is not None and len(shapes[0]) not in (2, 3):
        raise ReceptiveError(f"{what}: expected an input of (batch, positions, channels), found {shapes[0]}")
    found = _Found()
    _follow_model(entry["config"], [INPUT], "", passthrough, found)
    if not found.nodes:
        raise ReceptiveError(f"{what}: has no convolution or pooling over positions")
    length = shapes[0][2 if found.turned else 1] if shapes[0] else None
    ends = tuple(dict.fromkeys(found.ends))
    return Graph(tuple(found.nodes), None if length is None else index(length), ends, found.turned)


@dataclass
class _Found:
    """What following a model's layers has come upon so far; as in `Graph`."""

    nodes: list[Node] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    turned: bool = False


def _turns(layer: Entry) -> bool:
    """Whether a layer exchanges positions and channels."""
    kind, config = layer["class_name"], layer["config"]
    axes = {"Permute": config.get("dims"), "Transpose": config.get("axes")}.get(kind)
    return axes is not None and list(axes) in ([2, 1], [0, 2, 1])


def _saved(path: Path) -> Entry:
    """The description of the model in a ``.keras`` file."""
    check_file(path, "a model saved by Keras")
    try:
        with zipfile.ZipFile(path) as archive:
            return cast(Entry, json.loads(read_member(archive, "config.json")))
    except OSError as error:
        raise ReceptiveError(f"cannot read {path}: {error.strerror or error}") from None
    except (*DAMAGED, EOFError, KeyError, ValueError, RuntimeError):
        # RuntimeError: encrypted, compressed by an unknown method, or nested too deep
        raise ReceptiveError(f"{path}: {_FOREIGN}") from None


def _input_shapes(entry: Entry) -> list[list[int | None] | None]:
    """The shapes of a model's inputs; None for a Sequential model that has not been built."""
    layers = entry["config"]["layers"]
    inputs = [layer["config"]["batch_shape"] for layer in layers if layer["class_name"] == "InputLayer"]
    return inputs or [entry["config"].get("build_input_shape")]


def _follow_model(
    config: Entry, sources: list[Place], prefix: str, passthrough: Sequence[str], found: _Found
) -> list[Place]:
    """Append the nodes of a (nested) model that reads ``sources``; return where its outputs come from."""
    layers: list[Entry] = config["layers"]
    if "input_layers" not in config:  # Sequential
        for layer in layers:
            if layer["class_name"] != "InputLayer":
                sources = _follow(layer, prefix + layer["config"]["name"], sources, passthrough, found)
        return sources
    known = dict(zip(_tensors(config["input_layers"]), sources, strict=True))
    calls = [(layer, i) for layer in layers for i in range(len(layer["inbound_nodes"]))]
    while calls:  # one round is enough unless a shared layer is called again later on
        waiting = []
        for layer, i in calls:
            reads = list(_tensors(layer["inbound_nodes"][i]))
            if not all(tensor in known for tensor in reads):
                waiting.append((layer, i))
                continue
            called = prefix + layer["name"] + (f":{i + 1}" if i else "")
            made = _follow(layer, called, [known[tensor] for tensor in reads], passthrough, found)
            known |= {(layer["name"], i, output): place for output, place in enumerate(made)}
        if len(waiting) == len(calls):
            raise ReceptiveError(f"layer {prefix}{calls[0][0]['name']}: its inputs are nowhere in the model")
        calls = waiting
    return [known[tensor] for tensor in _tensors(config["output_layers"])]


def _tensors(value: Any) -> Iterator[tuple[str, int, int]]:
    """All references (layer, call, output) to tensors within a piece of a model's description."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            value = value["config"]["keras_history"]
        else:
            value = list(value.values())
    if isinstance(value, list):
        if len(value) == 3 and isinstance(value[0], str) and isinstance(value[1], int):
            yield value[0], value[1], value[2]
        else:
            for item in value:
                yield from _tensors(item)


def _follow(
    entry: Entry, name: str, sources: list[Place], passthrough: Sequence[str], found: _Found
) -> list[Place]:
    """Append the nodes that one call of a layer makes; return where its outputs come from."""
    kind, config = entry["class_name"], entry["config"]
    if kind in passthrough or name in passthrough or config.get("name") in passthrough:
        return sources[:1]
    if not (entry.get("module") or "").startswith("keras"):
        raise _unknown(name, kind, "is not one of Keras's own layers")
    if kind in _MODELS:
        return _follow_model(config, sources, f"{name}/", passthrough, found)
    if _turns(entry) and sources == [INPUT] and not found.nodes and not found.turned:
        found.turned = True
        return sources
    if kind == "Reshape" and config["target_shape"][:-1] == [1] and _pooled(sources, found.nodes):
        return sources[:1]
    if kind in _ENDS or None in sources:
        if kind in _CONVOLUTIONS:
            raise _unknown(name, kind, "comes after a layer that mixes all positions")
        found.ends += [place for place in sources if place not in (None, INPUT)]
        return [None]
    layer = _layer(kind, name, config, len(sources))
    if layer is None:
        return sources[:1]
    found.nodes.append(Node(layer, tuple(place for place in sources if place is not None)))
    return [name]


def _pooled(sources: list[Place], nodes: list[Node]) -> bool:
    """Whether global pooling made what a layer reads: one position, which another shape leaves one."""
    return any(node.layer.kind == "global" and node.layer.name in sources for node in nodes)


def _layer(kind: str, name: str, config: Entry, inputs: int) -> Layer | None:
    """Our layer for one of Keras's, or None if it acts on each position by itself."""
    if config.get("data_format") == "channels_first":
        raise _unknown(name, kind, "has its channels first; only (batch, positions, channels) can be read")
    if kind in _CONVOLUTIONS:
        size, dilation = _single(config["kernel_size"]), _single(config["dilation_rate"])
        padding = ((size - 1) * dilation, 0) if config["padding"] == "causal" else config["padding"]
        return Layer("conv", size, _single(config["strides"]), dilation, padding, name)
    if kind in _POOLS:
        size, stride = _single(config["pool_size"]), _single(config["strides"])
        return Layer("pool" if _POOLS[kind] == "pool" else "mean", size, stride, 1, config["padding"], name)
    if kind in _GLOBAL:
        return Layer("global", name=name)
    if kind in ("ZeroPadding1D", "Cropping1D"):
        left, right = config["padding" if kind == "ZeroPadding1D" else "cropping"]
        padding = index(left), index(right)
        return Layer("pad" if kind == "ZeroPadding1D" else "crop", padding=padding, name=name)
    if kind in _JOINS:
        return Layer("add", name=name) if inputs > 1 else None
    if kind == "Concatenate":
        if config.get("axis", -1) not in (-1, 2):
            raise _unknown(name, kind, "joins along positions; only channels can be joined")
        return Layer("concat", name=name) if inputs > 1 else None
    if kind in _POINTWISE:
        return None
    if kind in _POINTWISE_OVER_CHANNELS:
        if config.get("axis", -1) not in (-1, 2, [-1], [2]):
            raise _unknown(name, kind, _MIXED)
        return None
    raise _unknown(name, kind, _REFUSED.get(kind, "is not a layer whose receptive field is known"))


def _single(value: int | list[int]) -> int:
    """A size that Keras writes as a number or as a list of one."""
    return index(value[0] if isinstance(value, list) else value)


def _unknown(name: str, kind: str, why: str) -> ReceptiveError:
    """The error for a layer that cannot be followed."""
    advice = (
        f". If it does not change which positions a neuron sees, declare it with --passthrough {name} or "
        f"--passthrough {kind}"
    )
    moves = kind in _CONVOLUTIONS or kind in _POOLS
    return ReceptiveError(f"layer {name} ({kind}): {why}{'' if moves else advice}")
