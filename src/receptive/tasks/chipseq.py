"""The ChIP-seq task: where ten of the paper's twelve factors bind in human cells, real sequences of 100 nt.

Not the paper's data: those are DeepSEA's, 1000 nt and twelve factors, and too large to ship. These are ENCODE
peaks from 34 lists, merged into loci (:mod:`receptive.tasks.peaks`). Cell lines and laboratories are mixed,
so a network may learn which list a sequence is from; ``source`` in the truth is there to measure that.
"""

import gzip
from collections.abc import Sequence
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from receptive.errors import UsageError
from receptive.motifs import FACTORS, Motif, embedded, reverse_complement
from receptive.tasks.dataset import SPLITS, UNKNOWN, Dataset, Split
from receptive.tasks.synthetic import FRACTIONS

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

    Args:
        seed: of the split.

    Returns:
        Sequences of 100 nt with labels as in :func:`labels`. The truth is ``source``, int16 (N,): the list
        that the sequence is from, counted in the attribute ``sources``, names separated by spaces.

    Raises:
        UsageError: a negative seed.
    """
    if seed < 0:
        raise UsageError(f"--seed is {seed}: expected a whole number from 0")
    sequences, sources = table()
    names = sorted({source for each in sources for source in each})
    X = one_hot(sequences)
    Y = labels(sources)
    index = {name: number for number, name in enumerate(names)}
    source = np.array([index[each[0]] for each in sources], np.int16)
    ends = np.rint(np.cumsum(FRACTIONS) * len(X)).astype(int)[:-1]
    splits = {
        name: Split(X[rows], Y[rows], {"source": source[rows]})
        for name, rows in zip(
            SPLITS, np.split(np.random.default_rng(seed).permutation(len(X)), ends), strict=True
        )
    }
    return Dataset("chipseq", CLASSES, **splits, attributes={"seed": seed, "sources": " ".join(names)})


def table() -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Read the packaged loci: their sequences, and the sources of each, that of the sequence first."""
    packed = files("receptive").joinpath("data", "chipseq.tsv.gz").read_bytes()
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
    for row, each in zip(Y, sources, strict=True):
        if any(TOP in source for source in each):
            row[:] = 0
        row[[column[source.partition(".")[0]] for source in each]] = 1
    return Y


def one_hot(sequences: Sequence[str]) -> NDArray[np.uint8]:
    """Encode sequences of one length in A, C, G, T: uint8 (N, L, 4)."""
    text = np.frombuffer("".join(sequences).encode(), np.uint8).reshape(len(sequences), -1)
    encoded: NDArray[np.uint8] = (text[..., None] == np.frombuffer(b"ACGT", np.uint8)).astype(np.uint8)
    return encoded


def best_hits(X: NDArray[np.uint8], motifs: Sequence[Motif] | None = None) -> NDArray[np.float32]:
    """Score each sequence by its best site of each motif: what a network has to beat.

    The log-odds of a window of either strand against uniform DNA, the motif smoothed by one site of it.

    Args:
        X: (N, L, 4), no motif wider than L.
        motifs: those of :data:`CLASSES` by default.

    Returns:
        (N, M) bits; their AU-ROC is :func:`receptive.training.metrics` of labels and them.
    """
    if motifs is None:
        motifs = [motif for factor, motif in zip(FACTORS, embedded(), strict=True) if factor in CLASSES]
    base = X.argmax(-1)
    best = np.full((len(X), len(motifs)), -np.inf, np.float32)
    for number, motif in enumerate(motifs):
        bits = np.log2((motif.pwm * motif.nsites + 0.25) / (motif.nsites + 1) / 0.25)
        for weights in (bits, reverse_complement(bits)):
            for start in range(base.shape[1] - motif.width + 1):
                window = base[:, start : start + motif.width]
                score = weights[np.arange(motif.width), window].sum(axis=1)
                np.maximum(best[:, number], score, out=best[:, number])
    return best
