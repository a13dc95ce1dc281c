"""The authors' own in vivo networks: first-layer filters trained on the real DeepSEA data.

They come from the history of the released repository (17 April 2019: an earlier version of the manuscript,
one trial per variant), trimmed as they were given to MEME's Tomtom. So match fractions of real filters can be
set beside Table 2's without the data. CNN-50-2 is the small one there (D-5).
"""

import gzip
import json
from functools import cache
from typing import Any

from receptive.files import read_packaged
from receptive.motifs import tomtom
from receptive.motifs.jaspar import jaspar_2016, relevant_ids
from receptive.motifs.meme import parse_meme
from receptive.motifs.motif import Motif

INVIVO = ("cnn-2", "cnn-4", "cnn-10", "cnn-25", "cnn-50", "cnn-100", "cnn9-4", "cnn9-25", "cnn-50-2")
"""The variants whose in vivo filters there are, in the order of Table 2."""


def filters(variant: str) -> tuple[Motif, ...]:
    """Return the 30 first-layer filters of a variant of :data:`INVIVO`, trimmed (D-8)."""
    name = f"authors_invivo/{variant}.meme.gz"
    return parse_meme(gzip.decompress(read_packaged(name)).decode("utf-8"), name)


@cache
def matches(variant: str) -> tuple[tomtom.Match, ...]:
    """Compare the filters of a variant with JASPAR 2016."""
    return tomtom.match(filters(variant), jaspar_2016())


def fractions(variant: str) -> dict[str, float]:
    """Return the :func:`score` of a variant, as it ships with the package: a constant that takes a second."""
    shares: dict[str, float] = constants()["authors_invivo"][variant]
    return shares


@cache
def constants() -> dict[str, Any]:
    """Return what ``tools/constants.py`` has computed."""
    return dict(json.loads(read_packaged("constants.json")))


def score(variant: str) -> dict[str, float]:
    """Score the filters of a variant by :mod:`receptive.motifs.tomtom`, as those of our runs are.

    Returns:
        ``jaspar``, ``jaspar_without_gmeb1`` (D-19), ``relevant`` (by the released list) and
        ``relevant_embedded`` (D-9).
    """
    released, embedded = (
        tomtom.fractions(matches(variant), relevant_ids(which=which)) for which in ("released", "embedded")
    )
    return {**released._asdict(), "relevant_embedded": embedded.relevant}
