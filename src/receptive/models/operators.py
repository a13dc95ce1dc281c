"""Follow positions through the operators of an ONNX graph.

Numbers that shape the graph, such as the target of a Reshape, are constants or made of the shapes of other
tensors; both are worked out here.
"""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import prod
from operator import index
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from receptive.errors import ReceptiveError, printable
from receptive.models.axes import (
    ASIDE,
    LOST,
    MIXED,
    MOVED,
    POSITIONS,
    STAND_IN,
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
    repeat,
    reshape,
    split_axis,
    without_batch,
)
from receptive.theory.fields import same_padding, span
from receptive.theory.layers import Layer

if TYPE_CHECKING:
    from receptive.models.onnx import Onnx

Entry = Any
"""A node, a tensor or a model of the format, whose classes have no types."""

BATCH = 1_000_033
"""A prime, which stands for an open number of sequences."""
LARGEST = 4096
"""Numbers of the largest constant that shapes a graph."""
LABOUR = 2**24
"""Numbers that working out a constant may make on the way."""

POOLS = {"MaxPool": "pool", "AveragePool": "mean", "LpPool": "mean"}
_GLOBAL = {"GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool"}
_REDUCTIONS = {
    f"Reduce{kind}" for kind in ("Max", "Mean", "Min", "Sum", "Prod", "L1", "L2", "LogSum", "LogSumExp")
} | {"ReduceSumSquare"}
ACTIVATIONS = {
    *("Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "ThresholdedRelu", "Gelu", "Sigmoid", "Tanh"),
    *("HardSigmoid", "HardSwish", "Softplus", "Softsign", "Mish", "Swish", "Exp", "Shrink", "Clip"),
}
BEFORE_ACTIVATION = {
    *("BatchNormalization", "Dropout", "Identity", "Cast", "Transpose", "Squeeze", "Unsqueeze", "Reshape"),
    *("Add", "Sub", "Mul", "Div", "LayerNormalization", "QuantizeLinear", "DequantizeLinear"),
}
"""What may stand between a convolution and its activation, the arithmetic with constants."""
_POINTWISE = {
    *("Log", "Sqrt", "Abs", "Neg", "Reciprocal", "Erf", "Sign", "Ceil", "Floor", "Round", "Sin", "Cos"),
    *("Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh"),
    *("Not", "IsNaN", "IsInf", "CastLike"),
    *("BatchNormalization", "Dropout", "Identity", "Cast", "QuantizeLinear", "DequantizeLinear"),
} | ACTIVATIONS
BY_FILTER = _POINTWISE | {"Add", "Sub", "Mul", "Div", "Pow", "Transpose", "Squeeze", "Unsqueeze"}
"""What changes each filter's map by itself, if it is given nothing else but constants."""
_JOINS = {
    *("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Mean", "Sum", "Mod", "Where", "And", "Or", "Xor"),
    *("Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal"),
}
_FROM_AXIS = {"LayerNormalization", "RMSNormalization"}
_OVER_CHANNELS = {"Softmax", "LogSoftmax", "Hardmax", "LpNormalization", *_FROM_AXIS}
_ENDS = {"LSTM", "GRU", "RNN", "Einsum", "Attention", "MultiHeadAttention"}
_MIXES = {"InstanceNormalization", "GroupNormalization", "MeanVarianceNormalization"}
HOLDING = ("If", "Loop", "Scan")
"""Operators that hold graphs."""
_WHOLE_NUMBERS = (
    "computes in whole numbers; take the model as it was before it was quantised, or quantised with "
    "QuantizeLinear and DequantizeLinear around Conv"
)
_OPTIMISED = "is an operator of {}, which optimising for ONNX Runtime leaves; take the model as it was before"
_HELD = (
    "holds a part of the network, which is not followed; a model that is exported with fixed sizes, or that "
    "onnxsim simplifies, may come without it"
)
_MOVES = {
    **dict.fromkeys(("ConvTranspose", "Resize", "Upsample", "Tile", "Expand", "DepthToSpace"), STRETCHED),
    **dict.fromkeys(("ReverseSequence", "GatherElements", "GatherND", "ScatterND", "ScatterElements"), MOVED),
    **dict.fromkeys(("SpaceToDepth", "TopK", "Compress", "NonZero", "Unique", "Trilu", "Gather"), MOVED),
    **dict.fromkeys(("Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Split"), MOVED),
    **dict.fromkeys(("Pad", "Concat"), MOVED),
    **dict.fromkeys(("CumSum", "DFT"), MIXED),
    **dict.fromkeys(("DynamicQuantizeLinear", "QLinearConv", "ConvInteger"), _WHOLE_NUMBERS),
}
_BY_ROW = _POINTWISE | _JOINS | {"MatMul", "Gemm", "Reshape"}
"""Operators that are followed where sequences are one behind the other."""
ARRANGES = {"Pad", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Shape", "Cast", "Constant", "Identity"}
_NOT_PASSED = {*_MOVES, *POOLS, *_GLOBAL, "Conv", "MatMul", "Gemm"}
"""Operators that move or combine positions, which nobody may declare harmless."""
_FOLDED = {
    *(
        "Constant",
        "Gather",
        "Concat",
        "Unsqueeze",
        "Squeeze",
        "Slice",
        "Cast",
        "Identity",
        "Reshape",
        "Split",
    ),
    *("Transpose", "Add", "Sub", "Mul", "Div", "Mod", "Neg", "Abs", "Floor", "Ceil", "Sqrt", "Min", "Max"),
    *("Where", "Equal", "Greater", "Less", "Not", "ReduceProd", "ReduceSum"),
}
"""Operators that are worked out where all they read is known."""


@dataclass
class Walk:
    """The tensors and constants met so far in following an ONNX graph.

    Attributes:
        model: that is followed.
        trail: nodes of our graph.
        tensors: where tensors come from, by their names; what is not here is a constant.
        batch: how many sequences the model takes at a time; None if that is open.
        values: constants that are known.
    """

    model: "Onnx"
    trail: Trail
    tensors: dict[str, Tensor]
    batch: int | None
    values: dict[str, NDArray[Any] | None] = field(default_factory=dict)

    def follow(self) -> list[Tensor]:
        """Follow all nodes; return where the outputs come from."""
        for name, node in zip(self.model.names, self.model.nodes, strict=True):
            reads = [self.tensors[name_read] for name_read in node_inputs(node) if name_read in self.tensors]
            followed = [tensor for tensor in reads if not tensor.aside]
            if not followed or node.op_type in ("Shape", "Size"):
                self._compute(node)
                if reads:
                    self.tensors.update((output, ASIDE) for output in node.output)
                continue
            made = self._pass(name, node, followed) or self._step(name, node, followed)
            if len(made) == 1:
                made = made * len(node.output)
            self.tensors.update(zip(node.output, made, strict=False))
        outputs = (self.tensors.get(output.name, ASIDE) for output in self.model.flat.graph.output)
        return [tensor for tensor in outputs if not tensor.aside]

    def _pass(self, name: str, node: Entry, followed: list[Tensor]) -> list[Tensor]:
        """Return the outputs of a node that was declared harmless; nothing if it was not."""
        if not {name, node.op_type} & {*self.trail.passthrough}:
            return []
        if node.op_type in _NOT_PASSED:
            raise Declared(
                f"--passthrough: node {name} ({node.op_type}) moves or combines positions; expected nodes "
                "that leave them as they are"
            )
        return followed[:1]

    def _step(self, name: str, node: Entry, followed: list[Tensor]) -> list[Tensor]:
        """Follow a node; where it cannot be followed, its branch ends."""
        try:
            made = self._convert(name, node, followed)
        except Sideways as error:
            if not self.trail.nodes:
                raise
            made, self.trail.stopped = [LOST], self.trail.stopped or str(error)
        except Stop as error:
            made, self.trail.stopped = [LOST], self.trail.stopped or str(error)
        if any(tensor.place is None for tensor in made):
            self.trail.end(followed)
        return made

    def _convert(self, name: str, node: Entry, sources: list[Tensor]) -> list[Tensor]:
        """Return the outputs of a node.

        Raises:
            Stop: it cannot be followed.
        """
        kind, source = node.op_type, sources[0]
        if node.domain not in ("", "ai.onnx"):
            if "Conv" in kind or "Pool" in kind:
                raise Stop(f"{self._label(name, node)}: {_OPTIMISED.format(printable(node.domain))}")
            raise self._unknown(
                name, node, f"is an operator of {node.domain}, whose receptive field is not known"
            )
        # As layers of PyTorch that are recurrent or attend want it: positions before sequences.
        ahead = kind == "Transpose" and source.along == (attributes(node).get("perm") or [0])[0] - 1
        ends = kind in _ENDS or ahead
        if any(tensor.place is None for tensor in sources) or ends:
            if kind == "Conv":
                raise self._unknown(name, node, "comes after a layer that mixes all positions")
            return [LOST]
        if any(tensor.merged for tensor in sources) and (len(sources) > 1 or kind not in _BY_ROW):
            raise self._unknown(name, node, MOVED)
        if kind in ("MatMul", "Gemm"):
            return [self._multiply(node, sources)]
        if kind in _JOINS or (kind in _POINTWISE and len(sources) > 1):
            return [self._elementwise(name, node, sources)]
        if kind in _POINTWISE:
            return [source]
        if kind == "Concat":
            aside = len(sources) < len(node.input)
            return [join(self._label(name, node), name, attributes(node)["axis"], sources, aside, self.trail)]
        if kind == "Gather" and len(sources) == 1:
            return [self._gather(name, node, source)]
        elsewhere = len(sources) > 1 or self.tensors.get(node.input[0]) != source
        if elsewhere and kind in _NOT_PASSED | _OVER_CHANNELS:
            raise self._unknown(name, node, "reads the sequence by other inputs than its first")
        if kind == "Conv" or kind in POOLS or kind in _GLOBAL:
            return [self._slide(name, node, source)]
        if kind == "Pad":
            return [self._pad_ends(name, node, source)]
        if kind in _REDUCTIONS:
            return [self._reduce(name, node, source)]
        if kind in _OVER_CHANNELS:
            return [self._normalise(name, node, source)]
        if kind in ("Transpose", "Flatten", "Squeeze", "Unsqueeze"):
            return [replace(source, axes=self._arrange(name, node, source))]
        if kind in ("Expand", "Tile"):
            return [replace(source, axes=self._repeat(name, node, source))]
        if kind == "Reshape":
            return [self._reshape(name, node, source)]
        if kind == "OneHot":
            depth = self.value(node.input[1])
            return [replace(source, axes=(*source.axes, (None if depth is None else int(depth.item()),)))]
        if kind == "Slice":
            return [self._slice(name, node, source)]
        if kind == "Split":
            return self._split(name, node, source)
        unknown = _HELD if kind in HOLDING else "is not an operator whose receptive field is known"
        raise self._unknown(name, node, MIXED if kind in _MIXES else _MOVES.get(kind, unknown))

    def _unknown(self, name: str, node: Entry, why: str) -> Stop:
        """Return the error for a node that cannot be followed, with advice on a harmless one."""
        advice = (
            f". If it does not change which positions a neuron sees, declare it with --passthrough {name} or "
            f"--passthrough {node.op_type}"
        )
        return Stop(f"{self._label(name, node)}: {why}{'' if node.op_type in _NOT_PASSED else advice}")

    def _label(self, name: str, node: Entry) -> str:
        """Label a node for errors: its name, its operator, and its inputs from the sequence."""
        titles = zip(self.model.names, self.model.nodes, strict=True)
        made = {output: title for title, other in titles for output in other.output}
        reads = {made.get(tensor, tensor): None for tensor in node_inputs(node) if tensor in self.tensors}
        return f"node {name} ({node.op_type} of {', '.join(map(printable, reads))})"

    # --- constants

    def _compute(self, node: Entry) -> None:
        """Work out what a node gives that reads shapes and constants alone."""
        kind = node.op_type
        if kind in ("Shape", "Size"):
            shape = self._sizes(node.input[0])
            if shape is not None:
                bounds = attributes(node)
                value = np.array(shape, np.int64)[bounds.get("start", 0) : bounds.get("end")]
                self.values[node.output[0]] = value if kind == "Shape" else np.array(prod(shape), np.int64)
            return
        read = dict[str, NDArray[Any]]()
        for tensor in node.input:
            if tensor and (known := self.value(tensor)) is None:
                return
            if tensor:
                read[tensor] = cast(NDArray[Any], known)
        if kind == "ConstantOfShape" and prod(sizes := read[node.input[0]].tolist()) <= LARGEST:
            from onnx import numpy_helper

            given = attributes(node).get("value")
            fill = np.zeros(1, np.float32) if given is None else numpy_helper.to_array(given)
            self.values[node.output[0]] = np.full(sizes, fill.item(), fill.dtype)
        labour = prod(np.size(value) for value in read.values()) if kind != "Concat" else 0
        if kind not in _FOLDED or labour > LABOUR:
            return
        from onnx import helper
        from onnx.reference import ReferenceEvaluator

        wanted = [output for output in node.output if output]
        types = {tensor: helper.np_dtype_to_tensor_dtype(value.dtype) for tensor, value in read.items()}
        inputs = [helper.make_tensor_value_info(tensor, types[tensor], read[tensor].shape) for tensor in read]
        outputs = [helper.make_empty_tensor_value_info(output) for output in wanted]
        graph = helper.make_graph([node], "constants", inputs, outputs)
        try:
            single = helper.make_model(graph, opset_imports=self.model.flat.opset_import)
            made = ReferenceEvaluator(single).run(None, read)
        except Exception:  # whatever the evaluator's operators raise of what does not fit
            return
        for output, value in zip(wanted, made, strict=True):
            if np.size(value) <= LARGEST:
                self.values[output] = np.asarray(value)

    def value(self, name: str) -> NDArray[Any] | None:
        """Return a small constant; None if it is not known, or large."""
        if name not in self.values:
            tensor = self.model.weights.get(name)
            self.values[name] = None
            if tensor is not None and prod(tensor.dims) <= LARGEST:
                with suppress(ReceptiveError):  # it may lie in a file that is not there
                    self.values[name] = self.model.constant(name)
        return self.values[name]

    def _sizes(self, name: str) -> list[int] | None:
        """Return the shape of a tensor with the batch; None if unknown. Open sizes are large primes."""
        if name in self.model.weights:
            return list(self.model.weights[name].dims)
        if (value := self.value(name)) is not None:
            return list(value.shape)
        tensor = self.tensors.get(name, ASIDE)
        return self.model.shapes.get(name) if tensor.aside else self._sizes_of(tensor)

    def _sizes_of(self, tensor: Tensor) -> list[int] | None:
        """Return the shape of a tensor that comes from the sequence, as `_sizes`."""
        if tensor.place is None or any(None in axis for axis in tensor.axes):
            return None
        length = self.trail.lengths[tensor.place]
        of = {POSITIONS: STAND_IN if length is None else length}
        sizes = [prod(of.get(cast(int, atom), cast(int, atom)) for atom in axis) for axis in tensor.axes]
        batch = self.batch or BATCH
        return [batch * sizes[0], *sizes[1:]] if tensor.merged else [batch, *sizes]

    def _numbers(self, name: str, node: Entry, at: int, attribute: str) -> list[int] | None:
        """Return the numbers that an input or, in older files, an attribute gives a node; None: neither.

        Raises:
            Stop: they are not known.
        """
        if attribute in (settings := attributes(node)):
            return (
                list(settings[attribute])
                if isinstance(settings[attribute], list | tuple)
                else [settings[attribute]]
            )
        if len(node.input) <= at or not node.input[at]:
            return None
        value = self.value(node.input[at])
        if value is None:
            raise self._unknown(name, node, f"its {attribute} are computed, and not known")
        return [int(number) for number in np.ravel(value)]

    # --- operators

    def _multiply(self, node: Entry, sources: list[Tensor]) -> Tensor:
        """Follow a matrix product: with weights it is a dense layer, which may act on each position."""
        if len(sources) > 1 or (node.op_type == "Gemm" and node.input[0] not in self.tensors):
            return LOST
        (source,) = sources
        left = node.input[0] in self.tensors
        at = len(source.axes) - (1 if left else 2)
        weights = self._sizes(node.input[1 if left else 0])
        if source.along == at or source.flat or at < 0:
            return LOST
        units = None
        if weights is not None:
            units = weights[-2] if not left else weights[0 if attributes(node).get("transB") else -1]
        return replace(source, axes=(*source.axes[:at], (units,), *source.axes[at + 1 :]))

    def _elementwise(self, name: str, node: Entry, sources: list[Tensor]) -> Tensor:
        """Follow a sum, product or comparison, with constants or of branches."""
        if len({(source.place, len(source.axes), source.along) for source in sources}) > 1:
            return join(self._label(name, node), name, None, sources, False, self.trail)
        source = max(sources, key=lambda tensor: sum(axis != () for axis in tensor.axes))
        axes = list(source.axes)
        for name_read in node.input:
            if name_read in self.tensors and not self.tensors[name_read].aside:
                continue
            sizes = self._sizes(name_read) or []
            if len(sizes) > len(axes) + 1 and prod(sizes[: -len(axes) - 1]) > 1:
                raise self._unknown(name, node, "adds an axis")
            for back, size in enumerate(reversed(sizes[-len(axes) :] if axes else [])):
                if axes[-1 - back] in ((), (1,)) and size > 1:
                    axes[-1 - back] = (size,)
        return replace(source, axes=tuple(axes))

    def _slide(self, name: str, node: Entry, source: Tensor) -> Tensor:
        """Append a convolution or a pooling, which may be written in 2-D over one axis."""
        kind, axes = node.op_type, list(source.axes)
        along = source.along
        if along == 0:
            raise Sideways(f"{self._label(name, node)}: slides over channels, not over positions")
        if source.flat:
            raise self._unknown(name, node, "reads positions that share an axis with channels")
        length = self.trail.lengths[cast(str, source.place)]
        if along is None:  # one neuron, as after global pooling
            along = 1
            if kind != "Conv" or len(axes) == 1:
                return replace(source, axes=(axes[0], *((),) * (len(axes) - 1)))
        for axis in range(1, len(axes)):
            if axis != along:
                size = None if None in axes[axis] else prod(cast(tuple[int, ...], axes[axis]))
                axes[axis] = beside(
                    self._label(name, node), self._one_way(name, node, axis - 1, size), axes[axis]
                )
        layer, filters = self._one_way(name, node, along - 1, length), None
        if layer.kind == "global":
            axes[along] = ()
        elif kind == "Conv":
            note_groups(name, attributes(node).get("group", 1), axes[0], source, self.trail)
            weights = self._sizes(node.input[1])
            filters = weights[0] if weights else None
            axes[0] = (filters,)
        return Tensor(self.trail.add(layer, [source], filters), tuple(axes))

    def _one_way(self, name: str, node: Entry, axis: int, length: int | None) -> Layer:
        """Translate a node, along one of its spatial axes of ``length`` neurons, into our layer."""
        given, kind = attributes(node), node.op_type
        if kind in _GLOBAL:
            return Layer("global", name=name)
        sizes = given.get("kernel_shape") or (self._sizes(node.input[1]) or [])[2:]
        if axis >= len(sizes):
            raise self._unknown(name, node, f"expected a window over {axis + 1} axes, found {len(sizes)}")
        size = index(sizes[axis])
        stride, dilation = (
            index((given.get(what) or [1] * len(sizes))[axis]) for what in ("strides", "dilations")
        )
        auto = given.get("auto_pad", b"NOTSET").decode()
        pads = given.get("pads") or [0] * 2 * len(sizes)
        ends = index(pads[axis]), index(pads[axis + len(sizes)])
        if auto in ("SAME_UPPER", "SAME_LOWER"):
            if stride > 1 and length is None and auto == "SAME_LOWER":
                raise self._unknown(
                    name, node, "its auto_pad depends on the length of the sequence, which is open"
                )
            left, right = same_padding(length or size * stride, span(size, dilation), stride)
            ends = (right, left) if auto == "SAME_LOWER" else (left, right)
        if kind in POOLS and dilation > 1:
            raise self._unknown(name, node, f"pools over windows with gaps (dilations {dilation})")
        if given.get("ceil_mode") and stride > 1:
            if length is None:
                raise self._unknown(
                    name, node, "rounds up (ceil_mode) by the length of the sequence, which is open"
                )
            ends = ends[0], ends[1] + _ceil_padding(length, span(size, dilation), stride, ends)
        padding = "same" if auto == "SAME_UPPER" else "valid" if ends == (0, 0) else ends
        return Layer(
            "conv" if kind == "Conv" else cast(Any, POOLS[kind]),
            size,
            stride,
            dilation,
            cast(Any, padding),
            name,
        )

    def _pad_ends(self, name: str, node: Entry, source: Tensor) -> Tensor:
        """Append what a Pad adds, or removes, at the ends of the sequence."""
        pads = self._numbers(name, node, 1, "pads") or []
        which = self._numbers(name, node, 3, "axes") or [*range(len(pads) // 2)]
        mode = attributes(node).get("mode", b"constant").decode()
        pairs = zip(which, pads, pads[len(which) :], strict=False)
        ends = {
            without_batch(number, source) if number else -1: (left, right) for number, left, right in pairs
        }
        return pad_axes(self._label(name, node), name, ends, mode, source, self.trail)

    def _reduce(self, name: str, node: Entry, source: Tensor) -> Tensor:
        """Follow a maximum, mean or sum over axes."""
        axes, given = self._numbers(name, node, 1, "axes"), attributes(node)
        if axes is None:
            return source if given.get("noop_with_empty_axes") else LOST
        if 0 in axes or -len(source.axes) - 1 in axes:
            raise self._unknown(name, node, "combines the sequences of a batch")
        over = {without_batch(number, source) for number in axes}
        return reduce_axes(name, over, bool(given.get("keepdims", 1)), source, self.trail)

    def _normalise(self, name: str, node: Entry, source: Tensor) -> Tensor:
        """Follow what combines the values along an axis, or from an axis on, which has to be channels."""
        at = without_batch(attributes(node).get("axis", -1), source)
        over = range(at, len(source.axes)) if node.op_type in _FROM_AXIS else [at]
        if source.along not in over:
            return source
        if source.flat or "max" in node.op_type:  # attention over positions
            return LOST
        raise self._unknown(name, node, MIXED)

    def _arrange(self, name: str, node: Entry, source: Tensor) -> Axes:
        """Return what the axes hold after a node that gives them another order, or takes or adds some."""
        kind, axes, rank = node.op_type, source.axes, len(source.axes) + 1
        length = self.trail.lengths[cast(str, source.place)]
        if kind == "Flatten":
            if attributes(node).get("axis", 1) not in (1, 1 - rank):
                raise self._unknown(name, node, "combines the sequences of a batch")
            return flatten(axes)
        if kind == "Transpose":
            order = list(attributes(node).get("perm") or range(rank)[::-1])
            if sorted(order) != [*range(rank)] or order[0] != 0:
                raise self._unknown(name, node, "moves the sequences of a batch")
            return tuple(axes[i - 1] for i in order[1:])
        given = self._numbers(name, node, 1, "axes")
        if kind == "Squeeze":
            ones = [i for i, axis in enumerate(axes) if axis in ((), (1,))]
            over = ones if given is None else [number % rank - 1 for number in given]
            if -1 in over:
                raise self._unknown(name, node, "moves the sequences of a batch")
            if length != 1 and source.along in over:
                raise self._unknown(name, node, "takes the axis of positions away")
            return tuple(axis for i, axis in enumerate(axes) if i not in over)
        places = {number % (rank + len(given or ())) for number in given or ()}
        if 0 in places:
            raise self._unknown(name, node, "moves the sequences of a batch")
        rest = iter(axes)
        return tuple(() if i in places else next(rest) for i in range(1, rank + len(places)))

    def _repeat(self, name: str, node: Entry, source: Tensor) -> Axes:
        """Return what the axes hold after a node that repeats what they hold."""
        times = self._numbers(name, node, 1, "shape") or []
        if node.op_type == "Expand":  # to sizes, of which the first may be left out
            now = self._sizes(node.input[0]) or []
            sizes = [1] * (len(now) - len(times)) + times
            times = [1 if size == old else size for size, old in zip(sizes, now, strict=False)]
        repeated = repeat(times[1:], source) if times[:1] == [1] else None
        if repeated is None:
            raise self._unknown(name, node, STRETCHED)
        return repeated

    def _reshape(self, name: str, node: Entry, source: Tensor) -> Tensor:
        """Follow a node that gives axes other sizes."""
        axes, rank = source.axes, len(source.axes) + 1
        target = self._numbers(name, node, 1, "shape") or []
        if source.along == 0 and len(axes) == 2 and not source.flat:  # as TensorFlow multiplies matrices
            together = self._sizes_of(replace(source, merged=True)) or []
            if _fits(target, together):
                return replace(source, merged=True)
        source = replace(source, merged=False)
        if not attributes(node).get("allowzero"):
            sizes = [self.batch or BATCH, *(self._sizes(node.input[0]) or [0] * (rank - 1))[-rank + 1 :]]
            target = [sizes[i] if size == 0 and i < rank else size for i, size in enumerate(target)]
        if target[1:] == [-1] and target[0] in (self.batch or BATCH, -1):
            return replace(source, axes=flatten(axes))
        if target[:1] == [-1] and -1 not in target[1:]:
            target = [self.batch or BATCH, *target[1:]]
        folded = None
        if target[:1] == [self.batch or BATCH] and 0 not in target:
            folded = reshape(name, target[1:], source, self.trail)
        if folded is None:
            raise self._unknown(name, node, MOVED)
        return folded

    def _slice(self, name: str, node: Entry, source: Tensor) -> Tensor:
        """Append the cropping, and the stride, that a slice makes."""
        starts, ends = (
            self._numbers(name, node, at, what) or [] for at, what in ((1, "starts"), (2, "ends"))
        )
        which = self._numbers(name, node, 3, "axes") or [*range(len(starts))]
        steps = self._numbers(name, node, 4, "steps") or [1] * len(starts)
        axes, place = list(source.axes), source.place
        for start, end, number, step in zip(starts, ends, which, steps, strict=True):
            bounds = slice(start or None, None if abs(end) >= 2**31 - 1 else end, step)
            if number % (len(axes) + 1) == 0:
                if (start, step) != (0, 1) or bounds.stop not in (None, BATCH):
                    raise self._unknown(name, node, "slices the batch")
                continue
            at = without_batch(number, source)
            if at != source.along:
                axes[at] = part(axes[at], bounds)
                continue
            if source.flat:
                raise self._unknown(name, node, MOVED)
            place = self._cut(name, node, bounds, replace(source, place=place))
        return Tensor(place, tuple(axes))

    def _cut(self, name: str, node: Entry, bounds: int | slice, source: Tensor) -> str | None:
        """Append what a slice, or the choice of one position, does to positions."""
        whole = self.trail.lengths[cast(str, source.place)] is None
        if (
            isinstance(bounds, slice)
            and whole
            and any(abs(bound or 0) > STAND_IN // 2 for bound in (bounds.start, bounds.stop))
        ):
            raise self._unknown(
                name, node, "what it leaves depends on the length of the sequence, which is open"
            )
        return crop(self._label(name, node), name, bounds, source, self.trail)

    def _gather(self, name: str, node: Entry, source: Tensor) -> Tensor:
        """Follow the choice of channels, or of one position, or the look-up of codes in a table."""
        if node.input[0] not in self.tensors:
            table = self._sizes(node.input[0])
            return replace(source, axes=(*source.axes, (table[1] if table and len(table) == 2 else None,)))
        chosen, at = self.value(node.input[1]), attributes(node).get("axis", 0)
        at = at % (len(source.axes) + 1) - 1
        if chosen is None or at < 0 or chosen.ndim > 1 or (source.flat and at == source.along):
            raise self._unknown(name, node, MOVED)
        axes = list(source.axes)
        if at != source.along:
            axes[at : at + 1] = [(len(chosen),)] if chosen.ndim else []
            return replace(source, axes=tuple(axes))
        if chosen.ndim:
            if len(chosen) == 0 or (np.diff(chosen) != 1).any() or chosen[0] < 0:
                raise self._unknown(name, node, MOVED)
            return replace(
                source, place=self._cut(name, node, slice(int(chosen[0]), int(chosen[-1]) + 1), source)
            )
        place = self._cut(name, node, int(chosen), source)
        return Tensor(place, tuple(axis for i, axis in enumerate(axes) if i != at))

    def _split(self, name: str, node: Entry, source: Tensor) -> list[Tensor]:
        """Follow each part of a map that is split along channels or along positions."""
        at = without_batch(attributes(node).get("axis", 0) or -len(source.axes) - 1, source)
        sizes, count = self._numbers(name, node, 1, "split"), len(node.output)
        known = self._sizes(node.input[0])
        whole = known[at + 1] if known else None
        if sizes is None:
            if whole is None or (at == source.along and self.trail.lengths[cast(str, source.place)] is None):
                raise self._unknown(name, node, "how it splits depends on a length which is open")
            share = -(-whole // count)
            sizes = [*[share] * (count - 1), whole - share * (count - 1)]
        return split_axis(self._label(name, node), name, at, sizes, source, self.trail)


def _fits(target: list[int], sizes: list[int]) -> bool:
    """Tell whether a Reshape to this gives these sizes."""
    return len(target) == len(sizes) and all(
        got in (size, -1) for got, size in zip(target, sizes, strict=True)
    )


def node_inputs(node: Entry) -> list[str]:
    """Return the tensors that a node reads, those among them that only the graphs within it do."""
    graphs = [graph for setting in node.attribute for graph in (setting.g, *setting.graphs)]
    return [*node.input, *(name for graph in graphs for inner in graph.node for name in node_inputs(inner))]


def attributes(node: Entry) -> dict[str, Any]:
    """Return the attributes of a node by their names."""
    from onnx import helper

    return {setting.name: helper.get_attribute_value(setting) for setting in node.attribute}


def _ceil_padding(length: int, size: int, stride: int, ends: tuple[int, int]) -> int:
    """Return the padding at the right that makes room for a last window."""
    over = (length + sum(ends) - size) % stride
    missing = (stride - over) % stride
    last = length + sum(ends) - size + missing  # where the added window begins, from the padding on
    return 0 if last >= length + ends[0] else missing
