"""JASPAR 2016, the twelve factors of the task, and which motifs are relevant to which labels."""

import gzip
import re
from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np

from receptive.errors import UsageError
from receptive.extras import need
from receptive.files import kind, read_packaged
from receptive.motifs.formats import read_motifs
from receptive.motifs.meme import parse_meme
from receptive.motifs.motif import ALPHABET, Motif, from_counts

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


@cache
def jaspar_2016() -> tuple[Motif, ...]:
    """Return the 519 motifs of JASPAR 2016 CORE vertebrates, as the authors used them (CC BY 4.0).

    >>> motifs = jaspar_2016()
    >>> len(motifs), motifs[0].id, motifs[0].name, motifs[0].pwm.shape
    (519, 'MA0002.2', 'RUNX1', (11, 4))
    """
    name = "JASPAR_CORE_2016_vertebrates.meme.gz"
    packed = read_packaged(name)
    return parse_meme(gzip.decompress(packed).decode("utf-8"), name)


def embedded_motifs() -> tuple[Motif, ...]:
    """Return the twelve motifs of the synthetic task, in the order of :data:`FACTORS` (SYN-2)."""
    by_id = {motif.id: motif for motif in jaspar_2016()}
    return tuple(by_id[matrix] for matrix in FACTORS.values())


def database(source: str | None = None) -> tuple[Motif, ...]:
    """Return the motifs to compare with.

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
        return read_motifs(source)
    if re.fullmatch(r"JASPAR\d{4}", source):
        return _jaspar_release(source)
    raise UsageError(
        f"database {source}: expected a file of motifs or a release such as JASPAR2026, found neither"
    )


def relevant_ids(
    classes: Iterable[str] = (), which: str = "released", motifs: Sequence[Motif] | None = None
) -> dict[str, tuple[str, ...]]:
    """Return the ids of the motifs that are relevant to a task, by the factors among its labels.

    A filter is not relevant to a task that does not ask for its factor. A class that is no factor of the
    paper has the motifs that bear its name. Classes of which no motif is known, as those of a file without
    class names, tell nothing: all twelve factors are relevant then. An id counts in any version: MA0151.2 as
    well as MA0151.1.

    >>> relevant_ids(["MAX", "FOXA1"])
    {'MAX': ('MA0058.3',), 'FOXA1': ('MA0148.3',)}

    Args:
        classes: the labels of the task.
        which: "embedded" or "released", a key of :data:`RELEVANT`.
        motifs: the database; JASPAR 2016 by default, in which these are the ids of ``RELEVANT[which]``.

    Returns:
        Factor to ids, in the order of :data:`FACTORS`; no ids for a factor that the database does not hold.
    """
    named, known = tuple(classes), jaspar_2016() if motifs is None else motifs
    versions: dict[str, list[str]] = {}
    for motif in known:
        versions.setdefault(_without_version(motif.id), []).append(motif.id)
    factors = {
        factor: tuple(id for matrix in matrices for id in versions.get(_without_version(matrix), ()))
        for factor, matrices in RELEVANT[which].items()
    }
    chosen = {factor: ids for factor, ids in factors.items() if factor in named}
    for name in named:
        ids = tuple(motif.id for motif in known if motif.name == name)
        if ids and name not in chosen:
            chosen[name] = ids
    return chosen or factors


def _without_version(id: str) -> str:
    return id.partition(".")[0]


def _jaspar_release(release: str) -> tuple[Motif, ...]:
    need(f"database {release}", "jaspar", "pyjaspar")
    import pyjaspar

    if release not in pyjaspar.jaspar_releases:
        raise UsageError(f"database {release}: pyjaspar has {', '.join(pyjaspar.jaspar_releases)}")
    records = pyjaspar.jaspardb(release=release).fetch_motifs(collection="CORE", tax_group=["vertebrates"])
    return tuple(
        from_counts(motif.matrix_id, motif.name, np.transpose([motif.counts[base] for base in ALPHABET]))
        for motif in records
    )
