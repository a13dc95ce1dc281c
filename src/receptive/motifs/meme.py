"""The MEME motif format, read as MEME reads it, and written."""

import re
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from receptive.errors import ReceptiveError, ReceptiveWarning
from receptive.files import lines, read_text
from receptive.motifs.motif import ALPHABET, ROW_TOLERANCE, SITES, Motif, first_fault, from_counts

FILE_TOLERANCE = 0.1
"""How far it may be off in a file, as in the MEME suite; past :data:`ROW_TOLERANCE` the row is normalised."""


def read_meme(path: Path | str) -> tuple[Motif, ...]:
    """Read the motifs of a MEME file, plain or gzipped.

    >>> from importlib.resources import files
    >>> motifs = read_meme(files("receptive") / "data" / "JASPAR_CORE_2016_vertebrates.meme.gz")
    >>> len(motifs), motifs[0].id, motifs[0].name
    (519, 'MA0002.2', 'RUNX1')

    Raises:
        ReceptiveError: the file cannot be read, or :func:`parse_meme` refuses its text.
    """
    return parse_meme(read_text(path, "a MEME motif file"), str(path))


def parse_meme(text: str, source: str) -> tuple[Motif, ...]:
    """Read motifs in the MEME format, as the MEME suite and JASPAR write it (minimal or full text output).

    Taken are each motif's id, name, letter-probability matrix and ``nsites`` (:data:`SITES` if not given);
    background, strands, log-odds matrices and the rest are passed over. As for MEME's own reader keywords may
    be in either case, with spaces and blank lines between, and U is T. A row off 1 by up to
    :data:`FILE_TOLERANCE` is normalised, and of motifs with one id the first is kept, both with a
    ReceptiveWarning. A matrix of zeros is a dead filter. MEME drops a motif that it cannot read and every
    later one, silently (D-18); here it is an error.

    Args:
        text: the file's content.
        source: what to call it in messages.

    Raises:
        ReceptiveError: this is no MEME file, not of DNA, has no motif, a motif without a matrix, or a matrix
            that is not a PWM; the message names source, line, motif and row.
    """
    content = lines(text)
    drafts: list[Draft] = []
    header = False
    named: tuple[str, str] | None = None  # a motif whose matrix is still to come
    at = 0
    while at < len(content):
        line, here = content[at], f"{source}, line {at + 1}"
        words = line.split()
        at += 1
        if HEADER.match(line):
            header = True
        elif (declared := _ALPHABET.fullmatch(line)) and named is None and not drafts:
            _check_alphabet(declared[1] or declared[2] or _block(content, at), here)
        elif words[:1] == ["MOTIF"] or (words[:1] and words[0].upper() == "MOTIF" and _heads(content, at)):
            _require_matrix(named, source)
            if len(words) < 2:
                raise ReceptiveError(f"{here}: expected 'MOTIF id [name]', found no id")
            named = words[1], "" if "=" in "".join(words[2:4]) else "".join(words[2:3])
        elif (declared := MATRIX.match(line)) and header:
            if named is None:
                raise ReceptiveError(f"{here}: expected a MOTIF line before this matrix, found none")
            options = line[declared.end() :][:500]
            pwm, nsites, at = _matrix(options, content, at, f"{source}: motif {named[0]}")
            drafts.append((*named, pwm, nsites))
            named = None
    if not header:
        raise ReceptiveError(f"{source}: expected a MEME motif file, found no line 'MEME version'")
    _require_matrix(named, source)
    return finish_drafts(drafts, source)


def format_meme(motifs: Iterable[Motif]) -> str:
    """Write motifs in the minimal MEME format, with a uniform background.

    Probabilities have six decimals, as in JASPAR's own files: :func:`parse_meme` gives them back to within
    5e-7 and everything else exactly, and a second round trip changes nothing.

    Raises:
        ReceptiveError: an id is empty or given twice, or an id or name holds a space.
    """
    parts = [
        "MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\n"
        "Background letter frequencies:\nA 0.25 C 0.25 G 0.25 T 0.25\n"
    ]
    seen: set[str] = set()
    for motif in motifs:
        if not re.fullmatch(r"\S+", motif.id) or not re.fullmatch(r"\S*", motif.name) or motif.id in seen:
            raise ReceptiveError(
                f"motif {motif.id!r} {motif.name!r}: expected a new id, and no space in id or name"
            )
        seen.add(motif.id)
        nsites = repr(float(motif.nsites)).removesuffix(".0")
        parts.append(
            f"\nMOTIF {motif.id} {motif.name}".rstrip()
            + f"\nletter-probability matrix: alength= 4 w= {motif.width} nsites= {nsites}\n"
            + "".join(" ".join(f"{p:.6f}" for p in row) + "\n" for row in motif.pwm)
        )
    return "".join(parts)


HEADER = re.compile(r"[ \t]*MEME[ \t]+version\b", re.I)
_ALPHABET = re.compile(r'\s*ALPHABET(?:\s*=\s*(\S*)|\s+([a-z]+)|(?:\s+"[^"]*")?(?:\s+\w+-LIKE)?)\s*', re.I)
MATRIX = re.compile(r"\s*letter\s*-\s*probability\s+matrix\s*:", re.I)
_AFTER = re.compile(r"\s*(MOTIF\b|URL\b|letter\s*-\s*prob|log\s*-\s*odds|---|\*\*\*)", re.I)
_SYMBOL = re.compile(r"\s*(\S)(?![^\s~=])")

Draft = tuple[str, str, NDArray[np.float64], float]
"""A motif as its file has it: id, name, rows that sum to about 1, number of sites."""


def finish_drafts(drafts: Sequence[Draft], source: str) -> tuple[Motif, ...]:
    """Make motifs of drafts: rows normalised, of those with one id the first; say so of each file once."""
    motifs: dict[str, Motif] = {}
    mended, again = [], []
    for id, name, pwm, nsites in drafts:
        sums = pwm.sum(axis=1, keepdims=True)
        off = pwm.any() & (np.abs(sums - 1) > ROW_TOLERANCE)
        if id in motifs:
            again.append(id)
            continue
        if off.any():
            mended.append(id)
        motifs[id] = Motif(id, name, np.where(off, pwm / np.where(off, sums, 1), pwm), nsites)
    for ids, what in (
        (mended, f"have rows whose sum is off 1 by {ROW_TOLERANCE} to {FILE_TOLERANCE}, normalised here"),
        (again, "have the id of an earlier one and are left out"),
    ):
        if ids:
            shown = ", ".join(ids[:3]) + (", …" if len(ids) > 3 else "")
            warnings.warn(
                f"{source}: {len(ids)} of {len(drafts)} motifs {what}: {shown}", ReceptiveWarning, 4
            )
    if not motifs:
        raise ReceptiveError(f"{source}: expected at least one motif, found none")
    return tuple(motifs.values())


def draft_from_counts(id: str, name: str, counts: ArrayLike, source: str) -> Draft:
    """Return a draft from counts, or from frequencies, whose number of sites is not known."""
    try:
        motif = from_counts(id, name, counts)
    except ReceptiveError as error:
        raise ReceptiveError(f"{source}: {error}") from None
    return id, name, motif.pwm, motif.nsites if motif.nsites > 1 + FILE_TOLERANCE else SITES


def _check_alphabet(core: str, here: str) -> None:
    """Refuse alphabets other than those of DNA and RNA."""
    if core.upper() not in (ALPHABET, ALPHABET.replace("T", "U")):
        raise ReceptiveError(f"{here}: expected the DNA alphabet ACGT, found {core[:30] or 'none'}")


def _block(content: Sequence[str], at: int) -> str:
    """Return the letters that the alphabet block below line ``at`` declares.

    Its lines declare a symbol, or two that complement each other ("~"), or an ambiguity code ("="). It ends
    at the first other line: ``END ALPHABET``, or a rule of asterisks, which may also stand above the first.
    The order of a block's lines says nothing; columns are in alphabetical order.
    """
    core = ""
    for place in range(at, len(content)):
        line = re.sub(r'"[^"]*"|#.*', "", content[place])
        symbol = _SYMBOL.match(line)
        if symbol and "=" not in line:
            core += "".join(symbol[1] for side in line.split("~") if (symbol := _SYMBOL.match(side)))
        elif not symbol and line.strip() and not (place == at and line.startswith("***")):
            break
    return "".join(sorted(core.upper()))


def _heads(content: Sequence[str], at: int) -> bool:
    """Tell whether a matrix comes next: "Motif" also begins sentences of MEME's full output."""
    return bool(MATRIX.match(next((line for line in content[at : at + 9] if line.strip()), "")))


def _matrix(
    declaration: str, content: Sequence[str], at: int, motif: str
) -> tuple[NDArray[np.float64], float, int]:
    """Read the letter-probability matrix that line ``at`` of a file declares.

    Its rows end at a rule, at the next keyword, or at a line that is no row once there are as many as
    declared, or a blank one stands between.

    Returns:
        The rows, ``nsites``, and the index of the line after the last row.
    """
    options = {key.lower(): value for key, value in re.findall(r"(\w+)\s*=\s*(\S+)", declaration)}
    declared = f"{motif}: line {at}"
    for option, value in options.items():
        if option in ("alength", "w", "nsites") and not re.fullmatch(r"\d+(\.\d*)?([eE][+-]?\d+)?", value):
            raise ReceptiveError(f"{declared}: expected a number, found {option}= {value}")
    if float(options.get("alength", 4)) != 4:
        raise ReceptiveError(f"{declared}: expected alength= 4 (DNA), found alength= {options['alength']}")
    rows: list[tuple[int, str]] = []
    for number in range(at + 1, len(content) + 1):
        line = content[number - 1]
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        complete = rows and (number > rows[-1][0] + 1 or len(rows) == float(options.get("w", 0)))
        if _AFTER.match(line) or (complete and not read_numbers(line)):
            break
        rows.append((number, line))
    pwm = read_probabilities(rows, motif)
    if not rows or float(options.get("w", len(rows))) != len(rows):
        raise ReceptiveError(f"{declared}: expected rows: {options.get('w', 'some')}, found: {len(rows)}")
    return pwm, float(options.get("nsites", SITES)), rows[-1][0]


def read_probabilities(rows: Sequence[tuple[int, str]], motif: str) -> NDArray[np.float64]:
    """Read the probabilities on a file's numbered lines; their sums may be a little off 1."""
    table = []
    for number, (line, row) in enumerate(rows, start=1):
        table.append(read_numbers(row))
        if len(table[-1]) != 4:
            raise ReceptiveError(
                f"{motif}: row {number} (line {line}): expected four numbers, found {row.strip()[:60]!r}"
            )
    pwm = np.array(table)
    if pwm.any() and (fault := first_fault(pwm, FILE_TOLERANCE)):
        raise ReceptiveError(f"{motif}: row {fault[0] + 1} (line {rows[fault[0]][0]}): {fault[1]}")
    return pwm


def read_numbers(text: str) -> list[float]:
    """Return the numbers that a text consists of; none if it holds anything else."""
    try:
        return [float(word) for word in text.split()]
    except ValueError:
        return []


def _require_matrix(named: tuple[str, str] | None, source: str) -> None:
    if named is not None:
        raise ReceptiveError(f"{source}: motif {named[0]}: expected a letter-probability matrix, found none")
