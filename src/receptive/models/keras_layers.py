"""Follow positions through the layers that Keras describes, as `operators` does through those of ONNX."""

from collections.abc import Iterator
from dataclasses import replace
from math import prod
from operator import index
from typing import Any, cast

from receptive.errors import ReceptiveError
from receptive.models.axes import (
    ASIDE,
    LOST,
    MIXED,
    MOVED,
    POSITIONS,
    STRETCHED,
    Axes,
    Declared,
    Sideways,
    Stop,
    Tensor,
    Trail,
    beside,
    crop,
    flatten,
    join,
    note_groups,
    pad_axes,
    part,
    reduce_axes,
    reshape,
    split_axis,
    without_batch,
)
from receptive.models.saved import MODELS, Entry
from receptive.theory.layers import Layer

_CONVOLUTIONS = {f"{kind}Conv{n}D" for kind in ("", "Separable", "Depthwise") for n in (1, 2)}
POOLS = {f"{kind}Pooling{n}D": name for kind, name in (("Max", "pool"), ("Average", "mean")) for n in (1, 2)}
_GLOBAL = {f"Global{kind}Pooling{n}D" for kind in ("Max", "Average") for n in (1, 2)}
_ADAPTIVE = {
    f"Adaptive{kind}Pooling{n}D": name
    for kind, name in (("Max", "pool"), ("Average", "mean"))
    for n in (1, 2)
}
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
ACTIVATIONS = {
    *("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "ThresholdedReLU", "Softmax"),
    *("Relu", "Relu6", "LeakyRelu", "Gelu", "Elu", "Selu", "Celu", "Silu", "Sigmoid", "Tanh", "Exp"),
    *("Softplus", "Softsign", "LogSigmoid", "HardSigmoid", "HardSilu", "HardTanh"),
}
BEFORE_ACTIVATION = {
    *("BatchNormalization", "LayerNormalization", "Identity", "Rescaling", "ActivityRegularization"),
    *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianDropout", "GaussianNoise", "AlphaDropout"),
}
OVER_FILTERS = {"softmax", "log_softmax", "sparsemax", "glu"}
"""Activations that combine what they are given along an axis."""
_SOFTMAXES = {"Softmax", "LogSoftmax", "Sparsemax"}
_POINTWISE_OVER_CHANNELS = {"LayerNormalization", "UnitNormalization", "RMSNormalization"} | _SOFTMAXES
POINTWISE = {
    *("Masking", "Absolute", "Sign", "Square", "Sqrt", "Rsqrt", "Log", "Log1p", "Log2", "Log10", "Expm1"),
    *("Negative", "Reciprocal", "Clip", "Cast", "Floor", "Ceil", "Round", "Erf", "Sin", "Cos", "LogicalNot"),
    *("ZerosLike", "OnesLike", "Normalization"),
} | ((ACTIVATIONS | BEFORE_ACTIVATION) - _POINTWISE_OVER_CHANNELS)
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
    **dict.fromkeys(("TopK", "Sort", "Argsort", "ArraySplit", "Rot90", "Diff", "Cumsum"), MOVED),
    **dict.fromkeys(
        ("Conv", "DepthwiseConv", "SeparableConv", "ConvTranspose"),
        "it convolves with weights that no layer holds; a layer such as Conv1D, given these, can be read",
    ),
    **dict.fromkeys(_ADAPTIVE, "its windows differ in size from position to position"),
    **dict.fromkeys(
        ("LocallyConnected1D", "LocallyConnected2D"), "its filters differ from position to position"
    ),
}
"""Layers that move positions, which nobody may declare harmless."""
_CODES = {"Embedding": "output_dim", "OneHot": "num_classes"}
"""What gives every position a vector, by the argument that tells its size."""
_REFUSED = {"GroupNormalization": MIXED, "EinsumDense": "its equation may combine positions"}
_NOT_PASSED = {"MaxPool", "AveragePool", *_MOVES, *_CONVOLUTIONS, *POOLS, *_GLOBAL, *_EDGES, "Concatenate"}


def unwrap(layer: Entry) -> Entry:
    """Return the layer whose weights a SpectralNormalization scales; any other layer as it is."""
    return layer["config"]["layer"] if layer["class_name"] == "SpectralNormalization" else layer


def activation_of(layer: Entry) -> str:
    """Return the activation that a layer applies; a leaky or thresholded ReLU is no relu."""
    layer = unwrap(layer)
    kind, config = layer["class_name"], layer["config"]
    if kind == "ReLU" and (config.get("negative_slope") or config.get("threshold")):
        return "leaky_relu"
    if kind in ACTIVATIONS - {"Activation"}:
        return cast(str, kind.lower())
    given = config.get("activation") or "linear"
    if isinstance(given, str):
        return given
    return given["config"] if isinstance(given.get("config"), str) else activation_of(given)


def follow_model(config: Entry, sources: list[Tensor], prefix: str, trail: Trail) -> list[Tensor]:
    """Append the nodes of a (nested) model that reads ``sources``; return where its outputs come from."""
    layers: list[Entry] = config["layers"]
    if "input_layers" not in config:  # Sequential
        for layer in layers:
            if layer["class_name"] != "InputLayer":
                sources = _follow(layer, prefix + layer["config"]["name"], sources, None, trail)[:1]
        return sources
    made = {
        (name, call): [source]
        for (name, call, _), source in zip(references(config["input_layers"]), sources, strict=True)
    }
    calls = [(layer, i) for layer in layers for i in range(len(layer["inbound_nodes"]))]
    while calls:  # one round is enough unless a shared layer is called again later on
        waiting = []
        for layer, i in calls:
            call = layer["inbound_nodes"][i]
            reads = list(references(call))
            if not all((name, node) in made for name, node, _ in reads):
                waiting.append((layer, i))
                continue
            given = [_output(made, tensor) for tensor in reads]
            name = prefix + name_call(layer["name"], i)
            made[layer["name"], i] = _follow(layer, name, given, call, trail)
        if len(waiting) == len(calls):
            raise ReceptiveError(f"layer {prefix}{calls[0][0]['name']}: its inputs are nowhere in the model")
        calls = waiting
    return [_output(made, tensor) for tensor in references(config["output_layers"])]


def name_call(name: str, call: int) -> str:
    """Name a call of a layer, counted from 0: the first as the layer, others by their number."""
    return f"{name}:{call + 1}" if call else name


def _output(made: dict[tuple[str, int], list[Tensor]], tensor: tuple[str, int, int]) -> Tensor:
    """Return one output of a call; further ones, such as states, are not followed."""
    name, call, output = tensor
    outputs = made[name, call]
    return outputs[output] if 0 <= output < len(outputs) else replace(outputs[0], place=None, axes=())


def references(value: Any) -> Iterator[tuple[str, int, int]]:
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
            yield from references(item)


def _follow(entry: Entry, name: str, sources: list[Tensor], call: Any, trail: Trail) -> list[Tensor]:
    """Append the nodes that one call of a layer makes; return where its outputs come from."""
    names, entry = {name, entry["class_name"], entry["config"].get("name")}, unwrap(entry)
    kind, config = entry["class_name"], entry["config"]
    if {*names, kind, kind.split(">")[-1]} & {*trail.passthrough}:
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
        return follow_model(config, sources, f"{name}/", trail)
    followed = [source for source in sources if not source.aside]
    if not followed:
        return [ASIDE]
    try:
        if own:
            raise _unknown(name, kind, "is not one of Keras's own layers")
        if kind == "Split" and followed[0].place is not None:
            return _split(name, config, followed[0], trail)
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


def _split(name: str, config: Entry, source: Tensor, trail: Trail) -> list[Tensor]:
    """Follow the parts that ``keras.ops.split`` makes."""
    at, given = without_batch(config["axis"], source), config["indices_or_sections"]
    if at == source.along and not source.flat:
        whole = trail.lengths[cast(str, source.place)]
    else:
        whole = None if None in source.axes[at] else prod(cast(tuple[int, ...], source.axes[at]))
    if whole is None:
        raise _unknown(name, "Split", "how it splits depends on a size that is not known")
    ends = [*given, whole] if isinstance(given, list) else [whole // given * (i + 1) for i in range(given)]
    sizes = [stop - start for start, stop in zip([0, *ends], ends, strict=False)]
    return split_axis(f"layer {name} (Split)", name, at, sizes, source, trail)


def _step(
    kind: str, name: str, config: Entry, sources: list[Tensor], aside: bool, call: Any, trail: Trail
) -> Tensor:
    """Follow one of Keras's own layers; its output has no place if it mixes all positions.

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
    if kind in ("MaxPool", "AveragePool"):  # operations on tensors, of as many axes as these have
        kind = f"{kind}ing{len(source.axes) - 1}D"
    if kind == "Activation" and activation_of({"class_name": kind, "config": config}) in OVER_FILTERS:
        kind = "Softmax"
    if any(tensor.place is None for tensor in sources) or kind in _ENDS:
        if kind in _CONVOLUTIONS:
            raise _unknown(name, kind, "comes after a layer that mixes all positions")
        return LOST
    if kind in _JOINS or kind == "Concatenate":
        at = config.get("axis", -1) if kind == "Concatenate" else None
        return join(f"layer {name} ({kind})", name, at, sources, aside, trail)
    if kind in _SHAPES:
        if kind != "Reshape":
            return replace(source, axes=_reshape(kind, name, config, source))
        if (folded := reshape(name, reshape_target(config), source, trail)) is None:
            raise _unknown(name, kind, MOVED)
        return folded
    if kind == "GetItem":
        return _slice(name, source, call, trail)
    if kind in POINTWISE or (kind == "Flip" and not _flips(config["axis"], source)):
        return source
    if kind == "Pad":
        pairs = {i - 1: (ends[0], ends[1]) for i, ends in enumerate(config["pad_width"])}
        return pad_axes(f"layer {name} (Pad)", name, pairs, config.get("mode", "constant"), source, trail)
    if kind in _ADAPTIVE:
        return _adapt(kind, name, config, source, trail)
    if kind in _CODES:
        return replace(source, axes=(*source.axes, (index(config[_CODES[kind]]),)))
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
            if source.flat or kind in _SOFTMAXES:  # attention over positions
                return LOST
            raise _unknown(name, kind, MIXED)
        return source
    if kind in _REDUCTIONS:
        return _reduce(name, config, source, trail)
    if kind in _CONVOLUTIONS or kind in POOLS or kind in _GLOBAL or kind in _EDGES:
        return _slide(kind, name, config, source, trail)
    why = _MOVES.get(kind) or _REFUSED.get(kind) or "is not a layer whose receptive field is known"
    raise _unknown(name, kind, why)


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
    filters = None
    for axis in spatial:
        if axis != along:
            axes[axis] = beside(f"layer {name} ({kind})", made[axis], axes[axis])
    if kind in _GLOBAL:
        kept = [axis if i not in spatial else () for i, axis in enumerate(axes)]
        axes = kept if config.get("keepdims") else [axes[channels]]
    elif kind in _CONVOLUTIONS:
        groups = 4 if kind.startswith("Depthwise") else config.get("groups") or 1
        note_groups(name, groups, axes[channels], source, trail)
        filters = _filters(kind, config, axes[channels])
        axes[channels] = (filters,)
    return Tensor(trail.add(made[along], [source], filters), tuple(axes))


def _flips(axis: Any, source: Tensor) -> bool:
    """Tell whether positions are among the axes that are turned around."""
    over = axis if isinstance(axis, list) else [axis]
    return None in over or source.along in {without_batch(number, source) for number in over}


def _adapt(kind: str, name: str, config: Entry, source: Tensor, trail: Trail) -> Tensor:
    """Follow a pooling to a given number of positions: a plain one if it divides what there is."""
    sizes, length = config["output_size"], trail.lengths[cast(str, source.place)]
    if {*sizes} == {1}:
        return _slide(
            f"Global{kind.removeprefix('Adaptive')}", name, config | {"keepdims": True}, source, trail
        )
    if length is None or len(sizes) != 1 or length % sizes[0]:
        raise _unknown(name, kind, _MOVES[kind])
    plain = {"pool_size": length // sizes[0], "padding": "valid", "data_format": config.get("data_format")}
    return _slide(kind.removeprefix("Adaptive"), name, plain, source, trail)


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
    if kind in POOLS:
        size = index(along("pool_size", 2))
        stride = index(along("strides", size))
        return Layer("pool" if POOLS[kind] == "pool" else "mean", size, stride, 1, config["padding"], name)
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


def _reshape(kind: str, name: str, config: Entry, source: Tensor) -> Axes:
    """Return what the axes hold after a layer that only arranges them anew.

    Raises:
        Stop: it is not known how.
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
    given = config.get("axis")
    over = [
        without_batch(cast(int, number), source) for number in (given if isinstance(given, list) else [given])
    ]
    return tuple(axis for i, axis in enumerate(axes) if i not in over or axis)


def reshape_target(config: Entry) -> list[int]:
    """Return the sizes, without the batch, that a layer Reshape or ``keras.ops.reshape`` asks for."""
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
