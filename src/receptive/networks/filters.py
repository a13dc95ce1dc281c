"""Reading filters: from the activations of a convolution to aligned sites to PWMs (VIS-1, D-7).

A filter is read by what it responds to. It scans the test sequences; where its rectified map is high enough
lies a site; the sequences around all its sites, aligned, give a position probability matrix. This works for
every convolution that knows positions exactly, that is, with no pooling below it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from receptive.motifs.motif import Motif, trim
from receptive.motifs.tomtom import WIDEST
from receptive.networks.variants import Variant
from receptive.protocols import Protocol
from receptive.theory.fields import ReceptiveFields, receptive_fields
from receptive.theory.fields import unreadable as unaligned

BATCH = 500
"""Sequences scanned at a time; 500 maps of 200 positions and 128 filters take 51 MB."""
OUTSIDE = 4
"""The base of positions beyond the ends of a sequence."""


@dataclass(frozen=True, eq=False)
class Reading:
    """The filters of one convolution, read as motifs.

    Attributes:
        layer: name of the convolution, e.g. ``conv1``.
        motifs: one untrimmed PWM per filter, named ``filter0``, …; zeros for a dead filter. ``nsites`` is the
            width, as the released writer has it, for Tomtom's pseudocount depends on it.
        sites: (F,) number of sites of each filter.
        maxima: (F,) greatest activation of each filter over the sequences.
    """

    layer: str
    motifs: tuple[Motif, ...]
    sites: NDArray[np.int64]
    maxima: NDArray[np.float64]


@dataclass(frozen=True)
class Window:
    """The columns of a PWM: ``width`` positions that begin ``left`` positions before the neuron's own.

    Neuron i's own position is i · ``jump``.
    """

    width: int
    left: int
    jump: int = 1


def readable(network: Variant, length: int) -> dict[str, Window]:
    """Return the convolutions whose filters can be read, each with the window its neurons see.

    These are the first always, and deeper ones in CNN-1 and CNN-1-1-100 (Results, "Distributed
    representations…").

    >>> from receptive.networks.variants import VARIANTS
    >>> readable(VARIANTS["cnn-1"], 200)
    {'conv1': Window(width=19, left=9, jump=1), 'conv2': Window(width=23, left=11, jump=1)}
    """
    fields = receptive_fields(network.layers, length)
    return {
        row.name: Window(row.size, -row.start, row.jump)
        for row in fields.rows
        if row.kind == "conv" and not unreadable(fields, row.name)
    }


def unreadable(fields: ReceptiveFields, name: str) -> str:
    """Say why the filters of a convolution cannot be read from aligned sites and compared; "" if they can."""
    why = unaligned(fields)[name]
    size = fields.row(name).size
    if not why and size > WIDEST:
        return f"its field of {size} positions is wider than the {WIDEST} that motifs are compared in"
    return why


def protocol_window(protocol: Protocol, window: Window) -> Window:
    """Return the window to read a layer in: of the width that the protocol fixes, or else the layer's own."""
    width = protocol.window
    return window if width is None else Window(width, width // 2, window.jump)


def read_maps(
    layer: str,
    scan: Callable[[], Iterable[tuple[int, NDArray[np.float32]]]],
    X: NDArray[np.uint8],
    protocol: Protocol,
    window: Window,
) -> Reading:
    """Read every filter of a layer from the sites it responds to; the arguments are those of `count`."""
    counts, sites, maxima = count(scan, X, protocol, window)
    motifs = tuple(
        Motif(f"filter{index}", "", pwm, window.width) for index, pwm in enumerate(normalise(counts))
    )
    return Reading(layer, motifs, sites, maxima)


def count(
    scan: Callable[[], Iterable[tuple[int, NDArray[np.float32]]]],
    X: NDArray[np.uint8],
    protocol: Protocol,
    window: Window,
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Count the nucleotides around the sites of every filter.

    Args:
        scan: gives the rectified maps of all sequences, batch by batch, as `Probe.maps` of `models.probe`
            does; called once for the maxima and once for the sites, so that one batch is held at a time.
        X: the sequences, one-hot (N, L, 4).
        protocol: which positions are sites, how they are weighted, and what happens at the ends (D-7).
        window: the columns to count in.

    Returns:
        Counts (F, w, 4), number of sites (F,), greatest activation (F,).
    """
    maxima = np.max([maps.max((0, 1)) for _, maps in scan()], axis=0).astype(np.float64)
    counts = np.zeros((len(maxima), window.width, 4))
    sites = np.zeros(len(maxima), np.int64)
    bases = np.where(X.any(-1), X.argmax(-1), OUTSIDE).astype(np.int8)
    for first, maps in scan():
        sequence, position, which = find_sites(maps, maxima, protocol)
        if protocol.ends == "drop":
            start = position * window.jump - window.left
            inside = (start >= 0) & (start + window.width <= X.shape[1])
            sequence, position, which = sequence[inside], position[inside], which[inside]
        aligned = windows(bases[first : first + len(maps)], sequence, position, window)
        weights = maps[sequence, position, which] if protocol.weighted else np.ones(len(which))
        counts += tally(aligned, weights.astype(np.float64), which, len(maxima))
        sites += np.bincount(which, minlength=len(maxima))
    return counts, sites, maxima


def find_sites(
    maps: NDArray[np.float32], maxima: NDArray[np.float64], protocol: Protocol
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Find the sites in a batch of rectified maps (n, L, F).

    By ``released``, every position above the threshold; by ``paper``, the best position of each sequence if
    it is at or above the threshold (the first of equals). A filter that never fires has none.

    Returns:
        Sequence, position and filter of every site.
    """
    limit = (protocol.threshold * maxima).astype(np.float32)
    if protocol.sites == "every":
        sequence, position, which = np.unravel_index(np.flatnonzero(maps > limit), maps.shape)
        return sequence, position, which
    best = maps.argmax(1)
    high = np.take_along_axis(maps, best[:, None], 1)[:, 0]
    sequence, which = np.nonzero((high >= limit) & (high > 0))
    return sequence, best[sequence, which], which


def windows(
    bases: NDArray[np.int8], sequence: NDArray[np.int64], position: NDArray[np.int64], window: Window
) -> NDArray[np.int8]:
    """Cut out the window around every site: bases (S, w), 4 where it leaves the sequence."""
    start = position * window.jump - window.left
    before = max(-int(start.min(initial=0)), 0)
    after = max(int(start.max(initial=0)) + window.width - bases.shape[1], 0)
    padded = np.pad(bases, ((0, 0), (before, after)), constant_values=OUTSIDE)
    cut: NDArray[np.int8] = np.lib.stride_tricks.sliding_window_view(padded, window.width, axis=1)[
        sequence, start + before
    ]
    return cut


def tally(
    aligned: NDArray[np.int8], weights: NDArray[np.float64], which: NDArray[np.int64], filters: int
) -> NDArray[np.float64]:
    """Sum the weights of the aligned bases (S, w) for every filter, column and nucleotide: (F, w, 4)."""
    width = aligned.shape[1]
    cell = (which[:, None] * width + np.arange(width)) * 5 + aligned
    sums = np.bincount(cell.ravel(), np.repeat(weights, width), filters * width * 5).astype(np.float64)
    return sums.reshape(filters, width, 5)[..., :4]


def normalise(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn counts (F, w, 4) into probabilities.

    A dead filter stays zeros; a column that no site of a live filter covers becomes 0.25.
    """
    totals = counts.sum(-1, keepdims=True)
    live = totals.any(axis=1, keepdims=True)
    uncovered = np.broadcast_to(np.where(live, 0.25, 0.0), counts.shape).copy()
    pwms: NDArray[np.float64] = np.divide(counts, totals, out=uncovered, where=totals > 0)
    return pwms


def trim_all(motifs: tuple[Motif, ...], protocol: Protocol) -> tuple[Motif, ...]:
    """Trim motifs as the protocol does before Tomtom (D-8); ``nsites`` follows the width."""
    if protocol.trim_bits is None:
        return motifs
    pwms = [
        motif.pwm if motif.dead else trim(motif.pwm, protocol.trim_bits, protocol.trim_pad)
        for motif in motifs
    ]
    return tuple(Motif(motif.id, motif.name, pwm, len(pwm)) for motif, pwm in zip(motifs, pwms, strict=True))
