"""Tomtom in numpy: how surprising a filter's likeness to a database motif is (Gupta et al. 2007).

A query is laid over a target at every offset and on both strands, and the best total of its column scores is
compared with what the database's own columns would give by chance. The definition is what MEME's ``tomtom``
4.12 to 5.5 does by default (Euclidean distance, complete scores) with a uniform background; the tests hold it
to MEME's printed p-values, offsets and strands.

Scores are integers on one scale per query, so the null distribution of a total is an exact convolution.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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

    >>> from receptive.motifs.jaspar import embedded, jaspar_2016
    >>> [found.best.name for found in match(embedded()[:3], jaspar_2016())]
    ['Arid3a', 'CEBPB', 'FOSL1']

    Raises:
        ReceptiveError: there is no target, one is dead, or a motif is wider than :data:`WIDEST`.
    """
    alive = [query for query in queries if not query.dead]
    found = compare(alive, targets)
    hits = (_hits(found, row, targets, threshold) for row in range(len(alive)))
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
    shape = len(queries), len(targets)
    result = Comparison(
        np.empty(shape), np.empty(shape, np.int64), np.empty(shape, np.int64), np.empty(shape, np.bool_)
    )
    # The database as one list of columns, target by target, the given strand before the other.
    smoothed = [_smoothed(target) for target in targets]
    columns = np.concatenate([strand for pwm in smoothed for strand in (pwm, reverse_complement(pwm))])
    widths = np.array([target.width for target in targets])
    starts = 2 * np.concatenate([[0], np.cumsum(widths)[:-1]])
    for row, query in enumerate(queries):
        scores, zero = _scores(_smoothed(query), columns)
        null = _null(scores, longest=int(widths.max()))
        for width in np.unique(widths):
            where = np.flatnonzero(widths == width)
            place = starts[where, None, None] + np.arange(2 * width).reshape(2, width)
            total, offset, overlap = _best(scores[:, place], zero)
            p = _p_value(total, null, zero, query.width, int(width))
            # The smaller p; MEME holds p in single precision and of equals takes the larger overlap.
            first, other = p.astype(np.float32).T
            reverse = (other < first) | ((other == first) & (overlap[:, 1] > overlap[:, 0]))
            chosen = np.arange(len(where)), reverse.astype(int)
            result.p[row, where] = p.min(axis=1)
            result.offset[row, where] = offset[chosen]
            result.overlap[row, where] = overlap[chosen]
            result.reverse[row, where] = reverse
    return result


def fractions(matches: Sequence[Match], relevant: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """The paper's match fractions, of all filters, dead ones included.

    Args:
        matches: the filters of a layer.
        relevant: factor to the ids of its motifs, see :func:`receptive.motifs.jaspar.relevant_in`.

    Returns:
        ``jaspar``, filters with a hit; ``jaspar_without_gmeb1``, with a hit other than Gmeb1 (D-19);
        ``relevant``, with a hit to an id of ``relevant``.
    """
    hits = [{hit.target for hit in match.hits} for match in matches]
    ids = {target for targets in relevant.values() for target in targets}
    return {
        "jaspar": _share([bool(targets) for targets in hits]),
        "jaspar_without_gmeb1": _share([not all(map(is_gmeb1, targets)) for targets in hits]),
        "relevant": _share([bool(targets & ids) for targets in hits]),
    }


def is_gmeb1(target: str) -> bool:
    """Whether an id is that of Gmeb1, which flat filters hit (D-19), in whatever version."""
    return target.partition(".")[0] == GMEB1.partition(".")[0]


def best_factors(matches: Sequence[Match], relevant: Mapping[str, Sequence[str]]) -> list[str]:
    """The factor of each filter's best relevant hit; empty for a filter without one."""
    factors = {target: factor for factor, targets in relevant.items() for target in targets}
    return [
        next((factors[hit.target] for hit in match.hits if hit.target in factors), "") for match in matches
    ]


def by_factor(matches: Sequence[Match], relevant: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """The fraction of all filters whose best relevant hit is each factor's; they sum to ``relevant``."""
    best = best_factors(matches, relevant)
    return {factor: _share([name == factor for name in best]) for factor in relevant}


def table(matches: Sequence[Match]) -> str:
    """All hits as tab-separated text with MEME's column names; a last comment line names the dead filters."""
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


def _hits(found: Comparison, row: int, targets: Sequence[Motif], threshold: float) -> tuple[Hit, ...]:
    p, evalue = found.p[row], found.evalue[row]
    return tuple(
        Hit(
            target=targets[column].id,
            name=targets[column].name,
            offset=int(found.offset[row, column]),
            p=float(p[column]),
            evalue=float(evalue[column]),
            overlap=int(found.overlap[row, column]),
            strand="-" if found.reverse[row, column] else "+",
        )
        for column in np.argsort(p, kind="stable")
        if evalue[column] <= threshold
    )


def _share(flags: Sequence[bool]) -> float:
    if not flags:
        raise ReceptiveError("expected at least one filter, found none")
    return sum(flags) / len(flags)


def _smoothed(motif: Motif) -> NDArray[np.float64]:
    """Columns with the background mixed in; as in MEME, rows off 1 by more than 1e-5 are first put right.

    As in MEME, too, a motif of 0 sites, that is of an unknown number, is smoothed like one of 20.
    """
    nsites = motif.nsites if motif.nsites >= 1 else SITES
    sums = motif.pwm.sum(axis=1, keepdims=True)
    pwm = np.where(np.abs(sums - 1) > 1e-5, motif.pwm / sums, motif.pwm)
    smoothed: NDArray[np.float64] = (pwm * nsites + PSEUDOCOUNT * 0.25) / (nsites + PSEUDOCOUNT)
    return smoothed


def _scores(query: NDArray[np.float64], columns: NDArray[np.float64]) -> tuple[NDArray[np.int64], int]:
    """Score each query column, (w, 4), against each database column, (C, 4): integers (w, C).

    A score is minus the Euclidean distance, less the lower median of its query column. Also returned is the
    integer that stands for a score of zero; a query column that overhangs the target scores it.
    """
    a, c, g, t = ((query[:, None, base] - columns[None, :, base]) ** 2 for base in range(4))
    raw = -np.sqrt((a + t) + (c + g))  # in this order, both strands round alike
    middle = (len(columns) - 1) // 2
    raw = raw - np.partition(raw, middle, axis=1)[:, middle, None]
    floor = np.floor(raw.min())
    scale = np.floor(BINS / (raw.max() - floor)) if raw.max() > floor else 1.0
    return np.floor((raw - floor) * scale + 0.5).astype(np.int64), int(-floor * scale)


def _null(scores: NDArray[np.int64], longest: int) -> dict[tuple[int, int], NDArray[np.float64]]:
    """For each run [a, b) of up to ``longest`` query columns: log P(total < t), t from 0 to past its end."""
    chances = [np.bincount(row, minlength=BINS + 1) / len(row) for row in scores]
    null = {}
    for a in range(len(chances)):
        pmf = np.ones(1)
        for b in range(a + 1, min(a + longest, len(chances)) + 1):
            pmf = np.convolve(pmf, chances[b - 1])
            tail = np.minimum(np.cumsum(pmf[::-1])[::-1], 1)
            with np.errstate(divide="ignore"):
                null[a, b] = np.append(np.log1p(-tail), 0)
    return null


def _best(
    scores: NDArray[np.int64], zero: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The best offset of a query of width w on targets of width v, given their scores, (w, ..., v).

    Ties go to the larger overlap, then to the smaller offset.

    Returns:
        total score, offset and overlap, each of shape (...).
    """
    w, v = len(scores), scores.shape[-1]
    totals = np.full((*scores.shape[1:-1], w + v - 1), w * zero)
    for i, facing in enumerate(scores):
        totals[..., w - 1 - i : w - 1 - i + v] += facing - zero
    offsets = np.arange(1 - w, v)
    overlaps = np.minimum(offsets + w, v) - np.maximum(offsets, 0)
    ranked = totals * (w + 1) + overlaps
    place = ranked.argmax(axis=-1)
    return ranked.max(axis=-1) // (w + 1), offsets[place], overlaps[place]


def _p_value(
    total: NDArray[np.int64], null: dict[tuple[int, int], NDArray[np.float64]], zero: int, w: int, v: int
) -> NDArray[np.float64]:
    """P that the best of all offsets and both strands, taken as independent, reaches each of ``total``.

    ``w`` and ``v`` are the widths of query and target.
    """
    log_below = np.zeros(total.shape)
    for offset in range(1 - w, v):
        a, b = max(-offset, 0), min(v - offset, w)
        log_below += 2 * null[a, b].take(total - zero * (w - (b - a)), mode="clip")
    p: NDArray[np.float64] = -np.expm1(log_below)
    return p
