"""The in vivo task: DeepSEA's sequences of 1000 nt with a ChIP-seq peak of the paper's twelve factors (D-13).

The training bundle of DeepSEA (Zhou & Troyanskaya 2015) holds ``train.mat`` (MATLAB v7.3, that is HDF5:
``trainxdata`` (1000, 4, N), ``traindata`` (919, N)) and ``valid.mat`` and ``test.mat`` (MATLAB v5:
``validxdata`` (N, 4, 1000), ``validdata`` (N, 919), and so on), with channels A, G, C, T. Of each file the
second half of the rows is the reverse complement of the first, so that every count below is even.

The class indices and the numbers of training positives are in the notebook that the paper's authors released;
DeepSEA's own list of its 919 classes confirms the indices as zero-based, its Supplementary Table 2 gives the
file of each class and, as the share of positives among the test rows, the test positives.

How DeepSEA's validation rows enter the paper's totals, the numbers alone do not tell. The notebook keeps them
a split of their own and its positives are of ``train.mat`` alone; but at the training set's rate only about
490 of the 8,000 validation rows are kept, so that 270,382 with or without them reads 92% either way.
:attr:`Conversion.validation` says which of the readings the real files bear out.
"""

import csv
import hashlib
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import scipy.io
from numpy.typing import NDArray
from scipy.io.matlab import MatReadError

from receptive import __version__
from receptive.errors import ReceptiveError
from receptive.files import check_file, check_writable, read_packaged
from receptive.tasks.dataset import PACKED, SPLITS, add_to_hash, file_hash, hdf5_writer

CLASSES = 919
LENGTH = 1000
CHANNELS = (0, 2, 1, 3)
"""What DeepSEA's channels A, G, C, T are in the order A, C, G, T."""
UNKNOWN_BASE = 4
"""The code of a position where all four channels are 0."""
BLOCK = 2**27
"""Bytes of the training file that are held at a time."""
ROWS_WRITTEN = 4096
"""Sequences that are written at a time."""

BUNDLE_ROWS = {"train": 4_400_000, "valid": 8_000, "test": 455_024}
"""Rows of the bundle's files, both strands counted."""
TRAIN_TOTAL, TEST_TOTAL = 270_382, 23_768
"""The paper's sequences (Methods, in vivo data set)."""

Progress = Callable[[str, int, int], None]
"""Called with what is being read or written, how much of it is done, and how much there is."""
Tile = tuple[slice, slice]


@dataclass(frozen=True)
class Track:
    """One ChIP-seq experiment (S1 Table).

    Attributes:
        index: DeepSEA's class, from 0.
        factor: as in :data:`receptive.motifs.jaspar.FACTORS`.
        cell: cell line.
        treatment: ``none``, or what the cells were treated with.
        train_positives: rows of ``train.mat`` with a peak.
        test_positives: rows of ``test.mat`` with a peak.
        file: the ENCODE file of the peaks.
    """

    index: int
    factor: str
    cell: str
    treatment: str
    train_positives: int
    test_positives: int
    file: str


@cache
def tracks() -> tuple[Track, ...]:
    """Return the twelve experiments in the order of the labels (S1 Table, D-13)."""
    text = read_packaged("deepsea_tracks.tsv").decode()
    return tuple(
        Track(
            index=int(row["class"]),
            factor=row["factor"],
            cell=row["cell"],
            treatment=row["treatment"],
            train_positives=int(row["train_positives"]),
            test_positives=int(row["test_positives"]),
            file=row["encode_file"],
        )
        for row in csv.DictReader(text.splitlines(), delimiter="\t")
    )


@dataclass(frozen=True)
class Conversion:
    """The counts of a bundle that was read and written.

    Attributes:
        rows: rows of each file, by split.
        sequences: of these, the rows with one of the twelve peaks, which were kept.
        positives: kept rows of each class, in the order of :func:`tracks`, by split.
        cg, gc: dinucleotides CG and GC in the training sequences; human DNA has fewer CG.
        sha256: hash of the file written.
        data_sha256: hash of its sequences and labels, as :attr:`receptive.tasks.dataset.Dataset.sha256`.
    """

    rows: Mapping[str, int]
    sequences: Mapping[str, int]
    positives: Mapping[str, tuple[int, ...]]
    cg: int
    gc: int
    sha256: str
    data_sha256: str

    @property
    def validation(self) -> str | None:
        """The one of the paper's totals with the validation rows: neither, train or test; None if unclear."""
        train, valid, test = (self.sequences[split] for split in SPLITS)
        readings = {"neither": (train, test), "train": (train + valid, test), "test": (train, test + valid)}
        fitting = (name for name, totals in readings.items() if totals == (TRAIN_TOTAL, TEST_TOTAL))
        return next(fitting, None)


def differences(conversion: Conversion) -> tuple[str, ...]:
    """Say in a sentence each where a bundle is not the one that the paper used; no sentence if it is."""
    lines = [
        f"{split}.mat has {conversion.rows[split]:,} rows, the bundle of DeepSEA {rows:,}"
        for split, rows in BUNDLE_ROWS.items()
        if conversion.rows[split] != rows
    ]
    for place, track in enumerate(tracks()):
        for split, expected in (("train", track.train_positives), ("test", track.test_positives)):
            count = conversion.positives[split][place]
            if count != expected:
                lines.append(
                    f"{split}.mat has {count:,} rows with a peak of {track.factor} (class {track.index}), "
                    f"expected {expected:,}"
                )
    if conversion.validation is None:
        train, valid, test = (conversion.sequences[split] for split in SPLITS)
        lines.append(
            f"{train:,} training, {valid:,} validation and {test:,} test sequences are kept; the paper has "
            f"{TRAIN_TOTAL:,} and {TEST_TOTAL:,}, with the validation sequences in one of them or in neither"
        )
    if conversion.cg >= conversion.gc:
        lines.append(
            f"the training sequences have {conversion.cg:,} CG and {conversion.gc:,} GC; human DNA has "
            "fewer CG, so the channels of trainxdata may not be in the order A, G, C, T"
        )
    return tuple(lines)


def convert(source: Path | str, out: Path | str, progress: Progress | None = None) -> Conversion:
    """Write the paper's in vivo data set from DeepSEA's training bundle (Methods, D-13).

    Rows with none of the twelve peaks are left out, channels are put in the order A, C, G, T, and DeepSEA's
    split is kept. The file is laid out as :func:`receptive.tasks.dataset.write` does it; the task is
    ``invivo``. Labels are read first, then the sequences of the rows that are kept, so that memory stays
    small beside the bundle: the kept sequences at a byte per position, one block, and the packed file.

    Args:
        source: the folder with ``train.mat``, ``valid.mat`` and ``test.mat``.
        out: the HDF5 file to write; whole, or absent after an error.
        progress: told of every block.

    Raises:
        ReceptiveError: a file is missing, truncated, of the other MATLAB format or another split's; an array
            has a wrong shape; labels are not 0 or 1 or sequences not one-hot; a split has no such peak; or
            ``out`` cannot be written.
    """
    tell = progress or (lambda *_: None)
    check_writable(out)
    paths = {split: Path(source) / f"{split}.mat" for split in SPLITS}
    rows = {split: _check(path, split) for split, path in paths.items()}
    labels, kept = {}, {}
    for split, path in paths.items():
        all_labels = _labels(path, split, rows[split], tell)
        kept[split] = np.flatnonzero(all_labels.any(1))
        labels[split] = all_labels[kept[split]]
        if not len(kept[split]):
            raise ReceptiveError(f"{path}: {split}data: no row has a peak of the twelve factors")

    digest = hashlib.sha256()
    cg = gc = 0
    with hdf5_writer(out) as file:
        file.attrs["task"] = "invivo"
        file.attrs["version"] = __version__
        file.attrs["source"] = "DeepSEA training bundle (Zhou & Troyanskaya 2015)"
        file.attrs["classes"] = [track.factor for track in tracks()]
        for split, path in paths.items():
            codes = _codes(path, split, kept[split], tell)
            _write(file, split, codes, labels[split], digest, tell)
            if split == "train":
                cg, gc = _pairs(codes, 1, 2), _pairs(codes, 2, 1)
            del codes
    return Conversion(
        rows,
        {split: len(rows) for split, rows in kept.items()},
        {split: tuple(map(int, rows.sum(0, dtype=np.int64))) for split, rows in labels.items()},
        cg,
        gc,
        file_hash(out),
        digest.hexdigest(),
    )


# Reading the bundle.


@contextmanager
def _explain_damage(path: Path, what: str) -> Iterator[None]:
    """Turn what the readers raise on damaged files into an error that names file and field."""
    try:
        yield
    except (OSError, ValueError, TypeError, LookupError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or error
    except (zlib.error, MatReadError, MemoryError) as error:
        reason = error
    else:
        return
    raise ReceptiveError(f"{path}: cannot read {what}; truncated or damaged? ({reason})")


def _check(path: Path, split: str) -> int:
    """Refuse a file of the wrong format, split or shape; return its number of rows."""
    check_file(path, "a MATLAB file", "; the bundle has train.mat, valid.mat and test.mat")
    with _explain_damage(path, "the file"), path.open("rb") as raw:
        start = raw.read(19)
    form = "v7.3" if h5py.is_hdf5(path) else "v5" if start == b"MATLAB 5.0 MAT-file" else "unknown"
    expected = "v7.3" if split == "train" else "v5"
    if form != expected:
        what = "no MATLAB file" if form == "unknown" else f"MATLAB {form}"
        raise ReceptiveError(f"{path}: expected MATLAB {expected}, as DeepSEA's {split}.mat is, found {what}")
    with _explain_damage(path, "its fields"):
        if split == "train":
            with h5py.File(path, "r") as file:
                held = {key: item for key, item in file.items() if isinstance(item, h5py.Dataset)}
                shapes = {key: array.shape for key, array in held.items() if array.dtype.kind in "biuf"}
        else:
            numbers = ("int", "uint", "double", "single", "logical")
            shapes = {key: shape for key, shape, kind in scipy.io.whosmat(path) if kind.startswith(numbers)}
    for key in (f"{split}xdata", f"{split}data"):
        if key not in shapes:
            raise ReceptiveError(
                f"{path}: no array of numbers {key!r}; found {', '.join(shapes) or 'nothing'}"
            )
    sequences, labels = shapes[f"{split}xdata"], shapes[f"{split}data"]
    axis = -1 if split == "train" else 0
    rows = int(sequences[axis]) if sequences else 0
    layout = ((LENGTH, 4), (CLASSES,)) if split == "train" else ((4, LENGTH), (CLASSES,))
    for key, shape, others in ((f"{split}xdata", sequences, layout[0]), (f"{split}data", labels, layout[1])):
        wanted = (*others, rows) if split == "train" else (rows, *others)
        if shape != wanted or not rows:
            shown = (*others, "N") if split == "train" else ("N", *others)
            raise ReceptiveError(
                f"{path}: {key} has shape {shape}, expected ({', '.join(map(str, shown))})"
                + (f" with N = {rows} as in {split}xdata" if key == f"{split}data" else "")
            )
    return rows


def _labels(path: Path, split: str, rows: int, tell: Progress) -> NDArray[np.uint8]:
    """Read the twelve classes of every row: (N, 12)."""
    key, what = f"{split}data", f"{split} labels"
    columns = [track.index for track in tracks()]
    if split != "train":
        tell(what, 0, rows)
        labels = _load(path, key)[:, columns]
        tell(what, rows, rows)
        return _zeros_and_ones(labels, path, key)
    picked = np.zeros((rows, len(columns)), np.uint8)
    with h5py.File(path, "r") as file:
        array = file[key]
        for tile in _tiles(array, tell, what):
            classes, at = tile
            with _explain_damage(path, key):
                block = array[tile]
            for column, index in enumerate(columns):
                if classes.start <= index < classes.stop:
                    picked[at, column] = _zeros_and_ones(block[index - classes.start], path, key)
    return picked


def _codes(path: Path, split: str, kept: NDArray[np.int64], tell: Progress) -> NDArray[np.uint8]:
    """Read the sequences of the rows kept as codes 0 to 3 for A, C, G, T and 4 for unknown: (n, 1000)."""
    key, what = f"{split}xdata", f"{split} sequences"
    if split != "train":
        tell(what, 0, len(kept))
        channels = _load(path, key)[kept].transpose(1, 0, 2)
        tell(what, len(kept), len(kept))
        return _code(channels, path, key)
    codes = np.empty((len(kept), LENGTH), np.uint8)
    with h5py.File(path, "r") as file:
        array = file[key]
        for tile in _tiles(array, tell, what):
            positions, at = tile
            first, last = np.searchsorted(kept, (at.start, at.stop))
            if first == last:
                continue
            with _explain_damage(path, key):
                block = array[positions, :, at]
            channels = block[:, :, kept[first:last] - at.start].transpose(1, 2, 0)
            codes[first:last, positions] = _code(channels, path, key)
    return codes


def _load(path: Path, key: str) -> NDArray[np.generic]:
    with _explain_damage(path, key):
        return np.asarray(scipy.io.loadmat(path, variable_names=[key])[key])


def _tiles(array: h5py.Dataset, tell: Progress, what: str) -> Iterator[Tile]:
    """Cut an array into slices of its first and last axis, of whole chunks and about :data:`BLOCK` bytes.

    HDF5 unpacks a chunk at every visit; these slices visit each once, however the chunks lie.
    """
    length, rows = array.shape[0], array.shape[-1]
    wide, long = (array.chunks[0], array.chunks[-1]) if array.chunks else (1, 1)
    item = array.dtype.itemsize * (array.size // (length * rows))
    if length * long * item <= BLOCK:
        wide, long = length, BLOCK // (length * item) // long * long
    else:
        wide *= max(BLOCK // (wide * long * item), 1)
    total = length * rows
    done = 0
    tell(what, 0, total)
    for row in range(0, rows, long):
        for start in range(0, length, wide):
            tile = slice(start, min(start + wide, length)), slice(row, min(row + long, rows))
            yield tile
            done += (tile[0].stop - tile[0].start) * (tile[1].stop - tile[1].start)
            tell(what, done, total)


def _zeros_and_ones(array: NDArray[np.generic], path: Path, key: str) -> NDArray[np.uint8]:
    if ((array != 0) & (array != 1)).any():
        raise ReceptiveError(f"{path}: {key} holds values besides 0 and 1")
    return array.astype(np.uint8)


def _code(channels: NDArray[np.generic], path: Path, key: str) -> NDArray[np.uint8]:
    """Turn one-hot channels (4, n, L) in DeepSEA's order into codes (n, L)."""
    one_hot = _zeros_and_ones(channels, path, key)
    known = one_hot.sum(0, dtype=np.uint8)
    if (known > 1).any():
        raise ReceptiveError(f"{path}: {key} is not one-hot: a position has {known.max()} nucleotides")
    codes: NDArray[np.uint8] = (1 - known) * np.uint8(UNKNOWN_BASE)
    for channel, base in zip(one_hot, CHANNELS, strict=True):
        codes += channel * np.uint8(base)
    return codes


# Writing the data set.


def _write(
    file: h5py.File,
    split: str,
    codes: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    digest: "hashlib._Hash",
    tell: Progress,
) -> None:
    """Write a split, and add it to the hash of the data."""
    count = len(codes)
    X = file.create_dataset(
        f"X_{split}", (count, 4, LENGTH), np.uint8, chunks=(min(count, 64), 4, LENGTH), **PACKED
    )

    def blocks() -> Iterator[NDArray[np.uint8]]:
        for start in range(0, count, ROWS_WRITTEN):
            tell(f"{split} written", start, count)
            one_hot = np.eye(5, 4, dtype=np.uint8)[codes[start : start + ROWS_WRITTEN]]
            X[start : start + len(one_hot)] = one_hot.transpose(0, 2, 1)
            yield one_hot

    add_to_hash(digest, (count, LENGTH, 4), np.uint8, blocks())
    Y = labels.astype(np.int8)
    file.create_dataset(f"Y_{split}", data=Y, **PACKED)
    add_to_hash(digest, Y.shape, Y.dtype, [Y])
    tell(f"{split} written", count, count)


def _pairs(codes: NDArray[np.uint8], first: int, second: int) -> int:
    """Count how often one nucleotide follows another."""
    blocks = (codes[start : start + ROWS_WRITTEN] for start in range(0, len(codes), ROWS_WRITTEN))
    return sum(int(np.count_nonzero((block[:, :-1] == first) & (block[:, 1:] == second))) for block in blocks)
