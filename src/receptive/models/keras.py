"""Read the receptive-field graph of a Keras model, from its configuration alone.

A Keras model describes itself as JSON, which its file holds (`saved`), so reading needs neither Keras nor the
weights, and runs none of the file's code.

What is followed is where positions are (`axes`).
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import count
from math import prod
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from receptive.errors import ReceptiveError, UsageError, reason
from receptive.models.axes import (
    ASIDE,
    POSITIONS,
    Axes,
    Declared,
    Shape,
    Tensor,
    Trail,
    candidates,
    fill_sizes,
    flatten,
    sequence,
    trace,
)
from receptive.models.keras_layers import (
    ACTIVATIONS,
    BEFORE_ACTIVATION,
    OVER_FILTERS,
    POINTWISE,
    POOLS,
    activation_of,
    follow_model,
    name_call,
    references,
    reshape_target,
)
from receptive.models.probe import Arrays, Batch, Holder, Loss
from receptive.models.saved import MALFORMED, MODELS, NO_MODEL, Entry, modern
from receptive.models.saved import read as read_saved
from receptive.networks.backend import compile_function
from receptive.networks.variants import cross_entropy
from receptive.theory.layers import Graph

_Input = tuple[str, Shape | None]
"""The name of an input and its shape, with the batch."""


def read(model: Any, passthrough: Sequence[str] = (), sequence_input: str = "") -> Graph:
    """Read the spatial part of a Sequential or functional Keras model as a `Graph`.

    Convolutions, pooling, padding, cropping and slices become nodes, named as in the model (``block/conv``
    inside the nested model ``block``); layers that act on each position by itself are passed over, a Dense
    layer on a sequence among them; recurrent layers, attention and a Dense layer on a flattened sequence,
    after which every neuron sees everything, end the spatial part. Convolutions may be written in 2-D over
    one axis. Where a layer cannot be followed, its branch ends, and the graph's notes say so.

    The sequence is an input's axis that the first convolution slides over: (batch, positions, channels) in
    the first place, (batch, channels, positions) if something turns it. Of several inputs it is the one with
    an axis of 4, or the one that is named.

    Args:
        model: a Keras model, or the path of a file of one (see `saved.read`).
        passthrough: names or classes of further layers that do not change which positions a neuron sees. Of
            several inputs they pass on the first.
        sequence_input: the name of the input that is the sequence, of several that may be.

    Raises:
        UsageError: ``passthrough`` names a layer that moves positions, or no input is called so.
        ReceptiveError: the file cannot be read, or holds a model of another kind, several inputs that may be
            the sequence, or a layer whose field is not known before any convolution; the message names it and
            says what can be done.
    """
    entry, what = _description(model)
    check_connected(entry, what)
    try:
        modern_entry = modern(entry)
        graph = _graph(modern_entry, what, passthrough, sequence_input)
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

    Normalisation and dropout in between are passed, and the borders of nested models. Anything else before an
    activation, such as pooling, or several layers that read the same map, ends the search: the map is then
    ``linear``.

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
    within = list[tuple[Entry, Entry, int]]()  # a model, a layer of it and its call; the innermost last
    for part in convolution.split("/"):
        layer, call = _layer_named(config, part)
        within.append((config, layer, call))
        config = layer["config"]
    found = convolution, activation_of(layer)
    while found[1] == "linear" and within:
        config, layer, call = within.pop()
        above = _readers(config, layer["config"]["name"], call)
        if not above and len([*references(config.get("output_layers", []))]) < 2:
            continue  # what a nested model gives is read where that stands
        if len(above) != 1:
            break
        within.append((config, *above[0]))
        config, kind = above[0][0]["config"], above[0][0]["class_name"]
        if kind in MODELS:
            within += [
                (config, layer, 0) for layer in config["layers"] if layer["class_name"] == "InputLayer"
            ][:1]
        elif kind in ACTIVATIONS | BEFORE_ACTIVATION:
            path = "/".join(name_call(layer["config"]["name"], call) for _, layer, call in within)
            found = path, activation_of(above[0][0])
        else:
            break
    return found


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
        config = _layer_named(config, block)[0]["config"]
    outputs = {layer for layer, *_ in references(config.get("output_layers", []))}
    while name not in outputs:
        above = [reader for reader, _ in _readers(config, name, 0)]
        if len(above) != 1 or len(above[0].get("inbound_nodes", [0])) != 1:
            break
        kind, options, name = above[0]["class_name"], above[0]["config"], above[0]["config"]["name"]
        turned = {"channels_first": 1, "channels_last": -1}.get(
            options.get("data_format") or "", axis
        ) != axis
        if kind in ("Conv1D", "Conv2D"):
            plain = options.get("groups", 1) == 1 and options.get("padding") in ("valid", "same")
            return "/".join([*blocks, name]) if plain and not turned else ""
        if kind not in POINTWISE | {*POOLS} or turned or activation_of(above[0]) in OVER_FILTERS:
            break
    return ""


def _layer_named(config: Entry, name: str) -> tuple[Entry, int]:
    """Return the layer of a described model that a call (`name_call`) is named after, and which call."""
    return _of_call(name, {layer["config"]["name"]: layer for layer in config["layers"]})


def _of_call(call: str, layers: Mapping[str, Any]) -> tuple[Any, int]:
    """Return the layer, of some by their names, that a call is named after, and which of its calls that is.

    Raises:
        LookupError: there is none.
    """
    name, _, number = call.rpartition(":")
    if call in layers or not number.isdecimal():
        return layers[call], 0
    return layers[name], int(number) - 1


def _readers(config: Entry, name: str, call: int) -> list[tuple[Entry, int]]:
    """Return the layers of a model that read what a call of one of them gives, with which of their calls."""
    layers: list[Entry] = config["layers"]
    if "input_layers" not in config:  # Sequential
        names = [layer["config"]["name"] for layer in layers]
        return [(layer, 0) for layer in layers[names.index(name) + 1 :][:1]]
    return [
        (layer, i)
        for layer in layers
        for i, reads in enumerate(layer["inbound_nodes"])
        if any((n, node) == (name, call) for n, node, _ in references(reads))
    ]


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


def _graph(entry: Entry, what: str, passthrough: Sequence[str], sequence_input: str) -> Graph:
    """Return the graph of a described model, which errors call ``what``."""
    inputs = _inputs(entry)
    chosen = sequence(inputs, what, sequence_input)

    def follow(source: Tensor, trail: Trail) -> list[Tensor]:
        given = [ASIDE] * len(inputs)
        given[chosen] = source
        return follow_model(entry["config"], given, "", trail)

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
        return [(name, shapes[name]) for name, *_ in references(config["input_layers"])]
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
            target = fill_sizes(reshape_target(layer["config"]), size)
            return (None, *target) if prod(target) == size and len(target) > 1 else None
        if layer["class_name"] in MODELS:
            return _fold_shape(layer, size)
    return None


# --- the model itself ----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Keras:
    """A Keras model, as an audit asks for it (`receptive.models.probe.Model`).

    Attributes:
        model: the model.
        passthrough: as for `read`.
        left_out: why it is a part of a model, if it is.
        sequence_input: as for `read`.
    """

    model: Any
    passthrough: Sequence[str] = ()
    left_out: str = ""
    sequence_input: str = ""

    @property
    def name(self) -> str:
        """The name to call it by."""
        return str(self.model.name)

    @cached_property
    def graph(self) -> Graph:
        """The part of it that can be followed over positions."""
        graph = read(self.model, self.passthrough, self.sequence_input)
        return replace(graph, notes=(*graph.notes, *filter(None, [self.left_out])))

    @property
    def inputs(self) -> tuple[tuple[str, Shape], ...]:
        """The names and shapes of its inputs, with the batch."""
        inputs = getattr(self.model, "inputs", None)
        if not inputs:
            read(self.model)  # says what else it is
            raise ReceptiveError("the model has not been built; begin it with keras.Input((L, 4))")
        return tuple((tensor.name, tuple(tensor.shape)) for tensor in inputs)

    @cached_property
    def sequence(self) -> int:
        """Which of its inputs is the sequence."""
        if len(self.inputs) == 1:
            return 0
        entry, what = _description(self.model)
        listed = _inputs(modern(entry))
        return [name for name, _ in self.inputs].index(listed[sequence(listed, what, self.sequence_input)][0])

    def calls(self, convolution: str) -> tuple[str, ...]:
        """List the calls of a convolution."""
        config, places = modern(_description(self.model)[0])["config"], [""]
        for part in convolution.split("/"):
            layer, _ = _layer_named(config, part)
            config, count = layer["config"], len(layer.get("inbound_nodes", [0]))
            names = [name_call(layer["config"]["name"], call) for call in range(count)]
            places = [f"{place}/{name}" for place in places for name in names]
        return tuple(place[1:] for place in places)

    def activation(self, convolution: str) -> tuple[str, str, int]:
        """Find where the map of a convolution is complete: the layer, its activation, the axis of filters."""
        operation, _ = self._locate(convolution)
        first = getattr(getattr(operation, "layer", operation), "data_format", None) == "channels_first"
        return *activation(self.model, convolution), 1 if first else -1

    def loss(self, masked: bool) -> tuple[str, Loss] | None:
        """Return the loss that it was compiled with, and its name."""
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

    def maps(self, layer: str, batch: Batch) -> NDArray[np.float32]:
        """Return what the layer does; what lies above is not computed."""
        return _numbers(self._listener(layer)(batch))

    @cached_property
    def _listener(self) -> Callable[[str], Callable[..., Any]]:
        """A function from a layer to what runs the model and returns that layer's outputs."""

        def listener(layer: str) -> Callable[..., Any]:
            def hear(batch: Any) -> Any:
                heard: list[Any] = []

                def listen(call: Callable[..., Any], *given: Any, **more: Any) -> Any:
                    heard.append(call(*given, **more))
                    return heard[-1]

                with self._replace_calls([layer], listen):
                    self._run(batch)
                return heard[0]

            return self._compile(hear)

        return cache(listener)

    def run(self, batch: Batch) -> Arrays:
        """Run the model as it is, and return its outputs."""
        return [_numbers(output) for output in self._runner(batch)]

    @cached_property
    def _runner(self) -> Callable[..., Any]:
        return self._compile(self._run)

    def scores(self, layers: Sequence[str], batch: Batch, held: Mapping[int, float], axis: int) -> Arrays:
        """Run the model, and return its outputs, with some filters of layers held at a value everywhere."""
        with self._replace_calls(layers, _hold(held, axis)):
            return [_numbers(output) for output in self._run(batch)]

    def holder(self, layers: Sequence[str], axis: int) -> Holder:
        """Return how to hold the filters of layers one after another.

        What lies below a layer is computed once, on backends that compile. Where a convolution alone reads
        the maps, which is linear in them, it is computed once, too: what a held filter changes in its output
        takes a convolution of one channel.
        """
        if len(layers) > 1:
            return lambda batch, held: (
                self.scores(layers, batch, {held_filter: value}, axis) for held_filter, value in held.items()
            )
        (layer,) = layers
        (operation, number), place = self._locate(layer), next_convolution(self.model, layer, axis)
        if place and number is None and hasattr(self._locate(place)[0], "convolution_op"):
            return self._channel_holder(operation, self._locate(place)[0], axis)

        def rest(batch: Any, maps: Any, which: Any, values: Any) -> list[Any]:
            from keras import ops

            held = ops.where(which, ops.cast(values, maps.dtype), maps)
            with self._replace_calls([layer], lambda *_, **__: held):
                return self._run(batch)

        run = self._compile(rest)

        def hold(batch: Batch, held: Mapping[int, float]) -> Iterator[Arrays]:
            maps = self.maps(layer, batch)
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

        run = self._compile(rest)

        def hold(batch: Batch, held: Mapping[int, float]) -> Iterator[Arrays]:
            heard: list[Any] = []

            def listen(call: Callable[..., Any], given: Any) -> Any:
                heard.extend((given, call(given)))
                return activation(heard[-1])

            object.__setattr__(conv, "activation", None)
            try:
                with _replace_call(conv, listen):
                    self._run(batch)
                    with _replace_call(operation, _hold(held, axis)):
                        self._run([array[:1] for array in batch])
            finally:
                object.__setattr__(conv, "activation", activation)
            given, made, still, _ = heard
            changes, kernel = np.moveaxis(_numbers(still) - _numbers(given), axis, -1), _numbers(conv.kernel)
            for filter_index in held:
                change = ops.cast(np.moveaxis(changes[..., [filter_index]], -1, axis), given.dtype)
                weights = ops.cast(kernel[..., [filter_index], :], given.dtype)
                yield [_numbers(output) for output in run(batch, made, change, weights)]

        return hold

    def _locate(self, place: str) -> tuple[Any, int | None]:
        """Return the layer, or operation such as ``keras.ops.relu``, that `read` calls ``place``.

        With it comes which of its calls that is, in the order that Keras makes them in; None of a single one.
        """
        model, number, total = self.model, 0, 1
        for part in place.split("/"):
            steps = {step.name: step for step in getattr(model, "operations", None) or model.layers}
            name, call = (
                (part, 0) if part in steps else (part.rpartition(":")[0], int(part.rpartition(":")[2]) - 1)
            )
            order = _calls_in_order(model, steps[name])
            model, number, total = steps[name], number * len(order) + order.index(call), total * len(order)
        return model, number if total > 1 else None

    @contextmanager
    def _replace_calls(self, layers: Sequence[str], change: Callable[..., Any]) -> Iterator[None]:
        """Have ``change`` called with what layers do, and what they are given, in their stead."""
        places = [self._locate(layer) for layer in layers]
        with ExitStack() as stack:
            for operation in {id(operation): operation for operation, _ in places}.values():
                numbers = {number for other, number in places if other is operation}
                stack.enter_context(_replace_call(operation, _at(numbers, change)))
            yield

    def _run(self, batch: Any) -> list[Any]:
        """Run the model."""
        from keras import Sequential, tree

        given = batch[0]
        if not isinstance(self.model, Sequential):  # a list of one, maybe
            given = tree.pack_sequence_as(self.model.input, list(batch))
        with self._explain_errors():
            return list(tree.flatten(self.model(given, training=False)))

    def _compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Compile a function that runs the model."""
        compiled = compile_function(function)

        def run(*given: Any) -> Any:
            with self._explain_errors():
                return compiled(*given)

        return run

    @contextmanager
    def _explain_errors(self) -> Iterator[None]:
        """Say in one sentence why the framework cannot run the model."""
        try:
            yield
        except (ReceptiveError, MemoryError):
            raise
        except Exception as error:  # of a type of its own for every framework and every layer
            from keras.backend import backend

            way = "; where TF_ENABLE_ONEDNN_OPTS=1 is set, it may" if "NHWC" in str(error) else ""
            raise ReceptiveError(
                f"{self.name}: Keras cannot run it on {backend()}{way}: {reason(error)}"
            ) from error


def _calls_in_order(model: Any, operation: Any) -> list[int]:
    """Return the numbers of an operation's calls by a model, in the order in which the model makes them."""
    if not hasattr(model, "_nodes_by_depth"):  # Sequential: one after the other
        return [0]
    made = [
        node
        for _, nodes in sorted(model._nodes_by_depth.items(), reverse=True)
        for node in nodes
        if node.operation is operation
    ]
    counted = [node for node in operation._inbound_nodes if node in made]
    return [counted.index(node) for node in made]


def _at(numbers: set[int | None], change: Callable[..., Any]) -> Callable[..., Any]:
    """Return a change of some calls of a layer by their numbers; None stands for all of them."""
    calls = count()

    def choose(call: Callable[..., Any], *given: Any, **more: Any) -> Any:
        chosen = next(calls) in numbers or None in numbers
        return change(call, *given, **more) if chosen else call(*given, **more)

    return choose


@contextmanager
def _replace_call(operation: Any, change: Callable[..., Any]) -> Iterator[None]:
    """Replace a layer's call by ``change``, which is given the call that it replaces and its arguments.

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
