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

Of any network, `predict` takes for each convolution the window (the ``uncertainty`` of arithmetic's rows) and
the spacing (their ``jump``) of the neurons that the next convolution reads, both in input positions. So the
parts of a deeper layer are what its own filters detect, however they are made of parts below, and the place
of a part is known at best to the window that all pooling below and above the layer has left open.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import pairwise, product
from math import exp, log2
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from receptive.errors import UsageError
from receptive.files import packaged
from receptive.theory.fields import ReceptiveFields
from receptive.theory.layers import INPUT, Node

REACH = 4
"""The largest residual offset of two parts, in input positions."""
CHANCE = 1 / 64
"""How often a filter fires by chance: that of a part of three nucleotides."""
SHORTEST = 11
"""Letters that a filter has to see for a prediction: nine of the twelve embedded motifs are as long. Among
shorter filters, 9 and 3, are networks for which the curve, fitted to filters of 19, is known to fail."""
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
    sizes = {"pool": pool, "stride": stride, "taps": taps, "dilation": dilation, "step": step}
    for name, value in sizes.items():
        if value < 1:
            raise UsageError(f"{name}: expected 1 or more, found {value}")
    if reach < 0:
        raise UsageError(f"reach: expected 0 or more, found {reach}")
    if not 0 <= chance <= 1:
        raise UsageError(f"chance: expected a probability, found {chance}")
    runs = _runs(pool, stride * dilation, taps)
    patterns = _with_part(_by_chance(runs, chance), runs)
    offsets = 2 * reach + 1
    mean, mean_rest, doubt = np.zeros((patterns.shape[1],) * 2), 0.0, 0.0
    for offset in range(reach + 1):
        seen = _seen(runs, offset, stride * step, patterns)
        rest = 1 - float(seen.sum())
        # An offset of -d shows what d does with the channels exchanged.
        twice = 2 if offset else 1
        mean += (seen + seen.T if offset else seen) / offsets
        mean_rest += twice * rest / offsets
        doubt += twice * _entropy(seen, rest) / offsets
    return round(_entropy(mean, mean_rest) - doubt, 12) + 0.0  # never -0.0


Run = tuple[int, int, int]
"""First position, the one after the last, and the set of windows that hold them, as bits."""


def _runs(pool: int, spacing: int, taps: int) -> list[Run]:
    """The positions under a filter, from its first window's start, in runs that the same windows hold."""
    windows = [(i * spacing, i * spacing + pool) for i in range(taps)]
    edges = sorted({edge for window in windows for edge in window})
    runs = []
    for low, high in pairwise(edges):
        mask = sum(1 << i for i, (start, stop) in enumerate(windows) if start <= low < stop)
        if mask:
            runs.append((low, high, mask))
    return runs


def _by_chance(runs: Sequence[Run], chance: float) -> dict[int, float]:
    """The probability of every pattern of windows that chance alone lights."""
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
    """The probability (runs, patterns) of every pattern if a part lies in a run and lights its windows."""
    masks = [mask for *_, mask in runs]
    index = {pattern: i for i, pattern in enumerate(sorted({p | mask for p in patterns for mask in masks}))}
    table = np.zeros((len(masks), len(index)))
    for row, mask in zip(table, masks, strict=True):
        for pattern, probability in patterns.items():
            row[index[pattern | mask]] += probability
    return table


def _seen(runs: Sequence[Run], offset: int, step: int, patterns: FloatArray) -> FloatArray:
    """The probability (patterns of A, patterns of B) of what the filter sees; the rest is that of nothing.

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
    i, j, low, high = np.array([each for each in both if each[2] < each[3]] or np.empty((0, 4), int)).T
    # Remainders between two cuts are met equally often in every range of positions.
    cuts = np.unique([0, *(low % step), *(high % step)])
    met = (high[:, None] - 1 - cuts) // step - (low[:, None] - 1 - cuts) // step
    share = np.diff(cuts, append=step) / step / np.maximum(met.sum(axis=0), 1)
    joint = np.zeros((len(runs), len(runs)))
    np.add.at(joint, (i, j), met @ share)
    table: FloatArray = patterns.T @ joint @ patterns
    return table


def _entropy(table: FloatArray, rest: float) -> float:
    """Entropy in bits of a table of probabilities and one more."""
    found = table[table > 0]
    return float(-(found * np.log2(found)).sum()) - (rest * log2(rest) if rest > 0 else 0.0)


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
    for name, value in {"pool": pool, "stride": stride, "taps": taps, "dilation": dilation}.items():
        if value < 1:
            raise UsageError(f"{name}: expected 1 or more, found {value}")
    if reach < 0:
        raise UsageError(f"reach: expected 0 or more, found {reach}")
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
    """What turns assembly information into the fraction of a layer's filters that are relevant motifs.

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
def fitted() -> Curve:
    """Return the curve fitted to the relevant fractions of the paper's Table 1 (`predictions.fit`)."""
    text = packaged("assembly.json")
    return Curve(**json.loads(text))


@dataclass(frozen=True)
class Prediction:
    """What is expected of the filters of one convolution.

    Attributes:
        name: the convolution.
        read_by: the convolution that reads it, through pooling or not; empty where dense layers do.
        pool: input positions that a neuron which that one reads leaves open.
        stride: input positions between such neurons.
        taps: such neurons that one filter sees; of more than `WIDEST` so many are counted.
        dilation: such neurons from one tap to the next.
        step: such neurons from one place of the filter to the next.
        bits: assembly information.
        fraction: share of filters that are relevant motifs, by the curve.
        outside: why the curve is not to be trusted here, if it is known to fail; else empty.
    """

    name: str
    read_by: str
    pool: int
    stride: int
    taps: int
    dilation: int
    step: int
    bits: float
    fraction: float
    outside: str = ""

    @property
    def kind(self) -> Kind:
        """The class of that fraction."""
        return kind_of(self.fraction)


Reader = tuple[str, int, int, int, int, int]
"""What reads a convolution: name (empty: dense layers), window, stride, taps, dilation and step."""


def predict(fields: ReceptiveFields, curve: Curve | None = None) -> tuple[Prediction, ...]:
    """Predict for every convolution whether its filters will be parts or whole motifs.

    A convolution is judged by what reads it; if several layers do, by the one that can learn the most. The
    layers after the last convolution are taken for dense ones, which see all its neurons at once. Filters of
    more than `WIDEST` taps are counted as that wide: the offset spans no more, and further taps would only
    add chance hits.

    >>> from receptive import parse_layers, receptive_fields
    >>> networks = ("conv19 pool2 conv5 pool50", "conv19 pool25 conv5 pool4")
    >>> [predict(receptive_fields(parse_layers(layers), 200))[0].kind for layers in networks]
    ['distributed', 'localist']

    Args:
        fields: the network's receptive fields.
        curve: from bits to fractions; by default the one `fitted` to the paper.

    Returns:
        One prediction for each convolution, in the order of the network.
    """
    covered, chosen = _covered(fields), curve or fitted()
    return tuple(
        _prediction(name, readers, chosen, covered[name]) for name, readers in _readers(fields).items()
    )


def _prediction(name: str, readers: Sequence[Reader], curve: Curve, covered: int) -> Prediction:
    found = []
    for reader, pool, stride, taps, dilation, step in readers:
        known = bits(pool, stride, min(taps, WIDEST), dilation, curve.chance, step=step)
        shape = (pool, stride, taps, dilation, step)
        found.append(Prediction(name, reader, *shape, known, curve.fraction(known)))
    best = max(found, key=lambda each: each.bits)
    return replace(best, outside=_outside(best, covered))


def _outside(found: Prediction, covered: int) -> str:
    """Say why the curve is known to fail for a layer whose filters see so many letters, if it is."""
    if covered < SHORTEST:
        return f"its filters see {covered} letters, and most motifs have {SHORTEST} or more"
    if found.read_by and found.taps == found.pool == 1:
        return (
            f"{found.read_by} reads it with one tap and nothing is pooled, so that it recognises one offset "
            "sharply, and training may move the parts there"
        )
    return ""


def _covered(fields: ReceptiveFields) -> dict[str, int]:
    """How many letters a neuron of each layer can check at once.

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


def _readers(fields: ReceptiveFields) -> dict[str, list[Reader]]:
    """What reads every convolution, through pooling or not, and dense layers after all that read it.

    Where branches meet, a map comes through the one that has lost least of its places, whatever the others
    have: a gate that has pooled everything takes nothing from what it multiplies.
    """
    nodes = fields.graph.nodes
    read = {below for node in nodes for below in node.inputs} - {*fields.graph.ends}
    sharpest, readers, ends = {INPUT: 1}, dict[str, list[Reader]](), dict[str, list[Reader]]()
    maps: dict[str, dict[str, int]] = {INPUT: {}}  # of every node: the convolutions it carries, their windows
    for node in nodes:
        layer, lost = node.layer, _lost(fields, node)
        sharpest[layer.name] = min(sharpest[below] for below in node.inputs) + lost
        came: dict[str, str] = {}  # of every convolution: the input that has lost least of its places
        for below in node.inputs:
            for name, window in maps[below].items():
                if name not in came or window < maps[came[name]][name]:
                    came[name] = below
        if layer.kind == "conv":
            for name, below in came.items():
                shape = (fields.row(below).jump, layer.size, layer.dilation, layer.stride)
                readers[name].append((layer.name, maps[below][name], *shape))
            readers[layer.name], ends[layer.name] = [], []
            maps[layer.name] = {layer.name: sharpest[layer.name]}
        else:
            maps[layer.name] = {name: maps[below][name] + lost for name, below in came.items()}
        if layer.name not in read:
            row = fields.row(layer.name)
            for name, window in maps[layer.name].items():
                ends[name].append(("", window, row.jump, row.length, 1, 1))
    return {name: found + ends[name] for name, found in readers.items()}


def _lost(fields: ReceptiveFields, node: Node) -> int:
    """Positions that a layer itself leaves open, beyond those that what it reads does."""
    read = [fields.row(below).uncertainty for below in node.inputs if below != INPUT]
    return fields.row(node.layer.name).uncertainty - max(read, default=1)


def whole_motifs_in(predictions: tuple[Prediction, ...]) -> str | None:
    """Return the first convolution that is expected to hold whole motifs.

    ``None`` if none is, or if the first is outside what was tested: whether it does is then open.
    """
    first = next((each for each in predictions if each.kind == "localist"), None)
    return first.name if first and not first.outside else None


def document(predictions: tuple[Prediction, ...]) -> dict[str, Any]:
    """Return predictions as the JSON document of ``receptive predict --json``.

    Outside of what was tested a layer has its bits alone, and says why under ``outside``.
    """
    layers = []
    for each in predictions:
        rest = {
            name: value
            for name, value in asdict(each).items()
            if name not in ("name", "bits", "fraction", "outside")
        }
        layers.append(
            {
                "name": each.name,
                "assembly_bits": each.bits,
                "relevant": None if each.outside else each.fraction,
                "prediction": None if each.outside else each.kind,
                "outside": each.outside or None,
                **rest,
            }
        )
    return {"layers": layers, "whole_motifs_in": whole_motifs_in(predictions)}
