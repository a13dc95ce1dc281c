"""The ChIP-seq task: where ten of the paper's twelve factors bind in human cells, real sequences of 100 nt.

Not the paper's data: those are DeepSEA's, 1000 nt and twelve factors, and too large to ship. These are ENCODE
peaks from 34 lists, merged into loci (``tools/peaks.py``). Cell lines and laboratories are mixed,
so a network may learn which list a sequence is from; ``source`` in the truth is there to measure that.
"""

import gzip
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from receptive.files import read_packaged
from receptive.motifs.jaspar import FACTORS, embedded_motifs
from receptive.motifs.motif import Motif, scan
from receptive.tasks.dataset import SPLITS, UNKNOWN, Dataset, Split, check_seed, one_hot
from receptive.tasks.synthetic import draw_parts

GENOME_WIDE = ("Arid3a", "FOSL1", "Gabpa", "SP1", "SRF", "YY1")
"""Factors of which all peaks of an experiment are listed: no peak at a locus is a 0 there."""
STRONGEST = ("CEBPB", "MAFK", "MAX", "MEF2A")
"""Factors of which only the strongest peaks are listed: a 0 is known only among lists of that kind."""
CLASSES = tuple(factor for factor in FACTORS if factor in GENOME_WIDE + STRONGEST)
"""The ten labels, in the order of the synthetic task."""
TOP = ".top500."
"""In the name of a source: the 500 strongest peaks of an experiment, all lists of one collection."""


def load(seed: int = 0) -> Dataset:
    """Split the packaged loci 0.7 / 0.1 / 0.2.

    No two sequences share 30 nt on either strand, so no locus is in two splits.

    >>> data = load()
    >>> data.classes[:3], data.train.X.shape, data.test.Y.shape
    (('Arid3a', 'CEBPB', 'FOSL1'), (44272, 100, 4), (12649, 10))

    Args:
        seed: of the split.

    Returns:
        Sequences of 100 nt with labels as in :func:`labels`. The truth is ``source``, int16 (N,): the list
        that the sequence is from, counted in the attribute ``sources``, names separated by spaces.

    Raises:
        UsageError: no such seed.
    """
    _, sources = table()
    return _dataset("chipseq", CLASSES, labels(sources), seed)


def shuffle_labels(seed: int = 0) -> Dataset:
    """Exchange labels at random within each split: a control in which nothing can be learned.

    Whole rows of labels are exchanged, so that each split keeps its labels, those that go together and those
    that are not measured. Whatever a network scores here above 0.5, or its filters match, it owes to chance
    or to the method.

    Args:
        seed: of the split and of the exchange.

    Returns:
        The task ``chipseq-shuffled``, otherwise as :func:`load` has it.

    Raises:
        UsageError: no such seed.
    """
    data, random = load(seed), np.random.default_rng((seed, 1))
    splits = {name: replace(split, Y=random.permutation(split.Y)) for name, split in data.splits.items()}
    return Dataset("chipseq-shuffled", data.classes, **splits, attributes=data.attributes)


def which_list(seed: int = 0) -> Dataset:
    """Make the control that asks which list of its factor a locus is in, instead of which factor.

    Lists of one factor differ in cell line, laboratory and antibody. How well a network tells them apart says
    how much there is to learn of those, which in :func:`load` could stand in for the factor.

    Args:
        seed: of the split, which is that of :func:`load`.

    Returns:
        The task ``chipseq-source``: the loci bound by the factors that have several lists, with the labels of
        :func:`list_labels`.

    Raises:
        UsageError: no such seed.
    """
    _, sources = table()
    return _dataset("chipseq-source", *list_labels(sources), seed)


def _dataset(task: str, classes: tuple[str, ...], Y: NDArray[np.int8], seed: int) -> Dataset:
    """Split the packaged loci, always the same way, and leave out those without a label."""
    check_seed(seed)
    sequences, sources = table()
    names = sorted({source for own in sources for source in own})
    index = {name: number for number, name in enumerate(names)}
    X, source = one_hot(sequences), np.array([index[own[0]] for own in sources], np.int16)
    parts = draw_parts(np.random.default_rng(seed), len(X))
    labelled = [rows[(Y[rows] != UNKNOWN).any(axis=1)] for rows in parts]
    whole = Split(X, Y, {"source": source})
    splits = {name: whole.take(rows) for name, rows in zip(SPLITS, labelled, strict=True)}
    return Dataset(task, classes, **splits, attributes={"seed": seed, "sources": " ".join(names)})


def table() -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Read the packaged loci: their sequences, and the sources of each, that of the sequence first.

    >>> sequences, sources = table()
    >>> len(sequences), len(sequences[0]), sources[0][0]
    (63246, 100, 'ARID3A.K562.stanford')
    """
    packed = read_packaged("chipseq.tsv.gz")
    rows = [line.split("\t") for line in gzip.decompress(packed).decode().splitlines()[1:]]
    return tuple(row[1] for row in rows), tuple(tuple(row[0].split(",")) for row in rows)


def labels(sources: Sequence[Sequence[str]]) -> NDArray[np.int8]:
    """Label loci by the sources they were found in.

    1: a peak of the factor, in any of its sources. 0: none, and one would have been listed: for a
    :data:`GENOME_WIDE` factor at every locus, for one of the :data:`STRONGEST` at the loci of the collection
    of top-500 lists, where it means "not among its strongest peaks". -1 otherwise: not measured.

    Returns:
        int8 (N, 10).
    """
    column = {factor.upper(): number for number, factor in enumerate(CLASSES)}
    Y = np.full((len(sources), len(CLASSES)), UNKNOWN, np.int8)
    Y[:, [CLASSES.index(factor) for factor in GENOME_WIDE]] = 0
    for row, own in zip(Y, sources, strict=True):
        if any(TOP in source for source in own):
            row[:] = 0
        row[[column[_factor(source)] for source in own]] = 1
    return Y


def list_labels(sources: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], NDArray[np.int8]]:
    """Label loci by the lists they are in, each list against the others of its factor.

    1: in the list. 0: not in it, but in another list of the same factor. -1: bound by other factors only, of
    which the list's laboratory or cell line cannot be told from the factor.

    Returns:
        The lists that are not the only one of their factor, sorted, and int8 (N, lists).
    """
    every = sorted({source for own in sources for source in own})
    lists = Counter(map(_factor, every))
    names = tuple(name for name in every if lists[_factor(name)] > 1)
    Y = np.full((len(sources), len(names)), UNKNOWN, np.int8)
    for row, own in zip(Y, sources, strict=True):
        bound = set(map(_factor, own))
        row[[_factor(name) in bound for name in names]] = 0
        row[[name in own for name in names]] = 1
    return names, Y


def _factor(source: str) -> str:
    return source.partition(".")[0]


def best_hits(X: NDArray[np.uint8], motifs: Sequence[Motif] | None = None) -> NDArray[np.float32]:
    """Score each sequence by its best site of each motif: what a network has to beat.

    The log-odds of a window of either strand against uniform DNA, the motif smoothed by one site of it.

    >>> best_hits(load().test.X[:5]).shape
    (5, 10)

    Args:
        X: (N, L, 4), no motif wider than L.
        motifs: those of :data:`CLASSES` by default.

    Returns:
        (N, M) bits; their AU-ROC is :func:`receptive.networks.training.metrics` of labels and them.
    """
    if motifs is None:
        motifs = [
            motif for factor, motif in zip(FACTORS, embedded_motifs(), strict=True) if factor in CLASSES
        ]
    best = np.empty((len(X), len(motifs)), np.float32)
    for column, motif in zip(best.T, motifs, strict=True):
        bits = np.log2((motif.pwm * motif.nsites + 0.25) / (motif.nsites + 1) / 0.25)
        column[:] = scan(X, bits).max(axis=(1, 2))
    return best
