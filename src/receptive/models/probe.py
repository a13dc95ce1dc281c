"""What one layer of a Keras model returns, to be read or to be changed while the model runs.

Only the layer's own call is listened to, so nothing is said about how layers are connected, and any Keras
backend will do.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from receptive.errors import ReceptiveError
from receptive.networks import filters

POSITIONS = 500_000
"""Positions of a batch, so that 64 maps of it take 128 MB however long the sequences are."""


@dataclass(frozen=True, eq=False)
class Levels:
    """Mean, least and greatest activation of each filter, float32 (F,), over all sequences and positions."""

    mean: NDArray[np.float32]
    least: NDArray[np.float32]
    greatest: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Probe:
    """A model, one of its layers to listen to or to change, and the sequences as the model takes them.

    Attributes:
        model: the Keras model.
        operation: the layer, or operation, of it or of a model within it.
        X: uint8 (N, L, 4), or as the model takes it: (N, 4, L), (N, L, 1, 4), (N, 4L), …; channels in the
            model's order.
        axis: the axis of the layer's output that holds its filters, 1 or -1.
    """

    model: Any
    operation: Any
    X: NDArray[np.uint8]
    axis: int = -1

    @property
    def channels(self) -> int:
        """The number of filters."""
        return int(next(self.maps())[1].shape[2])

    def run(self, change: Callable[[Any], Any]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Run the model on a batch at a time, with what the layer returns passed through ``change``.

        Yields:
            The index of the first sequence of the batch, and the outputs of the model side by side, (n, C).
        """
        from keras import Sequential, tree

        call = self.operation.call
        size = max(min(filters.BATCH, POSITIONS // max(self.X.shape[1:])), 1)
        for first in range(0, len(self.X), size):
            batch = self.X[first : first + size].astype(np.float32)
            given = batch
            if not isinstance(self.model, Sequential):  # a list of one, maybe
                given = tree.map_structure(lambda _, batch=batch: batch, self.model.input)
            # Keras looks `call` up on the layer at each call, whichever model the layer stands in.
            object.__setattr__(self.operation, "call", lambda *a, **k: change(call(*a, **k)))
            try:
                found = tree.flatten(self.model(given, training=False))
            finally:
                object.__delattr__(self.operation, "call")
            yield first, np.concatenate([_numbers(each).reshape(len(batch), -1) for each in found], axis=1)

    def scores(self, change: Callable[[Any], Any] = lambda maps: maps) -> NDArray[np.float32]:
        """Return the outputs of the model side by side, (N, C)."""
        return np.concatenate([scores for _, scores in self.run(change)])

    def maps(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Scan the sequences: the index of a batch's first one, and the layer's maps of it, (n, P, F).

        Raises:
            ReceptiveError: the model calls the layer several times, or it returns no numbers.
        """
        heard: list[Any] = []

        def listen(maps: Any) -> Any:
            heard.append(maps)
            return maps

        for first, _ in self.run(listen):
            if len(heard) > 1:
                raise ReceptiveError(
                    f"layer {self.operation.name}: the model calls it {len(heard)} times, so that it has "
                    f"{len(heard)} maps of each sequence; an audit reads layers that are called once"
                )
            maps = np.moveaxis(_numbers(heard.pop()), self.axis, -1)
            sizes = [size for size in maps.shape[1:-1] if size > 1]
            if len(sizes) > 1:
                raise ReceptiveError(
                    f"layer {self.operation.name}: returns maps of {' × '.join(map(str, sizes))}, expected "
                    "one number for each position; do its filters see letters apart?"
                )
            maps = maps.reshape(len(maps), prod(sizes), maps.shape[-1])
            if not np.isfinite(maps).all():
                raise ReceptiveError(
                    f"layer {self.operation.name}: returns values that are NaN or infinite; did training "
                    "diverge?"
                )
            yield first, maps

    def levels(self) -> Levels:
        """Measure the activations of each filter."""
        total: Any = 0.0
        least, greatest, count = [], [], 0
        for _, maps in self.maps():
            total = total + maps.sum((0, 1), dtype=np.float64)
            count += maps.shape[0] * maps.shape[1]
            least.append(maps.min((0, 1)))
            greatest.append(maps.max((0, 1)))
        mean: NDArray[np.float32] = (total / count).astype(np.float32)
        return Levels(mean, np.min(least, axis=0), np.max(greatest, axis=0))


def _numbers(tensor: Any) -> NDArray[np.float32]:
    """A tensor of any backend and precision, in numpy."""
    from keras import ops

    found: NDArray[np.float32] = ops.convert_to_numpy(ops.cast(tensor, "float32"))
    return found


def operation(model: Any, place: str) -> Any:
    """The layer, or operation such as ``keras.ops.relu``, that `keras_graph` calls ``place``."""
    for name in place.split("/"):
        steps = getattr(model, "operations", None) or model.layers
        model = next(step for step in steps if step.name == name)
    return model
