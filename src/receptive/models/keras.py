"""Read the receptive-field graph of a Keras model, from its configuration alone.

A Keras model describes itself as JSON, which its file holds (`saved`), so reading needs neither Keras nor the
weights, and runs none of the file's code.

What is followed is where positions are (`axes`).
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache, cached_property
from math import prod
from operator import index
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from receptive.errors import ReceptiveError, UsageError
from receptive.models.axes import (
    ASIDE,
    LOST,
    MIXED,
    MOVED,
    POSITIONS,
    STRETCHED,
    Axes,
    Declared,
    Shape,
    Sideways,
    Stop,
    Tensor,
    Trail,
    beside,
    candidates,
    crop,
    fill_sizes,
    flatten,
    join,
    part,
    reduce_axes,
    regroup,
    sequence,
    trace,
    without_batch,
)
from receptive.models.probe import Arrays, Holder, Loss
from receptive.models.saved import MALFORMED, MODELS, NO_MODEL, Entry, modern
from receptive.models.saved import read as read_saved
from receptive.networks.backend import compile_function
from receptive.networks.variants import cross_entropy
from receptive.theory.layers import Graph, Layer

_Input = tuple[str, Shape | None]
"""The name of an input and its shape, with the batch."""

_CONVOLUTIONS = {f"{kind}Conv{n}D" for kind in ("", "Separable", "Depthwise") for n in (1, 2)}
_POOLS = {f"{kind}Pooling{n}D": name for kind, name in (("Max", "pool"), ("Average", "mean")) for n in (1, 2)}
_GLOBAL = {f"Global{kind}Pooling{n}D" for kind in ("Max", "Average") for n in (1, 2)}
_EDGES = {
    f"{kind}{n}D": ours for kind, ours in (("ZeroPadding", "pad"), ("Cropping", "crop")) for n in (1, 2)
}
_REDUCTIONS = {"Max", "Mean", "Sum", "Min", "Prod", "Amax", "Amin", "Std", "Var", "Median", "Logsumexp"}
_JOINS = {
    *("Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Average", "Maximum", "Minimum", "Power"),
    *(
        "Greater",
        "GreaterEqual",
        "Less",
        "LessEqual",
        "Equal",
        "NotEqual",
        "Where",
        "LogicalAnd",
        "LogicalOr",
    ),
}
_SHAPES = {"Flatten", "Reshape", "Permute", "Transpose", "ExpandDims", "Squeeze"}
_ACTIVATIONS = {
    *("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "ThresholdedReLU", "Softmax"),
    *("Relu", "Relu6", "LeakyRelu", "Gelu", "Elu", "Selu", "Celu", "Silu", "Sigmoid", "Tanh", "Exp"),
    *("Softplus", "Softsign", "LogSigmoid", "HardSigmoid", "HardSilu", "HardTanh"),
}
_BEFORE_ACTIVATION = {
    *("BatchNormalization", "LayerNormalization", "Identity", "Rescaling", "ActivityRegularization"),
    *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianDropout", "GaussianNoise", "AlphaDropout"),
}
_POINTWISE_OVER_CHANNELS = {"LayerNormalization", "UnitNormalization", "Softmax"}
_POINTWISE = {
    *("Masking", "Absolute", "Sign", "Square", "Sqrt", "Rsqrt", "Log", "Log1p", "Log2", "Log10", "Expm1"),
    *("Negative", "Reciprocal", "Clip", "Cast", "Floor", "Ceil", "Round", "Erf", "Sin", "Cos", "LogicalNot"),
    *("ZerosLike", "OnesLike"),
} | ((_ACTIVATIONS | _BEFORE_ACTIVATION) - _POINTWISE_OVER_CHANNELS)
_ENDS = {
    *("LSTM", "GRU", "CuDNNLSTM", "CuDNNGRU", "SimpleRNN", "RNN", "Bidirectional", "Attention", "Dot"),
    *("AdditiveAttention", "MultiHeadAttention", "GroupQueryAttention", "Matmul", "Einsum", "ConvLSTM1D"),
}
_MOVES = {
    **dict.fromkeys(("Conv1DTranspose", "Conv2DTranspose", "UpSampling1D", "UpSampling2D"), STRETCHED),
    **dict.fromkeys(("Repeat", "RepeatVector", "Tile", "Resizing"), STRETCHED),
    **dict.fromkeys((*_SHAPES, "GetItem", "SlicingOpLambda", "Flip", "Roll", "SwapAxes", "Swapaxes"), MOVED),
    **dict.fromkeys(
        ("Moveaxis", "Pad", "Split", "Stack", "Slice", "Take", "TakeAlongAxis", "Unstack"), MOVED
    ),
}
"""Layers that move positions, which nobody may declare harmless."""
_REFUSED = {"GroupNormalization": MIXED, "EinsumDense": "its equation may combine positions"}
_NOT_PASSED = {*_MOVES, *_CONVOLUTIONS, *_POOLS, *_GLOBAL, *_EDGES, "Concatenate"}


def read(model: Any, passthrough: Sequence[str] = ()) -> Graph:
    """Read the spatial part of a Sequential or functional Keras model as a `Graph`.

    Convolutions, pooling, padding, cropping and slices become nodes, named as in the model (``block/conv``
    inside the nested model ``block``); layers that act on each position by itself are passed over, a Dense
    layer on a sequence among them; recurrent layers, attention and a Dense layer on a flattened sequence,
    after which every neuron sees everything, end the spatial part. Convolutions may be written in 2-D over
    one axis. Where a layer cannot be followed, its branch ends, and the graph's notes say so.

    The sequence is an input's axis that the first convolution slides over: (batch, positions, channels) in
    the first place, (batch, channels, positions) if something turns it. Of several inputs it is the one with
    an axis of 4.

    Args:
        model: a Keras model, or the path of a file of one (see `saved.read`).
        passthrough: names or classes of further layers that do not change which positions a neuron sees. Of
            several inputs they pass on the first.

    Raises:
        UsageError: ``passthrough`` names a layer that moves positions.
        ReceptiveError: the file cannot be read, or holds a model of another kind, several inputs that may be
            the sequence, or a layer whose field is not known before any convolution; the message names it and
            says what can be done.
    """
    entry, what = _description(model)
    check_connected(entry, what)
    try:
        modern_entry = modern(entry)
        graph = _graph(modern_entry, what, passthrough)
        return replace(graph, activations=dict(_activations(modern_entry["config"], graph)))
    except Declared:
        raise
    except UsageError as error:  # a layer that the file describes, not an argument
        raise ReceptiveError(f"{what}: {error}") from None
    except MALFORMED as error:
        lacks = f"; its description lacks {error}" if isinstance(error, KeyError) else ""
        raise ReceptiveError(f"{what}: {NO_MODEL}{lacks}") from error


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
    entry, what = _description(model)
    try:
        return _find_activation(modern(entry)["config"], convolution)
    except LookupError:
        raise UsageError(f'{what}: no layer is called "{convolution}"') from None


def _activations(config: Entry, graph: Graph) -> Iterator[tuple[str, str]]:
    """Yield the convolutions of a graph with their activations; layers that are called again have none."""
    for node in graph.nodes:
        if node.layer.kind == "conv":
            with suppress(LookupError):
                yield node.layer.name, _find_activation(config, node.layer.name)[1]


def _find_activation(config: Entry, convolution: str) -> tuple[str, str]:
    """Find the activation of a convolution, as `activation` does, in a description.

    Raises:
        LookupError: there is no layer of this name.
    """
    *blocks, name = convolution.split("/")
    for block in blocks:
        config = _layer_named(config, block)["config"]
    layer = _layer_named(config, name)
    while _function(layer) == "linear":
        above = _readers(config, layer["config"]["name"])
        if len(above) != 1 or above[0]["class_name"] not in _ACTIVATIONS | _BEFORE_ACTIVATION:
            break
        layer = above[0]
    return "/".join([*blocks, layer["config"]["name"]]), _function(layer)


def next_convolution(model: Any, layer: str, axis: int) -> str:
    """Find the convolution that alone reads what a layer returns, and each filter's map apart until then.

    Args:
        model: as for `read`.
        layer: its name, as `read` gives it.
        axis: the axis of its output that holds the filters, 1 or -1.

    Returns:
        Its name; "" if something else reads the maps, or mixes them before.
    """
    entry, _ = _description(model)
    config, (*blocks, name) = modern(entry)["config"], layer.split("/")
    for block in blocks:
        config = _layer_named(config, block)["config"]
    outputs = {layer for layer, *_ in _tensors(config.get("output_layers", []))}
    while name not in outputs:
        above = _readers(config, name)
        if len(above) != 1 or len(above[0].get("inbound_nodes", [0])) != 1:
            break
        kind, options, name = above[0]["class_name"], above[0]["config"], above[0]["config"]["name"]
        turned = {"channels_first": 1, "channels_last": -1}.get(
            options.get("data_format") or "", axis
        ) != axis
        if kind in ("Conv1D", "Conv2D"):
            plain = options.get("groups", 1) == 1 and options.get("padding") in ("valid", "same")
            return "/".join([*blocks, name]) if plain and not turned else ""
        over_filters = _function(above[0]) in ("softmax", "log_softmax", "sparsemax", "glu")
        if kind not in _POINTWISE | {*_POOLS} or turned or over_filters:
            break
    return ""


def _layer_named(config: Entry, name: str) -> Entry:
    """Return the layer of a described model that has a name."""
    layers: list[Entry] = config["layers"]
    return {layer["config"]["name"]: layer for layer in layers}[name]


def _function(layer: Entry) -> str:
    """Return the activation that a layer applies; a leaky or thresholded ReLU is no relu."""
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
    """Return the layers of a model that read the output of one of them."""
    layers: list[Entry] = config["layers"]
    if "input_layers" not in config:  # Sequential
        names = [layer["config"]["name"] for layer in layers]
        return layers[names.index(name) + 1 :][:1]
    return [layer for layer in layers if any(n == name for n, *_ in _tensors(layer["inbound_nodes"]))]


def _description(model: Any) -> tuple[Entry, str]:
    """Return Keras's description of a model, or of a file, and what to call it in errors."""
    if isinstance(model, str | Path):
        return read_saved(model).model, str(model)
    try:
        what = f'model "{model.name}"'
        return cast(Entry, json.loads(functional(model).to_json())), what
    except (AttributeError, NotImplementedError, TypeError, ValueError):  # what own classes raise
        return {"class_name": type(model).__name__, "config": {}}, "the model"


def functional(model: Any) -> Any:
    """Return a model of inputs and outputs as Keras's own functional model of them; any other as it is.

    So a class of one's own that passes its inputs and outputs to ``keras.Model`` can be read as well.
    """
    if type(model).__name__ in MODELS or not getattr(model, "inputs", None):
        return model
    import keras

    return keras.Model(model.inputs, model.outputs, name=model.name)


def check_connected(entry: Entry, what: str) -> None:
    """Refuse a described model that does not tell how its layers are connected.

    Raises:
        ReceptiveError: it is a subclassed one.
    """
    name, config = entry.get("class_name"), entry.get("config")
    if isinstance(name, str) and name not in MODELS and not (isinstance(config, dict) and "layers" in config):
        raise ReceptiveError(
            f"{what}: expected a Sequential or functional Keras model, found {name}; a subclassed model does "
            "not tell how its layers are connected: in Python, x = keras.Input((L, 4)) and "
            "keras.Model(x, model.call(x)) make a functional model of it"
        )


def _graph(entry: Entry, what: str, passthrough: Sequence[str]) -> Graph:
    """Return the graph of a described model, which errors call ``what``."""
    inputs = _inputs(entry)
    chosen = sequence(inputs, what)

    def follow(source: Tensor, trail: Trail) -> list[Tensor]:
        given = [ASIDE] * len(inputs)
        given[chosen] = source
        return _follow_model(entry["config"], given, "", trail)

    return trace(inputs, chosen, _candidates(entry, inputs[chosen][1]), passthrough, what, follow)


# --- inputs --------------------------------------------------------------------------------------------


def _inputs(entry: Entry) -> list[_Input]:
    """Return the names and shapes of a model's inputs, in the order that it lists them in.

    The shape is None for a Sequential model that has not been built.
    """
    config = entry["config"]
    shapes: dict[str, Shape | None] = {
        layer["config"].get("name", "the input"): tuple(layer["config"]["batch_shape"])
        for layer in config["layers"]
        if layer["class_name"] == "InputLayer"
    }
    if "input_layers" in config:
        return [(name, shapes[name]) for name, *_ in _tensors(config["input_layers"])]
    if shapes:
        return [*shapes.items()][:1]
    first = config["layers"][0] if config["layers"] else {"class_name": ""}
    if first["class_name"] in MODELS:
        return _inputs(first)
    built = config.get("build_input_shape")
    return [("the input", None if built is None else tuple(built))]


def _candidates(entry: Entry, shape: Shape | None) -> list[Axes]:
    """List what the axes of an input may hold, the likeliest first."""
    if shape is None:
        return [((POSITIONS,), (None,)), ((None,), (POSITIONS,))]
    if len(shape) == 2:  # codes of nucleotides, or a flat sequence that a Reshape folds
        folded = _fold_shape(entry, shape[1])
        unfolded = _candidates(entry, folded) if folded else []
        return [*(flatten(axes) for axes in unfolded), *candidates(shape[1:])]
    return candidates(shape[1:])


def _fold_shape(entry: Entry, size: int | None) -> Shape | None:
    """Return the shape that a Reshape right after a flat input of this size gives it."""
    layers: list[Entry] = entry["config"]["layers"]
    for layer in layers:
        if layer["class_name"] == "Reshape" and size is not None:
            target = fill_sizes(_target(layer["config"]), size)
            return (None, *target) if prod(target) == size and len(target) > 1 else None
        if layer["class_name"] in MODELS:
            return _fold_shape(layer, size)
    return None


# --- following -----------------------------------------------------------------------------------------


def _follow_model(config: Entry, sources: list[Tensor], prefix: str, trail: Trail) -> list[Tensor]:
    """Append the nodes of a (nested) model that reads ``sources``; return where its outputs come from."""
    layers: list[Entry] = config["layers"]
    if "input_layers" not in config:  # Sequential
        for layer in layers:
            if layer["class_name"] != "InputLayer":
                sources = _follow(layer, prefix + layer["config"]["name"], sources, None, trail)[:1]
        return sources
    made = {
        (name, call): [source]
        for (name, call, _), source in zip(_tensors(config["input_layers"]), sources, strict=True)
    }
    calls = [(layer, i) for layer in layers for i in range(len(layer["inbound_nodes"]))]
    while calls:  # one round is enough unless a shared layer is called again later on
        waiting = []
        for layer, i in calls:
            call = layer["inbound_nodes"][i]
            reads = list(_tensors(call))
            if not all((name, node) in made for name, node, _ in reads):
                waiting.append((layer, i))
                continue
            given = [_output(made, tensor) for tensor in reads]
            called = prefix + layer["name"] + (f":{i + 1}" if i else "")
            made[layer["name"], i] = _follow(layer, called, given, call, trail)
        if len(waiting) == len(calls):
            raise ReceptiveError(f"layer {prefix}{calls[0][0]['name']}: its inputs are nowhere in the model")
        calls = waiting
    return [_output(made, tensor) for tensor in _tensors(config["output_layers"])]


def _output(made: dict[tuple[str, int], list[Tensor]], tensor: tuple[str, int, int]) -> Tensor:
    """Return one output of a call; further ones, such as states, are not followed."""
    name, call, output = tensor
    outputs = made[name, call]
    return outputs[output] if 0 <= output < len(outputs) else replace(outputs[0], place=None, axes=())


def _tensors(value: Any) -> Iterator[tuple[str, int, int]]:
    """Return all references (layer, call, output) to tensors within a piece of a model's description."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            value = value["config"]["keras_history"]
        else:
            value = list(value.values())
    if isinstance(value, list):
        if len(value) in (3, 4) and isinstance(value[0], str) and all(isinstance(n, int) for n in value[1:3]):
            yield value[0], value[1], value[2]
            value = value[3:]  # in Keras 2, arguments by name
        for item in value:
            yield from _tensors(item)


def _follow(entry: Entry, name: str, sources: list[Tensor], call: Any, trail: Trail) -> list[Tensor]:
    """Append the nodes that one call of a layer makes; return where its outputs come from."""
    kind, config = entry["class_name"], entry["config"]
    if {kind, kind.split(">")[-1], name, config.get("name")} & {*trail.passthrough}:
        if kind in _NOT_PASSED:
            raise Declared(
                f"--passthrough: layer {name} ({kind}) moves or combines positions; expected layers that "
                "leave them as they are"
            )
        return sources[:1]
    own = ">" in f"{kind}{entry.get('registered_name')}" or not str(
        entry.get("module") or "keras"
    ).startswith("keras")
    if kind in MODELS and not own:
        return _follow_model(config, sources, f"{name}/", trail)
    followed = [source for source in sources if not source.aside]
    if not followed:
        return [ASIDE]
    try:
        if own:
            raise _unknown(name, kind, "is not one of Keras's own layers")
        made = _step(kind, name, config, followed, len(followed) < len(sources), call, trail)
    except Sideways as error:
        if not trail.nodes:
            raise
        made, trail.stopped = LOST, trail.stopped or str(error)
    except Stop as error:
        made, trail.stopped = LOST, trail.stopped or str(error)
    if made.place is None:
        trail.end(followed)
    return [made]


def _step(
    kind: str, name: str, config: Entry, sources: list[Tensor], aside: bool, call: Any, trail: Trail
) -> Tensor:
    """Follow one of Keras's own layers; what it gives has no place if it mixes all positions.

    Args:
        kind: the layer's class.
        name: what to call it.
        config: its arguments.
        sources: what it reads.
        aside: whether it also reads what comes from other inputs.
        call: how the model calls it.
        trail: what to append to.

    Raises:
        Stop: it cannot be followed.
    """
    source = sources[0]
    if any(tensor.place is None for tensor in sources) or kind in _ENDS:
        if kind in _CONVOLUTIONS:
            raise _unknown(name, kind, "comes after a layer that mixes all positions")
        return LOST
    if kind in _JOINS or kind == "Concatenate":
        at = config.get("axis", -1) if kind == "Concatenate" else None
        return join(f"layer {name} ({kind})", name, at, sources, aside, trail)
    if kind in _SHAPES:
        return replace(
            source, axes=_reshape(kind, name, config, source, trail.lengths[cast(str, source.place)])
        )
    if kind == "GetItem":
        return _slice(name, source, call, trail)
    if kind in _POINTWISE:
        return source
    if kind == "Embedding":
        return replace(source, axes=(*source.axes, (index(config["output_dim"]),)))
    if kind == "Dense":
        if source.along == len(source.axes) - 1:
            return LOST
        return replace(source, axes=(*source.axes[:-1], (index(config["units"]),)))
    if kind == "TimeDistributed" and source.along == 0 and not source.flat:
        return replace(source, axes=(source.axes[0], (config["layer"]["config"].get("units"),)))
    if kind in _POINTWISE_OVER_CHANNELS:
        axis = config.get("axis", -1)
        if any(
            without_batch(number, source) == source.along
            for number in (axis if isinstance(axis, list) else [axis])
        ):
            if source.flat:
                return LOST
            raise _unknown(name, kind, MIXED)
        return source
    if kind in _REDUCTIONS:
        return _reduce(name, config, source, trail)
    if kind in _CONVOLUTIONS or kind in _POOLS or kind in _GLOBAL or kind in _EDGES:
        return _slide(kind, name, config, source, trail)
    why = _MOVES.get(kind) or _REFUSED.get(kind) or "is not a layer whose receptive field is known"
    raise _unknown(name, kind, why)


# --- layers that slide ---------------------------------------------------------------------------------


def _slide(kind: str, name: str, config: Entry, source: Tensor, trail: Trail) -> Tensor:
    """Append a convolution, a pooling, padding or cropping, which may be written in 2-D over one axis."""
    axes, dimensions = list(source.axes), int(kind[-2])
    if len(axes) != dimensions + 1:
        raise _unknown(name, kind, f"expected an input of {dimensions + 2} axes, found {len(axes) + 1}")
    first = config.get("data_format") == "channels_first"
    channels, spatial = (0, range(1, len(axes))) if first else (dimensions, range(dimensions))
    along = spatial[0] if source.along is None else source.along
    if along not in spatial:
        raise Sideways(f"layer {name} ({kind}): slides over channels, not over positions")
    if source.flat:
        raise _unknown(name, kind, "reads positions that share an axis with channels")
    made = {axis: _one_way(kind, name, config, dimensions, axis - spatial[0]) for axis in spatial}
    for axis in spatial:
        if axis != along:
            axes[axis] = beside(f"layer {name} ({kind})", made[axis], axes[axis])
    if kind in _GLOBAL:
        kept = [axis if i not in spatial else () for i, axis in enumerate(axes)]
        axes = kept if config.get("keepdims") else [axes[channels]]
    elif kind in _CONVOLUTIONS:
        axes[channels] = (_filters(kind, config, axes[channels]),)
    return Tensor(trail.add(made[along], [source]), tuple(axes))


def _one_way(kind: str, name: str, config: Entry, dimensions: int, axis: int) -> Layer:
    """Translate one of Keras's layers, along one of its axes, into ours."""

    def along(what: str, default: Any = 1) -> Any:
        value = config.get(what)
        value = default if value is None else value
        if isinstance(value, list):
            if len(value) != dimensions:
                raise ValueError(f"{what} of {len(value)} axes")
            value = value[axis]
        return value

    if kind in _GLOBAL:
        return Layer("global", name=name)
    if kind in _EDGES:
        ends = config["padding" if _EDGES[kind] == "pad" else "cropping"]
        if dimensions == 2 and isinstance(ends, list):
            ends = ends[axis]
        left, right = ends if isinstance(ends, list) else (ends, ends)
        padding = index(left), index(right)
        return Layer("pad" if _EDGES[kind] == "pad" else "crop", padding=padding, name=name)
    if kind in _POOLS:
        size = index(along("pool_size", 2))
        stride = index(along("strides", size))
        return Layer("pool" if _POOLS[kind] == "pool" else "mean", size, stride, 1, config["padding"], name)
    size = index(along("kernel_size", config["kernel_size"]))
    dilation = index(along("dilation_rate"))
    padding = ((size - 1) * dilation, 0) if config["padding"] == "causal" else config["padding"]
    return Layer("conv", size, index(along("strides")), dilation, padding, name)


def _filters(kind: str, config: Entry, channels: tuple[int | None, ...]) -> int | None:
    """Return the number of channels that a convolution gives."""
    if not kind.startswith("Depthwise"):
        return None if config.get("filters") is None else index(config["filters"])
    count = None if None in channels else prod(cast(tuple[int, ...], channels))
    return None if count is None else count * index(config.get("depth_multiplier", 1))


def _reduce(name: str, config: Entry, source: Tensor, trail: Trail) -> Tensor:
    """Follow a maximum, mean or sum over axes."""
    given = config.get("axis")
    if given is None:
        return LOST
    over = {without_batch(number, source) for number in (given if isinstance(given, list) else [given])}
    return reduce_axes(name, over, bool(config.get("keepdims")), source, trail)


# --- layers that reshape -------------------------------------------------------------------------------


def _reshape(kind: str, name: str, config: Entry, source: Tensor, length: int | None) -> Axes:
    """Return what the axes hold after a layer that only arranges them anew.

    Raises:
        Stop: positions would be torn apart, or the sizes are not known.
    """
    axes = source.axes
    if kind == "Flatten":
        if config.get("data_format") == "channels_first":
            axes = (*axes[1:], *axes[:1])
        return flatten(axes)
    if kind in ("Permute", "Transpose"):
        order = config["dims"] if kind == "Permute" else (config.get("axes") or [])[1:]
        if sorted(order) != [*range(1, len(axes) + 1)]:
            raise _unknown(name, kind, MOVED)
        return tuple(axes[index(i) - 1] for i in order)
    if kind == "ExpandDims":
        at = index(config["axis"])
        at = at - 1 if at > 0 else at + len(axes) + 1
        return (*axes[:at], (), *axes[at:])
    if kind == "Squeeze":
        given = config.get("axis")
        over = [
            without_batch(cast(int, number), source)
            for number in (given if isinstance(given, list) else [given])
        ]
        return tuple(axis for i, axis in enumerate(axes) if i not in over or axis)
    folded = regroup(axes, _target(config), length)
    if folded is None:
        raise _unknown(name, kind, MOVED)
    return folded


def _target(config: Entry) -> list[int]:
    """The sizes, without the batch, that a layer Reshape or ``keras.ops.reshape`` asks for."""
    sizes: list[int] = config["target_shape"] if "target_shape" in config else config["newshape"][1:]
    return sizes


def _slice(name: str, source: Tensor, call: Any, trail: Trail) -> Tensor:
    """Append the cropping, and the stride, that a slice ``x[:, 10:-10]`` makes."""
    if isinstance(call, dict):
        (key,) = call["args"][1:] or [call["kwargs"]["key"]]
        keys = [*key] if isinstance(key, list) else [key]
    else:  # as Keras 2 describes it
        spec = call[-1]["slice_spec"]
        keys = [{"config": key} if isinstance(key, dict) and "start" in key else key for key in spec]
    if any(not isinstance(entry, int | dict | None) for entry in keys):
        raise _unknown(name, "GetItem", "its slice is not made of constants")
    names = [entry.get("class_name") if isinstance(entry, dict) else "" for entry in keys]
    if "__ellipsis__" in names:
        at = names.index("__ellipsis__")
        rest = len(source.axes) + 1 - sum(entry is not None for entry in keys) + 1
        keys[at : at + 1] = [{"config": {}} for _ in range(rest)]
    if keys[0] is None or isinstance(keys[0], int) or any(keys[0]["config"].values()):
        raise _unknown(name, "GetItem", "slices the batch")
    axes, rest_axes, place = list[tuple[int | None, ...]](), [*source.axes], source.place
    for entry in keys[1:]:
        if entry is None:
            axes.append(())
            continue
        axis = rest_axes.pop(0)
        if POSITIONS not in axis:
            axes += [] if isinstance(entry, int) else [part(axis, _bounds(entry))]
            continue
        if len(axis) > 1:
            raise _unknown(name, "GetItem", MOVED)
        key = entry if isinstance(entry, int) else _bounds(entry)
        place = crop(f"layer {name} (GetItem)", name, key, replace(source, place=place), trail)
        axes += [] if isinstance(entry, int) else [axis]
    return Tensor(place, (*axes, *rest_axes))


def _bounds(entry: Entry) -> slice:
    """Return the slice that Keras describes so."""
    return slice(*(entry["config"].get(part) for part in ("start", "stop", "step")))


def _unknown(name: str, kind: str, why: str) -> Stop:
    """Return the error for a layer that cannot be followed, with advice on a harmless one."""
    advice = (
        f". If it does not change which positions a neuron sees, declare it with --passthrough {name} or "
        f"--passthrough {kind}"
    )
    return Stop(f"layer {name} ({kind}): {why}{'' if kind in _NOT_PASSED | _JOINS else advice}")


# --- the model itself ----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Keras:
    """A Keras model, as an audit asks for it (`receptive.models.probe.Model`).

    Attributes:
        model: the model.
        passthrough: as for `read`.
    """

    model: Any
    passthrough: Sequence[str] = ()

    @property
    def name(self) -> str:
        """The name to call it by."""
        return str(self.model.name)

    @cached_property
    def graph(self) -> Graph:
        """The part of it that can be followed over positions."""
        return read(self.model, self.passthrough)

    @property
    def inputs(self) -> tuple[Shape, ...]:
        """The shapes of its inputs, with the batch."""
        inputs = getattr(self.model, "inputs", None)
        if not inputs:
            read(self.model)  # says what else it is
            raise ReceptiveError("the model has not been built; begin it with keras.Input((L, 4))")
        return tuple(tuple(tensor.shape) for tensor in inputs)

    @property
    def outputs(self) -> tuple[Shape, ...]:
        """The shapes of its outputs, with the batch."""
        return tuple(tuple(tensor.shape) for tensor in self.model.outputs)

    def activation(self, convolution: str) -> tuple[str, str, int]:
        """Find where the map of a convolution is complete: the layer, its activation, the axis of filters."""
        first = getattr(self._operation(convolution), "data_format", None) == "channels_first"
        return *activation(self.model, convolution), 1 if first else -1

    def loss(self, masked: bool) -> tuple[str, Loss] | None:
        """Return the loss that it was compiled with, and what it is called."""
        import keras

        own = getattr(self.model, "loss", None)
        if own is None or len(self.model.outputs) > 1 or (masked and own is not cross_entropy):
            return None
        function = keras.losses.get(own)
        name = getattr(function, "__name__", type(function).__name__)
        per_sequence = getattr(function, "call", function)  # of an object, what it would take the mean of
        return (
            name,
            lambda Y, scores: (
                _numbers(per_sequence(Y.astype(np.float32), scores)).reshape(len(Y), -1).mean(1)
            ),
        )

    def maps(self, layer: str, batch: NDArray[np.float32]) -> Arrays:
        """Return what the layer does, once for each call of it; what lies above is not computed."""
        return [_numbers(maps) for maps in self._listener(layer)(batch)]

    @cached_property
    def _listener(self) -> Callable[[str], Callable[..., Any]]:
        """A function from a layer to what runs the model and returns that layer's outputs."""

        def listener(layer: str) -> Callable[..., Any]:
            def hear(batch: Any) -> list[Any]:
                heard: list[Any] = []

                def listen(call: Callable[..., Any], *given: Any, **more: Any) -> Any:
                    heard.append(call(*given, **more))
                    return heard[-1]

                with _replace_call(self._operation(layer), listen):
                    self._run(batch)
                return heard

            return compile_function(hear)

        return cache(listener)

    def run(self, batch: NDArray[np.float32]) -> Arrays:
        """Run the model as it is, and return its outputs."""
        return [_numbers(output) for output in self._runner(batch)]

    @cached_property
    def _runner(self) -> Callable[..., Any]:
        return compile_function(self._run)

    def scores(self, layer: str, batch: NDArray[np.float32], held: Mapping[int, float], axis: int) -> Arrays:
        """Run the model, and return its outputs, with some filters of a layer held at a value everywhere."""
        with _replace_call(self._operation(layer), _hold(held, axis)):
            return [_numbers(output) for output in self._run(batch)]

    def holder(self, layer: str, axis: int) -> Holder:
        """Return how to hold the filters of a layer one after another.

        What lies below the layer is computed once, on backends that compile. Where a convolution alone reads
        the maps, which is linear in them, it is computed once, too: what a held filter changes in its output
        takes a convolution of one channel.
        """
        place = next_convolution(self.model, layer, axis)
        if place:
            return self._channel_holder(self._operation(layer), self._operation(place), axis)
        operation = self._operation(layer)

        def rest(batch: Any, maps: Any, which: Any, values: Any) -> list[Any]:
            from keras import ops

            held = ops.where(which, ops.cast(values, maps.dtype), maps)
            with _replace_call(operation, lambda *_, **__: held):
                return self._run(batch)

        run = compile_function(rest)

        def hold(batch: NDArray[np.float32], held: Mapping[int, float]) -> Iterator[Arrays]:
            (maps,) = self.maps(layer, batch)
            for held_filter in held.items():
                yield [
                    _numbers(output)
                    for output in run(batch, maps, *_which(dict([held_filter]), maps.shape, axis))
                ]

        return hold

    def _channel_holder(self, operation: Any, conv: Any, axis: int) -> Holder:
        """Return a `holder` for an operation that nothing but a convolution reads."""
        from keras import ops

        activation = conv.activation or (lambda x: x)

        def rest(batch: Any, made: Any, change: Any, kernel: Any) -> list[Any]:
            def add(*_: Any) -> Any:
                return activation(ops.cast(made, change.dtype) + conv.convolution_op(change, kernel))

            with _replace_call(conv, add):
                return self._run(batch)

        run = compile_function(rest)

        def hold(batch: NDArray[np.float32], held: Mapping[int, float]) -> Iterator[Arrays]:
            heard: list[Any] = []

            def listen(call: Callable[..., Any], given: Any) -> Any:
                heard.extend((given, call(given)))
                return activation(heard[-1])

            object.__setattr__(conv, "activation", None)
            try:
                with _replace_call(conv, listen):
                    self._run(batch)
                    with _replace_call(operation, _hold(held, axis)):
                        self._run(batch[:1])
            finally:
                object.__setattr__(conv, "activation", activation)
            given, made, still, _ = heard
            changes, kernel = np.moveaxis(_numbers(still) - _numbers(given), axis, -1), _numbers(conv.kernel)
            for filter_index in held:
                change = ops.cast(np.moveaxis(changes[..., [filter_index]], -1, axis), given.dtype)
                weights = ops.cast(kernel[..., [filter_index], :], given.dtype)
                yield [_numbers(output) for output in run(batch, made, change, weights)]

        return hold

    def _operation(self, place: str) -> Any:
        """Return the layer, or operation such as ``keras.ops.relu``, that `read` calls ``place``."""
        model = self.model
        for name in place.split("/"):
            steps = getattr(model, "operations", None) or model.layers
            model = next(step for step in steps if step.name == name)
        return model

    def _run(self, batch: Any) -> list[Any]:
        """Run the model."""
        from keras import Sequential, tree

        given = batch
        if not isinstance(self.model, Sequential):  # a list of one, maybe
            given = tree.map_structure(lambda _: batch, self.model.input)
        return list(tree.flatten(self.model(given, training=False)))


@contextmanager
def _replace_call(operation: Any, change: Callable[..., Any]) -> Iterator[None]:
    """Have ``change`` called with what a layer does, and what it is given, in its stead.

    Keras looks `call` up on the layer at each call, whichever model the layer stands in.
    """
    call = operation.call
    object.__setattr__(operation, "call", lambda *given, **more: change(call, *given, **more))
    try:
        yield
    finally:
        object.__delattr__(operation, "call")


def _hold(held: Mapping[int, float], axis: int) -> Callable[..., Any]:
    """Return a change of a layer: some of its filters are held at a value everywhere."""

    def hold(call: Callable[..., Any], *given: Any, **more: Any) -> Any:
        from keras import ops

        maps = call(*given, **more)
        if not held:
            return maps
        which, values = _which(held, maps.shape, axis)
        return ops.where(which, ops.cast(values, maps.dtype), maps)

    return hold


def _which(
    held: Mapping[int, float], shape: Sequence[int], axis: int
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Turn held filters and their values into arrays that go with maps of a shape."""
    sizes = [1] * len(shape)
    sizes[axis] = shape[axis]
    which, values = np.zeros(sizes[axis], bool), np.zeros(sizes[axis], np.float32)
    which[[*held]], values[[*held]] = True, [*held.values()]
    return which.reshape(sizes), values.reshape(sizes)


def _numbers(tensor: Any) -> NDArray[np.float32]:
    """Return a tensor of any backend and precision, in numpy."""
    from keras import ops

    values: NDArray[np.float32] = ops.convert_to_numpy(ops.cast(tensor, "float32"))
    return values
