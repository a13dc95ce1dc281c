"""Motif files of any kind: MEME, JASPAR, HOMER, HOCOMOCO, TRANSFAC and CIS-BP."""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from receptive.errors import ReceptiveError, ReceptiveWarning
from receptive.files import lines, read_text
from receptive.motifs.meme import (
    HEADER,
    MATRIX,
    Draft,
    draft_from_counts,
    finish_drafts,
    parse_meme,
    read_numbers,
    read_probabilities,
)
from receptive.motifs.motif import ALPHABET, SITES, Motif


def read_motifs(path: Path | str) -> tuple[Motif, ...]:
    """Read a file of motifs, plain or gzipped, in whichever format of :func:`parse_motifs` it is.

    >>> from importlib.resources import files
    >>> len(read_motifs(files("receptive") / "data" / "JASPAR_CORE_2016_vertebrates.meme.gz"))
    519

    Raises:
        ReceptiveError: the file cannot be read, or :func:`parse_motifs` refuses its text.
    """
    return parse_motifs(read_text(path, "a file of motifs"), str(path))


def parse_motifs(text: str, source: str) -> tuple[Motif, ...]:
    """Read motifs in the format that the text shows: MEME, TRANSFAC and the like, or records with ">".

    Raises:
        ReceptiveError: it shows none of them, or is not as that format has it.
    """
    content = lines(text)
    first = next((line.lstrip() for line in content if line.strip() and not line.startswith("#")), "")
    if any(_COLUMNS.fullmatch(line) for line in content):
        return parse_transfac(text, source)
    if first.startswith(">"):
        return parse_records(text, source)
    if not first.startswith("<") and any(HEADER.match(line) or MATRIX.match(line) for line in content):
        return parse_meme(text, source)
    what = "HTML or XML; take the text file that lies beside it" if first.startswith("<") else "none of them"
    raise ReceptiveError(f"{source}: expected motifs in MEME, JASPAR, HOMER or TRANSFAC format, found {what}")


def parse_records(text: str, source: str) -> tuple[Motif, ...]:
    """Read motifs whose records begin with ">": those of JASPAR, HOMER, HOCOMOCO and their like.

    A JASPAR record is ``>id name`` and a line of counts for each of A, C, G and T, named or in this order,
    with or without brackets. A HOMER record is ``>consensus``, name and threshold, and a line of four
    probabilities for each position; how many sites it has is not read. HOCOMOCO's have an id, and four counts
    for each position. Four lines of four numbers are positions if the file has others of the kind, or
    if their sums are the same, and those of columns are not.

    Args:
        text: the file's content.
        source: what to call it in messages.

    Raises:
        ReceptiveError: a record is neither; the message names source, line and motif.
    """
    records: list[tuple[int, str, list[tuple[int, list[str]]]]] = []
    for number, line in enumerate(lines(text), start=1):
        if line.startswith(">"):
            records.append((number, line[1:].strip(), []))
        elif records and (words := re.sub(r"[][|:=]", " ", line).split()) and words[0][0] != "#":
            records[-1][2].append((number, words))
    drafts: list[Draft] = []
    tall = any(
        len(body) != len(ALPHABET) and all(len(words) == 4 for _, words in body) for *_, body in records
    )
    for number, title, body in records:
        fields = [*(title.split("\t") if "\t" in title else title.split()), "", "", ""]
        letters = "".join(w[0] for _, w in body if w[0].upper() in (*ALPHABET, "U")).upper().replace("U", "T")
        rows = [(at, " ".join(words[bool(letters) :])) for at, words in body]
        counts = [read_numbers(row) for _, row in rows]
        widths, homer = [len(row) for row in counts], bool(read_numbers(fields[2]))
        square = widths == [4, 4, 4, 4] and (tall or _agree(np.sum(counts, 1)) > _agree(np.sum(counts, 0)))
        if not letters and (homer or len(rows) != len(ALPHABET) or square):
            id = "_".join((fields[1] or fields[0]).split())
            motif = f"{source}: motif {id}"
            if not rows:
                raise ReceptiveError(f"{motif} (line {number}): expected a matrix, found none")
            if not homer and {*widths} == {4} and np.min(counts) >= 0 and np.sum(counts, 1).min() > 2:
                drafts.append(draft_from_counts(id, "", counts, source))
            else:
                drafts.append((id, id.partition("/")[0], read_probabilities(rows, motif), SITES))
        else:
            id, name = (fields[0], "_".join(" ".join(fields[1:]).split()))
            if sorted(letters or ALPHABET) != [*ALPHABET] or len(set(widths)) != 1 or not widths[0]:
                raise ReceptiveError(
                    f"{source}: motif {id} (line {number}): expected a line of as many counts for each of A, "
                    f"C, G, T, found lines of {', '.join(map(str, widths))} numbers"
                )
            order = [(letters or ALPHABET).index(letter) for letter in ALPHABET]
            drafts.append(
                draft_from_counts(id, name, np.transpose([counts[place] for place in order]), source)
            )
    return finish_drafts(drafts, source)


def parse_transfac(text: str, source: str) -> tuple[Motif, ...]:
    """Read motifs in the TRANSFAC format, or CIS-BP's: a matrix below ``P0``, ``PO`` or ``Pos``.

    Records end at ``//``, those of CIS-BP where the next begins. The id is the accession (AC), else ID or NA,
    or CIS-BP's Motif; without any of them it is the file's name. The name is NA, else ID. A record without a
    matrix is passed over; one whose matrix has no rows, as CIS-BP leaves what it may not give away, is told.

    Args:
        text: the file's content.
        source: what to call it in messages.

    Raises:
        ReceptiveError: a matrix is not one of counts; the message names source, motif and line or row.
    """
    drafts: list[Draft] = []
    said: dict[str, str] = {}
    order: list[int] | None = None
    counts: list[list[float]] = []
    empty: list[str] = []
    for number, line in enumerate([*lines(text), "//"], start=1):
        code, *words = line.split() or [""]
        next_of_cisbp = order and (line.startswith("TF\t") or _COLUMNS.fullmatch(line))
        if code == "//" or next_of_cisbp:
            id = _id(said, source, len(drafts))
            if counts:
                drafts.append(draft_from_counts(id, said.get("NA") or said.get("ID") or "", counts, source))
            elif order:
                empty.append(id)
            said, order, counts = {}, None, []
        if _COLUMNS.fullmatch(line):
            letters = "".join(words).upper().replace("U", "T")
            if sorted(letters) != [*ALPHABET]:
                raise ReceptiveError(f"{source}, line {number}: expected A, C, G and T, found {line.strip()}")
            order = [letters.index(letter) for letter in ALPHABET]
        elif order and code.isdecimal():
            row = read_numbers(" ".join(words[:4]))
            if len(row) != 4:
                raise ReceptiveError(f"{source}, line {number}: expected four counts, found {line.strip()!r}")
            counts.append([row[place] for place in order])
        elif code != "//":
            said.setdefault(code.upper(), "_".join(words))
    if empty and not drafts:
        raise ReceptiveError(f"{source}: motif {empty[0]}: its matrix has no rows")
    if empty:
        shown = ", ".join(empty[:3]) + (", …" if len(empty) > 3 else "")
        warnings.warn(
            f"{source}: {len(empty)} motifs have a matrix without rows and are left out: {shown}",
            ReceptiveWarning,
            3,
        )
    return finish_drafts(drafts, source)


def _agree(sums: NDArray[np.float64]) -> bool:
    """Tell whether sums are the same, to one in a hundred."""
    return bool(np.ptp(sums) <= 0.01 * np.max(sums))


def _id(said: Mapping[str, str], source: str, before: int) -> str:
    """Return the id of a record from what it says, or the file's name, numbered from the second on."""
    named = next((said[code] for code in ("AC", "ID", "NA", "MOTIF") if said.get(code)), "")
    return named or "_".join(Path(source).stem.split()) + (f"_{before + 1}" if before else "")


_COLUMNS = re.compile(r"\s*P([0O]|os)(\s+[ACGTU]){4}\s*", re.I)
