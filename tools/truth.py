"""Known truth: the share of it that a network's filters and its attributions find."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from receptive.audits.attribution import Effects
from receptive.motifs.motif import Motif
from receptive.motifs.tomtom import Match, best_factors


class Recovery(NamedTuple):
    """The factors that some filters or motifs match.

    Attributes:
        motifs: how many there are, dead ones left out.
        factors: those that are the best relevant match of one.
        spurious: how many match no relevant motif.
    """

    motifs: int
    factors: tuple[str, ...]
    spurious: int


def recover(matches: Sequence[Match], relevant: Mapping[str, Sequence[str]]) -> Recovery:
    """Say which factors filters or motifs recover, and how many of them are spurious.

    Args:
        matches: of each filter or motif.
        relevant: factor to the ids of its motifs, see :func:`receptive.motifs.jaspar.relevant_ids`.
    """
    live = [match for match in matches if not match.dead]
    best = best_factors(live, relevant)
    return Recovery(len(live), tuple(sorted({*best} - {""})), best.count(""))


def mark_planted(
    truth: Mapping[str, NDArray[np.int16]], length: int, motifs: Sequence[Motif]
) -> NDArray[np.bool_]:
    """Return which positions lie in a planted site of each motif, bool (N, M, L).

    Args:
        truth: ``motif`` and ``start`` of every site, (N, most sites), -1 where there are fewer (`synthetic`).
        length: positions of a sequence.
        motifs: the M that were planted.
    """
    sites = np.zeros((len(truth["motif"]), len(motifs), length), bool)
    for row, slot in np.argwhere(truth["motif"] >= 0):
        motif, start = truth["motif"][row, slot], truth["start"][row, slot]
        sites[row, motif, start : start + motifs[motif].width] = True
    return sites


def localisation(effects: Effects, X: NDArray[np.uint8], sites: NDArray[np.bool_]) -> tuple[float, float]:
    """Measure how well attributions find planted sites.

    Positions are ranked by what the sequence's own letter does to the output of a class. The sites of that
    class are to come first.

    Args:
        effects: of the letters.
        X: the sequences, one-hot (N, L, 4).
        sites: the planted ones, (N, C, L).

    Returns:
        The area under the precision-recall curve over the positions of a sequence, as average precision, and
        what chance comes to: the share of positions in sites. Both are means over pairs of a sequence and a
        class that have a site.
    """
    from sklearn.metrics import average_precision_score

    own = (effects.values * X[effects.rows]).sum(2)
    within = sites[effects.rows, effects.columns]
    pairs = [(scores, inside) for scores, inside in zip(own, within, strict=True) if inside.any()]
    areas = [average_precision_score(inside, scores) for scores, inside in pairs]
    return float(np.mean(areas)), float(np.mean([inside.mean() for _, inside in pairs]))
