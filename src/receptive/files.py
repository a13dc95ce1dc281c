"""Writing files so that they are whole or absent, and reading text, gzipped or not."""

import gzip
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from receptive.errors import ReceptiveError


@contextmanager
def whole(path: Path | str, replace: bool = False) -> Iterator[Path]:
    """Yield a temporary sibling of ``path`` to write to; rename it to ``path`` when the block succeeds.

    An exception in the block, or Ctrl-C, removes the temporary file or folder, so that no half-written
    result is ever found under ``path``. A file replaces an older file; a folder does with ``replace`` alone.

    Raises:
        ReceptiveError: the folder that holds ``path`` cannot be made or written to.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        holder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise ReceptiveError(f"cannot write {path}: {error.strerror or error}") from None
    part = holder / path.name
    try:
        yield part
        if replace and path.is_dir():
            _exchange(part, path, holder / "replaced")
        else:
            part.replace(path)
    except OSError as error:
        raise ReceptiveError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(holder, ignore_errors=True)


def _exchange(new: Path, path: Path, old: Path) -> None:
    """Rename ``path`` to ``old`` and ``new`` to ``path``, or leave ``path`` as it was."""
    path.replace(old)
    try:
        new.replace(path)
    except BaseException:
        old.replace(path)
        raise


def write_text(path: Path | str, text: str) -> None:
    """Write ``text`` to ``path`` as UTF-8, whole or not at all."""
    with whole(path) as part:
        part.write_text(text, encoding="utf-8")


def read_text(path: Path | str, expected: str, encoding: str = "utf-8-sig") -> str:
    """Read a text file, plain or gzipped.

    Args:
        path: the file.
        expected: what it should be, for the message if it is something else, e.g. ``"a FASTA file"``.
        encoding: of the text.

    Raises:
        ReceptiveError: the file cannot be read, is damaged, or is not text.
    """
    try:
        raw = Path(path).read_bytes()
        return (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode(encoding)
    except UnicodeDecodeError:
        raise ReceptiveError(f"{path}: expected {expected}, found bytes that are not text") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ReceptiveError(f"{path}: the gzip file is damaged or cut short ({error})") from None
    except OSError as error:
        raise ReceptiveError(f"cannot read {path}: {error.strerror or error}") from None


def lines(text: str) -> list[str]:
    """Split a text where a line ends, be it written on Unix, Windows or an old Mac, and nowhere else.

    ``str.splitlines`` also breaks at a form feed or a Unicode separator, which a FASTA header may hold.
    """
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def check_writable(path: Path | str) -> None:
    """Make sure, leaving nothing behind, that ``path`` could be made; before hours of work for it.

    Raises:
        ReceptiveError: the nearest folder above it that exists cannot be written to.
    """
    above = next(folder for folder in Path(path).absolute().parents if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=above):
            pass
    except OSError as error:
        raise ReceptiveError(f"cannot write {above}: {error.strerror or error}") from None
