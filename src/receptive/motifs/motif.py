"""A motif: a named PWM, and what can be computed of one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from receptive.errors import ReceptiveError

ALPHABET = "ACGT"

ROW_TOLERANCE = 0.01
"""How far the sum of a PWM's row may be off 1: released files round to four decimals."""

SITES = 20
"""How many sites a motif counts as made of whose file gives no number, or 0; as in the MEME suite."""


@dataclass(frozen=True, eq=False)
class Motif:
    """A named PWM.

    >>> box = Motif("box", "E-box", np.eye(4)[[1, 0, 1, 2, 3, 2]], nsites=20)  # CACGTG
    >>> box.width, box.dead
    (6, False)

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
        if not self.dead and (fault := first_fault(self.pwm)):
            raise ReceptiveError(f"motif {self.id}: row {fault[0] + 1}: {fault[1]}")
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

    >>> from_counts("m", "name", [[3, 1, 0, 0], [4, 0, 0, 0]]).pwm.tolist()
    [[0.75, 0.25, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]]
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
    """Return the PWM, shape (w, 4), as the other strand reads it.

    >>> reverse_complement(np.array([[1, 0, 0, 0], [0, 1, 0, 0]])).tolist()
    [[0, 0, 1, 0], [0, 0, 0, 1]]
    """
    return pwm[::-1, ::-1].copy()


def scan(X: NDArray[np.uint8], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Score every window of one-hot sequences, as it stands and as the other strand reads it.

    Args:
        X: (N, L, 4), no shorter than the weights.
        weights: (w, 4), what each letter of a window adds.

    Returns:
        (N, L - w + 1, 2) sums.
    """
    base = np.ascontiguousarray(X.argmax(-1).T)  # by position, so that the windows' columns lie together
    scores = np.empty((len(X), len(base) - len(weights) + 1, 2))
    for strand, rows in enumerate((weights, reverse_complement(weights))):
        sums = np.zeros((scores.shape[1], len(X)))
        for place, row in enumerate(rows):
            sums += np.take(row, base[place : place + len(sums)])
        scores[..., strand] = sums.T
    return scores


def information_content(pwm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the bits of each position of a PWM, (w,): log2 4 + Σ p log2 p, with 0 log 0 = 0 (VIS-2).

    A dead motif says nothing: its positions hold 0 bits, not the 2 that the formula gives for zeros.

    >>> information_content(np.array([[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25, 0.25, 0.25, 0.25]])).tolist()
    [2.0, 1.0, 0.0]
    """
    logs = np.log2(pwm, out=np.zeros_like(pwm), where=pwm > 0)
    bits: NDArray[np.float64] = np.where(pwm.any(axis=1), 2 + (pwm * logs).sum(axis=1), 0.0)
    return bits


def trim(pwm: NDArray[np.float64], bits: float = 0.5, pad: int = 3) -> NDArray[np.float64]:
    """Cut a PWM to its first to last position above ``bits``, plus ``pad`` on each side as far as it reaches.

    A PWM without such a position is left as it is. The released code trims before Tomtom; the paper does not
    say so (D-8). That code asks ``index.any()`` whether a position passes, which is also false when position
    0 alone does: it leaves such a PWM whole, and this function trims it.

    >>> flat, sure = [0.25, 0.25, 0.25, 0.25], [1, 0, 0, 0]
    >>> trim(np.array([flat, flat, sure, flat]), pad=1).tolist()
    [[0.25, 0.25, 0.25, 0.25], [1.0, 0.0, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25]]
    """
    informative = np.flatnonzero(information_content(pwm) > bits)
    if not informative.size:
        return pwm.copy()
    return pwm[max(informative[0] - pad, 0) : informative[-1] + 1 + pad].copy()


def first_fault(pwm: NDArray[np.float64], tolerance: float = ROW_TOLERANCE) -> tuple[int, str] | None:
    """Find the first row of a matrix, (w, 4), that is no probability distribution over A, C, G, T.

    Returns:
        Its place, from 0, and what is wrong with it; ``None`` if every row is one.
    """
    with np.errstate(invalid="ignore"):  # infinities of both signs
        good = (pwm >= 0).all(axis=1) & (np.abs(pwm.sum(axis=1) - 1) <= tolerance)
    if good.all():
        return None
    place = int(np.argmin(good))
    row = pwm[place]
    if not np.isfinite(row).all():
        return place, f"expected probabilities, found {_show(row)}"
    if (row < 0).any():
        return place, f"expected no negative probability, found {_show(row)}"
    return place, f"expected a sum of 1, found {row.sum():.4g}"


def _show(row: NDArray[np.float64]) -> str:
    return " ".join(f"{value:g}" for value in row)
