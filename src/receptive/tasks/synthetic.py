"""The synthetic task: twelve motifs embedded in random DNA, with the truth known (Methods, SYN-1 to SYN-6).

A sequence is drawn in two steps, as in the paper: first a sequence model, which says at every position from
which distribution the nucleotide comes (a column of an embedded motif, or the uniform background), then one
sequence from that model. Here a model is a row of integers: the row of :attr:`Pool.columns` to draw each
position from.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from receptive.errors import UsageError
from receptive.motifs.jaspar import FACTORS, RELEVANT, embedded_motifs, jaspar_2016
from receptive.motifs.motif import Motif, information_content, reverse_complement, scan
from receptive.motifs.tomtom import match
from receptive.protocols import RELEASED, Protocol, task_fields
from receptive.tasks.dataset import ROWS_READ, SPLITS, Dataset, Split, check_seed

SEQUENCES = 25_000
"""Sequences in the paper's data set (SYN-1)."""
MOST = 2_000_000
"""Sequences of the largest that is drawn."""
LENGTH = 200
"""Nucleotides in a sequence (SYN-1)."""
FRACTIONS = (0.7, 0.1, 0.2)
"""Shares of training, validation and test (SYN-5)."""
NONE = -1
"""Fills the truth of a sequence that has fewer motifs than the most there can be."""


@dataclass(frozen=True, eq=False)
class Pool:
    """The PWMs to embed: M motifs, each on both strands (SYN-2).

    Attributes:
        columns: (1 + sum of widths, 4): the background, then the columns of every PWM one after another,
            motif by motif, the given strand before its reverse complement.
        first: (2M,) the row of ``columns`` where each PWM begins.
        widths: (2M,) the number of columns of each PWM.
    """

    columns: NDArray[np.float64]
    first: NDArray[np.int64]
    widths: NDArray[np.int64]


def pool(motifs: Sequence[Motif]) -> Pool:
    """Put the motifs and their reverse complements into one table (SYN-2)."""
    pwms = [pwm for motif in motifs for pwm in (motif.pwm, reverse_complement(motif.pwm))]
    widths = np.array([len(pwm) for pwm in pwms])
    columns = np.concatenate([np.full((1, 4), 0.25), *pwms])
    columns /= columns.sum(1, keepdims=True)
    return Pool(columns, 1 + np.cumsum(widths) - widths, widths)


def generate(
    seed: int = 0,
    protocol: Protocol = RELEASED,
    sequences: int = SEQUENCES,
    motifs: Sequence[Motif] | None = None,
    task: str = "synthetic",
) -> Dataset:
    """Draw the synthetic data set.

    Args:
        seed: reaches every random draw; the same seed gives the same data.
        protocol: how many motifs a sequence has and how they are spaced (D-10).
        sequences: how many sequences, at least 10.
        motifs: what to embed; the paper's twelve by default.
        task: what to call it.

    Returns:
        Sequences of 200 nt with one label per motif (SYN-4). The truth of each sequence is ``motif`` (index
        of the motif), ``strand`` (0 as given, 1 reverse complement) and ``start``, int16 (N, most motifs in a
        sequence), in order of position and -1 where there are fewer.

    Raises:
        UsageError: fewer than 10 sequences or more than `MOST`, no such seed, or motifs too wide for the
            sequence.
    """
    if sequences < 10:
        raise UsageError(f"--sequences is {sequences}: at least 10 are needed for three splits")
    if sequences > MOST:
        raise UsageError(f"--sequences is {sequences}: expected at most {MOST}")
    check_seed(seed)
    motifs = embedded_motifs() if motifs is None else motifs
    most = len(protocol.motif_counts)
    table = pool(motifs)
    if most * table.widths.max() + (most + 1) * protocol.buffer >= LENGTH:
        raise UsageError(f"{most} motifs of width {table.widths.max()} do not fit into {LENGTH} nt")

    rng = np.random.default_rng(seed)
    counts = 1 + rng.choice(most, size=sequences, p=protocol.motif_counts)
    present = np.arange(most) < counts[:, None]
    chosen = np.where(present, rng.integers(len(table.widths), size=(sequences, most)), NONE)
    widths = np.where(present, table.widths[chosen], 0)
    free = LENGTH - widths.sum(1) - (counts + 1) * protocol.buffer
    draw = {"normalised": normalised_gaps, "uniform": uniform_gaps}[protocol.spacing]
    gaps = protocol.buffer + draw(rng, counts, free, most)
    starts = np.where(present, np.cumsum(gaps, axis=1)[:, :-1] + np.cumsum(widths, axis=1) - widths, NONE)

    X = sample(rng, models(table, chosen, starts, LENGTH), table.columns)
    Y = np.zeros((sequences, len(motifs)), np.int8)
    row, slot = np.nonzero(present)
    Y[row, chosen[row, slot] // 2] = 1
    truth = {
        "motif": np.where(present, chosen // 2, NONE).astype(np.int16),
        "strand": np.where(present, chosen % 2, NONE).astype(np.int16),
        "start": starts.astype(np.int16),
    }
    whole = Split(X, Y, truth)
    splits = {name: whole.take(rows) for name, rows in zip(SPLITS, draw_parts(rng, sequences), strict=True)}
    names = {identifier: factor for factor, identifier in FACTORS.items()}
    classes = tuple(names.get(motif.id, motif.name or motif.id) for motif in motifs)
    origin = {"seed": seed, "protocol": protocol.name, **task_fields(protocol)}
    return Dataset(task, classes, **splits, attributes=origin)


def draw_parts(rng: np.random.Generator, sequences: int) -> list[NDArray[np.int64]]:
    """Draw the rows of each split, in the shares of :data:`FRACTIONS`; each row is in one."""
    ends = np.rint(np.cumsum(FRACTIONS) * sequences).astype(int)[:-1]
    return np.split(rng.permutation(sequences), ends)


def normalised_gaps(
    rng: np.random.Generator, counts: NDArray[np.int64], free: NDArray[np.int64], most: int
) -> NDArray[np.int64]:
    """Split the free positions as the released code does: scaled uniform variates, drawn anew if off (D-10).

    Args:
        rng: source of randomness.
        counts: (N,) motifs in each sequence.
        free: (N,) positions to share out.
        most: the most motifs a sequence can have.

    Returns:
        (N, most + 1) gaps: ``counts + 1`` of them sum to ``free``, the others are 0.
    """
    gaps = np.zeros((len(counts), most + 1), np.int64)
    used = np.arange(most + 1) <= counts[:, None]
    todo = np.arange(len(counts))
    while len(todo):
        shares = rng.random((len(todo), most + 1)) * used[todo]
        drawn = np.rint(shares / shares.sum(1, keepdims=True) * free[todo, None]).astype(np.int64)
        fits = drawn.sum(1) == free[todo]
        gaps[todo[fits]] = drawn[fits]
        todo = todo[~fits]
    return gaps


def uniform_gaps(
    rng: np.random.Generator, counts: NDArray[np.int64], free: NDArray[np.int64], most: int
) -> NDArray[np.int64]:
    """Split the free positions so that every placement of the motifs is equally likely (stars and bars).

    Arguments and result as in :func:`normalised_gaps`. Each motif is a bar among the free positions; rows
    where two bars fall on one place are drawn anew.
    """
    places = free + counts
    unused = np.arange(most) >= counts[:, None]
    bars = np.zeros((len(counts), most), np.int64)
    todo = np.arange(len(counts))
    while len(todo):
        drawn = (rng.random((len(todo), most)) * places[todo, None]).astype(np.int64)
        drawn = np.sort(np.where(unused[todo], places[todo, None] + np.arange(most), drawn), axis=1)
        fits = (np.diff(drawn, axis=1) > 0).all(1)
        bars[todo[fits]] = drawn[fits]
        todo = todo[~fits]
    edges = np.pad(bars, ((0, 0), (1, 1)), constant_values=-1)
    edges[:, -1] = 0
    gaps = np.diff(edges, axis=1) - 1
    used = np.arange(most + 1) < counts[:, None]
    last = np.arange(most + 1) == counts[:, None]
    gaps = np.where(used, gaps, 0)
    return np.where(last, (free - gaps.sum(1))[:, None], gaps)


def models(
    table: Pool, chosen: NDArray[np.int64], starts: NDArray[np.int64], length: int
) -> NDArray[np.int64]:
    """Return the sequence models: for every position the row of ``table.columns`` it is drawn from (SYN-1).

    Args:
        table: the PWMs.
        chosen: (N, K) PWM of each motif, -1 for none.
        starts: (N, K) first position of each motif.
        length: nucleotides in a sequence.

    Returns:
        (N, length), 0 for background.
    """
    rows = np.zeros((len(chosen), length), np.int64)
    sequence, slot = np.nonzero(chosen != NONE)
    which = chosen[sequence, slot]
    widths = table.widths[which]
    column = np.arange(widths.sum()) - np.repeat(np.cumsum(widths) - widths, widths)
    at = np.repeat(starts[sequence, slot], widths) + column
    rows[np.repeat(sequence, widths), at] = np.repeat(table.first[which], widths) + column
    return rows


def sample(
    rng: np.random.Generator, rows: NDArray[np.int64], columns: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Draw one sequence from each model: one-hot uint8 (N, L, 4)."""
    limits = np.cumsum(columns, axis=1)[:, :3]
    sequences = np.empty((*rows.shape, 4), np.uint8)
    for start in range(0, len(rows), ROWS_READ):  # the same draws as all at once, in less memory
        part = rows[start : start + ROWS_READ]
        base = (rng.random(part.shape)[..., None] >= limits[part]).sum(-1)
        sequences[start : start + len(part)] = np.eye(4, dtype=np.uint8)[base]
    return sequences


def sequence_models(split: Split, motifs: Sequence[Motif] | None = None) -> NDArray[np.float32]:
    """Return the position probabilities that the sequences of a split were drawn from.

    Returns:
        float32 (N, 4, L), as the released file keeps them under ``model_train`` and so on.
    """
    table = pool(embedded_motifs() if motifs is None else motifs)
    motif, strand, start = (split.truth[key].astype(np.int64) for key in ("motif", "strand", "start"))
    chosen = np.where(motif == NONE, NONE, 2 * motif + strand)
    rows = models(table, chosen, start, split.X.shape[1])
    return table.columns.astype(np.float32)[rows].transpose(0, 2, 1)


def with_models(data: Dataset) -> Dataset:
    """Add the sequence models to the truth of every split, to be written as ``model_train`` and so on."""

    def add_models(split: Split) -> Split:
        return replace(split, truth={**split.truth, "model": sequence_models(split)})

    train, valid, test = map(add_models, (data.train, data.valid, data.test))
    return replace(data, train=train, valid=valid, test=test)


def chance_sites(
    split: Split, motifs: Sequence[Motif] | None = None, share: float = 0.5
) -> NDArray[np.float64]:
    """Measure the false negatives among the labels (SYN-6).

    Labels tell of embedded motifs alone, but random DNA holds sites as well. For each motif: the share of the
    sequences labelled 0 that hold, on either strand, a site scoring at least as high (log-odds) as the
    weakest of the best ``share`` of the sites embedded on purpose; by default, as the median site.

    Returns:
        (M,) shares.
    """
    motifs = embedded_motifs() if motifs is None else motifs
    shares = []
    for index, motif in enumerate(motifs):
        scores = _log_odds(split.X, motif)
        sequence, slot = np.nonzero(split.truth["motif"] == index)
        true = scores[sequence, split.truth["start"][sequence, slot], split.truth["strand"][sequence, slot]]
        best = scores.max(axis=(1, 2))
        shares.append(np.mean(best[split.Y[:, index] == 0] >= np.quantile(true, 1 - share)))
    return np.array(shares)


def planted_odds(X: NDArray[np.uint8], motif: Motif) -> NDArray[np.float64]:
    """Say how much likelier each sequence is with a motif planted in it than without.

    The likelihood ratio of two stories: the motif stands at one place, every place and both strands being
    equally likely, on a uniform background; or all is background. By Neyman and Pearson's lemma no detector
    separates the two better, so it is what a network that has learned everything can come to, but for
    what other motifs in the same sequence change.

    Args:
        X: one-hot sequences (N, L, 4).
        motif: the motif.

    Returns:
        (N,) ratios.
    """
    ratios: NDArray[np.float64] = np.exp2(_log_odds(X, motif)).mean(axis=(1, 2))
    return ratios


def _log_odds(X: NDArray[np.uint8], motif: Motif) -> NDArray[np.float64]:
    """Score every window of every sequence, as given and reverse: (N, L - w + 1, 2) bits over background."""
    return scan(X, np.log2(np.maximum(motif.pwm, 1e-9) / 0.25))


# --- the same task with other draws and other motifs ------------------------------------------------------

OTHER_SEED = 2026
"""The seed of :data:`OTHER_MOTIFS`, put down before they were drawn."""
OTHER_MOTIFS = (
    "MA0850.1",
    "MA0461.2",
    "MA0024.3",
    "MA0691.1",
    "MA0493.1",
    "MA0523.1",
    "MA0040.1",
    "MA0506.1",
    "MA0694.1",
    "MA0483.1",
    "MA0797.1",
    "MA0856.1",
)
"""JASPAR's ids of twelve motifs of other factors: :func:`draw_motifs` of :data:`OTHER_SEED`."""
BITS_APART = 1.5
"""How far a drawn motif's information may be from that of the paper's motif in whose stead it stands."""


def is_synthetic(task: str) -> bool:
    """Tell from its name whether a task is the synthetic one or a sister of it."""
    return task.partition("-")[0] == "synthetic"


def others() -> tuple[Motif, ...]:
    """Return the motifs of the task ``synthetic-others``."""
    by_id = {motif.id: motif for motif in jaspar_2016()}
    return tuple(by_id[matrix] for matrix in OTHER_MOTIFS)


def draw_motifs(seed: int) -> tuple[Motif, ...]:
    """Draw twelve motifs of other single factors, unlike the paper's and one another, with like information.

    For each of the paper's motifs, from the one with the least information on: one of those within
    ``BITS_APART`` of it, or the nearest, none of which Tomtom matches (E ≤ 0.1, in either direction) with a
    motif drawn before or a relevant one of the paper. None is wider than a filter of 19 or narrower than 6.
    """
    database, rng = jaspar_2016(), np.random.default_rng(seed)
    taken = {id for ids in RELEVANT["released"].values() for id in ids}
    alike = {frozenset((row.id, hit.target)) for row in match(database, database) for hit in row.hits}
    known = {motif.name for motif in database if motif.id in taken}
    candidates = [
        motif
        for motif in database
        if 6 <= motif.width <= 19 and not {":", "("} & {*motif.name} and motif.name not in known
    ]
    drawn: list[Motif] = []
    for bits in sorted(float(information_content(motif.pwm).sum()) for motif in embedded_motifs()):
        free = [
            motif
            for motif in candidates
            if not any(frozenset((motif.id, id)) in alike for id in taken)
            and motif.name not in {other.name for other in drawn}
        ]
        distances = np.array([abs(float(information_content(motif.pwm).sum()) - bits) for motif in free])
        near = np.flatnonzero(distances <= max(BITS_APART, float(distances.min())))
        drawn.append(free[rng.choice(near)])
        taken.add(drawn[-1].id)
    return tuple(drawn)
