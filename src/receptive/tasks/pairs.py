"""A task whose labels are pairs of motifs at a fixed distance and in a fixed order (DISC-8, DISC-11).

Each half of a sequence holds one *construct* of one of six pairs: the pair as the label asks for it, or a
decoy, that is, the two motifs in the other order, too far apart, or one of them alone. So which motifs are
there tells little; how they lie to one another tells all.
"""

from typing import Literal

import numpy as np

from receptive.errors import UsageError
from receptive.motifs.jaspar import FACTORS, embedded_motifs
from receptive.protocols import RELEASED, Protocol
from receptive.tasks.dataset import SPLITS, Dataset, Split, check_seed
from receptive.tasks.synthetic import LENGTH, NONE, SEQUENCES, draw_parts, models, pool, sample

PAIRS = tuple((2 * place, 2 * place + 1) for place in range(len(FACTORS) // 2))
"""Motifs, first and second, by their place among the twelve."""
GAP = 3
"""Positions between the two motifs of a pair."""
APART = 14
"""The same where no filter of 19 can hold much of both motifs (DISC-11)."""
FAR = (20, 50)
"""The same where they are too far apart: from, and below."""
Form = Literal["pair", "turned", "far", "first", "second"]
FORMS: dict[Form, float] = {"pair": 0.4, "turned": 0.2, "far": 0.2, "first": 0.1, "second": 0.1}
"""What a construct may be, with how often it is."""
HALVES = 2


def generate(
    seed: int = 0,
    protocol: Protocol = RELEASED,
    sequences: int = SEQUENCES,
    gap: int = GAP,
    task: str = "synthetic-pairs",
) -> Dataset:
    """Draw the task.

    >>> data = generate(seed=0, sequences=100)
    >>> data.train.X.shape, data.train.Y.shape, data.task
    ((70, 200, 4), (70, 6), 'synthetic-pairs')

    Args:
        seed: reaches every random draw.
        protocol: named with the data; how many motifs a sequence has is this task's own.
        sequences: how many, at least 10.
        gap: positions between the two motifs of a pair, below `FAR`.
        task: what to call it.

    Returns:
        Sequences of 200 nt with one label for each of :data:`PAIRS`. The truth is that of the synthetic task,
        and ``form`` (N, 2), which of :data:`FORMS` each half holds, and ``pair`` (N, 2), of which pair.

    Raises:
        UsageError: fewer than 10 sequences, or no such seed.
    """
    if sequences < 10:
        raise UsageError(f"--sequences is {sequences}: at least 10 are needed for three splits")
    check_seed(seed)
    rng, table = np.random.default_rng(seed), pool(embedded_motifs())
    shape = (sequences, HALVES)
    which = rng.integers(len(PAIRS), size=shape)
    form = rng.choice(len(FORMS), size=shape, p=list(FORMS.values()))
    pair, turned, far, first, second = (form == place for place in range(len(FORMS)))

    motifs = np.array(PAIRS)[which]  # (N, 2, 2): first and second of the pair
    motifs = np.where(turned[..., None], motifs[..., ::-1], motifs)
    there = ~np.stack([second, first], axis=-1)
    widths = np.where(there, table.widths[2 * motifs], 0)
    gaps = np.where(far, rng.integers(*FAR, size=shape), np.where(pair | turned, gap, 0))
    half = LENGTH // HALVES
    free = half - widths.sum(-1) - gaps
    begin = half * np.arange(HALVES) + (rng.random(shape) * (free + 1)).astype(np.int64)
    starts = np.stack([begin, begin + widths[..., 0] + gaps], axis=-1)

    chosen = np.where(there, 2 * motifs, NONE).reshape(sequences, -1)
    starts = np.where(there, starts, NONE).reshape(sequences, -1)
    X = sample(rng, models(table, chosen, starts, LENGTH), table.columns)
    Y = np.zeros((sequences, len(PAIRS)), np.int8)
    row, place = np.nonzero(pair)
    Y[row, which[row, place]] = 1
    truth = {
        "motif": np.where(chosen == NONE, NONE, chosen // 2).astype(np.int16),
        "strand": np.where(chosen == NONE, NONE, 0).astype(np.int16),
        "start": starts.astype(np.int16),
        "form": form.astype(np.int16),
        "pair": which.astype(np.int16),
    }
    whole = Split(X, Y, truth)
    splits = {name: whole.take(rows) for name, rows in zip(SPLITS, draw_parts(rng, sequences), strict=True)}
    names = list(FACTORS)
    classes = tuple(f"{names[first]}+{names[other]}" for first, other in PAIRS)
    origin = {"seed": seed, "protocol": protocol.name, "gap": gap}
    return Dataset(task, classes, **splits, attributes=origin)
