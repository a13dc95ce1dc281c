"""The first layer of a training over its epochs, run again without a framework.

`training.first_layer` keeps the weights of the first convolution and of its normalisation. From them the
layer's maps follow by arithmetic, and from the maps its filters, read as those of a trained network are.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from receptive.errors import ReceptiveError
from receptive.motifs.motif import Motif
from receptive.networks import filters
from receptive.networks.filters import BATCH, Window
from receptive.protocols import Protocol
from receptive.theory.activation import FUNCTIONS

Snapshots = Mapping[str, NDArray[Any]]
"""The arrays of `training.Training.snapshots`: ``kernel`` (E, w, 4, F) and ``norm`` (E, 4, F) among them."""


def maps(
    snapshots: Snapshots, place: int, X: NDArray[np.uint8], protocol: Protocol
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Scan sequences with the first layer as it was at one of its snapshots, a batch at a time.

    Args:
        snapshots: the arrays.
        place: which snapshot.
        X: sequences, one-hot (N, L, 4).
        protocol: of the training: its activation, and what its normalisation adds to the variance.

    Yields:
        The index of the first sequence of the batch and the layer's maps, float32 (n, L, F).

    Raises:
        ReceptiveError: the layer has no normalisation, whose place a bias takes that was not kept.
    """
    if "norm" not in snapshots:
        raise ReceptiveError("a first layer without normalisation was kept without its bias")
    kernel = snapshots["kernel"][place]
    scale, offset, mean, variance = snapshots["norm"][place]
    width, before = len(kernel), (len(kernel) - 1) // 2
    weights = kernel.reshape(4 * width, -1)
    scale = scale / np.sqrt(variance + np.float32(protocol.bn_epsilon))
    for first in range(0, len(X), BATCH):
        padded = np.pad(X[first : first + BATCH], ((0, 0), (before, width - 1 - before), (0, 0)))
        seen = np.lib.stride_tricks.sliding_window_view(padded, width, axis=1)  # (n, L, 4, w)
        columns = seen.swapaxes(2, 3).reshape(-1, 4 * width).astype(np.float32)
        normal = (columns @ weights - mean) * scale + offset
        shape = len(padded), X.shape[1], kernel.shape[-1]
        yield first, FUNCTIONS[protocol.activation](normal).reshape(shape).astype(np.float32)


def read(snapshots: Snapshots, place: int, X: NDArray[np.uint8], protocol: Protocol) -> tuple[Motif, ...]:
    """Read the filters of the first layer at one of its snapshots, as those of a model; untrimmed."""
    width = snapshots["kernel"].shape[1]
    window = filters.protocol_window(protocol, Window(width, (width - 1) // 2))
    return filters.read_maps("conv1", lambda: maps(snapshots, place, X, protocol), X, protocol, window).motifs
