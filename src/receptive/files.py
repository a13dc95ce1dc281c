"""Reading files within limits, writing them whole or not at all, and errors that name them."""

import gzip
import io
import json
import lzma
import os
import shutil
import stat
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from errno import ENAMETOOLONG, ENOTSUP
from glob import escape
from importlib import resources
from pathlib import Path
from typing import IO, Any, Literal

from receptive.errors import ReceptiveError

MOST = 2**28
"""Bytes of the longest text that is read, unpacked: 256 MiB."""
MOST_JSON = 2**26
"""The same of JSON, of which every three bytes may become an object of sixty."""
MOST_UNPACKED = 20
"""How many times its own size an archive may unpack to, beyond `MOST`; weights are next to incompressible."""
DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError)
"""What reading a damaged zip archive raises, besides exceptions of Python itself."""
LOCK, UNLOCKED = ".receptive-lock", ".receptive-unlocked"
"""The file in a hidden folder that its maker holds a lock on, and its name before that."""
STALE_SECONDS = 3600
"""Age at which a hidden folder that nobody could lock, the work of seconds, is surely left over."""


# --- what is there -------------------------------------------------------------------------------------


def kind(path: Path | str) -> Literal["file", "folder", "other", ""]:
    """Say what a path leads to, links followed: ``other`` is a pipe or a device, and "" nothing at all.

    Raises:
        ReceptiveError: a folder on the way cannot be entered, or links run in circles.
    """
    try:
        mode = Path(path).stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return ""
    except OSError as error:
        if error.errno == ENAMETOOLONG:
            return ""
        raise ReceptiveError(f"cannot reach {path}: {error.strerror}") from None
    return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "other"


def check_file(path: Path | str, expected: str, advice: str = "") -> None:
    """Make sure that a path leads to a regular file: a reader would wait at a pipe, perhaps for ever.

    Args:
        path: what is to be read.
        expected: what it should be, for the message, e.g. ``"a Keras model"``.
        advice: what else to say if there is nothing.

    Raises:
        ReceptiveError: it leads elsewhere.
    """
    content = kind(path)
    if not content:
        raise ReceptiveError(f"cannot read {path}: no such file{advice}")
    if content != "file":
        what = "a folder" if content == "folder" else "a pipe or a device"
        raise ReceptiveError(f"cannot read {path}: expected {expected}, found {what}")


def check_memory(path: Path | str, needed: int) -> None:
    """Refuse, before reading, what would take more memory than this machine has.

    Raises:
        ReceptiveError: it would.
    """
    if not hasattr(os, "sysconf"):  # Windows
        return
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > memory:
        raise ReceptiveError(
            f"{path}: reading it takes {needed / 2**30:,.0f} GiB of memory, this machine has "
            f"{memory / 2**30:,.0f}; is it damaged?"
        )


# --- reading -------------------------------------------------------------------------------------------


def read_text(path: Path | str, expected: str, encoding: str = "utf-8-sig", most: int = MOST) -> str:
    """Read a text file, plain or gzipped.

    Args:
        path: the file; a pipe will do, if somebody writes to it.
        expected: what it should be, for the message if it is something else, e.g. ``"a FASTA file"``.
        encoding: of the text.
        most: bytes of the longest text that is taken, unpacked.

    Raises:
        ReceptiveError: the file cannot be read, is damaged, longer than this, or is not text.
    """
    try:
        with io.BufferedReader(io.FileIO(os.fspath(path), opener=_open)) as file:
            packed = file.peek(2)[:2] == b"\x1f\x8b"
            return _read(gzip.GzipFile(fileobj=file) if packed else file, path, most).decode(encoding)
    except UnicodeDecodeError:
        raise ReceptiveError(f"{path}: expected {expected}, found bytes that are not text") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ReceptiveError(f"{path}: the gzip file is damaged or cut short ({error})") from None
    except OSError as error:
        raise ReceptiveError(f"cannot read {path}: {error.strerror or error}") from None
    except MemoryError:
        raise ReceptiveError(f"{path}: not enough memory to read it") from None


def _open(path: str, flags: int) -> int:
    """Open a file to read it; a pipe that nobody writes to is empty, instead of waited at for ever."""
    if not hasattr(os, "O_NONBLOCK"):  # Windows, where a pipe is no file
        return os.open(path, flags)
    file = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
    os.set_blocking(file, True)
    return file


def _read(file: IO[bytes] | gzip.GzipFile, path: Path | str, most: int) -> bytearray:
    """Read a stream to its end, unless it is longer than ``most``."""
    content = bytearray()
    while piece := file.read(2**20):
        content += piece
        if len(content) > most:
            raise ReceptiveError(f"{path}: expected at most {most // 2**20} MiB, unpacked; it holds more")
    return content


def read_packaged(name: str) -> bytes:
    """Read a file that ships with the package, under ``data``."""
    return resources.files("receptive").joinpath("data", name).read_bytes()


def packaged_runs() -> Path | None:
    """Return the folder of the runs that ship with a wheel; ``None`` in a checkout, which has them itself."""
    folder = resources.files("receptive").joinpath("data", "results")
    return folder if isinstance(folder, Path) and folder.is_dir() else None


def read_json(path: Path | str) -> Any:
    """Read a JSON file.

    Raises:
        ReceptiveError: as in `read_text`, or it is not JSON.
    """
    return from_json(read_text(path, "JSON", "utf-8", MOST_JSON), str(path))


def from_json(text: str | bytes, source: str) -> Any:
    """Read JSON, which errors call ``source``.

    Raises:
        ReceptiveError: it is not JSON, or lists within lists so deep that nothing is meant by them.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ReceptiveError(f"{source}: not JSON that can be meant: nested too deeply") from None
    except ValueError as error:
        raise ReceptiveError(f"{source}: not JSON: {error}") from None


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Read one JSON file of a zip archive.

    Raises:
        ReceptiveError: it unpacks to more than `MOST_JSON`.
        KeyError: there is none of this name.
        Whatever zipfile raises on a damaged archive (`DAMAGED`).
    """
    size = archive.getinfo(name).file_size
    if size > MOST_JSON:
        raise ReceptiveError(
            f"{archive.filename}: {name} unpacks to {size:,} bytes, expected at most {MOST_JSON:,}"
        )
    return archive.read(name)


def check_archive(path: Path | str) -> None:
    """Refuse a zip archive that unpacks to far more than it is; anything else is left to its reader.

    Raises:
        ReceptiveError: it does.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {member.filename: member.file_size for member in archive.infolist()}
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError):
        return
    for name, size in sizes.items():
        limit = MOST_JSON if name.endswith(".json") else MOST
        if size > max(limit, MOST_UNPACKED * Path(path).stat().st_size):
            raise ReceptiveError(f"{path}: {name} unpacks to {size:,} bytes; the archive is far smaller")


# --- writing -------------------------------------------------------------------------------------------


@contextmanager
def atomic_write(path: Path | str, replace: bool = False) -> Iterator[Path]:
    """Yield a temporary path to write to; rename it to ``path`` when the block succeeds.

    An exception in the block, or Ctrl-C, removes the temporary file or folder, so that no half-written
    result is ever found under ``path``. A file replaces an older file; a folder does with ``replace`` alone.
    Of a link it is the target that is replaced.

    Raises:
        ReceptiveError: ``path`` is a device or a pipe, or its folder cannot be made or written to.
    """
    given, path = path, Path(os.path.realpath(path))
    if kind(given) == "other":
        raise ReceptiveError(f"cannot write {given}: expected a file, found a pipe or a device")
    try:
        tidy(path.parent, path.name)
        with scratch(path) as holder:
            part = holder / path.name
            yield part
            if replace and path.is_dir():
                _exchange(part, path, holder / "replaced")
            else:
                part.replace(path)
    except OSError as error:
        raise ReceptiveError(f"cannot write {given}: {error.strerror or error}") from None


def _exchange(new: Path, path: Path, old: Path) -> None:
    """Rename ``path`` to ``old`` and ``new`` to ``path``, or leave ``path`` as it was."""
    path.replace(old)
    try:
        new.replace(path)
    except BaseException:
        old.replace(path)
        raise


@contextmanager
def scratch(path: Path) -> Iterator[Path]:
    """Yield a hidden folder beside ``path``; remove it at the end, or leave it to `tidy` if we are killed.

    Folders above are made, and removed if there is nothing in them then. The hidden folder holds a file that
    is locked for as long as this process lives, by which `tidy` knows what is left over.

    Raises:
        ReceptiveError: the folder cannot be made or written to.
    """
    above = path.parent
    missing = [folder for folder in (above, *above.parents) if not kind(folder)]
    try:
        try:
            above.mkdir(parents=True, exist_ok=True)
            holder = Path(tempfile.mkdtemp(prefix=_prefix(path.name), dir=above))
        except OSError as error:
            raise ReceptiveError(f"cannot write into {above}: {error.strerror or error}") from None
        try:
            with (holder / UNLOCKED).open("ab") as file:
                with suppress(OSError):  # on a file system without locks tidy goes by age
                    lock(file, wait=True)
                    Path(file.name).rename(holder / LOCK)
                yield holder
        finally:
            shutil.rmtree(holder, ignore_errors=True)
    finally:
        for folder in missing:
            with suppress(OSError):  # not empty, or never made
                folder.rmdir()


def _prefix(name: str) -> str:
    """Return the beginning of hidden folders' names beside a path; a long name leaves room for their ends."""
    return f".{name[:40]}."


def lock(file: IO[bytes], wait: bool = False) -> None:
    """Lock an open file, until it is closed by all who have it open.

    Raises:
        BlockingIOError: somebody else holds it, and this is not to ``wait``.
        OSError: the file system, or this system (Windows), has no such locks.
    """
    try:
        import fcntl
    except ModuleNotFoundError:
        raise OSError(ENOTSUP, "this system has no locks of the kind") from None
    fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)


def tidy(folder: Path, name: str = "") -> None:
    """Remove from a folder what processes that were killed left of `scratch`, beside ``name`` or anything."""
    for left in folder.glob(f"{escape(_prefix(name))}????????" if name else ".*.????????"):
        with suppress(OSError):  # somebody is at work, or it is another's
            if not (left / LOCK).exists() and not _stale(left):
                continue
            with suppress(FileNotFoundError), (left / LOCK).open("rb+") as file:
                lock(file)
            shutil.rmtree(left, ignore_errors=True)


def _stale(left: Path) -> bool:
    """Tell whether a folder without a lock is one of ours, by what is in it, and old."""
    ours = all(file.name == UNLOCKED or left.name.startswith(_prefix(file.name)) for file in left.iterdir())
    return ours and time.time() - left.stat().st_mtime > STALE_SECONDS


@contextmanager
def temporary_files(folder: Path) -> Iterator[None]:
    """Keep this process's temporary files in a hidden one of ``folder``, so that a kill leaves none behind.

    TensorFlow leaves a file of Python wherever temporary files go, for each function that it compiles.
    """
    before = tempfile.tempdir
    with scratch(folder / "training") as place:
        if os.fsencode(place) == str(place).encode(errors="replace"):  # TensorFlow knows no other names
            tempfile.tempdir = str(place)
        try:
            yield
        finally:
            tempfile.tempdir = before


def write_text(path: Path | str, text: str) -> None:
    """Write ``text`` to ``path`` as UTF-8, whole or not at all; what UTF-8 cannot hold becomes `?`."""
    with atomic_write(path) as part:
        part.write_text(text, encoding="utf-8", errors="replace")


def lines(text: str) -> list[str]:
    """Split a text where a line ends, be it written on Unix, Windows or an old Mac, and nowhere else.

    ``str.splitlines`` also breaks at a form feed or a Unicode separator, which a FASTA header may hold.
    """
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def check_writable(path: Path | str) -> None:
    """Make sure, leaving nothing behind, that ``path`` could be made; before hours of work for it.

    Raises:
        ReceptiveError: it is a device or a pipe, has too long a name, or the nearest folder above it that
            exists cannot be written to.
    """
    given, path = path, Path(os.path.realpath(path))
    if kind(given) == "other":
        raise ReceptiveError(f"cannot write {given}: expected a file or a folder, found a pipe or a device")
    above = next(folder for folder in path.parents if kind(folder))
    try:
        with tempfile.TemporaryFile(dir=above):
            longest = os.pathconf(above, "PC_NAME_MAX")
    except OSError as error:
        raise ReceptiveError(f"cannot write {above}: {error.strerror or error}") from None
    if any(len(os.fsencode(part)) > longest for part in path.parts):
        raise ReceptiveError(f"cannot write {given}: a name in it is longer than {longest} bytes")


def to_json(document: Mapping[str, Any] | Sequence[Any]) -> str:
    """Format a document as indented JSON with a final newline."""
    return json.dumps(document, indent=1, allow_nan=False) + "\n"
