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
from numpy.typing import NDArray

from receptive.errors import ReceptiveError
from receptive.motifs.motif import SITES, Motif, reverse_complement

BINS = 100
"""Integer column scores run from 0 to this."""

THRESHOLD = 0.1
"""Greatest E-value of a match, as in the paper's tables."""

PSEUDOCOUNT = 0.1
"""Weight of the uniform background that is mixed into each column, against the motif's ``nsites``."""

MEDIAN_BINS = 2048
"""Bins in which the median of a query column's distances is looked for."""

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
    smoothed = [_smooth(target) for target in targets]
    columns = np.concatenate([strand for pwm in smoothed for strand in (pwm, reverse_complement(pwm))])
    columns = np.ascontiguousarray(columns.T)
    widths = np.array([target.width for target in targets])
    shape = len(queries), len(targets)
    result = Comparison(
        np.empty(shape), np.empty(shape, np.int64), np.empty(shape, np.int64), np.empty(shape, np.bool_)
    )
    for width in {query.width for query in queries}:
        layout = _lay_out(width, widths)
        for row in (row for row, query in enumerate(queries) if query.width == width):
            scores, zero = _scores(_smooth(queries[row]), columns)
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


def _smooth(motif: Motif) -> NDArray[np.float64]:
    """Mix the background into columns; as in MEME, rows off 1 by more than 1e-5 are first put right.

    As in MEME, too, a motif of 0 sites, that is of an unknown number, is smoothed like one of 20.
    """
    nsites = motif.nsites if motif.nsites >= 1 else SITES
    sums = motif.pwm.sum(axis=1, keepdims=True)
    pwm = np.where(np.abs(sums - 1) > 1e-5, motif.pwm / sums, motif.pwm)
    smoothed: NDArray[np.float64] = (pwm * nsites + PSEUDOCOUNT * 0.25) / (nsites + PSEUDOCOUNT)
    return smoothed


@dataclass(frozen=True, eq=False)
class _Layout:
    """All places of a query of one width: every offset on both strands of every target, one after another.

    Attributes:
        first: (2T,) the first place of each strand.
        column: (C,) for each database column the place where the query's last column faces it.
        strand, offset: (S,) of each place.
        begin, end: (S,) the run of query columns that face the target there.
        block: (S,) where the distribution of that run begins, see `_tails`.
        longest: columns of the longest run.
    """

    first: NDArray[np.int64]
    column: NDArray[np.int64]
    strand: NDArray[np.int64]
    offset: NDArray[np.int64]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    block: NDArray[np.int64]
    longest: int

    @property
    def overlap(self) -> NDArray[np.int64]:
        """(S,) how many columns face each other."""
        return self.end - self.begin


def _lay_out(w: int, widths: NDArray[np.int64]) -> _Layout:
    """Lay a query of width ``w`` over both strands of targets of these widths."""
    v = np.repeat(widths, 2)
    first = np.concatenate([[0], np.cumsum(v + w - 1)])
    strand = np.repeat(np.arange(len(v)), v + w - 1)
    offset = np.arange(first[-1]) - first[strand] + 1 - w
    begin, end = np.maximum(-offset, 0), np.minimum(v[strand] - offset, w)
    # Columns of strands follow one another without the w - 1 places that overhang.
    column = np.arange(v.sum()) + (w - 1) * np.repeat(np.arange(len(v)), v)
    longest = min(w, int(widths.max()))
    block = _blocks(w, longest)[end] - (end - begin) * (end - begin + 1) // 2
    return _Layout(first[:-1], column, strand, offset, begin, end, block, longest)


def _blocks(w: int, longest: int) -> NDArray[np.int64]:
    """Count the blocks of `_tails` for the runs that end at column b or before, for b from 0 to ``w``."""
    n = np.minimum(np.arange(w + 1), longest)
    return np.cumsum(n * (n + 1) // 2)


def _scores(query: NDArray[np.float64], columns: NDArray[np.float64]) -> tuple[NDArray[np.int64], int]:
    """Score each query column, (w, 4), against each database column, (4, C): integers (w, C).

    A score is minus the Euclidean distance, less the lower median of its query column. Also returned is the
    integer that stands for a score of zero; a query column that overhangs the target scores it.
    """
    raw = np.empty((len(query), columns.shape[1]))
    squares = np.empty_like(columns)  # made once: fresh memory costs more than the arithmetic
    a, c, g, t = squares
    for row, letters in zip(raw, query, strict=True):
        np.square(np.subtract(letters[:, None], columns, out=squares), out=squares)
        a += t  # in this order, both strands round alike
        c += g
        a += c
        distance = np.sqrt(a, out=a)
        np.subtract(_upper_median(distance), distance, out=row)
    floor = np.floor(raw.min())
    scale = np.floor(BINS / (raw.max() - floor)) if raw.max() > floor else 1.0
    scores = np.empty(raw.shape, np.int64)
    for row, whole in zip(raw, scores, strict=True):
        row -= floor
        row *= scale
        row += 0.5
        whole[:] = row
    return scores, int(-floor * scale)


def _upper_median(values: NDArray[np.float64]) -> np.float64:
    """Return the upper median of numbers from 0: they are counted into bins, and only one bin is sorted."""
    bins = (values * ((MEDIAN_BINS - 1) / (values.max() or 1))).astype(np.int64)
    upto = np.bincount(bins).cumsum()
    rank = len(values) // 2
    bin = upto.searchsorted(rank, side="right")
    inside = np.sort(values[bins == bin])
    median: np.float64 = inside[rank - upto[bin] + len(inside)]
    return median


def _best(
    scores: NDArray[np.int64], zero: int, layout: _Layout
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the best place on each strand, given the scores (w, C): its total score and its number, (2T,).

    Ties go to the larger overlap, then to the smaller offset.
    """
    w, places = len(scores), len(layout.strand)
    totals = np.full(places, w * zero)
    facing = np.zeros(places, np.int64)
    for late, row in enumerate(scores[::-1]):
        facing[layout.column] = row - zero
        totals[late:] += facing[: places - late]
    many = int(layout.offset.max()) + w
    totals *= w + 1
    totals += layout.overlap
    totals *= many
    totals -= layout.offset
    best = np.maximum.reduceat(totals, layout.first) - (
        w - 1
    )  # less the place, counted from the strand's first
    place = -best % many
    return (best + place) // many // (w + 1), layout.first + place


def _tails(scores: NDArray[np.int64], longest: int) -> tuple[NDArray[np.float64], NDArray[np.int64], int]:
    """Compute the chance of each total score, for each run [a, b) of up to ``longest`` query columns.

    Returns:
        P(total ≥ t), t counted from the least total, run after run in blocks of K numbers, b - a blocks each,
        and the last number 0; by b, then the longest run first. Then the least score of each column, and K.
    """
    least = scores.min(axis=1)
    K = int((scores.max(axis=1) - least).max()) + 2
    blocks = _blocks(len(scores), longest)
    tails = np.empty((blocks[-1], K))
    for b, (row, low) in enumerate(zip(scores, least, strict=True)):
        chances = np.bincount(row - low, minlength=K) / len(row)
        tail = chances[::-1].cumsum()[::-1]
        # Each of the last runs gets this column: its blocks each spread into themselves and the next.
        n = min(b, longest - 1)
        last, here = tails[blocks[b] - n * (n + 1) // 2 : blocks[b]], tails[blocks[b] : blocks[b + 1]]
        padded = np.concatenate([np.zeros(K), chances, np.zeros(K)])
        spread = last @ np.lib.stride_tricks.sliding_window_view(padded, 2 * K)[K:0:-1]
        lengths = np.arange(n + 1, 0, -1)
        first = np.cumsum(lengths) - lengths
        place = np.arange(len(last)) + np.repeat(np.arange(n), lengths[1:])
        here[place] = spread[:, :K]
        here[first + lengths - 1] = 0
        here[place + 1] += spread[:, K:]
        here[first, :-1] += tail[1:]  # the column alone reaches t
        here[-1] = tail
    return np.minimum(tails, 1, out=tails), least, K


def _p_value(
    total: NDArray[np.int64], scores: NDArray[np.int64], zero: int, layout: _Layout
) -> NDArray[np.float64]:
    """Compute P that the best of all offsets and strands, as if independent, reaches ``total``, (2T,)."""
    tails, least, K = _tails(scores, layout.longest)
    below = np.concatenate([[0], np.cumsum(least - zero)])
    above = (total - len(scores) * zero)[layout.strand] - (below[layout.end] - below[layout.begin])
    reached = tails.ravel()[layout.block * K + np.clip(above, 0, layout.overlap * K - 1)]
    with np.errstate(divide="ignore"):
        log_below = 2 * np.add.reduceat(np.log1p(-reached), layout.first)
    p: NDArray[np.float64] = -np.expm1(log_below)
    return p
