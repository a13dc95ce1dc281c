"""The toy model of Koo & Eddy (2019), Fig 1: what max-pooling leaves of the order of motif parts.

Two first-layer filters carry one part each, GTG and CAC. A pattern such as CACNNGTG is a few parts at fixed
distances. Max-pooling keeps only in which bin a part fell. The questions here are which patterns a second
layer can still tell apart, and how many bits about the pattern are left; the answers are exact.

Terms. The *phase* of a pattern is its position modulo the pool stride; all phases are equally likely. The
*lit units* of a pattern are the (bin, channel) pairs that its parts switch on, in a map that holds nothing
else. The *signature* is the set of lit units counted from the first lit bin, that is, up to translation by
the pool stride. The *views* of width w are what a second-layer filter of that width meets as it slides over
the pattern: the contents of every window of w bins that holds a lit unit. A signature that spans no more than
w bins and the set of its views determine each other; a longer one may lose something, because no view holds
it whole.

Sources: paper, "Internal representations of motifs depend on architecture" and Fig 1; claims TOY-1 to TOY-4
and RF-3. The last section, on chance, is an extension of this package and not in the paper.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby, permutations
from math import log2
from typing import Any

import numpy as np
from numpy.typing import NDArray

from receptive.errors import UsageError

FloatArray = NDArray[np.float64]
Lit = frozenset[tuple[int, int]]
"""Lit units: (bin, channel) pairs."""

PARTS = ("GTG", "CAC")
"""What the two first-layer filters of Fig 1 carry, filter 1 first."""

FILTER_SIZE = 7
PADDING = 3

SEQUENCE = "TTGTCGGCACGTGCTCTGATGCCCGAGGTGCACAGGACATGAAACTCACGCGTGGGTACC"
"""A 60-nt sequence as in Fig 1, drawn once at random (the N's too: CG).

The paper does not print its sequence. This one holds GTG and CAC inside the three patterns and nowhere else.
At pool 20 every pattern has a bin to itself; at pool 3 CACNNGTG stands in one of the two phases out of three
in which its parts are two bins apart.
"""

STARTS = {"CACGTG": 7, "GTGCAC": 27, "CACNNGTG": 46}
"""Where each pattern of Fig 1 starts in ``SEQUENCE``."""


# Patterns


@dataclass(frozen=True)
class Pattern:
    """Parts at fixed distances.

    Attributes:
        name: the pattern as text.
        features: (channel, offset) of each part: the first-layer filter that answers to it, and how many
            positions after the pattern's start.
    """

    name: str
    features: tuple[tuple[int, int], ...]


def parse_pattern(text: str, parts: Sequence[str] = PARTS) -> Pattern:
    """Find the parts in a pattern written in A, C, G, T and N (any letter, never part of a part).

    A filter answers where the middle of its part (position ``len(part) // 2``) stands.

    Raises:
        UsageError: another letter, or fewer than two parts.

    >>> parse_pattern("CACNNGTG")
    Pattern(name='CACNNGTG', features=((1, 1), (0, 6)))
    """
    if strange := set(text) - set("ACGTN"):
        raise UsageError(f"pattern {text!r}: expected the letters A, C, G, T and N, found {min(strange)!r}")
    features = tuple(
        (channel, start + len(part) // 2)
        for start in range(len(text))
        for channel, part in enumerate(parts)
        if text.startswith(part, start)
    )
    if len(features) < 2:
        raise UsageError(
            f"pattern {text!r}: expected two or more of the parts {', '.join(parts)}, found {len(features)}"
        )
    return Pattern(text, features)


PATTERNS = tuple(parse_pattern(name) for name in STARTS)
"""The three patterns of Fig 1."""


# The network: scan, ReLU, pooling


def one_hot(sequence: str) -> FloatArray:
    """Encode a sequence as an array (L, 4) in the order A, C, G, T; any other letter is a row of zeros."""
    letters = np.array(list(sequence), dtype="U1")
    encoded: FloatArray = (letters[:, None] == np.array(list("ACGT"))).astype(np.float64)
    return encoded


def part_filter(part: str, size: int = FILTER_SIZE) -> FloatArray:
    """Return a first-layer filter (size, 4): weight 1 for each letter of the part, in its middle, else 0."""
    weights = np.zeros((size, 4))
    left = size // 2 - len(part) // 2
    weights[left : left + len(part)] = one_hot(part)
    return weights


def scan(sequence: str, parts: Sequence[str] = PARTS, padding: int = PADDING) -> FloatArray:
    """Scan a sequence with one filter per part; ReLU with a bias so that only the exact part fires, with 1.

    Returns:
        The feature map (L + 2 * padding - 6, parts): as long as the sequence for the padding of 3 (TOY-4).
    """
    padded = np.pad(one_hot(sequence), ((padding, padding), (0, 0)))
    fields = np.lib.stride_tricks.sliding_window_view(padded, FILTER_SIZE, axis=0)  # (positions, 4, size)
    filters = np.stack([part_filter(part) for part in parts])
    scores = np.einsum("nlk,pkl->np", fields, filters)
    active: FloatArray = np.maximum(scores - (filters.sum(axis=(1, 2)) - 1), 0.0)
    return active


def max_pool(feature_map: FloatArray, pool: int, stride: int) -> FloatArray:
    """Keep the maximum of each window (L, channels) -> (bins, channels); the last window ends with the map.

    Where in its window the maximum stood is lost (RF-3).

    >>> max_pool(np.array([[0.0], [2.0], [1.0]]), 2, 2).tolist()
    [[2.0], [1.0]]
    """
    return np.stack(
        [feature_map[at : at + pool].max(axis=0) for at in _windows(len(feature_map), pool, stride)]
    )


def _windows(length: int, pool: int, stride: int) -> list[int]:
    """Return the starts of the pooling windows that reach the end of a map of ``length`` positions."""
    check_sizes(pool=pool, stride=stride)
    return [at for at in range(0, length, stride) if at == 0 or at - stride + pool < length]


def check_sizes(**sizes: int) -> None:
    """Refuse sizes below 1.

    Raises:
        UsageError: one is; the message names it.
    """
    for name, size in sizes.items():
        if size < 1:
            raise UsageError(f"{name}: expected 1 or more, found {size}")


# What pooling leaves of a pattern


def lit_bins(position: int, pool: int, stride: int) -> range:
    """Return the bins whose window holds ``position``: bin b covers b * stride to b * stride + pool - 1."""
    check_sizes(pool=pool, stride=stride)
    return range(-((pool - 1 - position) // stride), position // stride + 1)


def lit_units(pattern: Pattern, start: int, pool: int, stride: int) -> Lit:
    """Return the (bin, channel) pairs lit by a pattern that starts at ``start``, on a map without ends."""
    return frozenset(
        (b, channel)
        for channel, offset in pattern.features
        for b in lit_bins(start + offset, pool, stride)
    )  # fmt: skip


def window(lit: Lit, first: int, width: int) -> Lit:
    """Return the lit units in a window of ``width`` bins from bin ``first``, as (column, channel) pairs."""
    return frozenset((b - first, channel) for b, channel in lit if first <= b < first + width)


def signature(pattern: Pattern, phase: int, pool: int, stride: int) -> Lit:
    """Return the lit units of a pattern that starts at ``phase``, counted from its first lit bin.

    Empty if the pool stride is longer than the pool and every part falls between two windows.
    """
    lit = lit_units(pattern, phase, pool, stride)
    first = min((b for b, _ in lit), default=0)
    return frozenset((b - first, channel) for b, channel in lit)


def views(lit: Lit, width: int | None) -> frozenset[Lit]:
    """Return what a second-layer filter of ``width`` bins meets as it slides over these lit units.

    With ``width`` None the filter is as wide as the map, and the one view is the whole.
    """
    if width is None or not lit:
        return frozenset([lit])
    bins = [b for b, _ in lit]
    met = (window(lit, first, width) for first in range(min(bins) - width + 1, max(bins) + 1))
    return frozenset(view for view in met if view)


def signatures(
    pattern: Pattern, pool: int, stride: int, width: int | None = None
) -> dict[frozenset[Lit], Fraction]:
    """Return the share of phases that give each signature of a pattern (or set of views, ``width`` bins)."""
    check_sizes(stride=stride, width=1 if width is None else width)
    count = Counter(views(signature(pattern, phase, pool, stride), width) for phase in range(stride))
    return {seen: Fraction(n, stride) for seen, n in count.items()}


def bin_difference(distance: int, pool: int) -> dict[int, Fraction]:
    """Count the bins between two features, for pool stride = pool size: closed form over the phases.

    Features d positions apart fall floor(d/p) or ceil(d/p) bins apart, the latter in (d mod p)/p of the
    phases.

    >>> bin_difference(3, 3)
    {1: Fraction(1, 1)}
    """
    check_sizes(pool=pool)
    apart, rest = divmod(distance, pool)
    shares = {apart: Fraction(pool - rest, pool), apart + 1: Fraction(rest, pool)}
    return {difference: share for difference, share in shares.items() if share}


def confusion(first: Pattern, second: Pattern, pool: int, stride: int, width: int | None = None) -> Fraction:
    """Return the share of the second pattern's phases whose signature the first pattern can give as well."""
    possible = signatures(first, pool, stride, width)
    return sum(
        (share for seen, share in signatures(second, pool, stride, width).items() if seen in possible),
        Fraction(0),
    )


def information(patterns: Sequence[Pattern], pool: int, stride: int, width: int | None = None) -> float:
    """Compute the mutual information in bits between pattern and signature.

    Patterns and phases are equally likely, and there is no background. With ``width``, between pattern and
    the set of views of that width. Nothing is lost when the result is log2 of the number of patterns.
    """
    shares = [signatures(pattern, pool, stride, width) for pattern in patterns]
    return information_of_counts([{seen: int(n * stride) for seen, n in own.items()} for own in shares])


def information_of_counts(given: Sequence[Mapping[Any, int]]) -> float:
    """Compute the mutual information in bits between things, equally likely, and what each is seen as.

    >>> information_of_counts([{"left": 4}, {"left": 2, "right": 2}, {"right": 4}])
    0.6666666666666666

    Args:
        given: for each thing, how often it is seen as what; of all things equally often.
    """
    overall = sum(map(Counter[Any], given), Counter[Any]())
    return (
        sum(n * log2(len(given) * n / overall[seen]) for counts in given for seen, n in counts.items())
        / overall.total()
    )


# Which patterns a second-layer filter can tell apart


@dataclass(frozen=True)
class SecondLayerFilter:
    """A second-layer filter: it fires where its response is above 0.

    Attributes:
        weights: (width, channels), float64.
        bias: added to every response.
    """

    weights: FloatArray
    bias: float

    def respond(self, pooled: FloatArray) -> FloatArray:
        """Compute the responses (bins - width + 1) to a pooled map (bins, channels), before the ReLU."""
        fields = np.lib.stride_tricks.sliding_window_view(pooled, len(self.weights), axis=0)
        responses: FloatArray = np.einsum("ncw,wc->n", fields, self.weights) + self.bias
        return responses


def interval_filter(least: Lit, most: Lit, width: int, channels: int) -> SecondLayerFilter:
    """Make the filter that answers 1 to windows between ``least`` and ``most``, and 0 or less to others.

    Weight 1 on the units that must be lit, 0 on those that may be, -1 on those that must be dark: each unit
    that is not as it should be costs 1. Units being lit or dark, this shows that a filter which fires on all
    of the former and on none of certain others exists if and only if none of these lies in between.
    """
    weights = np.full((width, channels), -1.0)
    for column, channel in most:
        weights[column, channel] = 0.0
    for column, channel in least:
        weights[column, channel] = 1.0
    return SecondLayerFilter(weights, 1.0 - len(least))


def whole_views(pattern: Pattern, start: int, pool: int, stride: int, width: int) -> dict[int, Lit]:
    """Return the views in which every part of the pattern is lit, by the first bin of the window."""
    runs = [lit_bins(start + offset, pool, stride) for _, offset in pattern.features]
    if not all(runs):
        return {}
    lit = lit_units(pattern, start, pool, stride)
    firsts = range(max(run.start for run in runs) - width + 1, min(run.stop for run in runs))
    return {first: window(lit, first, width) for first in firsts}


def resolving_filter(
    starts: Mapping[Pattern, int], pattern: Pattern, length: int, pool: int, stride: int, width: int
) -> SecondLayerFilter | None:
    """Return a second-layer filter that fires on one pattern of a sequence and on no other, or None.

    It must fire in a window that holds every part of the pattern, whether or not the other patterns light
    their units in that window. It must be silent on each of the others alone, wherever in its view that one
    stands, and on the sequence with the pattern taken out. All windows on the map are tried (one that reaches
    past an end would tell a filter where the sequence ends, not what it holds), so None is a proof, by the
    argument given at `interval_filter`. A filter wider than the map is cut to the map.

    Args:
        starts: the start of each pattern; the sequence holds no other part.
        pattern: the one to fire on.
        length: length of the sequence, in positions.
        pool: pool size, in positions.
        stride: pool stride, in positions.
        width: second-layer filter size, in bins.
    """
    bins = len(_windows(length, pool, stride))
    width = min(width, bins)
    lit = {name: lit_units(name, start, pool, stride) for name, start in starts.items()}
    everything = frozenset().union(*lit.values())
    without = frozenset().union(*(lit[other] for other in starts if other != pattern))
    windows = range(bins - width + 1)
    silent = {window(without, first, width) for first in windows}
    for other in starts:
        if other != pattern:
            silent |= views(lit[other], width)
    for first, least in whole_views(pattern, starts[pattern], pool, stride, width).items():
        most = window(everything, first, width)
        if first in windows and not any(least <= view <= most for view in silent):
            return interval_filter(least, most, width, _channels(starts))
    return None


def separating_filter(
    fire: Sequence[Collection[Lit]], silent: Collection[Lit], width: int, channels: int
) -> SecondLayerFilter | None:
    """Return a filter that fires on at least one view of each group and on none of the silent ones, or None.

    One view of each group is chosen, and a linear programme asks for weights and a bias with a response of 1
    or more on the chosen views and -1 or less on the silent ones; a filter that fires on the former and not
    on the latter exists if and only if that can be met, after shifting and scaling. All choices are searched,
    so None is a proof.
    """

    def search(chosen: list[Lit], rest: Sequence[Collection[Lit]]) -> SecondLayerFilter | None:
        solution = _programme(chosen, silent, width, channels)
        if solution is None or not rest:
            return solution
        tried = (search([*chosen, view], rest[1:]) for view in rest[0])
        return next((filter_ for filter_ in tried if filter_ is not None), None)

    return search([], fire)


def _programme(
    fire: Collection[Lit], silent: Collection[Lit], width: int, channels: int
) -> SecondLayerFilter | None:
    """Find the filter of least total weight that is >= 1 on ``fire`` and <= -1 on ``silent``, or None."""
    from scipy.optimize import linprog  # half a second to import, needed only here

    def rows(lit: Collection[Lit]) -> FloatArray:
        maps = np.zeros((len(lit), width, channels))
        for row, view in enumerate(lit):
            for column, channel in view:
                maps[row, column, channel] = 1.0
        return np.hstack([maps.reshape(len(lit), width * channels), np.ones((len(lit), 1))])

    limits = np.vstack([-rows(fire), rows(silent)])
    cost = np.ones(2 * limits.shape[1])
    solution = linprog(cost, A_ub=np.hstack([limits, -limits]), b_ub=-np.ones(len(limits)))
    if not solution.success:
        return None
    plus, minus = np.split(np.asarray(solution.x), 2)
    return SecondLayerFilter((plus - minus)[:-1].reshape(width, channels), float((plus - minus)[-1]))


def filter_for_every_phase(
    pattern: Pattern, others: Sequence[Pattern], pool: int, stride: int, width: int
) -> SecondLayerFilter | None:
    """Return a second-layer filter that fires on a pattern in every phase and on the others in none, or None.

    Stricter than `resolving_filter`, which asks about one place in one sequence. The pattern must be in view
    whole where the filter fires; no view of another pattern, however partial, nor an empty one may make it
    fire.
    """
    fire = {frozenset(whole_views(pattern, phase, pool, stride, width).values()) for phase in range(stride)}
    silent: set[Lit] = {
        view
        for other in others
        for phase in range(stride)
        for view in views(signature(other, phase, pool, stride), width)
    } | {frozenset()}
    return separating_filter([group - silent for group in fire], silent, width, _channels([pattern, *others]))


def _channels(patterns: Iterable[Pattern]) -> int:
    return 1 + max(channel for pattern in patterns for channel, _ in pattern.features)


# Fig 1 for any pool


@dataclass(frozen=True)
class ToyModel:
    """The patterns that Fig 1's network can tell apart, by name, in the order of the sequence.

    Attributes:
        pool: pool size, in positions.
        stride: pool stride, in positions.
        width: second-layer filter size, in bins.
        filters: a filter that fires on the pattern in ``SEQUENCE`` and nowhere else, or None (TOY-1, TOY-2).
        signatures: the signature where the pattern stands in ``SEQUENCE``.
        confusion: for (A, B), the share of B's phases whose signature A can give as well.
        information_bits: information about the pattern kept by the pooled map, over all phases.
        view_bits: the part of it that is left in views of ``width`` bins.
    """

    pool: int
    stride: int
    width: int
    filters: dict[str, SecondLayerFilter | None]
    signatures: dict[str, Lit]
    confusion: dict[tuple[str, str], Fraction]
    information_bits: float
    view_bits: float

    @property
    def is_resolved(self) -> dict[str, bool]:
        """Whether a second-layer filter fires on the pattern and on neither of the other two."""
        return {name: filter_ is not None for name, filter_ in self.filters.items()}

    @property
    def most_bits(self) -> float:
        """The information about the pattern before pooling: log2 of the number of patterns."""
        return log2(len(self.filters))

    def document(self) -> dict[str, Any]:
        """Return the model as the JSON document of ``receptive toy --json``."""
        return {
            "pool": self.pool,
            "stride": self.stride,
            "width": self.width,
            "resolved": self.is_resolved,
            "signatures": {name: signature_bins(lit) for name, lit in self.signatures.items()},
            "confusion": {f"{a}|{b}": float(share) for (a, b), share in self.confusion.items()},
            "information_bits": self.information_bits,
            "view_bits": self.view_bits,
        }


def signature_bins(lit: Lit) -> list[list[str]]:
    """Return a signature of Fig 1's parts: those lit in each bin, as in ``[["CAC"], [], ["GTG"]]``."""
    span = 1 + max((b for b, _ in lit), default=-1)
    return [[part for channel, part in enumerate(PARTS) if (b, channel) in lit] for b in range(span)]


def signature_text(lit: Lit) -> str:
    """Write a signature on a line: ``CAC | - | GTG+CAC x3`` is CAC in a bin, nothing, three bins of both."""
    bins = ["+".join(parts) or "-" for parts in signature_bins(lit)]
    runs = [(held, len(list(run))) for held, run in groupby(bins)]
    return " | ".join(held if n == 1 else f"{held} x{n}" for held, n in runs)


def toy_model(pool: int, stride: int | None = None, width: int = 3) -> ToyModel:
    """Compute Fig 1's model at a pool size, pool stride (by default the pool size) and filter size.

    Raises:
        UsageError: a size below 1 or above the length of the sequence.
    """
    stride = pool if stride is None else stride
    for name, size in (("pool", pool), ("stride", stride), ("width", width)):
        if not 1 <= size <= len(SEQUENCE):
            raise UsageError(
                f"{name}: expected 1 to {len(SEQUENCE)}, the length of the sequence, found {size}"
            )
    starts = {pattern: STARTS[pattern.name] for pattern in PATTERNS}
    return ToyModel(
        pool,
        stride,
        width,
        filters={
            pattern.name: resolving_filter(starts, pattern, len(SEQUENCE), pool, stride, width)
            for pattern in PATTERNS
        },
        signatures={
            pattern.name: signature(pattern, start, pool, stride) for pattern, start in starts.items()
        },
        confusion={(a.name, b.name): confusion(a, b, pool, stride) for a, b in permutations(PATTERNS, 2)},
        information_bits=information(PATTERNS, pool, stride),
        view_bits=information(PATTERNS, pool, stride, width),
    )


# Chance (our own extension): a pooled unit answers to anything in its window, so a part must carry more
# information the longer the window is, or background lights the unit.


def chance_in_window(part: str, pool: int) -> Fraction:
    """Compute the probability that by chance a part starts at one of ``pool`` successive positions.

    Letters are independent and equally likely. The part is written in A, C, G, T and N (any letter). Exact
    for parts that overlap themselves, too: the strings without the part are counted, letter by letter, by
    which beginnings of the part they end in.

    >>> chance_in_window("CA", 2)
    Fraction(1, 8)
    """
    check_sizes(pool=pool, letters=len(part))
    length = pool + len(part) - 1
    matches = {letter: sum(1 << i for i, c in enumerate(part) if c in (letter, "N")) for letter in "ACGT"}
    without = Counter({0: 1})
    for _ in range(length):
        longer: Counter[int] = Counter()
        for begun, strings in without.items():
            for match in matches.values():
                longer[(begun << 1 | 1) & match] += strings
        without = Counter({begun: n for begun, n in longer.items() if not begun >> (len(part) - 1)})
    return 1 - Fraction(without.total(), 4**length)


def letters_needed(pool: int, rate: float) -> int:
    """Return the exact counterpart for words: the least k for which chance lights CA...A at most at ``rate``.

    A word that cannot overlap itself, as CA...A, occurs by chance in the largest share of the windows among
    all words of its length; so k letters suffice for every word.

    >>> letters_needed(25, 0.05)
    5
    """
    if not 0 < rate <= 1:
        raise UsageError(f"rate: expected above 0 and at most 1, found {rate}")
    k = 1
    while chance_in_window("C" + "A" * (k - 1), pool) > rate:
        k += 1
    return k
