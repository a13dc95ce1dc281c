"""FASTA: sequences without labels, from whatever made them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from receptive.errors import ReceptiveError
from receptive.files import read_text
from receptive.motifs import ALPHABET
from receptive.tasks.dataset import one_hot

MOST = 2**29
"""Bytes of the longest file that is read, unpacked: 512 MiB."""
UNKNOWN = "N"
"""The letter of an unknown nucleotide: a position of zeros."""


def read(path: Path | str) -> NDArray[np.uint8]:
    """Read the sequences of a FASTA file, plain or gzipped, in either case of letters.

    Returns:
        One-hot uint8 (N, L, 4) in the order A, C, G, T; an N is a position of zeros.

    Raises:
        ReceptiveError: the file cannot be read or has no sequence, a record is empty or of another length
            than the first, or holds another letter; the message names record and position.
    """
    records = parse(read_text(path, "a FASTA or HDF5 file", "ascii", MOST), str(path))
    length = len(records[0][1])
    for name, sequence in records:
        if len(sequence) != length:
            raise ReceptiveError(
                f"{path}: record {name} has {len(sequence)} nucleotides, {records[0][0]} has {length}: "
                "all sequences have to be of one length"
            )
    return one_hot([sequence for _, sequence in records])


def parse(text: str, source: str) -> list[tuple[str, str]]:
    """Read records (name, sequence in upper case) from the text of a FASTA file, see :func:`read`.

    Args:
        text: the file's content.
        source: what to call it in messages.
    """
    records: list[tuple[str, list[str]]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith(">"):
            records.append((line[1:].strip().partition(" ")[0] or f"number {len(records) + 1}", []))
        elif line.strip() and not records:
            raise ReceptiveError(f'{source}, line {number}: expected a record that begins with ">"')
        elif line.strip():
            records[-1][1].append(line.strip().upper())
    if not records:
        raise ReceptiveError(f"{source}: expected sequences in FASTA format, found none")
    joined = [(name, "".join(parts)) for name, parts in records]
    for name, sequence in joined:
        if not sequence:
            raise ReceptiveError(f"{source}: record {name} is empty")
        for position, letter in enumerate(sequence):
            if letter not in ALPHABET + UNKNOWN:
                raise ReceptiveError(
                    f"{source}: record {name}, position {position} (from 0): expected A, C, G, T or N, "
                    f'found "{letter}"'
                )
    return joined
