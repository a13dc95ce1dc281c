"""Measure the memory that converting DeepSEA's bundle takes, on files of its layout and size.

The training file has 400,000 and then 4,400,000 rows, of unknown nucleotides and so small on disk; a test
file has as many rows as DeepSEA's, 455,024. As in the bundle, 6.1% of the rows have one of the twelve peaks.
Every conversion runs in a process of its own, whose peak of resident memory is read at its end (Linux). Takes
several minutes; prints a line for each conversion, or one JSON document with --json.
"""

import argparse
import json
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from receptive.tasks import deepsea

KEPT = deepsea.TRAIN_TOTAL / deepsea.BUNDLE_ROWS["train"]
CHUNK = 500
CHILD = """
import sys, time
from pathlib import Path
from receptive.tasks import deepsea
began = time.perf_counter()
found = deepsea.convert(sys.argv[1], Path(sys.argv[1], "invivo.h5"))
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(int(peak.split()[1]) * 1024, time.perf_counter() - began, found.sequences["train"])
"""


def labels(rows: int) -> NDArray[np.uint8]:
    """One class of the twelve, positive in the share of rows that the bundle has."""
    return (np.random.default_rng(0).random(rows) < KEPT).astype(np.uint8)


def training(path: Path, rows: int) -> None:
    """Write a train.mat whose chunks are all the same compressed zeros, but for the labels."""
    blank = zlib.compress(bytes(1000 * 4 * CHUNK))
    packed = {"compression": "gzip", "compression_opts": 4}
    with h5py.File(path, "w", userblock_size=512) as file:
        X = file.create_dataset("trainxdata", (1000, 4, rows), np.uint8, chunks=(1000, 4, CHUNK), **packed)
        for row in range(0, rows, CHUNK):
            X.id.write_direct_chunk((0, 0, row), blank)
        Y = file.create_dataset("traindata", (919, rows), np.uint8, chunks=(919, CHUNK), **packed)
        Y[deepsea.tracks()[0].index] = labels(rows)


def element(kind: int, data: bytes) -> bytes:
    """A data element of the MATLAB v5 format, padded to eight bytes."""
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def variable(name: str, shape: tuple[int, ...], columns: Iterable[bytes]) -> bytes:
    """A compressed uint8 array of the MATLAB v5 format, from its columns (first axis fastest)."""
    count = int(np.prod(shape))
    dims = struct.pack(f"<{len(shape)}i", *shape)
    head = element(6, struct.pack("<II", 9, 0)) + element(5, dims) + element(1, name.encode())
    size = len(head) + 8 + count + -count % 8
    packer = zlib.compressobj(1)
    parts = [packer.compress(struct.pack("<II", 14, size) + head + struct.pack("<II", 2, count))]
    parts += [packer.compress(column) for column in columns]
    parts += [packer.compress(bytes(-count % 8)), packer.flush()]
    packed = b"".join(parts)
    return struct.pack("<II", 15, len(packed)) + packed


def small(path: Path, split: str, rows: int) -> None:
    """Write a valid.mat or test.mat."""
    blank, positive = bytes(rows), labels(rows).tobytes()
    ours = deepsea.tracks()[0].index
    with path.open("wb") as file:
        file.write(b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H2s", 0x0100, b"IM"))
        file.write(variable(f"{split}xdata", (rows, 4, 1000), (blank for _ in range(4000))))
        chosen = (positive if index == ours else blank for index in range(919))
        file.write(variable(f"{split}data", (rows, 919), chosen))


def converted(rows: int, test_rows: int) -> dict[str, Any]:
    """Convert a bundle of so many training and test rows."""
    with tempfile.TemporaryDirectory() as folder:
        training(Path(folder, "train.mat"), rows)
        small(Path(folder, "valid.mat"), "valid", deepsea.BUNDLE_ROWS["valid"])
        small(Path(folder, "test.mat"), "test", test_rows)
        command = [sys.executable, "-c", CHILD, folder]
        peak, seconds, kept = subprocess.run(
            command, check=True, capture_output=True, text=True
        ).stdout.split()
    document = {"train_rows": rows, "test_rows": test_rows, "train_kept": int(kept)}
    return {**document, "peak_mib": int(peak) / 2**20, "seconds": float(seconds)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=4_400_000, help="rows of the larger training file")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    less = options.rows // 11
    few, many = (converted(rows, deepsea.BUNDLE_ROWS["valid"]) for rows in (less, options.rows))
    test = converted(less, deepsea.BUNDLE_ROWS["test"])
    growth = (many["peak_mib"] - few["peak_mib"]) / (options.rows - less) * 1e6
    if options.json:
        print(json.dumps({"runs": [few, many, test], "mib_per_million_rows": growth}, indent=1))
        return
    for run in (few, many, test):
        print(
            f"{run['train_rows']:>9,} training and {run['test_rows']:>7,} test rows: "
            f"peak {run['peak_mib']:,.0f} MiB, {run['seconds']:.0f} s"
        )
    print(f"{growth:,.0f} MiB more for every million training rows")


if __name__ == "__main__":
    main()
