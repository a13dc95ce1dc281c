"""A data set: one-hot sequences and their labels, split for training, and its HDF5 file.

The file has the key names and the axis order of the released data (``X_train`` (N, 4, L), ``Y_train`` (N, C),
and so on for ``valid`` and ``test``), so that it serves the authors' scripts and theirs serves this package.
"""

import hashlib
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from receptive import __version__
from receptive.errors import ReceptiveError, ReceptiveWarning, UsageError
from receptive.files import atomic_write, check_file, check_memory
from receptive.motifs.motif import ALPHABET

SPLITS = ("train", "valid", "test")
TRUTH = ("motif", "strand", "start", "source")
"""What a file may tell of each sequence besides its labels (see the tasks)."""
UNKNOWN = -1
"""The label of what was not measured; it counts neither in a loss nor in a metric."""
ROWS_READ = 4096
"""Sequences that are read at a time."""
PACKED: dict[str, Any] = {"compression": "gzip", "compression_opts": 4, "shuffle": True, "track_times": False}
"""How arrays lie in a file: small, and the same bytes whenever they are written."""
SEEDS = 2**64
"""How many seeds there are: those that HDF5 can keep."""


def one_hot(sequences: Sequence[str]) -> NDArray[np.uint8]:
    """Encode sequences of one length: uint8 (N, L, 4) in the order A, C, G, T; any other letter is zeros.

    >>> one_hot(["AN"]).tolist()
    [[[1, 0, 0, 0], [0, 0, 0, 0]]]
    """
    text = np.frombuffer("".join(sequences).encode(), np.uint8).reshape(len(sequences), -1)
    X: NDArray[np.uint8] = (text[..., None] == np.frombuffer(ALPHABET.encode(), np.uint8)).astype(np.uint8)
    return X


@dataclass(frozen=True, eq=False)
class Split:
    """The sequences of one part of a data set.

    Attributes:
        X: one-hot sequences, uint8 (N, L, 4) in the order A, C, G, T.
        Y: labels, int8 (N, C): 1, 0, or -1 where not measured.
        truth: what else is known of each sequence, arrays with N rows.
    """

    X: NDArray[np.uint8]
    Y: NDArray[np.int8]
    truth: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def take(self, rows: NDArray[np.int64]) -> "Split":
        """Return the sequences of these rows, in their order."""
        return Split(self.X[rows], self.Y[rows], {key: array[rows] for key, array in self.truth.items()})


@dataclass(frozen=True, eq=False)
class Dataset:
    """A task: three splits of labelled sequences.

    >>> from receptive.tasks import synthetic
    >>> data = synthetic.generate(seed=0, sequences=100)
    >>> data.task, data.length, data.train.X.shape, data.train.Y.shape
    ('synthetic', 200, (70, 200, 4), (70, 12))

    Attributes:
        task: the name of the task, e.g. ``synthetic``.
        classes: the C names of the labels.
        train, valid, test: the splits (SYN-5).
        attributes: where the data come from: seed, protocol, version, or whatever the file says.
    """

    task: str
    classes: tuple[str, ...]
    train: Split
    valid: Split
    test: Split
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """Nucleotides in a sequence."""
        return int(self.train.X.shape[1])

    @property
    def splits(self) -> dict[str, Split]:
        """The splits by name."""
        return {name: getattr(self, name) for name in SPLITS}

    @cached_property
    def sha256(self) -> str:
        """The hash of the data, their sequences and labels: the same whatever file holds them."""
        digest = hashlib.sha256()
        for split in self.splits.values():
            for array in (split.X, split.Y):
                add_to_hash(digest, array.shape, array.dtype, [array])
        return digest.hexdigest()


def write(dataset: Dataset, path: Path | str) -> str:
    """Write a data set to an HDF5 file and return the sha256 of the file.

    That is another hash than :attr:`Dataset.sha256`, the data's, which runs record. The same data set gives
    the same bytes, by one version of this package and of HDF5. Besides ``X_*`` and ``Y_*`` the file holds the
    ``truth`` of every split (``motif_train``, …), the class names and the attributes.

    Raises:
        ReceptiveError: the file cannot be written.
    """
    with hdf5_writer(path) as file:
        for name, value in {"task": dataset.task, "version": __version__, **dataset.attributes}.items():
            file.attrs[name] = value
        file.attrs["classes"] = list(dataset.classes)
        for name, split in dataset.splits.items():
            arrays = {"X": split.X.transpose(0, 2, 1), "Y": split.Y, **split.truth}
            for key, array in arrays.items():
                file.create_dataset(f"{key}_{name}", data=array, **PACKED)
    return file_hash(path)


def add_to_hash(
    digest: "hashlib._Hash",
    shape: tuple[int, ...],
    dtype: type | np.dtype[Any],
    blocks: Iterable[NDArray[Any]],
) -> None:
    """Add an array to the hash of a data set, block by block of its rows."""
    digest.update(repr((shape, np.dtype(dtype).str)).encode())
    for block in blocks:
        digest.update(np.ascontiguousarray(block).data)


@contextmanager
def hdf5_writer(path: Path | str) -> Iterator[h5py.File]:
    """Yield an HDF5 file in memory, and write it to ``path`` when the block succeeds.

    HDF5 itself crashes the process if a disk is full.

    Raises:
        ReceptiveError: ``path`` cannot be written.
    """
    with h5py.File(path, "w", driver="core", backing_store=False, block_size=2**22) as file:
        yield file
        file.flush()
        packed = file.id.get_file_image()
    with atomic_write(path) as part:
        part.write_bytes(packed)


def file_hash(path: Path | str) -> str:
    """Return the sha256 of a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_seed(seed: int) -> None:
    """Refuse a seed that is none.

    Raises:
        UsageError: it is negative, or not below `SEEDS`.
    """
    if not 0 <= seed < SEEDS:
        raise UsageError(f"--seed is {seed}: expected a whole number from 0 to {SEEDS - 1}")


def read(path: Path | str, task: str | None = None) -> Dataset:
    """Read a data set from an HDF5 file of this package or of the authors.

    ``X_*`` may be (N, 4, L) or (N, L, 4), or either with an axis of 1, and ``Y_*`` of one class (N,); the
    class names default to ``class 0``, …

    Args:
        path: the file.
        task: what the data are, for a file that does not say (the authors' do not).

    Raises:
        UsageError: neither the file nor ``task`` names the task, or they disagree.
        ReceptiveError: the file is missing, truncated or not HDF5; a key is missing; an array has the wrong
            shape, is not one-hot (a position of zeros stands for an unknown nucleotide), or has labels
            besides 0, 1 and -1.
    """
    path = Path(path)
    splits, attributes = _read_splits(path, SPLITS)
    shapes = {name: (split.X.shape[1], split.Y.shape[1]) for name, split in splits.items()}
    if len(set(shapes.values())) != 1:
        raise ReceptiveError(f"{path}: the splits disagree in (sequence length, classes): {shapes}")
    classes = _classes(attributes.pop("classes", None), splits["train"], path)
    name = _task(attributes.pop("task", None), task, path)
    return Dataset(name, classes, **splits, attributes=attributes)


def read_split(path: Path | str, name: str = "test") -> tuple[Split, tuple[str, ...]]:
    """Read one split of such a file, which need not hold the others or name its task, and the class names.

    If it holds no labels, there are none, (N, 0).

    Raises:
        ReceptiveError: as :func:`read`.
    """
    splits, attributes = _read_splits(Path(path), (name,), labelled=False)
    named = attributes.get("classes") if splits[name].Y.size else None
    return splits[name], _classes(named, splits[name], Path(path))


def read_others(path: Path | str, name: str) -> dict[str, NDArray[Any]]:
    """Read the further arrays of numbers that such a file has for a split, ``NAME_test`` as "NAME".

    Raises:
        ReceptiveError: as :func:`read`, or an array has not a row for each sequence.
    """
    path, known = Path(path), {f"{key}_{name}" for key in ("X", "Y", *TRUTH)}
    with h5py.File(path, "r") as file:
        rows = len(file[f"X_{name}"])
        arrays = {
            key.removesuffix(f"_{name}"): array
            for key, array in file.items()
            if key.endswith(f"_{name}") and key not in known
            if isinstance(array, h5py.Dataset) and array.dtype.kind in "biuf"
        }
        for key, array in arrays.items():
            if array.external or array.is_virtual or array.file.filename != file.filename:
                raise ReceptiveError(f"{path}: {array.name} is kept in another file; expected it in this one")
            if array.shape is None or array.shape[:1] != (rows,):
                raise ReceptiveError(f"{path}: {key}_{name} has shape {array.shape}, expected {rows} rows")
        check_memory(path, sum(array.size * array.dtype.itemsize for array in arrays.values()))
        return {key: array[:] for key, array in arrays.items()}


def _read_splits(
    path: Path, names: Sequence[str], labelled: bool = True
) -> tuple[dict[str, Split], dict[str, Any]]:
    """Return the splits of a file, and its attributes; ``labelled``: whether they need labels."""
    check_file(path, "an HDF5 file", f"; `receptive data synthetic --out {path}` makes one")
    try:
        with h5py.File(path, "r") as file:
            splits = {name: _read_split(file, name, path, labelled) for name in names}
            return splits, {name: _plain(value) for name, value in file.attrs.items()}
    except MemoryError:
        raise ReceptiveError(f"{path}: not enough memory to read it") from None
    except (OSError, RuntimeError, LookupError, TypeError, ValueError, OverflowError) as error:
        raise ReceptiveError(
            f"{path}: not a readable HDF5 file (truncated, damaged, or of another kind): {error}"
        ) from None


def _classes(named: Any, split: Split, path: Path) -> tuple[str, ...]:
    """Return the names of the labels, by default ``class 0``, …"""
    count = split.Y.shape[1]
    classes = named or [f"class {index}" for index in range(count)]
    if not isinstance(classes, list) or len(classes) != count:
        raise ReceptiveError(
            f"{path}: attribute 'classes' is {classes!r}, expected {count} names, one for a column of labels"
        )
    return tuple(map(str, classes))


def _task(named: Any, asked: str | None, path: Path) -> str:
    """Decide what the data are called; the name becomes a folder of the store."""
    if named is None and asked is None:
        raise UsageError(f"{path} does not say which task it holds: name it, as in --task synthetic")
    if None not in (named, asked) and named != asked:
        raise UsageError(f"--task {asked}: {path} holds the task {named!r}")
    name = asked if named is None else named
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,99}", name):
        raise ReceptiveError(f"{path}: task {name!r}: expected a word of a-z, 0-9, - and _, 100 at most")
    return name


def _plain(value: Any) -> Any:
    """Turn an HDF5 attribute into what JSON can hold."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    plain = isinstance(value, str | int) or (isinstance(value, float) and np.isfinite(value))
    return value if plain else str(value)


def _read_split(file: h5py.File, name: str, path: Path, labelled: bool) -> Split:
    keys = [f"X_{name}", f"Y_{name}"] if labelled or f"Y_{name}" in file else [f"X_{name}"]
    for key in keys:
        if not isinstance(file.get(key), h5py.Dataset):
            raise ReceptiveError(f"{path}: no array {key!r}; found {', '.join(file) or 'nothing'}")
    X, *Ys = arrays = [file[key] for key in keys]
    sizes = [*X.shape[1:]]
    if X.ndim == 4 and 1 in sizes:
        sizes.remove(1)
    if len(sizes) != 2 or 4 not in sizes:
        raise ReceptiveError(
            f"{path}: X_{name} has shape {X.shape}, expected (N, 4, L) or (N, L, 4), letters as A, C, G, T"
        )
    for Y in Ys:
        if Y.ndim not in (1, 2) or Y.shape[0] != X.shape[0] or 0 in X.shape or 0 in Y.shape:
            raise ReceptiveError(
                f"{path}: Y_{name} has shape {Y.shape}, expected ({X.shape[0]}, C), neither of them 0"
            )
    for key, array in zip(keys, arrays, strict=True):
        if array.dtype.kind not in "biuf":
            what = "records" if array.dtype.kind == "V" else "text"
            raise ReceptiveError(f"{path}: {key} holds {what}, expected numbers")
    known = {key: file.get(f"{key}_{name}") for key in TRUTH}
    truth = {key: array for key, array in known.items() if isinstance(array, h5py.Dataset)}
    for key, array in truth.items():
        if array.shape is None or array.shape[:1] != X.shape[:1]:
            raise ReceptiveError(
                f"{path}: {key}_{name} has shape {array.shape}, expected {X.shape[0]} rows, as X_{name}"
            )
    for array in (*arrays, *truth.values()):
        if array.external or array.is_virtual or array.file.filename != file.filename:
            raise ReceptiveError(f"{path}: {array.name} is kept in another file; expected it in this one")
    turned, length = sizes[0] != 4, sizes[sizes[0] == 4]
    check_memory(path, X.size + sum(array.size * array.dtype.itemsize for array in (*Ys, *truth.values())))
    labels = Ys[0][:].reshape(len(X), -1) if Ys else np.empty((len(X), 0))
    if not np.isin(labels, (0, 1, UNKNOWN)).all():
        rest = "" if labelled else f"; a file without Y_{name} is read as one without labels"
        raise ReceptiveError(f"{path}: Y_{name} holds values besides 0, 1 and {UNKNOWN} (not measured){rest}")
    encoded, unknown = np.empty((X.shape[0], length, 4), np.uint8), 0
    for start in range(0, len(X), ROWS_READ):
        block = X[start : start + ROWS_READ].reshape(-1, *sizes)
        block = block.swapaxes(1, 2) if turned else block
        quarters = (block == 1 / 4).all(1, keepdims=True)
        if quarters.any():
            block, unknown = np.where(quarters, 0, block), unknown + quarters.sum()
        wrong = ~(((block == 0) | (block == 1)).all(1) & (block.sum(1) <= 1))
        if wrong.any():
            row, position = np.argwhere(wrong)[0]
            numbers = block[row, :, position].tolist()
            raise ReceptiveError(
                f"{path}: X_{name} is not one-hot: sequence {start + row}, position {position} is {numbers}"
            )
        encoded[start : start + len(block)] = block.transpose(0, 2, 1)
    if unknown:
        warnings.warn(
            f"{path}: {unknown:,} positions of X_{name} that are 0.25 for all four letters are read as "
            "unknown, and given to a model as 0",
            ReceptiveWarning,
            2,
        )
    return Split(encoded, labels.astype(np.int8), {key: array[:] for key, array in truth.items()})
