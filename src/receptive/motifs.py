"""Sequence motifs: position weight matrices (PWMs), their files, JASPAR, and the paper's twelve factors.

A PWM is a float64 array of shape (w, 4): one row per position, the probabilities of A, C, G and T. A filter
without a single site is *dead*; it is written as rows of zeros, and nothing else may be (D-18).
"""

import gzip
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from receptive.errors import ReceptiveError, ReceptiveWarning, UsageError
from receptive.files import kind, lines, read_text, write_text

ALPHABET = "ACGT"

FACTORS: dict[str, str] = {
    "Arid3a": "MA0151.1",
    "CEBPB": "MA0466.2",
    "FOSL1": "MA0477.1",
    "Gabpa": "MA0062.2",
    "MAFK": "MA0496.1",
    "MAX": "MA0058.3",
    "MEF2A": "MA0052.3",
    "NFYB": "MA0502.1",
    "SP1": "MA0079.3",
    "SRF": "MA0083.3",
    "STAT1": "MA0137.3",
    "YY1": "MA0095.2",
}
"""The factors of the synthetic task, in the order of the labels, and the JASPAR matrix of each (SYN-2)."""

RELEVANT: dict[str, dict[str, tuple[str, ...]]] = {
    "embedded": {factor: (matrix,) for factor, matrix in FACTORS.items()},
    "released": {
        "Arid3a": ("MA0151.1", "MA0601.1"),
        "CEBPB": ("MA0466.2",),
        "FOSL1": ("MA0477.1",),
        "Gabpa": ("MA0062.2",),
        "MAFK": ("MA0496.1",),
        "MAX": ("MA0058.3",),
        "MEF2A": ("MA0052.3",),
        "NFYB": ("MA0502.1", "MA0060.2"),
        "SP1": ("MA0079.3",),
        "SRF": ("MA0083.3",),
        "STAT1": ("MA0137.3", "MA0660.1", "MA0773.1"),
        "YY1": ("MA0095.2",),
    },
}
"""Which JASPAR matrices count as a factor's own: those embedded, or the released list.

The released list files MEF2B (MA0660.1) and MEF2D (MA0773.1) under STAT1, and counts Arid3b (MA0601.1) and
NFYA (MA0060.2); its other ids are absent from JASPAR 2016, most of them older versions, and left out (D-9).
"""

ROW_TOLERANCE = 0.01
"""How far the sum of a PWM's row may be off 1: released files round to four decimals."""

FILE_TOLERANCE = 0.1
"""How far it may be off in a file, as in the MEME suite; past :data:`ROW_TOLERANCE` the row is normalised."""

SITES = 20
"""How many sites a motif counts as made of whose file gives no number, or 0; as in the MEME suite."""


@dataclass(frozen=True, eq=False)
class Motif:
    """A named PWM.

    Attributes:
        id: the identifier, for JASPAR the matrix id with its version; no spaces.
        name: the name of the factor, or "".
        pwm: probabilities of A, C, G, T, shape (w, 4), float64; all zeros if dead.
        nsites: the number of sites behind the PWM; it weights Tomtom's pseudocount, where less than 1 counts
            as not known (:data:`SITES`).

    Raises:
        ReceptiveError: ``pwm`` is not a PWM, or ``nsites`` is negative or not finite.
    """

    id: str
    name: str
    pwm: NDArray[np.float64]
    nsites: float

    def __post_init__(self) -> None:
        if self.pwm.ndim != 2 or self.pwm.shape[1] != 4 or not len(self.pwm):
            raise ReceptiveError(
                f"motif {self.id}: expected a PWM of shape (width, 4), found {self.pwm.shape}"
            )
        for number, row in enumerate(self.pwm, start=1):
            if not self.dead and (fault := _row_fault(row)):
                raise ReceptiveError(f"motif {self.id}: row {number}: {fault}")
        if not 0 <= self.nsites < np.inf:
            raise ReceptiveError(f"motif {self.id}: expected a number of sites, found nsites= {self.nsites}")

    @property
    def width(self) -> int:
        """The number of positions."""
        return len(self.pwm)

    @property
    def dead(self) -> bool:
        """Whether there is no site at all: a PWM of zeros."""
        return not self.pwm.any()


def from_counts(id: str, name: str, counts: ArrayLike) -> Motif:
    """Make a motif of counts of A, C, G, T, shape (w, 4); ``nsites`` is the mean of the row sums.

    Raises:
        ReceptiveError: a count is negative or not finite, or a position has none.
    """
    table = np.asarray(counts, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != 4:
        raise ReceptiveError(f"motif {id}: expected counts of shape (width, 4), found {table.shape}")
    sums = table.sum(axis=1)
    good = (np.isfinite(table) & (table >= 0)).all(axis=1) & (sums > 0)
    if not good.all():
        row = int(np.argmin(good))
        raise ReceptiveError(f"motif {id}: row {row + 1}: expected counts of A, C, G, T, found {table[row]}")
    return Motif(id, name, table / sums[:, None], float(sums.mean()))


def reverse_complement(pwm: NDArray[np.float64]) -> NDArray[np.float64]:
    """The PWM, shape (w, 4), as the other strand reads it."""
    return pwm[::-1, ::-1].copy()


def scan(X: NDArray[np.uint8], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Score every window of one-hot sequences, as it stands and as the other strand reads it.

    Args:
        X: (N, L, 4), no shorter than the weights.
        weights: (w, 4), what each letter of a window adds.

    Returns:
        (N, L - w + 1, 2) sums.
    """
    base = X.argmax(-1)
    scores = np.zeros((len(base), base.shape[1] - len(weights) + 1, 2))
    for strand, rows in enumerate((weights, reverse_complement(weights))):
        for place, row in enumerate(rows):
            scores[..., strand] += np.take(row, base[:, place : place + scores.shape[1]])
    return scores


def information_content(pwm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bits of each position of a PWM, shape (w,): log2 4 + Σ p log2 p, with 0 log 0 = 0 (VIS-2).

    A dead motif says nothing: its positions hold 0 bits, not the 2 that the formula gives for zeros.
    """
    logs = np.log2(pwm, out=np.zeros_like(pwm), where=pwm > 0)
    bits: NDArray[np.float64] = np.where(pwm.any(axis=1), 2 + (pwm * logs).sum(axis=1), 0.0)
    return bits


def trim(pwm: NDArray[np.float64], bits: float = 0.5, pad: int = 3) -> NDArray[np.float64]:
    """Cut a PWM to its first to last position above ``bits``, plus ``pad`` on each side as far as it reaches.

    A PWM without such a position is left as it is. The released code trims before Tomtom; the paper does not
    say so (D-8). That code asks ``index.any()`` whether a position passes, which is also false when position
    0 alone does: it leaves such a PWM whole, and this function trims it.
    """
    informative = np.flatnonzero(information_content(pwm) > bits)
    if not informative.size:
        return pwm.copy()
    return pwm[max(informative[0] - pad, 0) : informative[-1] + 1 + pad].copy()


def read(path: Path | str) -> tuple[Motif, ...]:
    """Read a file of motifs, plain or gzipped, in whichever format of :func:`parse` it is.

    Raises:
        ReceptiveError: the file cannot be read, or :func:`parse` refuses its text.
    """
    return parse(read_text(path, "a file of motifs"), str(path))


def parse(text: str, source: str) -> tuple[Motif, ...]:
    """Read motifs in the format that the text shows: MEME, TRANSFAC, or the records of JASPAR and HOMER.

    Raises:
        ReceptiveError: it shows none of them, or is not as that format has it.
    """
    content = lines(text)
    first = next((line.lstrip() for line in content if line.strip() and not line.startswith("#")), "")
    if any(_COLUMNS.fullmatch(line) for line in content):
        return parse_transfac(text, source)
    if first.startswith(">"):
        return parse_records(text, source)
    if not first.startswith("<") and any(_HEADER.match(line) or _MATRIX.match(line) for line in content):
        return parse_meme(text, source)
    found = "HTML or XML; take the text file that lies beside it" if first.startswith("<") else "none of them"
    raise ReceptiveError(
        f"{source}: expected motifs in MEME, JASPAR, HOMER or TRANSFAC format, found {found}"
    )


def read_meme(path: Path | str) -> tuple[Motif, ...]:
    """Read the motifs of a MEME file, plain or gzipped.

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
    found: list[Draft] = []
    header = False
    named: tuple[str, str] | None = None  # a motif whose matrix is still to come
    at = 0
    while at < len(content):
        line, here = content[at], f"{source}, line {at + 1}"
        words = line.split()
        at += 1
        if _HEADER.match(line):
            header = True
        elif (declared := _ALPHABET.fullmatch(line)) and named is None and not found:
            _check_alphabet(declared[1] or declared[2] or _block(content, at), here)
        elif words[:1] == ["MOTIF"] or (words[:1] and words[0].upper() == "MOTIF" and _heads(content, at)):
            _require_matrix(named, source)
            if len(words) < 2:
                raise ReceptiveError(f"{here}: expected 'MOTIF id [name]', found no id")
            named = words[1], "" if "=" in "".join(words[2:4]) else "".join(words[2:3])
        elif (declared := _MATRIX.match(line)) and header:
            if named is None:
                raise ReceptiveError(f"{here}: expected a MOTIF line before this matrix, found none")
            options = line[declared.end() :][:500]
            pwm, nsites, at = _matrix(options, content, at, f"{source}: motif {named[0]}")
            found.append((*named, pwm, nsites))
            named = None
    if not header:
        raise ReceptiveError(f"{source}: expected a MEME motif file, found no line 'MEME version'")
    _require_matrix(named, source)
    return _kept(found, source)


def parse_records(text: str, source: str) -> tuple[Motif, ...]:
    """Read motifs whose records begin with ">": JASPAR's position frequency matrices, or HOMER's files.

    A JASPAR record is ``>id name`` and a line of counts for each of A, C, G and T, named or in this order,
    with or without brackets. A HOMER record is ``>consensus``, name and threshold, and a line of four
    probabilities for each position; how many sites it has is not read.

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
    found: list[Draft] = []
    for number, title, body in records:
        fields = [*(title.split("\t") if "\t" in title else title.split()), "", "", ""]
        letters = "".join(w[0] for _, w in body if w[0].upper() in (*ALPHABET, "U")).upper().replace("U", "T")
        rows = [(at, " ".join(words[bool(letters) :])) for at, words in body]
        if not letters and (_numbers(fields[2]) or len(rows) != len(ALPHABET)):
            id = "_".join((fields[1] or fields[0]).split())
            motif = f"{source}: motif {id}"
            if not rows:
                raise ReceptiveError(f"{motif} (line {number}): expected a matrix, found none")
            found.append((id, id.partition("/")[0], _probabilities(rows, motif), SITES))
        else:
            id, name = (fields[0], "_".join(" ".join(fields[1:]).split()))
            counts = [_numbers(row) for _, row in rows]
            widths = [len(row) for row in counts]
            if sorted(letters or ALPHABET) != [*ALPHABET] or len(set(widths)) != 1 or not widths[0]:
                raise ReceptiveError(
                    f"{source}: motif {id} (line {number}): expected a line of as many counts for each of A, "
                    f"C, G, T, found lines of {', '.join(map(str, widths))} numbers"
                )
            order = [(letters or ALPHABET).index(letter) for letter in ALPHABET]
            found.append(_counted(id, name, np.transpose([counts[place] for place in order]), source))
    return _kept(found, source)


def parse_transfac(text: str, source: str) -> tuple[Motif, ...]:
    """Read motifs in the TRANSFAC format: records up to ``//`` that hold a matrix below ``P0`` or ``PO``.

    The id is the accession (AC), else ID or NA; the name is NA, else ID. A record without a matrix is passed
    over.

    Args:
        text: the file's content.
        source: what to call it in messages.

    Raises:
        ReceptiveError: a matrix is not one of counts; the message names source, motif and line or row.
    """
    found: list[Draft] = []
    said: dict[str, str] = {}
    order: list[int] | None = None
    counts: list[list[float]] = []
    for number, line in enumerate([*lines(text), "//"], start=1):
        code, *words = line.split() or [""]
        if _COLUMNS.fullmatch(line):
            letters = "".join(words).upper().replace("U", "T")
            if sorted(letters) != [*ALPHABET]:
                raise ReceptiveError(f"{source}, line {number}: expected A, C, G and T, found {line.strip()}")
            order = [letters.index(letter) for letter in ALPHABET]
        elif order and code.isdecimal():
            row = _numbers(" ".join(words[:4]))
            if len(row) != 4:
                raise ReceptiveError(f"{source}, line {number}: expected four counts, found {line.strip()!r}")
            counts.append([row[place] for place in order])
        elif code != "//":
            said.setdefault(code.upper(), "_".join(words))
        elif order:
            id = said.get("AC") or said.get("ID") or said.get("NA") or f"motif{len(found) + 1}"
            found.append(_counted(id, said.get("NA") or said.get("ID") or "", counts, source))
        if code == "//":
            said, order, counts = {}, None, []
    return _kept(found, source)


def format_meme(motifs: Iterable[Motif]) -> str:
    """Motifs in the minimal MEME format, with a uniform background.

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


def write_meme(path: Path | str, motifs: Iterable[Motif]) -> None:
    """Write motifs to a file in the MEME format, whole or not at all; see :func:`format_meme`."""
    write_text(path, format_meme(motifs))


@cache
def jaspar_2016() -> tuple[Motif, ...]:
    """The 519 motifs of JASPAR 2016 CORE vertebrates, as the authors used them (CC BY 4.0)."""
    name = "JASPAR_CORE_2016_vertebrates.meme.gz"
    packed = files("receptive").joinpath("data", name).read_bytes()
    return parse_meme(gzip.decompress(packed).decode("utf-8"), name)


def embedded() -> tuple[Motif, ...]:
    """The twelve motifs of the synthetic task, in the order of :data:`FACTORS` (SYN-2)."""
    by_id = {motif.id: motif for motif in jaspar_2016()}
    return tuple(by_id[matrix] for matrix in FACTORS.values())


def database(source: str | None = None) -> tuple[Motif, ...]:
    """The motifs to compare with.

    Args:
        source: a file of motifs (see :func:`parse`), a JASPAR release such as "JASPAR2026" (its CORE
            vertebrates, through the optional package pyjaspar), or None for the packaged JASPAR 2016.

    Raises:
        UsageError: ``source`` is neither a file nor a release that can be had.
        ReceptiveError: the file holds something else than motifs.
    """
    if source is None:
        return jaspar_2016()
    if kind(source):
        return read(source)
    if re.fullmatch(r"JASPAR\d{4}", source):
        return _jaspar_release(source)
    raise UsageError(
        f"database {source}: expected a file of motifs or a release such as JASPAR2026, found neither"
    )


def relevant_in(motifs: Iterable[Motif], which: str) -> dict[str, tuple[str, ...]]:
    """The ids in a database that count as each factor's own, in any version: MA0151.2 as well as MA0151.1.

    In the packaged database, which has one version of each matrix, these are the ids of ``RELEVANT[which]``.

    Args:
        motifs: the database.
        which: "embedded" or "released", a key of :data:`RELEVANT`.

    Returns:
        Factor to ids, in the order of :data:`FACTORS`; no ids for a factor that the database does not hold.
    """
    ids = [motif.id for motif in motifs]
    return {
        factor: tuple(id for matrix in matrices for id in ids if _unversioned(id) == _unversioned(matrix))
        for factor, matrices in RELEVANT[which].items()
    }


def relevant_to(classes: Iterable[str], which: str = "released") -> dict[str, tuple[str, ...]]:
    """The factors of :data:`RELEVANT` that a task has among its labels, with their ids.

    A filter is not relevant to a task that does not ask for its factor. A class that is no factor of the
    paper has the motifs of JASPAR 2016 that bear its name. Classes that are no factors at all, as those of
    a file without class names, tell nothing: all twelve are relevant then.
    """
    named = tuple(classes)
    chosen = {factor: ids for factor, ids in RELEVANT[which].items() if factor in named}
    for name in named:
        ids = tuple(motif.id for motif in jaspar_2016() if motif.name == name)
        if ids and name not in chosen:
            chosen[name] = ids
    return chosen or dict(RELEVANT[which])


def _unversioned(id: str) -> str:
    return id.partition(".")[0]


def _jaspar_release(release: str) -> tuple[Motif, ...]:
    try:
        import pyjaspar
    except ImportError:
        raise UsageError(
            f'database {release}: needs the package pyjaspar; pip install "receptive[jaspar]"'
        ) from None
    if release not in pyjaspar.jaspar_releases:
        raise UsageError(f"database {release}: pyjaspar has {', '.join(pyjaspar.jaspar_releases)}")
    found = pyjaspar.jaspardb(release=release).fetch_motifs(collection="CORE", tax_group=["vertebrates"])
    return tuple(
        from_counts(motif.matrix_id, motif.name, np.transpose([motif.counts[base] for base in ALPHABET]))
        for motif in found
    )


_HEADER = re.compile(r"[ \t]*MEME[ \t]+version\b", re.I)
_ALPHABET = re.compile(r'\s*ALPHABET(?:\s*=\s*(\S*)|\s+([a-z]+)|(?:\s+"[^"]*")?(?:\s+\w+-LIKE)?)\s*', re.I)
_MATRIX = re.compile(r"\s*letter\s*-\s*probability\s+matrix\s*:", re.I)
_AFTER = re.compile(r"\s*(MOTIF\b|URL\b|letter\s*-\s*prob|log\s*-\s*odds|---|\*\*\*)", re.I)
_SYMBOL = re.compile(r"\s*(\S)(?![^\s~=])")
_COLUMNS = re.compile(r"\s*P[0O](\s+[ACGTU]){4}\s*", re.I)

Draft = tuple[str, str, NDArray[np.float64], float]
"""A motif as its file has it: id, name, rows that sum to about 1, number of sites."""


def _kept(found: Sequence[Draft], source: str) -> tuple[Motif, ...]:
    """Make motifs of drafts: rows normalised, of those with one id the first; say so of each file once."""
    motifs: dict[str, Motif] = {}
    mended, again = [], []
    for id, name, pwm, nsites in found:
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
            warnings.warn(f"{source}: {len(ids)} of {len(found)} motifs {what}: {shown}", ReceptiveWarning, 4)
    if not motifs:
        raise ReceptiveError(f"{source}: expected at least one motif, found none")
    return tuple(motifs.values())


def _counted(id: str, name: str, counts: ArrayLike, source: str) -> Draft:
    """A draft from counts, or from frequencies, whose number of sites is not known."""
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
    """The letters that the alphabet block below line ``at`` declares.

    Its lines declare a symbol, or two that complement each other ("~"), or an ambiguity code ("="). It ends
    at the first other line: ``END ALPHABET``, or a rule of asterisks, which may also stand above the first.
    The order of a block's lines says nothing; columns are in alphabetical order.
    """
    core = ""
    for place in range(at, len(content)):
        line = re.sub(r'"[^"]*"|#.*', "", content[place])
        found = _SYMBOL.match(line)
        if found and "=" not in line:
            core += "".join(each[1] for side in line.split("~") if (each := _SYMBOL.match(side)))
        elif not found and line.strip() and not (place == at and line.startswith("***")):
            break
    return "".join(sorted(core.upper()))


def _heads(content: Sequence[str], at: int) -> bool:
    """Whether a matrix comes next: "Motif" also begins sentences of MEME's full output."""
    return bool(_MATRIX.match(next((line for line in content[at : at + 9] if line.strip()), "")))


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
        if _AFTER.match(line) or (complete and not _numbers(line)):
            break
        rows.append((number, line))
    pwm = _probabilities(rows, motif)
    if not rows or float(options.get("w", len(rows))) != len(rows):
        raise ReceptiveError(f"{declared}: expected rows: {options.get('w', 'some')}, found: {len(rows)}")
    return pwm, float(options.get("nsites", SITES)), rows[-1][0]


def _probabilities(rows: Sequence[tuple[int, str]], motif: str) -> NDArray[np.float64]:
    """The probabilities on a file's lines, given with their numbers; their sums may be a little off 1."""
    table = []
    for number, (line, row) in enumerate(rows, start=1):
        table.append(_numbers(row))
        if len(table[-1]) != 4:
            raise ReceptiveError(
                f"{motif}: row {number} (line {line}): expected four numbers, found {row.strip()[:60]!r}"
            )
    pwm = np.array(table)
    for number, (probabilities, (line, _)) in enumerate(zip(pwm, rows, strict=True), start=1):
        if pwm.any() and (fault := _row_fault(probabilities, FILE_TOLERANCE)):
            raise ReceptiveError(f"{motif}: row {number} (line {line}): {fault}")
    return pwm


def _numbers(text: str) -> list[float]:
    """The numbers that a text consists of; none if it holds anything else."""
    try:
        return [float(word) for word in text.split()]
    except ValueError:
        return []


def _row_fault(row: NDArray[np.float64], tolerance: float = ROW_TOLERANCE) -> str | None:
    """What keeps a row from being a probability distribution over A, C, G, T, or None."""
    if not np.isfinite(row).all():
        return f"expected probabilities, found {_show(row)}"
    if (row < 0).any():
        return f"expected no negative probability, found {_show(row)}"
    if abs(row.sum() - 1) > tolerance:
        return f"expected a sum of 1, found {row.sum():.4g}"
    return None


def _show(row: NDArray[np.float64]) -> str:
    return " ".join(f"{value:g}" for value in row)


def _require_matrix(named: tuple[str, str] | None, source: str) -> None:
    if named is not None:
        raise ReceptiveError(f"{source}: motif {named[0]}: expected a letter-probability matrix, found none")
