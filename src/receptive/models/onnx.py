"""Read ONNX models, as a graph of layers and as what one of them returns while the model runs.

A file holds a graph of operators, whatever framework wrote it. Reading it runs nothing, and ONNX Runtime
knows only operators of its own.
"""

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, cached_property
from math import prod
from pathlib import Path
from posixpath import commonpath
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from receptive.errors import ReceptiveError, UsageError, printable, reason
from receptive.extras import need
from receptive.files import check_file
from receptive.models.axes import (
    ASIDE,
    LOST,
    NOTHING_SLIDES,
    POSITIONS,
    Axes,
    Declared,
    Shape,
    Tensor,
    Trail,
    candidates,
    flatten,
    sequence,
    trace,
)
from receptive.models.operators import (
    ACTIVATIONS,
    ARRANGES,
    BEFORE_ACTIVATION,
    BY_FILTER,
    HOLDING,
    POOLS,
    Entry,
    Walk,
    attributes,
    node_inputs,
)
from receptive.models.probe import Arrays, Batch, Holder
from receptive.models.saved import MALFORMED
from receptive.theory.layers import INPUT, Graph

MOST_NODES = 1_000_000
"""Nodes of the largest model that is read; a few functions that call each other may come to any number."""

# --- the file ------------------------------------------------------------------------------------------


def load(path: Path | str) -> Entry:
    """Load the model of a file, without weights that it keeps in files of their own.

    Raises:
        UsageError: the package onnx is missing.
        ReceptiveError: it is no ONNX model.
    """
    need(str(path), "onnx", "onnx")
    check_file(path, "an ONNX model")
    import onnx

    try:
        model = onnx.load_model(str(path), format="protobuf", load_external_data=False)
    except OSError as error:
        raise ReceptiveError(f"cannot read {path}: {error.strerror or error}") from None
    except Exception:  # the parser's own errors, which differ between its versions
        raise ReceptiveError(f"{path}: not an ONNX model, or a damaged one") from None
    if not model.graph.node or not model.opset_import:
        raise ReceptiveError(f"{path}: not an ONNX model, or one without a node")
    return model


def open_file(path: Path | str, threads: int | None = None) -> "Onnx":
    """Open the model of a file; errors are those of `load`."""
    return Onnx(load(path), str(path), Path(path).parent, threads)


def external_places(message: Entry) -> Iterator[str]:
    """List where the tensors of a model, or of any part of it, say that their numbers lie."""
    for field, value in message.ListFields():
        for part in () if field.message_type is None else [value] if hasattr(value, "ListFields") else value:
            if field.name != "external_data":
                yield from external_places(part)
            elif part.key == "location":
                yield part.value


@dataclass(frozen=True, eq=False)
class Onnx:
    """An ONNX model: a `Model` for audits.

    Attributes:
        proto: the model, as `onnx.load_model` gives it.
        name: what to call it.
        folder: where weights lie that the model keeps in files of their own; None if there are none.
        threads: most threads to run on; None: as many as there are cores.
        passthrough: names of nodes, or operators, that do not change which positions a neuron sees.
        left_out: why it is a part of a model: it never is.
        sequence_input: the name of the input that is the sequence, of several that may be.
    """

    proto: Entry
    name: str = "the model"
    folder: Path | None = None
    threads: int | None = None
    passthrough: Sequence[str] = ()
    left_out: str = ""
    sequence_input: str = ""

    @cached_property
    def nodes(self) -> list[Entry]:
        """The nodes, each after its inputs."""
        return list(self.flat.graph.node)

    @cached_property
    def flat(self) -> Entry:
        """The model with its functions replaced by their bodies.

        Raises:
            ReceptiveError: they call themselves, or come to more than `MOST_NODES` nodes.
        """
        if not self.proto.functions:
            return self.proto
        from onnx import inliner

        try:
            if (count := _count_nodes(self.proto)) > MOST_NODES:
                raise ReceptiveError(f"{self.name}: its functions, written out, are {count:,} nodes")
            return inliner.inline_local_functions(self.proto)
        except RecursionError:
            raise ReceptiveError(f"{self.name}: not an ONNX model: a function of it calls itself") from None

    @cached_property
    def weights(self) -> dict[str, Entry]:
        """The constants of the graph by their names."""
        return {tensor.name: tensor for tensor in self.flat.graph.initializer}

    @cached_property
    def tensor_types(self) -> dict[str, Entry]:
        """The types of tensors that nodes return, by their names, as far as they can be told."""
        from onnx import shape_inference

        try:
            known = shape_inference.infer_shapes(self.flat).graph
        except Exception:  # what its checks raise of a model that ONNX Runtime may run all the same
            return {}
        return {tensor.name: tensor for tensor in (*known.value_info, *known.output)}

    @cached_property
    def shapes(self) -> dict[str, list[int]]:
        """The shapes of tensors that no size of an input changes, as far as they can be told."""
        every = {name: _shape(tensor) for name, tensor in self.tensor_types.items()}
        return {name: cast(list[int], [*shape]) for name, shape in every.items() if None not in shape}

    @cached_property
    def feeds(self) -> list[Entry]:
        """The inputs that are fed."""
        return [tensor for tensor in self.flat.graph.input if tensor.name not in self.weights]

    @property
    def inputs(self) -> tuple[tuple[str, Shape], ...]:
        """The names and shapes of the inputs, with the batch; None is an open size."""
        return tuple((tensor.name, _shape(tensor)) for tensor in self.feeds)

    @cached_property
    def sequence(self) -> int:
        """Which of the inputs is the sequence."""
        return sequence(self.inputs, self.name, self.sequence_input)

    @cached_property
    def names(self) -> list[str]:
        """The name of each node: that of its module where the exporter tells, else its own."""
        given, count, taken = list[str](), Counter[str](), Counter[str]()
        scopes = [name.rpartition("/")[0] for node in self.nodes if (name := _of_tensorflow(node))]
        scope = commonpath(scopes) + "/" if scopes else ""
        for node in self.nodes:
            name = _module(node) or _of_tensorflow(node).removeprefix(scope) or _own_name(node)
            if not name:
                kind = {"MaxPool": "pool", "AveragePool": "mean"}.get(node.op_type, node.op_type.lower())
                count[kind] += 1
                name = f"{kind}{count[kind]}"
            given.append(printable(name))
        taken[INPUT] = 1
        names = [""] * len(given)
        # A module's own name goes to what it computes, not to how it arranges axes for that.
        for i in sorted(range(len(given)), key=lambda i: self.nodes[i].op_type in ARRANGES):
            taken[given[i]] += 1
            names[i] = given[i] if taken[given[i]] == 1 else f"{given[i]}:{taken[given[i]]}"
        return names

    @cached_property
    def graph(self) -> Graph:
        """The spatial part of the model.

        Convolutions, pooling, padding, slices and joins become nodes; operators that act on each position by
        itself are passed over; dense and recurrent layers on a sequence end the spatial part. Where a node
        cannot be followed its branch ends, and the graph's notes say so.

        Raises:
            UsageError: ``passthrough`` names a node that moves positions, or no input is `sequence_input`.
            ReceptiveError: nothing over positions can be followed; the message says why.
        """
        graph = self._walk[0]
        activations = dict[str, str]()
        for name in [node.layer.name for node in graph.nodes if node.layer.kind == "conv"]:
            with suppress(*MALFORMED):
                activations[name] = self.activation(name)[1]
        return replace(graph, activations=activations)

    @cached_property
    def _walk(self) -> tuple[Graph, Walk]:
        """The graph, and the tensors that following the model has come upon."""
        try:
            return self._follow()
        except Declared:
            raise
        except UsageError as error:  # a node that the file describes, not an argument
            raise ReceptiveError(f"{self.name}: {error}") from None
        except MALFORMED as error:
            raise ReceptiveError(f"{self.name}: not an ONNX model, or a damaged one ({error})") from error

    def _follow(self) -> tuple[Graph, Walk]:
        """Follow the model, with whatever a damaged one raises."""
        if not any(re.search("Conv|Pool", node.op_type) or node.op_type in HOLDING for node in self.nodes):
            raise ReceptiveError(f"{self.name}: {NOTHING_SLIDES}")
        inputs, chosen = self.inputs, self.sequence
        shape = inputs[chosen][1]
        walks = list[Walk]()

        def follow(source: Tensor, trail: Trail) -> list[Tensor]:
            walks.append(Walk(self, trail, {name: ASIDE for name, _ in inputs}, shape[0]))
            walks[-1].tensors[inputs[chosen][0]] = source
            return walks[-1].follow()

        likely = candidates(shape[1:]) if len(shape) != 2 else self._fold_shapes(shape)
        if len(shape) == 3:  # an axis of 4 holds the letters
            likely = sorted(likely, key=lambda axes: shape[1 + axes.index((POSITIONS,))] == 4)
        graph = trace(inputs, chosen, likely, self.passthrough, self.name, follow)
        return graph, walks[-1]

    def _fold_shapes(self, shape: Shape) -> list[Axes]:
        """List what a flat input may hold: the shape that a Reshape gives it, or codes of nucleotides."""
        fed = self.feeds[self.sequence].name
        first = next((node for node in self.nodes if fed in node.input), None)
        target = None
        if first is not None and first.op_type == "Reshape" and first.input[1] in self.weights:
            target = [int(size) for size in self.constant(first.input[1])][1:]
        if not target or shape[1] is None:
            return candidates(shape[1:])
        rest = prod(size for size in target if size > 0)
        sizes = [shape[1] // rest if size == -1 else size for size in target]
        return [*(flatten(axes) for axes in candidates(tuple(sizes))), *candidates(shape[1:])]

    def constant(self, name: str) -> NDArray[Any]:
        """Return the numbers of a constant of the graph.

        Raises:
            ReceptiveError: they lie in a file that is not there.
        """
        from onnx import external_data_helper, numpy_helper

        tensor = self.weights[name]
        if external_data_helper.uses_external_data(tensor):
            tensor = type(tensor).FromString(tensor.SerializeToString())
            self._fetch(external_data_helper.load_external_data_for_tensor, tensor)
        values: NDArray[Any] = numpy_helper.to_array(tensor)
        return values

    def _fetch(self, load: Callable[[Entry, str], None], what: Entry) -> None:
        """Load the numbers of a tensor, or of a model's tensors, that lie in files of their own."""
        if self.folder is None:
            raise ReceptiveError(f"{self.name}: lacks its weights, which lie in a file: onnx.load reads both")
        home = self.folder.resolve()
        out = [place for place in external_places(what) if not (home / place).resolve().is_relative_to(home)]
        why = f"{out[0]} leads out of the folder of the model" if out else ""  # onnx 1.17 follows such links
        if not why:
            try:
                return load(what, str(home))
            except Exception as error:  # checks of onnx raise several kinds
                why = reason(error)
        raise ReceptiveError(
            f"{self.name}: its weights lie in another file, which cannot be read ({why}); keep both files in "
            "one folder"
        )

    # --- as an audit asks for it

    def calls(self, convolution: str) -> tuple[str, ...]:
        """List the nodes of a convolution: itself, and those that have the same weights."""
        weights = self.nodes[self.names.index(convolution)].input[1]
        pairs = zip(self.names, self.nodes, strict=True)
        return tuple(name for name, node in pairs if node.op_type == "Conv" and node.input[1] == weights)

    def activation(self, convolution: str) -> tuple[str, str, int]:
        """Return the node that completes the map of a convolution, its activation, the axis of filters.

        What moves no position in between is passed. An activation may be made of several nodes, as x·σ(x).
        """
        tensors, at = self._walk[1].tensors, self.names.index(convolution)
        last, tensor = convolution, self.nodes[at].output[0]
        given = {tensor_type.name for tensor_type in self.flat.graph.output}
        while tensor not in given:
            readers = [i for i, node in enumerate(self.nodes) if tensor in node_inputs(node)]
            met = readers if len(readers) == 1 else self._branch(tensor)
            there = tensors[self.nodes[met[-1]].output[0]] if met else LOST
            if there.merged or there.place != tensors[tensor].place:
                break
            node = self.nodes[met[-1]]
            if function := self._function([self.nodes[i] for i in met]):
                return self.names[met[-1]], function, self._axis(self.names[met[-1]])
            if node.op_type not in BEFORE_ACTIVATION:
                break
            last, tensor = self.names[met[-1]], node.output[0]
        return last, "linear", self._axis(last)

    def _branch(self, tensor: str) -> list[int]:
        """List the nodes from a tensor to where its readers meet again; empty if that is not near."""
        tensors, inside, passed = self._walk[1].tensors, {tensor}, list[int]()
        here = tensors[tensor]
        for i, node in enumerate(self.nodes):
            if not inside & {*node_inputs(node)}:
                continue
            there = tensors[node.output[0]]
            if (there.place, there.axes) != (here.place, here.axes):
                return []
            passed.append(i)
            inside.add(node.output[0])
            waiting = {
                name
                for name in inside
                for j, reader in enumerate(self.nodes)
                if name in node_inputs(reader) and j not in passed
            }
            if waiting <= {node.output[0]}:
                return passed
        return []

    def _function(self, nodes: list[Entry]) -> str:
        """Return the activation that nodes make; "" if they are none."""
        kinds = [node.op_type for node in nodes]
        if len(nodes) > 1:
            known = {
                "Sigmoid": "silu",
                "Erf": "gelu",
                "Tanh": "mish" if "Softplus" in kinds else "gelu",
                "Softplus": "softplus",
                "LessOrEqual": "threshold",
            }
            return next((known[kind] for kind in known if kind in kinds), "+".join(kinds).lower())
        (node,) = nodes
        if node.op_type == "Clip":
            given, bounds = attributes(node), list[float | None]()
            for i, what in ((1, "min"), (2, "max")):
                value = self._constant(node, i)
                bounds.append(given.get(what) if value is None else float(value.item()))
            return "relu6" if bounds == [0, 6] else "relu" if bounds[0] == 0 else "clip"
        if node.op_type == "Max":
            zeros = [self._constant(node, i) for i in range(len(node.input))]
            return "relu" if any(value is not None and not value.any() for value in zeros) else ""
        return str(node.op_type).lower() if node.op_type in ACTIVATIONS else ""

    def _constant(self, node: Entry, at: int) -> NDArray[Any] | None:
        """Return the numbers of a node's input, if they are constant and few."""
        return self._walk[1].value(node.input[at]) if len(node.input) > at and node.input[at] else None

    def _axis(self, layer: str) -> int:
        """Return the axis of a node's output that holds filters: the one beside the positions."""
        axes = self._walk[1].tensors[self._tensor(layer)].axes
        beside = [i for i, axis in enumerate(axes) if POSITIONS not in axis] or [0]
        return 1 + next((i for i in beside if axes[i : i + 1] != ((),)), beside[0])

    def loss(self, masked: bool) -> None:
        """Return nothing: the format has no place for a loss."""

    def maps(self, layer: str, batch: Batch) -> NDArray[np.float32]:
        """Run the model, and return what the layer does."""
        return self._run((layer,), batch, {}, None, heard=True)[0]

    def run(self, batch: Batch) -> Arrays:
        """Run the model as it is, and return its outputs."""
        return self._run((), batch, {}, None)

    def scores(self, layers: Sequence[str], batch: Batch, held: Mapping[int, float], axis: int) -> Arrays:
        """Run the model, and return its outputs, with some filters of layers held at a value everywhere."""
        return self._run(layers, batch, held, axis)

    def holder(self, layers: Sequence[str], axis: int) -> Holder:
        """Return how to hold the filters of layers one after another.

        What lies below a layer is computed once. Where a convolution alone reads the maps, which is linear in
        them, it is computed once, too: what a held filter changes in its output takes a convolution of one
        channel.
        """
        at = self._next(layers[0]) if len(layers) == 1 else None
        if at is not None:
            return self._channel_holder(layers[0], at, axis)

        def hold(batch: Batch, held: Mapping[int, float]) -> Iterator[Arrays]:
            maps = self.maps(layers[0], batch) if len(layers) == 1 else None
            for held_filter in held.items():
                yield self._run(layers, batch, dict([held_filter]), axis, given=maps)

        return hold

    def _channel_holder(self, layer: str, at: int, axis: int) -> Holder:
        """Return a `holder` for a layer that the convolution of a node alone reads."""
        from onnx import helper

        node = self.nodes[at]
        kind, z, y = self._kind(layer), node.input[0], node.output[0]
        kernel = self.constant(node.input[1])
        ranks = {name: 1 + len(self._walk[1].tensors[name].axes) for name in (z, y)}

        def hear(model: Entry) -> None:
            self._insert(model, (layer,), given=False)
            for name, rank in ranks.items():
                model.graph.output.append(helper.make_tensor_value_info(name, kind, [None] * rank))

        def rest(model: Entry) -> None:
            conv = model.graph.node[at]
            apart = type(conv)()
            apart.CopyFrom(conv)
            del apart.input[2:]
            apart.input[:2], apart.output[:], conv.output[:] = [_VALUES, _WHICH], [_MADE], [_UNUSED]
            apart.name = _MADE
            for name, what in ((_HEARD, y), (_VALUES, z), (_WHICH, z)):
                model.graph.input.append(helper.make_tensor_value_info(name, kind, [None] * ranks[what]))
            model.graph.node.insert(at + 1, helper.make_node("Add", [_HEARD, _MADE], [y]))
            model.graph.node.insert(at + 1, apart)

        first, second = self._make_session(hear), self._make_session(rest)
        outputs = [tensor.name for tensor in self.flat.graph.output]

        def hold(batch: Batch, held: Mapping[int, float]) -> Iterator[Arrays]:
            given, made = self._feed(first, [z, y], self._inputs(batch), self._hold_values(layer, {}, axis))
            every = self._hold_values(layer, held, axis)
            (still,) = self._feed(first, [z], self._inputs([array[:1] for array in batch]), every)
            changes = (still - given).astype(_dtype(kind))
            for filter_index in held:
                changed = {_HEARD: made.astype(_dtype(kind)), _VALUES: changes[:, [filter_index]]}
                rows = self._inputs(batch) | changed
                yield self._feed(second, outputs, rows, {_WHICH: kernel[:, [filter_index]]})

        return hold

    def _next(self, layer: str) -> int | None:
        """Find the convolution that alone reads a node, and each filter's map apart until then."""
        tensors, tensor = self._walk[1].tensors, self._tensor(layer)
        given = {output.name for output in self.flat.graph.output}
        while tensor not in given and tensor in tensors:
            readers = [i for i, node in enumerate(self.nodes) if tensor in node_inputs(node)]
            met = readers if len(readers) == 1 else self._branch(tensor)
            axes = tensors[tensor].axes
            ahead = len(axes) > 1 and POSITIONS not in axes[0]
            within = {tensor, *(name for i in met for name in self.nodes[i].output)}
            for node in (self.nodes[i] for i in met):
                known = all(name in within or name not in tensors for name in node.input)
                if node.op_type == "Conv" and ahead and len(met) == 1:
                    plain = attributes(node).get("group", 1) == 1 and node.input[0] == tensor
                    return met[0] if plain and node.input[1] in self.weights else None
                if not known or not (node.op_type in BY_FILTER or (node.op_type in POOLS and ahead)):
                    return None
            if not met or len(self.nodes[met[-1]].output) > 1:
                return None
            tensor = self.nodes[met[-1]].output[0]
        return None

    def _tensor(self, layer: str) -> str:
        """Return the tensor that the node of this name gives."""
        return str(self.nodes[self.names.index(layer)].output[0])

    def _kind(self, layer: str) -> int:
        """Return the type of the numbers that a node returns."""
        known: Entry = self.tensor_types.get(self._tensor(layer)) or self.feeds[0]
        return int(known.type.tensor_type.elem_type)

    def _rank(self, layer: str) -> int:
        """Count the axes of what a node returns, with the batch's."""
        return 1 + len(self._walk[1].tensors[self._tensor(layer)].axes)

    def _hold_values(
        self, layer: str, held: Mapping[int, float], axis: int | None
    ) -> dict[str, NDArray[Any]]:
        """Turn held filters and their values into the inputs that `_insert` gives a model."""
        sizes, dtype = [1] * self._rank(layer), _dtype(self._kind(layer))
        count = max(held, default=0) + 1
        if held and axis is not None:
            count = sizes[axis] = self._filters(layer, axis)
        kept, values = np.ones(count, dtype), np.zeros(count, dtype)
        kept[[*held]], values[[*held]] = 0, [*held.values()]
        return {_WHICH: kept.reshape(sizes), _VALUES: values.reshape(sizes)}

    def _run(
        self,
        layers: Sequence[str],
        batch: Batch,
        held: Mapping[int, float],
        axis: int | None,
        heard: bool = False,
        given: NDArray[np.float32] | None = None,
    ) -> Arrays:
        """Run the model on sequences; ``given`` is what the first layer returns, if that is known."""
        wanted = [_HEARD] if heard else [output.name for output in self.flat.graph.output]
        more = self._hold_values(layers[0], held, axis) if layers else {}
        rows = self._inputs(batch)
        if given is not None:
            rows[_HEARD] = given.astype(_dtype(self._kind(layers[0])))
        return self._feed(self._sessions(tuple(layers), given is not None), wanted, rows, more)

    def _inputs(self, batch: Batch) -> dict[str, NDArray[Any]]:
        """Return a batch by the names of the inputs, in the types that they are of."""
        pairs = zip(self.feeds, batch, strict=True)
        return {fed.name: array.astype(_dtype(fed.type.tensor_type.elem_type)) for fed, array in pairs}

    def _feed(
        self, session: Any, wanted: Sequence[str], rows: Mapping[str, NDArray[Any]], more: Mapping[str, Any]
    ) -> Arrays:
        """Run a session, in batches of the model's own size if that is fixed.

        Args:
            session: that is run.
            wanted: names of what to return.
            rows: what has a row for each sequence.
            more: what is the same for all.
        """
        from onnxruntime import RunOptions

        fed = self.feeds[self.sequence]
        count = len(rows[fed.name])
        size = _shape(fed)[0] or count
        options = RunOptions()
        options.only_execute_path_to_fetches = True
        batches = []
        for first in range(0, count, size):
            feed = dict(more)
            for name, every in rows.items():
                part = every[first : first + size]
                feed[name] = np.concatenate([part, np.zeros((size - len(part), *part.shape[1:]), part.dtype)])
            try:
                made = session.run(wanted, feed, options)
            except Exception as error:  # of a type of its own for every status
                raise ReceptiveError(f"{self.name}: ONNX Runtime cannot run it: {reason(error)}") from None
            batches.append([np.asarray(output, np.float32)[: count - first] for output in made])
        return [np.concatenate(parts) for parts in zip(*batches, strict=True)]

    def _filters(self, layer: str, axis: int) -> int:
        """Count the filters that a layer's output holds along an axis."""
        return prod(cast(tuple[int, ...], self._walk[1].tensors[self._tensor(layer)].axes[axis - 1]))

    @cached_property
    def _sessions(self) -> Callable[[tuple[str, ...], bool], Any]:
        """A function from layers to a session that hears and holds them, or is given the first; made once."""

        def session(layers: tuple[str, ...], given: bool) -> Any:
            return self._make_session(lambda model: self._insert(model, layers, given))

        return cache(session)

    def _insert(self, model: Entry, layers: Sequence[str], given: bool) -> None:
        """Have a copy of the model tell what a layer returns, or take it; and replace it where it is held.

        It is replaced by arithmetic, as old sets of operators have no Where. Further layers are held as well.
        """
        from onnx import helper

        for layer in layers:
            heard = _HEARD if layer == layers[0] else f"{_HEARD} {layer}"
            at = next(i for i, node in enumerate(model.graph.node) if self._tensor(layer) in node.output)
            model.graph.node[at].output[0] = _UNUSED if given else heard
            model.graph.node.insert(at + 1, helper.make_node("Mul", [heard, _WHICH], [f"{heard} kept"]))
            adding = helper.make_node("Add", [f"{heard} kept", _VALUES], [self._tensor(layer)])
            model.graph.node.insert(at + 2, adding)
        if layers:
            kind, rank = self._kind(layers[0]), [None] * self._rank(layers[0])
            for name in (_WHICH, _VALUES):
                model.graph.input.append(helper.make_tensor_value_info(name, kind, rank))
            (model.graph.input if given else model.graph.output).append(
                helper.make_tensor_value_info(_HEARD, kind, rank)
            )

    def _make_session(self, change: Callable[[Entry], None]) -> Any:
        """Make a session of a changed copy of the model.

        Raises:
            UsageError: ONNX Runtime is missing.
            ReceptiveError: it cannot run the model.
        """
        need(self.name, "onnx", "onnx", "onnxruntime")
        import onnxruntime
        from onnx import TensorProto, external_data_helper

        model = type(self.flat)()
        model.CopyFrom(self.flat)
        if b"location" in model.SerializeToString():  # otherwise there is nothing to fetch
            self._fetch(external_data_helper.load_external_data_for_model, model)
        change(model)
        needed, kept = {output.name for output in model.graph.output}, list[Entry]()
        for node in reversed(model.graph.node):
            if needed & {*node.output}:
                needed.update(node_inputs(node))
                kept.insert(0, node)
        del model.graph.node[:]
        model.graph.node.extend(kept)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        if self.threads is not None:
            options.intra_op_num_threads = options.inter_op_num_threads = self.threads
        try:
            return onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # of a type of its own for every status
            other = {TensorProto.DOUBLE, TensorProto.BFLOAT16} & {
                w.data_type for w in model.graph.initializer
            }
            way = "; it may run in single precision, in PyTorch as module.float()" if other else ""
            raise ReceptiveError(f"{self.name}: ONNX Runtime cannot run it{way}: {reason(error)}") from None


_HEARD, _WHICH, _VALUES = "receptive: heard", "receptive: which", "receptive: values"
"""The tensors that a session adds: what the layer returned, 0 for filters that are held, and their values."""
_MADE, _UNUSED = "receptive: made", "receptive: unused"
"""What a convolution makes of the change of one filter, and what a node returns that is given instead."""


def _dtype(kind: int) -> Any:
    """Return the type of numpy for a type of the format."""
    from onnx import helper

    return helper.tensor_dtype_to_np_dtype(kind)


def _shape(value: Entry) -> Shape:
    """Return the shape of an input or output; None is an open size."""
    tensor = value.type.tensor_type
    return tuple(size.dim_value if size.HasField("dim_value") else None for size in tensor.shape.dim)


def _count_nodes(model: Entry) -> int:
    """Count the nodes that a model has once its functions are replaced by their bodies."""
    bodies = {(function.domain, function.name): function.node for function in model.functions}

    @cache
    def size(function: tuple[str, str]) -> int:
        return sum(1 + size((node.domain, node.op_type)) for node in bodies.get(function, ()))

    return sum(1 + size((node.domain, node.op_type)) for node in model.graph.node)


def _module(node: Entry) -> str:
    """Return the path of the module that PyTorch's exporter made a node for; "" if another wrote the file.

    Of a convolution that a normalisation was folded into the weights still have their own name.
    """
    metadata = {entry.key: entry.value for entry in node.metadata_props}
    try:
        scopes = ast.literal_eval(metadata["pkg.torch.onnx.name_scopes"])
        classes = ast.literal_eval(metadata["pkg.torch.onnx.class_hierarchy"])
    except (KeyError, ValueError, SyntaxError):
        return ""
    if not isinstance(scopes, list) or not isinstance(classes, list) or len(scopes) != len(classes):
        return ""
    if node.op_type == "Conv" and len(node.input) > 1 and node.input[1].endswith(".weight"):
        return str(node.input[1].removesuffix(".weight"))
    path = str(scopes[-2]) if len(scopes) > 1 else ""
    if path and str(classes[-2]).startswith("torch.nn."):
        return path
    return ".".join(part for part in (path, str(scopes[-1])) if part)


def _of_tensorflow(node: Entry) -> str:
    """Return the layer of TensorFlow's ``model/block/conv1/Conv1D``, with the model's name; "" if it is none.

    Keras counts calls of a model, so that its layer conv1 may be called conv1_1.
    """
    match = re.fullmatch(r"(.+)/(Conv[12]D|convolution|(Max|Avg)Pool([12]d)?)(/\w+)?", str(node.name))
    return match[1] if match and not node.name.startswith("/") else ""


def _own_name(node: Entry) -> str:
    """Return a node's name as a user knows it: the module of ``/features/features.0/Conv``."""
    parts = str(node.name).split("/")
    if node.op_type == "Conv" and len(node.input) > 1 and node.input[1].endswith(".weight"):
        return str(node.input[1].removesuffix(".weight"))
    if parts[0] == "" and len(parts) > 2:
        return parts[-2]
    return str(node.name).strip("/")
