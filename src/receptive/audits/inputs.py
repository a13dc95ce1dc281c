"""The sequences to audit a model on, and their labels."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from receptive.errors import UsageError
from receptive.files import kind
from receptive.tasks import bed, dataset, fasta, labels


@dataclass(frozen=True, eq=False)
class Sequences:
    """The sequences to audit a model on.

    Attributes:
        X: one-hot sequences, uint8 (N, L, 4) in the order A, C, G, T; a position of zeros is unknown.
        Y: labels, int8 (N, C): 1, 0 or -1 (not measured); ``None`` if there are none.
        classes: the C names of the labels.
        others: what a model's other inputs are given, (N, …), by their names.
    """

    X: NDArray[np.uint8]
    Y: NDArray[np.int8] | None = None
    classes: tuple[str, ...] = ()
    others: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def take(self, rows: Any) -> "Sequences":
        """Return some of the sequences, by their indices or a mask (N,)."""
        others = {name: array[rows] for name, array in self.others.items()}
        return Sequences(self.X[rows], None if self.Y is None else self.Y[rows], self.classes, others)


def sequences(path: Path | str, table: Path | str | None = None, split: str | None = None) -> Sequences:
    """Read the sequences of a FASTA file, or one split of an HDF5 file of this project with its labels.

    Args:
        path: the file.
        table: the labels of a FASTA file, see :func:`receptive.tasks.labels.read`.
        split: which part of an HDF5 file, "test" by default; it need hold no other.

    Raises:
        UsageError: labels for an HDF5 file, which has its own, or a split of a FASTA file, which has none.
        ReceptiveError: a file is not as it should be.
    """
    path = Path(path)
    if kind(path) == "file" and h5py.is_hdf5(path):
        if table is not None:
            raise UsageError(f"--labels {table}: {path} is an HDF5 file, which holds its own labels")
        if split not in (None, *dataset.SPLITS):
            raise UsageError(f"--split {split}: expected one of {', '.join(dataset.SPLITS)}")
        part, classes = dataset.read_split(path, split or "test")
        labelled = part.Y if classes else None
        return Sequences(part.X, labelled, classes, dataset.read_others(path, split or "test"))
    names, X = fasta.read(path)
    if split is not None:
        raise UsageError(f"--split {split}: {path} is no HDF5 file, and has no splits")
    return Sequences(X) if table is None else Sequences(X, *labels.read(table, names))


def regions(
    path: Path | str, genome: Path | str, table: Path | str | None = None, length: int | None = None
) -> Sequences:
    """Read the sequences of a genome around the regions of a BED file, see :func:`receptive.tasks.bed.read`.

    Args:
        path: the regions.
        genome: FASTA.
        table: labels, if there are some, of ids ``chromosome:start-end``.
        length: positions of each sequence.
    """
    names, X = bed.read(path, genome, length)
    return Sequences(X) if table is None else Sequences(X, *labels.read(table, names))


def sample(data: Sequences, count: int) -> Sequences:
    """Draw some of the sequences, always the same ones; all if there are not as many."""
    return data.take(np.sort(np.random.default_rng(0).permutation(len(data.X))[:count]))
