"""Activation functions: the response to a whole motif beside the responses to its two halves.

A filter adds up evidence. Where a whole motif lies, its sum is twice what it is where half of the motif lies.
The next layer adds up what the activation function hands on. Two filters with a half each give it twice the
function of one sum; one filter with the whole gives it the function of the double sum. The ratio of the two
is the gain of the whole. ReLU has a gain of 1, so that halves do as well; the faster a function grows, the
more is won by making filters whole. Found when the runs of DISC-3 were there, and put to the test by DISC-10.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

HALF = 2.0
"""What half a motif adds to the sum of a filter that holds the whole, in standard deviations of this sum over
random sequence: 2.1 for the median of the twelve motifs (``spec/discussion.md`` computes it)."""

FUNCTIONS: Mapping[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "relu": lambda x: np.maximum(x, 0),
    "exponential": np.exp,
    "softplus": lambda x: np.logaddexp(x, 0),
    "squared_relu": lambda x: np.maximum(x, 0) ** 2,
    "sigmoid": lambda x: special.expit(x),
    "gelu": lambda x: x * special.ndtr(x),
    "silu": lambda x: x * special.expit(x),
    "cubed_relu": lambda x: np.maximum(x, 0) ** 3,
}
"""What follows the normalisation of the first layer, by the protocol's name for it."""


def gain(activation: str, half: float = HALF) -> float:
    """Return how many times as much a whole motif adds as its halves in two filters.

    What a function gives at 0 is taken off first, as any bias of the next layer can do.

    >>> {name: round(gain(name), 1) for name in ("sigmoid", "relu", "squared_relu", "exponential")}
    {'sigmoid': 0.6, 'relu': 1.0, 'squared_relu': 2.0, 'exponential': 4.2}

    Args:
        activation: a key of :data:`FUNCTIONS`.
        half: what a half adds to the sum, in standard deviations, as normalisation makes them.
    """
    nothing, part, whole = FUNCTIONS[activation](np.array([0.0, half, 2 * half]))
    return float((whole - nothing) / (2 * (part - nothing)))
