"""FASTA: sequences without labels, from whatever made them."""

import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from receptive.errors import ReceptiveError, ReceptiveWarning
from receptive.files import lines, read_text
from receptive.motifs.motif import ALPHABET
from receptive.tasks.dataset import one_hot

MOST = 2**29
"""Bytes of the longest file that is read, unpacked: 512 MiB."""
UNKNOWN = "NRYSWKMBDHVX-.*"
"""Letters that do not say which nucleotide it is: IUPAC's, a gap, a stop; a position of zeros."""


def read(path: Path | str) -> tuple[tuple[str, ...], NDArray[np.uint8]]:
    """Read the sequences of a FASTA file, plain or gzipped, in either case of letters.

    Returns:
        The names, up to the first blank of each header, and one-hot uint8 (N, L, 4) in the order A, C, G, T;
        an unknown letter is a position of zeros.

    Raises:
        ReceptiveError: the file cannot be read or has no sequence, a record is empty or of another length
            than the first, or holds another letter; the message names record and position.
    """
    records = parse(read_text(path, "a FASTA or HDF5 file", most=MOST), str(path))
    length = len(records[0][1])
    for name, sequence in records:
        if len(sequence) != length:
            raise ReceptiveError(
                f"{path}: record {name} has {len(sequence)} nucleotides, {records[0][0]} has {length}: "
                "all sequences have to be of one length"
            )
    return tuple(name for name, _ in records), one_hot([sequence for _, sequence in records])


def parse(text: str, source: str) -> list[tuple[str, str]]:
    """Read records (name, sequence in upper case, U as T) from the text of a FASTA file, see :func:`read`.

    Lines that begin with ";" are comments. Unknown letters, and a last record without a sequence, which is
    left out, are told in a ReceptiveWarning.

    Args:
        text: the file's content.
        source: what to call it in messages.
    """
    records: list[tuple[str, list[str]]] = []
    for number, line in enumerate(lines(text), start=1):
        if line.startswith(">"):
            records.append(((line[1:].split() or [f"number {len(records) + 1}"])[0], []))
        elif not line.strip() or line.startswith(";"):
            continue
        elif not records:
            raise ReceptiveError(f'{source}, line {number}: expected a record that begins with ">"')
        else:
            records[-1][1].append("".join(line.split()).upper().replace("U", "T"))
    joined = [(name, "".join(parts)) for name, parts in records]
    if len(joined) > 1 and not joined[-1][1]:
        warnings.warn(
            f"{source}: the last record, {joined.pop()[0]}, is empty and left out", ReceptiveWarning, 2
        )
    if not joined:
        raise ReceptiveError(f"{source}: expected sequences in FASTA format, found none")
    unknown = Counter[str]()
    for name, sequence in joined:
        if not sequence:
            raise ReceptiveError(f"{source}: record {name} is empty")
        others = sequence.translate(_KNOWN)
        unknown.update(others)
        if strange := others.translate(_UNKNOWN):
            raise ReceptiveError(
                f"{source}: record {name}, position {sequence.index(strange[0])} (from 0): expected A, C, G, "
                f'T, U or a letter for an unknown nucleotide ({UNKNOWN}), found "{strange[0]}"'
            )
    if unknown:
        total = sum(len(sequence) for _, sequence in joined)
        letters = ", ".join(f"{letter} {count:,}" for letter, count in unknown.most_common())
        warnings.warn(
            f"{source}: {unknown.total():,} of {total:,} letters are read as unknown: {letters}",
            ReceptiveWarning,
            2,
        )
    return joined


_KNOWN = str.maketrans("", "", ALPHABET)
_UNKNOWN = str.maketrans("", "", UNKNOWN)
