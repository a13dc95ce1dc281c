"""Sequences of a genome around regions of a BED file, such as peaks."""

import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from receptive.errors import ReceptiveError, ReceptiveWarning, UsageError
from receptive.extras import need
from receptive.files import check_file, lines, read_text
from receptive.tasks import fasta
from receptive.tasks.dataset import one_hot

SUMMIT = 9
"""The column of narrowPeak that holds the summit, in positions from the start; -1 if there is none."""


class Region(NamedTuple):
    """A line of a BED file: positions ``start`` to ``end`` (from 0, without the last) around ``middle``."""

    chromosome: str
    start: int
    end: int
    middle: int
    strand: str


def parse(text: str, source: str) -> list[Region]:
    """Read the regions of a BED or narrowPeak file.

    >>> parse("chr1\\t10\\t20\\n", "peaks.bed")
    [Region(chromosome='chr1', start=10, end=20, middle=15, strand='.')]

    Raises:
        ReceptiveError: a line has no chromosome, start and end, or there is none.
    """
    regions = []
    for number, line in enumerate(lines(text), start=1):
        if not line.strip() or line.startswith(("#", "track", "browser")):
            continue
        fields = line.split("\t") if "\t" in line else line.split()
        try:
            start, end = int(fields[1]), int(fields[2])
            summit = int(fields[SUMMIT]) if len(fields) == SUMMIT + 1 else -1
        except (IndexError, ValueError):
            start = end = summit = -1
        if not 0 <= start < end or summit >= end - start:
            raise ReceptiveError(
                f"{source}, line {number}: expected chromosome, start and end of a region, found {line!r}"
            )
        middle = start + summit if summit >= 0 else (start + end) // 2
        regions.append(Region(fields[0], start, end, middle, fields[5] if len(fields) > 5 else "."))
    if not regions:
        raise ReceptiveError(f"{source}: expected regions in BED format, found none")
    return regions


def read(
    path: Path | str, genome: Path | str, length: int | None = None
) -> tuple[tuple[str, ...], NDArray[np.uint8]]:
    """Read the sequences of a genome around the regions of a BED file.

    Args:
        path: the regions; those on the strand "-" are turned around.
        genome: FASTA; beside it an index is written, if there is none.
        length: positions of each sequence, around the middle of a region, or the summit of a narrowPeak;
            by default the regions as they are, if all are of one length.

    Returns:
        The names, ``chromosome:start-end`` as in the file, and one-hot uint8 (N, L, 4); zeros where a
        sequence goes over the end of its chromosome, and where the genome does not say.

    Raises:
        UsageError: pyfaidx is missing, or regions are of several lengths and ``length`` is not given.
        ReceptiveError: a file is not as it should be, or the genome lacks a chromosome.
    """
    need("--bed", "genome", "pyfaidx")
    import pyfaidx

    regions = parse(read_text(path, "a BED file"), str(path))
    sizes = {region.end - region.start for region in regions}
    if length is None and (len(sizes) > 1 or sizes == {1}):
        found = f"{min(sizes)} to {max(sizes)} positions" if len(sizes) > 1 else "1 position, such as summits"
        raise UsageError(
            f"{path}: regions of {found}: --length says how many positions to take around their middles"
        )
    check_file(genome, "a genome in FASTA format")
    try:
        with pyfaidx.Fasta(str(genome), as_raw=True, sequence_always_upper=True) as opened:
            letters = [_cut(opened, region, length, path, genome) for region in regions]
    except (ImportError, pyfaidx.UnsupportedCompressionFormat):
        raise ReceptiveError(f"{genome}: compressed; expected plain FASTA, as gunzip leaves it") from None
    except (OSError, ValueError, pyfaidx.FastaIndexingError) as error:
        raise ReceptiveError(f"cannot read {genome}: {next(iter(str(error).splitlines()), '')}") from None
    if over := sum(sequence.startswith("N") or sequence.endswith("N") for sequence in letters):
        warnings.warn(
            f"{path}: {over} of {len(letters)} sequences begin or end with unknown letters",
            ReceptiveWarning,
            2,
        )
    names = tuple(f"{region.chromosome}:{region.start}-{region.end}" for region in regions)
    text = "".join(f">{name}\n{sequence}\n" for name, sequence in zip(names, letters, strict=True))
    return names, one_hot([sequence for _, sequence in fasta.parse(text, str(genome))])


_OTHER = str.maketrans("ACGTRYKMBVDH", "TGCAYRMKVBHD")


def _cut(opened: Any, region: Region, length: int | None, path: Path | str, genome: Path | str) -> str:
    """Return the letters of a region; N beyond the ends of the chromosome."""
    if region.chromosome not in opened:
        raise ReceptiveError(f"{path}: {region.chromosome} is not in {genome}; are they of one genome?")
    sequence = opened[region.chromosome]
    start = region.start if length is None else region.middle - length // 2
    end = region.end if length is None else start + length
    first, last = (min(max(place, 0), len(sequence)) for place in (start, end))
    inside = str(sequence[first:last]) if first < last else ""
    if len(inside) != last - first:
        raise ReceptiveError(
            f"{genome}: {region.chromosome} has lines of several lengths, or its index is old"
        )
    before = "N" * (first - start if first < last else 0)
    letters = (before + inside).ljust(end - start, "N")
    return letters[::-1].translate(_OTHER) if region.strand == "-" else letters
