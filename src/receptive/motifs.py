"""Sequence motifs: position weight matrices (PWMs), the MEME format, JASPAR, and the paper's twelve factors.

A PWM is a float64 array of shape (w, 4): one row per position, the probabilities of A, C, G and T. A filter
without a single site is *dead*; it is written as rows of zeros, and nothing else may be (D-18).
"""

import gzip
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from receptive.errors import ReceptiveError, UsageError
from receptive.files import kind, read_text, write_text

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


@dataclass(frozen=True, eq=False)
class Motif:
    """A named PWM.

    Attributes:
        id: the identifier, for JASPAR the matrix id with its version; no spaces.
        name: the name of the factor, or "".
        pwm: probabilities of A, C, G, T, shape (w, 4), float64; all zeros if dead.
        nsites: the number of sites behind the PWM; it weights Tomtom's pseudocount.

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


def read_meme(path: Path | str) -> tuple[Motif, ...]:
    """Read the motifs of a MEME file, plain or gzipped.

    Raises:
        ReceptiveError: the file cannot be read, or :func:`parse_meme` refuses its text.
    """
    return parse_meme(read_text(path, "a MEME motif file"), str(path))


def parse_meme(text: str, source: str) -> tuple[Motif, ...]:
    """Read motifs in the MEME format, as the MEME suite and JASPAR write it (minimal or full text output).

    Taken are each motif's id, name, letter-probability matrix and ``nsites`` (20 if not given, as in the MEME
    suite); background, strands, log-odds matrices and the rest are passed over. A matrix of zeros is a dead
    filter. MEME itself drops a motif that it cannot read and every later one, silently (D-18); here it is an
    error.

    Args:
        text: the file's content.
        source: what to call it in messages.

    Raises:
        ReceptiveError: this is no MEME file, not of DNA, has no motif, a motif twice, a motif without a
            matrix, or a matrix that is not a PWM; the message names source, line, motif and row.
    """
    lines = text.splitlines()
    motifs: dict[str, Motif] = {}
    header = False
    named: tuple[str, str] | None = None  # a motif whose matrix is still to come
    at = 0
    while at < len(lines):
        words = lines[at].split()
        here = f"{source}, line {at + 1}"
        at += 1
        if words[:2] == ["MEME", "version"]:
            header = True
        elif words and words[0].startswith("ALPHABET"):
            at = _check_alphabet(lines, at, here)
        elif words[:1] == ["MOTIF"]:
            _require_matrix(named, source)
            if len(words) < 2:
                raise ReceptiveError(f"{here}: expected 'MOTIF id [name]', found no id")
            if words[1] in motifs:
                raise ReceptiveError(f"{here}: motif {words[1]}: there is one of this id already")
            named = words[1], "".join(words[2:3]) if words[2:4] != ["width", "="] else ""
        elif words[:2] == ["letter-probability", "matrix:"] and header:
            if named is None:
                raise ReceptiveError(f"{here}: expected a MOTIF line before this matrix, found none")
            rows = _rows(lines, at)
            pwm, nsites = _matrix(lines[at - 1], rows, at, f"{source}: motif {named[0]}")
            motifs[named[0]] = Motif(*named, pwm, nsites)
            named, at = None, at + len(rows)
    if not header:
        raise ReceptiveError(f"{source}: expected a MEME motif file, found no line 'MEME version'")
    _require_matrix(named, source)
    if not motifs:
        raise ReceptiveError(f"{source}: expected at least one motif, found none")
    return tuple(motifs.values())


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
        source: a MEME file, a JASPAR release such as "JASPAR2026" (its CORE vertebrates, through the optional
            package pyjaspar), or None for the packaged JASPAR 2016.

    Raises:
        UsageError: ``source`` is neither a file nor a release that can be had.
        ReceptiveError: the file holds something else than motifs.
    """
    if source is None:
        return jaspar_2016()
    if kind(source):
        return read_meme(source)
    if re.fullmatch(r"JASPAR\d{4}", source):
        return _jaspar_release(source)
    raise UsageError(
        f"database {source}: expected a MEME file or a release such as JASPAR2026, found neither"
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

    A filter is not relevant to a task that does not ask for its factor. Classes that are no factors at all,
    as those of a file without class names, tell nothing: all twelve are relevant then.
    """
    named = set(classes)
    chosen = {factor: ids for factor, ids in RELEVANT[which].items() if factor in named}
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


def _check_alphabet(lines: Sequence[str], at: int, here: str) -> int:
    """Refuse alphabets other than DNA; return the line after the declaration that begins on line ``at - 1``.

    It is one line, ``ALPHABET= ACGT``, or a block up to ``END ALPHABET`` whose lines declare a symbol, or two
    that complement each other ("~"), or an ambiguity code ("="). The order of a block's lines says nothing;
    columns are in alphabetical order.
    """
    declared = lines[at - 1].split("=", 1)
    if len(declared) == 2:
        core = declared[1].strip()
    else:
        core = ""
        while at < len(lines) and lines[at].split()[:2] != ["END", "ALPHABET"]:
            if "=" not in lines[at]:
                core += "".join(side.split()[0] for side in lines[at].split("~") if side.strip())
            at += 1
        core = "".join(sorted(core))
        at += 1
    if core != ALPHABET:
        raise ReceptiveError(f"{here}: expected the DNA alphabet ACGT, found {core or 'none'}")
    return at


def _rows(lines: Sequence[str], at: int) -> list[str]:
    """The lines of the matrix that begins on line ``at``: up to a blank line, a rule, or the next keyword."""
    end = at
    while end < len(lines) and not re.match(
        r"\s*$|\s*(MOTIF|URL|letter-prob|log-odds|---|\*\*\*)", lines[end]
    ):
        end += 1
    return list(lines[at:end])


def _matrix(declaration: str, rows: Sequence[str], at: int, motif: str) -> tuple[NDArray[np.float64], float]:
    """The PWM and ``nsites`` of a letter-probability matrix, declared on line ``at`` of the file."""
    options = dict(re.findall(r"(\w+)\s*=\s*(\S+)", declaration))
    declared = f"{motif}: line {at}"
    for option, value in options.items():
        if option in ("alength", "w", "nsites") and not re.fullmatch(r"\d+(\.\d*)?([eE][+-]?\d+)?", value):
            raise ReceptiveError(f"{declared}: expected a number, found {option}= {value}")
    if options.get("alength", "4") != "4":
        raise ReceptiveError(f"{declared}: expected alength= 4 (DNA), found alength= {options['alength']}")
    values: list[list[float]] = []
    for number, row in enumerate(rows, start=1):
        try:
            values.append([float(word) for word in row.split()])
        except ValueError:
            values.append([])
        if len(values[-1]) != 4:
            raise ReceptiveError(
                f"{motif}: row {number} (line {at + number}): expected four numbers, found {row.strip()!r}"
            )
    if not rows or options.get("w", str(len(rows))) != str(len(rows)):
        raise ReceptiveError(f"{declared}: expected rows: {options.get('w', 'some')}, found: {len(rows)}")
    pwm = np.array(values)
    for number, probabilities in enumerate(pwm, start=1):
        if pwm.any() and (fault := _row_fault(probabilities)):
            raise ReceptiveError(f"{motif}: row {number} (line {at + number}): {fault}")
    return pwm, float(options.get("nsites", "20"))


def _row_fault(row: NDArray[np.float64]) -> str | None:
    """What keeps a row from being a probability distribution over A, C, G, T, or None."""
    if not np.isfinite(row).all():
        return f"expected probabilities, found {_show(row)}"
    if (row < 0).any():
        return f"expected no negative probability, found {_show(row)}"
    if abs(row.sum() - 1) > ROW_TOLERANCE:
        return f"expected a sum of 1, found {row.sum():.4g}"
    return None


def _show(row: NDArray[np.float64]) -> str:
    return " ".join(f"{value:g}" for value in row)


def _require_matrix(named: tuple[str, str] | None, source: str) -> None:
    if named is not None:
        raise ReceptiveError(f"{source}: motif {named[0]}: expected a letter-probability matrix, found none")
