"""Loci from ChIP-seq peaks: how the data of :mod:`receptive.tasks.chipseq` were made, once, from its sources.

A source is one experiment's list of bound sequences. One place of the genome turns up in several sources, a
few positions off or on the other strand. Sequences that share a word of 30 nt on either strand, directly or
through others, are one *locus*: one sequence, with the labels of all its sources. ``python
tools/peaks.py --source DIR`` writes the files that the package ships, the same bytes every time.
"""

import argparse
import csv
import gzip
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from receptive.errors import ReceptiveError
from receptive.files import atomic_write, read_text, write_text
from receptive.motifs.motif import ALPHABET

LENGTH = 100
"""Nucleotides kept of a peak: the shortest sources have 100."""
WORD = 30
"""Sequences that share a word this long are one locus; at most 31, two bits a nucleotide."""
MOST = 3
"""Most sequences of one source in a locus; more are a family of repeats, which is left out whole."""
ENDING = ".tsv.gz"


@dataclass(frozen=True)
class Peak:
    """A bound sequence.

    Attributes:
        source: the experiment, as its file is named: factor, cell line or ``top500``, laboratory.
        rank: its place in the list, from 0, best peaks first where the source ranks them.
        sequence: A, C, G, T, and other letters where the genome is not known.
    """

    source: str
    rank: int
    sequence: str


@dataclass(frozen=True)
class Locus:
    """A place of the genome.

    Attributes:
        sequence: 100 nt, of the best-ranked peak (of those, the first source in the alphabet).
        sources: where it was found bound, the source of ``sequence`` first, then the others in order.
    """

    sequence: str
    sources: tuple[str, ...]


def words(sequences: Sequence[str], size: int = WORD) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return every word of ``size`` nt of the sequences, as a number that both strands share.

    Returns:
        The words, uint64 (M,), and the index of the sequence that each is from, int64 (M,). Words with
        another letter than A, C, G, T are left out.
    """
    digits = np.full(256, 4, np.uint64)
    digits[list(ALPHABET.encode())] = range(4)
    text = digits[np.frombuffer("".join(f"{sequence}." for sequence in sequences).encode(), np.uint8)]
    owner = np.repeat(np.arange(len(sequences)), [len(sequence) + 1 for sequence in sequences])
    count = max(len(text) - size + 1, 0)
    given, other, known = np.zeros(count, np.uint64), np.zeros(count, np.uint64), np.ones(count, bool)
    for j in range(size):
        digit = text[j : j + count]
        known &= digit < 4
        given = given << np.uint64(2) | digit & np.uint64(3)
        other |= (np.uint64(3) - (digit & np.uint64(3))) << np.uint64(2 * j)
    return np.minimum(given, other)[known], owner[:count][known]


def merge(sequences: Sequence[str], size: int = WORD) -> NDArray[np.int64]:
    """Number the loci: two sequences get the same number if a chain of shared words connects them.

    Returns:
        int64 (N,), numbered from 0 in the order of first appearance.
    """
    words_, owner = words(sequences, size)
    order = np.argsort(words_, kind="stable")
    words_, owner = words_[order], owner[order]
    same = words_[1:] == words_[:-1]
    pairs = (np.ones(same.sum(), bool), (owner[:-1][same], owner[1:][same]))
    _, labels = connected_components(
        coo_matrix(pairs, shape=(len(sequences), len(sequences))), directed=False
    )
    _, first, number = np.unique(labels, return_index=True, return_inverse=True)
    ranks: NDArray[np.int64] = np.argsort(np.argsort(first))[number]
    return ranks


def centre(sequence: str, length: int = LENGTH) -> str:
    """Cut the middle of a sequence; of an odd number of nucleotides too many, the end loses one more."""
    start = (len(sequence) - length) // 2
    return sequence[start : start + length]


def loci(peaks: Iterable[Peak], size: int = WORD) -> tuple[tuple[Locus, ...], dict[str, dict[str, int]]]:
    """Merge peaks into loci.

    Peaks under 100 nt are left out, and those with an unknown nucleotide in their middle 100, and families
    of repeats (:data:`MOST`). Words are compared over the whole peaks, of which the loci keep the middle: no
    two loci share one.

    Returns:
        The loci, in the order of source and rank of their sequences, and for each source the number of
        peaks ``read``, ``short``, ``unknown`` (nucleotides) and in ``repeats``, of ``loci`` it is in, and of
        loci whose ``sequence`` is its.
    """
    peaks = sorted(peaks, key=lambda peak: (peak.source, peak.rank))
    counts = {
        peak.source: dict.fromkeys(("read", "short", "unknown", "repeats", "loci", "sequence"), 0)
        for peak in peaks
    }
    kept: list[Peak] = []
    for peak in peaks:
        counts[peak.source]["read"] += 1
        if len(peak.sequence) < LENGTH:
            counts[peak.source]["short"] += 1
        elif set(centre(peak.sequence)) - set(ALPHABET):
            counts[peak.source]["unknown"] += 1
        else:
            kept.append(peak)
    members: dict[int, list[Peak]] = {}
    for peak, number in zip(kept, merge([peak.sequence for peak in kept], size), strict=True):
        members.setdefault(int(number), []).append(peak)
    peaks_: list[tuple[Peak, Locus]] = []
    for cluster in members.values():
        by_source = Counter(peak.source for peak in cluster)
        if max(by_source.values()) > MOST:
            for source, count in by_source.items():
                counts[source]["repeats"] += count
            continue
        best = min(cluster, key=lambda peak: (peak.rank, peak.source))
        others = sorted(set(by_source) - {best.source})
        peaks_.append((best, Locus(centre(best.sequence), (best.source, *others))))
        counts[best.source]["sequence"] += 1
        for source in by_source:
            counts[source]["loci"] += 1
    peaks_.sort(key=lambda pair: (pair[0].source, pair[0].rank))
    return tuple(locus for _, locus in peaks_), counts


def read(folder: Path | str) -> tuple[tuple[Peak, ...], str]:
    """Read the sources in a folder: a ``NAME.tsv.gz`` (id, sequence) each, and where they come from.

    Returns:
        The peaks, and the lines of ``PROVENANCE.tsv`` that tell of them.

    Raises:
        ReceptiveError: no source, no ``PROVENANCE.tsv`` or no line in it for a source, or a source that is
            damaged or has other columns.
    """
    folder = Path(folder)
    paths = sorted(folder.glob(f"*{ENDING}"))
    if not paths:
        raise ReceptiveError(f"{folder}: expected sources NAME{ENDING}, found none")
    lines = read_text(folder / "PROVENANCE.tsv", "a table", "utf-8").splitlines(keepends=True)
    names = {path.name for path in paths}
    if missing := names - {line.partition("\t")[0] for line in lines[1:]}:
        raise ReceptiveError(f"{folder / 'PROVENANCE.tsv'}: expected a line for {min(missing)}, found none")
    peaks: list[Peak] = []
    for path in paths:
        rows = list(csv.reader(read_text(path, "a table", "utf-8").splitlines(), delimiter="\t"))
        if not rows or rows[0] != ["id", "sequence"]:
            raise ReceptiveError(f"{path}: expected the columns id and sequence, found {rows[:1]}")
        for number, row in enumerate(rows[1:]):
            if len(row) != 2:
                raise ReceptiveError(f"{path}, line {number + 2}: expected two columns, found {len(row)}")
            peaks.append(Peak(path.name.removesuffix(ENDING), number, row[1].upper()))
    return tuple(peaks), "".join(lines[:1] + [line for line in lines[1:] if line.partition("\t")[0] in names])


def build(folder: Path | str, out: Path | str) -> None:
    """Make the package's data from a folder of sources.

    Writes ``chipseq.tsv.gz`` (a locus a line: its sources, its sequence), ``chipseq.sources.tsv`` (what
    became of each source's peaks, see :func:`loci`) and ``chipseq.PROVENANCE.tsv``. Nothing in them depends
    on when or where they are made, save that another zlib may pack the same text differently.

    Raises:
        ReceptiveError: :func:`read` refuses the folder, or ``out`` cannot be written.
    """
    peaks, provenance = read(folder)
    loci_, counts = loci(peaks)
    lines = ["sources\tsequence", *(f"{','.join(locus.sources)}\t{locus.sequence}" for locus in loci_)]
    with atomic_write(Path(out) / "chipseq.tsv.gz") as part:
        part.write_bytes(gzip.compress("\n".join([*lines, ""]).encode(), mtime=0))
    columns = ["source", *next(iter(counts.values()), {})]
    rows = [[source, *map(str, numbers.values())] for source, numbers in counts.items()]
    write_text(Path(out) / "chipseq.sources.tsv", "".join("\t".join(row) + "\n" for row in [columns, *rows]))
    write_text(Path(out) / "chipseq.PROVENANCE.tsv", provenance)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the ChIP-seq data of the package from their sources.")
    parser.add_argument("--source", required=True, help="folder of NAME.tsv.gz and PROVENANCE.tsv")
    data = Path(__file__).parents[1] / "src" / "receptive" / "data"
    parser.add_argument("--out", default=data, help="folder to write to")
    arguments = parser.parse_args()
    build(arguments.source, arguments.out)
