"""Probes: one layer of a saved model, read or changed while the model runs.

`Model` is all that an audit asks of a framework. Only the layer itself is listened to, so nothing is said
about how layers are connected.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from receptive.errors import ReceptiveError
from receptive.models.axes import Shape
from receptive.networks import filters
from receptive.theory.layers import Graph

Loss = Callable[[NDArray[np.int8], NDArray[np.float32]], NDArray[np.floating[Any]]]
"""The loss (N,) of each sequence from labels (N, C) and a model's outputs (N, C)."""
Arrays = list[NDArray[np.float32]]
Batch = Sequence[NDArray[np.float32]]
"""What a model is given: an array for each of its inputs, of as many rows."""
Holder = Callable[[Batch, Mapping[int, float]], Iterator[Arrays]]
"""From a batch and the value of each filter to be held: the model's outputs, one filter held at a time."""

POSITIONS = 500_000
"""Positions of a batch, so that 64 maps of it take 128 MB however long the sequences are."""
HELD = 100_000_000
"""Outputs that are kept at a time, of one filter after another."""


class Model(Protocol):
    """A saved model of one framework. Layers are named as `graph` names them."""

    @property
    def name(self) -> str:
        """The name to call it by."""

    @property
    def left_out(self) -> str:
        """Why it is a part of a model whose outputs say nothing; "" if it is whole."""

    @property
    def graph(self) -> Graph:
        """The part of it that can be followed over positions."""

    @property
    def inputs(self) -> tuple[tuple[str, Shape], ...]:
        """The names and shapes of its inputs, with the batch."""

    @property
    def sequence(self) -> int:
        """Which of its inputs is the sequence."""

    def calls(self, convolution: str) -> tuple[str, ...]:
        """List the calls of a convolution: itself, and those that have the same weights."""

    def activation(self, convolution: str) -> tuple[str, str, int]:
        """Find where the map of a convolution is complete.

        Returns:
            The layer behind which it is; its activation, such as ``relu``, or ``linear``; and the axis of its
            output that holds the filters.
        """

    def loss(self, masked: bool) -> tuple[str, Loss] | None:
        """Return the loss that it was trained with, if that is known, and its name.

        Args:
            masked: whether the loss has to leave out labels that are not measured.
        """

    def maps(self, layer: str, batch: Batch) -> NDArray[np.float32]:
        """Run the model, and return what the layer does."""

    def run(self, batch: Batch) -> Arrays:
        """Run the model as it is, and return its outputs."""

    def scores(self, layers: Sequence[str], batch: Batch, held: Mapping[int, float], axis: int) -> Arrays:
        """Run the model, and return its outputs, with some filters of layers held at a value everywhere.

        Args:
            layers: the layers, which have the same filters.
            batch: what the model takes.
            held: the value of each filter that is held.
            axis: the axis of the layers' outputs that holds their filters.
        """

    def holder(self, layers: Sequence[str], axis: int) -> Holder:
        """Return how to run the model with each of some filters held in turn.

        The outputs are those that `scores` gives with that filter alone, to rounding; what they have in
        common is computed once.
        """


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
        model: the model.
        layer: the layer's name.
        X: uint8 (N, L, 4), or as the model takes it: (N, 4, L), (N, L, 1, 4), (N, 4L), …; channels in the
            model's order.
        axis: the axis of the layer's output that holds its filters, 1 or -1.
        others: what the model's other inputs are given, (N, …), in their order.
        shared: further layers that hold the same filters, as of a convolution that is called again; they are
            held, too.
    """

    model: Model
    layer: str
    X: NDArray[np.uint8]
    axis: int = -1
    others: tuple[NDArray[np.float32], ...] = ()
    shared: tuple[str, ...] = ()

    @property
    def channels(self) -> int:
        """The number of filters."""
        return int(next(self.maps())[1].shape[2])

    def batches(self) -> Iterator[tuple[int, Batch]]:
        """Yield the index of a batch's first sequence, and the batch."""
        size = max(min(filters.BATCH, POSITIONS // max(self.X.shape[1:])), 1)
        given: list[NDArray[Any]] = [*self.others]
        given.insert(self.model.sequence if self.others else 0, self.X)
        for first in range(0, len(self.X), size):
            yield first, [array[first : first + size].astype(np.float32) for array in given]

    def outputs(self) -> Arrays:
        """Return the outputs of the model for the first sequence."""
        return self.model.run([array[:1] for array in next(self.batches())[1]])

    def scores(self, held: Mapping[int, float] | None = None) -> NDArray[np.float32]:
        """Return the outputs of the model side by side, (N, C), with some filters held at a value."""
        batches = [
            _beside(self.model.scores((self.layer, *self.shared), batch, held or {}, self.axis))
            for _, batch in self.batches()
        ]
        return np.concatenate(batches)

    def hold_each(
        self, values: Mapping[int, float], columns: int, tick: Callable[[], None]
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield each filter, and the outputs of the model side by side, (N, C), with that one held.

        Args:
            values: of each filter.
            columns: C.
            tick: called whenever a filter was held on a batch.
        """
        hold = self.model.holder((self.layer, *self.shared), self.axis)
        size = max(HELD // (len(self.X) * columns), 1)
        for first in range(0, len(values), size):
            now = dict([*values.items()][first : first + size])
            scores = np.empty((len(now), len(self.X), columns), np.float32)
            for start, batch in self.batches():
                for row, outputs in zip(scores, hold(batch, now), strict=True):
                    row[start : start + len(batch[0])] = _beside(outputs)
                    tick()
            yield from zip(now, scores, strict=True)

    def maps(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Scan the sequences: the index of a batch's first one, and the layer's maps of it, (n, P, F).

        Raises:
            ReceptiveError: the layer returns no numbers, or several for each position.
        """
        for first, batch in self.batches():
            maps = np.moveaxis(self.model.maps(self.layer, batch), self.axis, -1)
            sizes = [size for size in maps.shape[1:-1] if size > 1]
            if len(sizes) > 1:
                raise ReceptiveError(
                    f"layer {self.layer}: returns maps of {' × '.join(map(str, sizes))}, expected "
                    "one number for each position; do its filters see letters apart?"
                )
            maps = maps.reshape(len(maps), prod(sizes), maps.shape[-1])
            if not np.isfinite(maps).all():
                raise ReceptiveError(
                    f"layer {self.layer}: returns values that are NaN or infinite; did training diverge?"
                )
            yield first, maps

    def levels(self) -> Levels:
        """Measure the activations of each filter."""
        total = np.zeros(1)
        least, greatest, count = [], [], 0
        for _, maps in self.maps():
            total = total + maps.sum((0, 1), dtype=np.float64)
            count += maps.shape[0] * maps.shape[1]
            least.append(maps.min((0, 1)))
            greatest.append(maps.max((0, 1)))
        mean: NDArray[np.float32] = (total / count).astype(np.float32)
        return Levels(mean, np.min(least, axis=0), np.max(greatest, axis=0))


def _beside(outputs: Arrays) -> NDArray[np.float32]:
    """Return the outputs of a model side by side, (n, C), those of positions averaged."""
    sizes = [output.shape[-1] if output.ndim > 1 else 1 for output in outputs]
    parts = [
        output.reshape(len(output), -1, size).mean(1) for output, size in zip(outputs, sizes, strict=True)
    ]
    return np.concatenate(parts, axis=1)
