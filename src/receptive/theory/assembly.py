"""Assembly information: how much of a motif the next layer can put together, from the architecture alone.

Two filters of a layer detect parts A and B of a motif. Where in its columns a filter holds its part is free,
so what tells is the residual offset of B's activation from A's. Assembly information is what one filter of
the next convolution can learn about this offset, in bits: much of it, and the next layer can assemble motifs
from parts (a distributed representation); next to none, and this layer has to hold them whole (localist).

The model, our own extension of the paper's toy model:

- the offset is uniform on ``-reach`` … ``reach`` input positions;
- each of the two filters also fires by chance at every other position, independently, with probability
  ``chance``;
- activations are binary and max-pooled in windows of ``pool`` positions, ``stride`` apart, at any phase;
- the next filter sees ``taps`` pooled neurons of both filters, ``dilation`` neurons apart: two bits a tap; it
  stands uniformly at one of those places where each part lies in one of its windows, and sees nothing where
  there is no such place.

The sequence has no ends here. Nothing is sampled: a part lights the windows that hold it whatever else
happens, so what a filter sees is the pattern of chance hits, the same for all places, with these windows lit
in addition; and given the places, the two channels are independent.

That (`bits`) is the number of the first registration. `coincidence` is that of the second, which asks less of
the next layer: what its best pair of taps tells.

Of any network, `views` takes for each convolution the window (the ``uncertainty`` of arithmetic's rows) and
the spacing (their ``jump``) of the neurons that the next convolution reads, both in input positions. So the
parts of a deeper layer are what its own filters detect, however they are made of parts below, and the place
of a part is known at best to the window that all pooling below and above the layer has left open.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise, product
from math import exp, log2
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from receptive.errors import UsageError
from receptive.files import read_packaged
from receptive.theory.fields import ReceptiveFields
from receptive.theory.layers import INPUT, Node
from receptive.theory.toy import check_sizes

REACH = 4
"""The largest residual offset of two parts, in input positions."""
CHANCE = 1 / 64
"""How often a filter fires by chance: that of a part of three nucleotides."""
WIDEST = 11
"""Taps of the widest filter of which every pattern is told apart: 2**11 patterns of each channel."""

FloatArray = NDArray[np.float64]


@cache
def bits(
    pool: int,
    stride: int,
    taps: int,
    dilation: int = 1,
    chance: float = CHANCE,
    reach: int = REACH,
    step: int = 1,
) -> float:
    """Compute the information about the offset of two parts that one filter of the next layer can have.

    Exact, by adding up all patterns of lit neurons that can occur.

    Args:
        pool: size of the pooling windows, in positions of the activations.
        stride: positions between neighbouring windows.
        taps: size of the next layer's filters, in pooled neurons.
        dilation: pooled neurons from one tap to the next.
        chance: probability that a filter fires at a position without its part.
        reach: the offset is uniform on ``-reach`` … ``reach``.
        step: pooled neurons from one place of the filter to the next, its own stride.

    Returns:
        Bits, from 0 to ``log2(2 * reach + 1)``, to 12 decimals.

    Raises:
        UsageError: a size below 1, a chance that is no probability, or more patterns than 2**WIDEST.
    """
    _check(reach, pool=pool, stride=stride, taps=taps, dilation=dilation, step=step)
    if not 0 <= chance <= 1:
        raise UsageError(f"chance: expected a probability, found {chance}")
    runs = _runs(pool, stride * dilation, taps)
    patterns = _with_part(_by_chance(runs, chance), runs)
    offsets = 2 * reach + 1
    mean, mean_rest, doubt = np.zeros((patterns.shape[1],) * 2), 0.0, 0.0
    for offset in range(reach + 1):
        seen = _joint_patterns(runs, offset, stride * step, patterns)
        rest = 1 - float(seen.sum())
        # An offset of -d shows what d does with the channels exchanged.
        twice = 2 if offset else 1
        mean += (seen + seen.T if offset else seen) / offsets
        mean_rest += twice * rest / offsets
        doubt += twice * _entropy(seen, rest) / offsets
    return round(_entropy(mean, mean_rest) - doubt, 12) + 0.0  # never -0.0


Run = tuple[int, int, int]
"""First position, the one after the last, and the set of windows that hold them, as bits."""


def _check(reach: int, **sizes: int) -> None:
    """Refuse a size below 1, or a reach below 0."""
    check_sizes(**sizes)
    if reach < 0:
        raise UsageError(f"reach: expected 0 or more, found {reach}")


def _runs(pool: int, spacing: int, taps: int) -> list[Run]:
    """Part the positions under a filter, from its first window's start, into runs of the same windows."""
    windows = [(i * spacing, i * spacing + pool) for i in range(taps)]
    edges = sorted({edge for window in windows for edge in window})
    runs = []
    for low, high in pairwise(edges):
        mask = sum(1 << i for i, (start, stop) in enumerate(windows) if start <= low < stop)
        if mask:
            runs.append((low, high, mask))
    return runs


def _by_chance(runs: Sequence[Run], chance: float) -> dict[int, float]:
    """Return the probability of every pattern of windows that chance alone lights."""
    patterns = {0: 1.0}
    for low, high, mask in runs:
        dark = (1 - chance) ** (high - low)
        folded: dict[int, float] = defaultdict(float)
        for pattern, probability in patterns.items():
            folded[pattern] += probability * dark
            folded[pattern | mask] += probability * (1 - dark)
        patterns = {pattern: probability for pattern, probability in folded.items() if probability}
        if len(patterns) > 2**WIDEST:
            raise UsageError(
                f"taps: a filter that tells more than 2^{WIDEST} patterns apart; {WIDEST} taps always work"
            )
    return patterns


def _with_part(patterns: Mapping[int, float], runs: Sequence[Run]) -> FloatArray:
    """Return the probability (runs, patterns) of every pattern if a part in a run lights its windows."""
    masks = [mask for *_, mask in runs]
    index = {pattern: i for i, pattern in enumerate(sorted({p | mask for p in patterns for mask in masks}))}
    table = np.zeros((len(masks), len(index)))
    for row, mask in zip(table, masks, strict=True):
        for pattern, probability in patterns.items():
            row[index[pattern | mask]] += probability
    return table


def _joint_patterns(runs: Sequence[Run], offset: int, step: int, patterns: FloatArray) -> FloatArray:
    """Return the joint distribution of the two channels' patterns; 1 - sum is the chance of neither.

    The filter's places are ``step`` apart, so of all positions of A under it those with the same remainder
    share a phase, and within a phase all that leave B under it, too, are equally likely.

    Args:
        runs: the positions under the filter.
        offset: B's position minus A's.
        step: positions from one place of the filter to the next.
        patterns: (runs, m) probability of every pattern if a part lies in a run.
    """
    both = [
        (i, j, max(a[0], b[0] - offset), min(a[1], b[1] - offset))
        for (i, a), (j, b) in product(enumerate(runs), repeat=2)
    ]
    i, j, low, high = np.array([pair for pair in both if pair[2] < pair[3]] or np.empty((0, 4), int)).T
    # Remainders between two cuts are met equally often in every range of positions.
    cuts = np.unique([0, *(low % step), *(high % step)])
    met = (high[:, None] - 1 - cuts) // step - (low[:, None] - 1 - cuts) // step
    share = np.diff(cuts, append=step) / step / np.maximum(met.sum(axis=0), 1)
    joint = np.zeros((len(runs), len(runs)))
    np.add.at(joint, (i, j), met @ share)
    table: FloatArray = patterns.T @ joint @ patterns
    return table


def _entropy(table: FloatArray, rest: float) -> float:
    """Compute the entropy in bits of a table of probabilities and one more."""
    positive = table[table > 0]
    return float(-(positive * np.log2(positive)).sum()) - (rest * log2(rest) if rest > 0 else 0.0)


@cache
def coincidence(pool: int, stride: int, taps: int, dilation: int = 1, reach: int = REACH) -> float:
    """Compute the coincidence information: what the best pair of taps tells about the offset of two parts.

    Two filters of a layer detect parts of a motif, the second at an offset from the first on which training
    has settled. Of all pairs of taps, one on either filter's map, take the one whose being lit together tells
    the most about whether two parts stand at this offset or at another. Parts whose offset is ``x`` positions
    from the distance of the two taps light both with probability ``1 - x / pool``, or never, over all phases.

    Args:
        pool: positions that a neuron leaves open.
        stride: positions between neighbouring neurons.
        taps: size of the next layer's filters, in neurons.
        dilation: neurons from one tap to the next.
        reach: offsets are equally likely from ``-reach`` to ``reach``.

    Returns:
        Bits, the mean over the offsets to settle on; at most the entropy of one offset among them all.

    Raises:
        UsageError: a size below 1, or a reach below 0.
    """
    _check(reach, pool=pool, stride=stride, taps=taps, dilation=dilation)
    offsets, apart = np.arange(-reach, reach + 1), stride * dilation
    # Taps further apart than this never light together, whatever the offset.
    far = min(taps - 1, (reach + pool) // apart)
    lit = np.maximum(0, 1 - abs(offsets - apart * np.arange(-far, far + 1)[:, None]) / pool)
    elsewhere = (lit.sum(axis=1, keepdims=True) - lit) / max(1, offsets.size - 1)
    share = 1 / offsets.size
    doubt = share * _binary_entropy(lit) + (1 - share) * _binary_entropy(elsewhere)
    known = _binary_entropy(lit.mean(axis=1, keepdims=True)) - doubt
    return round(float(known.max(axis=0).mean()), 12) + 0.0


def _binary_entropy(p: FloatArray) -> FloatArray:
    both = np.stack([p, 1 - p])
    entropy: FloatArray = -(both * np.log2(np.where(both > 0, both, 1.0))).sum(axis=0)
    return entropy


# --- networks ------------------------------------------------------------------------------------------

Kind = Literal["distributed", "mixed", "localist"]

MIXED = (1 / 3, 2 / 3)
"""Relevant fractions from and up to which a layer is called mixed."""


def kind_of(fraction: float) -> Kind:
    """Say whether a layer with this relevant fraction holds parts (distributed), whole motifs, or both."""
    low, high = MIXED
    return "distributed" if fraction < low else "mixed" if fraction <= high else "localist"


@dataclass(frozen=True)
class Curve:
    """The curve of the first registration, from assembly information to a relevant fraction.

    Attributes:
        chance: how often a filter fires by chance, in `bits`.
        midpoint: the bits at which half of the filters are relevant.
        slope: how fast the fraction falls there, in natural logarithms of the odds per bit.
    """

    chance: float
    midpoint: float
    slope: float

    def fraction(self, bits: float) -> float:
        """Return the predicted relevant fraction: logistic in the bits."""
        return 1 / (1 + exp(self.slope * (bits - self.midpoint)))


@cache
def fitted_curve() -> Curve:
    """Return the curve fitted to the relevant fractions of the paper's Table 1 (`predictions.fit`)."""
    text = read_packaged("assembly.json")
    return Curve(**json.loads(text))


@dataclass(frozen=True)
class Logistic:
    """A curve from a number, bits or log2 of a pool's size, to the relevant fraction.

    Attributes:
        midpoint: where half of the filters are relevant.
        slope: how fast the fraction falls there, in natural logarithms of the odds.
    """

    midpoint: float
    slope: float

    def fraction(self, x: float) -> float:
        """Return the relevant fraction at ``x``."""
        return 1 / (1 + exp(min(700.0, self.slope * (x - self.midpoint))))


@dataclass(frozen=True)
class View:
    """A convolution as the next convolution, or dense layers, see it.

    Attributes:
        name: the convolution.
        read_by: the convolution that reads it, through pooling or not; empty where dense layers do.
        pool: input positions that a neuron which that one reads leaves open.
        stride: input positions between such neurons.
        taps: such neurons that one filter sees.
        dilation: such neurons from one tap to the next.
        step: such neurons from one place of the filter to the next.
        features: what else there is about it, of `FEATURES`.
    """

    name: str
    read_by: str
    pool: int
    stride: int
    taps: int
    dilation: int
    step: int
    features: frozenset[str] = frozenset()

    @property
    def bits(self) -> float:
        """The coincidence information of the reader's filters."""
        return coincidence(self.pool, self.stride, self.taps, self.dilation)


FEATURES = {
    "dense": "dense layers read it",
    "dilated": "its own filters are dilated",
    "strided": "it moves by several positions itself",
    "stepping": "the next filters move by several neurons at a time",
    "averaged": "average pooling lies above it",
    "branched": "branches part or meet before it is read",
}
"""Ways in which a layer or its reader may differ from most, in words."""


def views(fields: ReceptiveFields) -> tuple[View, ...]:
    """Return the view that its reader has of every convolution, in the order of the network.

    If several layers read it, that of the one that can learn the most. The layers after the last convolution
    are taken for dense ones, which see all its neurons at once.

    >>> from receptive import parse_layers, receptive_fields
    >>> first, second = views(receptive_fields(parse_layers("conv19 pool25 conv5 pool4"), 200))
    >>> first.read_by, first.pool, first.stride, first.taps
    ('conv2', 25, 25, 5)

    Args:
        fields: the network's receptive fields.
    """
    return tuple(max(seen, key=lambda view: view.bits) for seen in _readers(fields).values())


def _readers(fields: ReceptiveFields) -> dict[str, list[View]]:
    """Return the views that each reader has of every convolution, dense layers after all convolutions.

    Where branches meet, a map comes through the one that has lost least of its places, whatever the others
    have: a gate that has pooled everything takes nothing from what it multiplies.
    """
    nodes, jumps = fields.graph.nodes, {INPUT: 1} | {row.name: row.jump for row in fields.rows}
    read = Counter(below for node in nodes for below in node.inputs)
    sharpest, readers, ends = {INPUT: 1}, dict[str, list[View]](), dict[str, list[View]]()
    # Of every node the convolutions it carries, each with its window and what is peculiar about the way.
    maps: dict[str, dict[str, tuple[int, frozenset[str]]]] = {INPUT: {}}
    for node in nodes:
        layer, lost = node.layer, _added_uncertainty(fields, node)
        sharpest[layer.name] = min(sharpest[below] for below in node.inputs) + lost
        came: dict[str, str] = {}  # of every convolution: the input that has lost least of its places
        for below in node.inputs:
            for name, (window, _) in maps[below].items():
                if name not in came or window < maps[came[name]][name][0]:
                    came[name] = below
        if layer.kind == "conv":
            for name, below in came.items():
                window, way = maps[below][name]
                shape = (jumps[below], layer.size, layer.dilation, layer.stride)
                features = way | ({"stepping"} if layer.stride > 1 else frozenset())
                readers[name].append(View(name, layer.name, window, *shape, features))
            readers[layer.name], ends[layer.name] = [], []
            own = {"dilated"} if layer.dilation > 1 else set()
            own |= {"strided"} if layer.stride > 1 else set()
            maps[layer.name] = {layer.name: (sharpest[layer.name], frozenset(own))}
        else:
            more = {"averaged"} if layer.kind == "mean" else set()
            more |= {"branched"} if len(node.inputs) > 1 else set()
            maps[layer.name] = {
                name: (maps[below][name][0] + lost, maps[below][name][1] | more)
                for name, below in came.items()
            }
        if read[layer.name] > 1:
            maps[layer.name] = {
                name: (window, way | {"branched"}) for name, (window, way) in maps[layer.name].items()
            }
        if layer.name not in read or layer.name in fields.graph.ends:
            row = fields.row(layer.name)
            for name, (window, way) in maps[layer.name].items():
                ends[name].append(View(name, "", window, row.jump, row.length, 1, 1, way | {"dense"}))
    return {name: seen + ends[name] for name, seen in readers.items()}


def letters_covered(fields: ReceptiveFields) -> dict[str, int]:
    """Count the letters that a neuron of each layer can check at once.

    Gaps that dilation leaves do not count, and a pool checks no more than the one neuron that it passes on.
    They are at most as many as all taps have together, and as lie between the first and the last.
    """
    covered, span, jump = {INPUT: 1}, {INPUT: 1}, {INPUT: 1}
    for node, row in zip(fields.graph.nodes, fields.rows, strict=True):
        taps = node.layer.size if row.kind == "conv" else 1
        step = node.layer.dilation * max(jump[below] for below in node.inputs)
        span[row.name] = max(span[below] for below in node.inputs) + (taps - 1) * step
        most = taps * max(covered[below] for below in node.inputs)
        covered[row.name], jump[row.name] = min(span[row.name], most), row.jump
    return covered


def _added_uncertainty(fields: ReceptiveFields, node: Node) -> int:
    """Return the positional uncertainty that a layer adds to that of its input."""
    read = [fields.row(below).uncertainty for below in node.inputs if below != INPUT]
    return fields.row(node.layer.name).uncertainty - max(read, default=1)
