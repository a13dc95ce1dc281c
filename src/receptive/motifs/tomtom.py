"""Tomtom in numpy: how surprising a filter's likeness to a database motif is (Gupta et al. 2007).

A query is laid over a target at every offset and on both strands, and the best total of its column scores is
compared with what the database's own columns would give by chance. The definition is what MEME's ``tomtom``
4.12 to 5.5 does by default (Euclidean distance, complete scores) with a uniform background; the tests hold it
to MEME's printed p-values, offsets and strands.

Scores are integers on one scale per query, so the null distribution of a total is an exact convolution.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from receptive.errors import ReceptiveError
from receptive.motifs.motif import SITES, Motif, reverse_complement

BINS = 100
"""Integer column scores run from 0 to this."""

THRESHOLD = 0.1
"""Greatest E-value of a match, as in the paper's tables."""

PSEUDOCOUNT = 0.1
"""Weight of the uniform background that is mixed into each column, against the motif's ``nsites``."""

WIDEST = 200
"""Positions of the widest motif taken: null distributions grow with the cube of the width, here to 1 GB."""

GMEB1 = "MA0615.1"
"""The motif so near to uniform that a flat filter 19 wide hits it at E = 0.007 (D-19)."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """The best alignment of each of Q queries with each of T targets; every array has shape (Q, T).

    Attributes:
        p: float64, the probability that a target of this width scores as well by chance.
        offset: int, the target position under the query's first column; negative if the query starts earlier.
        overlap: int, the number of columns that face each other.
        reverse: bool, whether the target is taken on its other strand.
    """

    p: NDArray[np.float64]
    offset: NDArray[np.int64]
    overlap: NDArray[np.int64]
    reverse: NDArray[np.bool_]

    @property
    def evalue(self) -> NDArray[np.float64]:
        """The number of targets expected to score as well by chance: p times T."""
        evalue: NDArray[np.float64] = self.p * self.p.shape[1]
        return evalue


@dataclass(frozen=True)
class Hit:
    """A database motif that a filter is like; ``strand`` "-" means the motif's reverse complement."""

    target: str
    name: str
    offset: int
    p: float
    evalue: float
    overlap: int
    strand: str


@dataclass(frozen=True)
class Match:
    """A filter and its hits, best p first, ties in the order of the database; a dead filter has none."""

    id: str
    dead: bool
    hits: tuple[Hit, ...]

    @property
    def best(self) -> Hit | None:
        """The hit of smallest p; the released script went by q-value, where ties are common (D-20)."""
        return self.hits[0] if self.hits else None


def match(
    queries: Sequence[Motif], targets: Sequence[Motif], threshold: float = THRESHOLD
) -> tuple[Match, ...]:
    """Find the targets that each query is like, at E ≤ ``threshold``.

    Dead queries are reported and never match. MEME instead drops a dead query *and every later one* (D-18).

    >>> from receptive.motifs.jaspar import embedded_motifs, jaspar_2016
    >>> [match.best.name for match in match(embedded_motifs()[:3], jaspar_2016())]
    ['Arid3a', 'CEBPB', 'FOSL1']

    Raises:
        ReceptiveError: there is no target, one is dead, or a motif is wider than :data:`WIDEST`.
    """
    alive = [query for query in queries if not query.dead]
    comparison = compare(alive, targets)
    hits = (_hits(comparison, row, targets, threshold) for row in range(len(alive)))
    return tuple(Match(query.id, query.dead, () if query.dead else next(hits)) for query in queries)


def compare(queries: Sequence[Motif], targets: Sequence[Motif]) -> Comparison:
    """Align every query with every target.

    Raises:
        ReceptiveError: there is no target, or a motif is dead or wider than :data:`WIDEST`.
    """
    if not targets:
        raise ReceptiveError("expected motifs to compare with, found none")
    for motif in (*queries, *targets):
        if motif.dead:
            raise ReceptiveError(f"motif {motif.id}: expected a PWM, found a dead one (all zeros)")
        if motif.width > WIDEST:
            raise ReceptiveError(
                f"motif {motif.id}: expected at most {WIDEST} positions, found {motif.width}"
            )
    # The database as one list of columns, target by target, the given strand before the other.
    columns = np.concatenate(
        [strand for pwm in _smooth(targets) for strand in (pwm, reverse_complement(pwm))]
    )
    columns = np.ascontiguousarray(columns.T)
    smoothed = _smooth(queries)
    widths = np.array([target.width for target in targets])
    shape = len(queries), len(targets)
    result = Comparison(
        np.empty(shape), np.empty(shape, np.int64), np.empty(shape, np.int64), np.empty(shape, np.bool_)
    )
    for width in {query.width for query in queries}:
        layout = _lay_out(width, widths)
        for row in (row for row, query in enumerate(queries) if query.width == width):
            scores, zero = _scores(smoothed[row], columns)
            total, place = _best(scores, zero, layout)
            p = _p_value(total, scores, zero, layout).reshape(-1, 2)
            overlap, offset = (array[place].reshape(-1, 2) for array in (layout.overlap, layout.offset))
            # The smaller p; MEME holds p in single precision and of equals takes the larger overlap.
            first, other = p.astype(np.float32).T
            reverse = (other < first) | ((other == first) & (overlap[:, 1] > overlap[:, 0]))
            chosen = np.arange(len(targets)), reverse.astype(int)
            result.p[row] = p.min(axis=1)
            result.offset[row], result.overlap[row] = offset[chosen], overlap[chosen]
            result.reverse[row] = reverse
    return result


class Fractions(NamedTuple):
    """Shares of filters, dead ones included: of all of them, those with a hit.

    Attributes:
        jaspar: with any hit.
        jaspar_without_gmeb1: with a hit other than Gmeb1 (D-19).
        relevant: with a hit to a relevant motif.
    """

    jaspar: float
    jaspar_without_gmeb1: float
    relevant: float


def fractions(matches: Sequence[Match], relevant: Mapping[str, Sequence[str]]) -> Fractions:
    """Return the paper's match fractions.

    Args:
        matches: the filters of a layer.
        relevant: factor to the ids of its motifs, see :func:`receptive.motifs.jaspar.relevant_ids`.
    """
    hits = [{hit.target for hit in match.hits} for match in matches]
    ids = {target for targets in relevant.values() for target in targets}
    return Fractions(
        _share([bool(targets) for targets in hits]),
        _share([not all(map(is_gmeb1, targets)) for targets in hits]),
        _share([bool(targets & ids) for targets in hits]),
    )


def is_gmeb1(target: str) -> bool:
    """Tell whether an id is that of Gmeb1, which flat filters hit (D-19), in whatever version.

    >>> is_gmeb1("MA0615.1")
    True
    """
    return target.partition(".")[0] == GMEB1.partition(".")[0]


def best_factors(matches: Sequence[Match], relevant: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the factor of each filter's best relevant hit; empty for a filter without one."""
    factors = {target: factor for factor, targets in relevant.items() for target in targets}
    return [
        next((factors[hit.target] for hit in match.hits if hit.target in factors), "") for match in matches
    ]


def by_factor(matches: Sequence[Match], relevant: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Return, by factor, the fraction of filters whose best relevant hit it is; they sum to ``relevant``."""
    best = best_factors(matches, relevant)
    return {factor: _share([name == factor for name in best]) for factor in relevant}


def table(matches: Sequence[Match]) -> str:
    """Write all hits as tab-separated text with MEME's column names; a last comment names dead filters."""
    lines = [
        "Query_ID\tTarget_ID\tTarget_name\tOptimal_offset\tp-value\tE-value\tOverlap\tOrientation",
        *(
            f"{match.id}\t{hit.target}\t{hit.name}\t{hit.offset}\t{hit.p:g}\t{hit.evalue:g}"
            f"\t{hit.overlap}\t{hit.strand}"
            for match in matches
            for hit in match.hits
        ),
    ]
    dead = [match.id for match in matches if match.dead]
    if dead:
        lines.append(f"# dead: {' '.join(dead)}")
    return "\n".join(lines) + "\n"


def parse_table(text: str, ids: Sequence[str], source: str) -> tuple[Match, ...]:
    """Read what `table` wrote: the inverse, with numbers to six digits.

    Args:
        text: the table.
        ids: of all filters, in order; those without a hit are not in the table.
        source: where the text is from, for messages.

    Raises:
        ReceptiveError: a line is no hit, or of a filter that is not among the ids.
    """
    hits: dict[str, list[Hit]] = {id: [] for id in ids}
    dead: set[str] = set()
    for number, line in enumerate(text.splitlines()[1:], start=2):
        if line.startswith("# dead: "):
            dead.update(line.split()[2:])
            continue
        try:
            query, target, name, offset, p, evalue, overlap, strand = line.split("\t")
            hits[query].append(Hit(target, name, int(offset), float(p), float(evalue), int(overlap), strand))
        except (ValueError, KeyError):
            raise ReceptiveError(
                f"{source}: line {number}: expected a hit of a filter, found {line!r}"
            ) from None
    return tuple(Match(id, id in dead, tuple(hits[id])) for id in ids)


def _hits(comparison: Comparison, row: int, targets: Sequence[Motif], threshold: float) -> tuple[Hit, ...]:
    p, evalue = comparison.p[row], comparison.evalue[row]
    return tuple(
        Hit(
            target=targets[column].id,
            name=targets[column].name,
            offset=int(comparison.offset[row, column]),
            p=float(p[column]),
            evalue=float(evalue[column]),
            overlap=int(comparison.overlap[row, column]),
            strand="-" if comparison.reverse[row, column] else "+",
        )
        for column in np.argsort(p, kind="stable")
        if evalue[column] <= threshold
    )


def _share(flags: Sequence[bool]) -> float:
    if not flags:
        raise ReceptiveError("expected at least one filter, found none")
    return sum(flags) / len(flags)


def _smooth(motifs: Sequence[Motif]) -> list[NDArray[np.float64]]:
    """Mix the background into columns; as in MEME, rows off 1 by more than 1e-5 are first put right.

    As in MEME, too, a motif of 0 sites, that is of an unknown number, is smoothed like one of 20.
    """
    if not motifs:
        return []
    widths = [motif.width for motif in motifs]
    pwm = np.concatenate([motif.pwm for motif in motifs])
    nsites = np.repeat([motif.nsites if motif.nsites >= 1 else SITES for motif in motifs], widths)[:, None]
    sums = pwm.sum(axis=1, keepdims=True)
    pwm = np.where(np.abs(sums - 1) > 1e-5, pwm / sums, pwm)
    return np.split((pwm * nsites + PSEUDOCOUNT * 0.25) / (nsites + PSEUDOCOUNT), np.cumsum(widths)[:-1])


@dataclass(frozen=True, eq=False)
class _Layout:
    """All places of a query of one width: every offset on both strands of every target, one after another.

    Attributes:
        first: (2T,) the first place of each strand.
        column: (C,) for each database column the place where the query's last column faces it.
        strand, offset: (S,) of each place.
        begin, end: (S,) the run of query columns that face the target there.
        overlap: (S,) how many these are.
        block: (S,) where the distribution of that run begins, see `_tails`.
        blocks: (w + 1,) the blocks of all runs that end at column b or before, for b from 0.
        longest: columns of the longest run.
    """

    first: NDArray[np.int64]
    column: NDArray[np.int64]
    strand: NDArray[np.int64]
    offset: NDArray[np.int64]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    overlap: NDArray[np.int64]
    block: NDArray[np.int64]
    blocks: NDArray[np.int64]
    longest: int


def _lay_out(w: int, widths: NDArray[np.int64]) -> _Layout:
    """Lay a query of width ``w`` over both strands of targets of these widths."""
    v = np.repeat(widths, 2)
    first = np.concatenate([[0], np.cumsum(v + w - 1)])
    strand = np.repeat(np.arange(len(v)), v + w - 1)
    offset = np.arange(first[-1]) - first[strand] + 1 - w
    begin, end = np.maximum(-offset, 0), np.minimum(v[strand] - offset, w)
    overlap = end - begin
    # Columns of strands follow one another without the w - 1 places that overhang.
    column = np.arange(v.sum()) + (w - 1) * np.repeat(np.arange(len(v)), v)
    # A run of L columns has L + 1 blocks; of those that end at one column the longest comes first.
    runs = np.minimum(np.arange(w + 1), widths.max())
    blocks = np.cumsum(runs * (runs + 3) // 2)
    block = blocks[end] - overlap * (overlap + 3) // 2
    return _Layout(first[:-1], column, strand, offset, begin, end, overlap, block, blocks, int(runs[-1]))


def _scores(query: NDArray[np.float64], columns: NDArray[np.float64]) -> tuple[NDArray[np.int16], int]:
    """Score each query column, (w, 4), against each database column, (4, C): integers (w, C).

    A score is minus the Euclidean distance, less the lower median of its query column. Also returned is the
    integer that stands for a score of zero; a query column that overhangs the target scores it.
    """
    raw = np.empty((len(query), columns.shape[1]))
    squares = np.empty_like(columns)  # made once: fresh memory costs more than the arithmetic
    a, c, g, t = squares
    middle = columns.shape[1] // 2
    for row, letters in zip(raw, query, strict=True):
        np.square(np.subtract(letters[:, None], columns, out=squares), out=squares)
        a += t  # in this order, both strands round alike
        c += g
        a += c
        distance = np.sqrt(a, out=a)
        np.subtract(np.partition(distance, middle)[middle], distance, out=row)
    floor = np.floor(raw.min())
    scale = np.floor(BINS / (raw.max() - floor)) if raw.max() > floor else 1.0
    scores = np.empty(raw.shape, np.int16)
    for row, whole in zip(raw, scores, strict=True):
        row -= floor
        row *= scale
        row += 0.5
        whole[:] = row
    return scores, int(-floor * scale)


def _best(
    scores: NDArray[np.int16], zero: int, layout: _Layout
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the best place on each strand, given the scores (w, C): its total score and its number, (2T,).

    Ties go to the larger overlap, then to the smaller offset.
    """
    w, places = len(scores), len(layout.strand)
    totals = np.full(places, w * zero, np.int16)
    facing = np.zeros(places, np.int16)
    for late, row in enumerate((scores - np.int16(zero))[::-1]):
        facing[layout.column] = row
        totals[late:] += facing[: places - late]
    many = int(layout.offset.max()) + w
    ranked = totals * np.int64((w + 1) * many) + (layout.overlap * many - layout.offset)
    best = np.maximum.reduceat(ranked, layout.first) - (w - 1)  # less the place, from the strand's first
    place = -best % many
    return (best + place) // many // (w + 1), layout.first + place


def _tails(scores: NDArray[np.int16], layout: _Layout) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Compute the chance of each total score, for each run [a, b) of query columns that can face a target.

    Returns:
        P(total ≥ t), t counted from the least total, run after run in blocks of K numbers, b - a blocks each
        and one of zeros; by b, then the longest run first. Then the least score of each column.
    """
    w, C = scores.shape
    least = scores.min(axis=1).astype(np.int64)
    K = int((scores.max(axis=1) - least).max()) + 2
    counted = scores + (K * np.arange(w) - least)[:, None]
    chances = np.bincount(counted.ravel(), minlength=w * K).reshape(w, K) / C
    alone = chances[:, ::-1].cumsum(axis=1)[:, ::-1]
    # A block spreads into itself and the next by the product with its column's matrix, (K, 2K).
    padded = np.pad(chances, ((0, 0), (K, K)))
    spreading = sliding_window_view(padded, 2 * K, axis=1)[:, K:0:-1].copy()
    # Of the runs of two columns and more that end at one column, from their end: first blocks, filled blocks.
    lengths = np.arange(layout.longest, 1, -1)
    first = -lengths * (lengths + 3) // 2
    filled = np.arange(lengths.sum()) + np.repeat(first - np.cumsum(lengths) + lengths, lengths)
    tails = np.zeros((layout.blocks[-1], K))
    for b, (matrix, tail) in enumerate(zip(spreading, alone, strict=True)):
        here = tails[layout.blocks[b] : layout.blocks[b + 1]]
        here[-2] = tail
        if n := min(b, layout.longest - 1):
            # The runs of before: with their zeros they have as many blocks as the same runs now without.
            size = n * (n + 3) // 2
            spread = tails[layout.blocks[b] - size : layout.blocks[b]] @ matrix
            spread[1:, :K] += spread[:-1, K:]
            here[filled[-size:]] = spread[:, :K]
            here[first[-n:], :-1] += tail[1:]  # the column alone reaches t
    return tails, least


def _p_value(
    total: NDArray[np.int64], scores: NDArray[np.int16], zero: int, layout: _Layout
) -> NDArray[np.float64]:
    """Compute P that the best of all offsets and strands, as if independent, reaches ``total``, (2T,)."""
    tails, least = _tails(scores, layout)
    K = tails.shape[1]
    below = np.concatenate([[0], np.cumsum(least - zero)])
    above = (total - len(scores) * zero)[layout.strand] - (below[layout.end] - below[layout.begin])
    reached = tails.ravel()[layout.block * K + np.minimum(above, layout.overlap * K)]
    with np.errstate(divide="ignore"):
        log_below = 2 * np.add.reduceat(np.log1p(-np.minimum(reached, 1)), layout.first)
    p: NDArray[np.float64] = -np.expm1(log_below)
    return p
