"""Shuffled sequences: the same nucleotides, and as many of each two side by side, with the motifs gone."""

import numpy as np
from numpy.typing import NDArray

LETTERS = 5
"""A, C, G, T, and the unknown nucleotide."""


def dinucleotides(X: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """Shuffle each sequence so that it has as many of every dinucleotide as before.

    A sequence is a walk over its letters; all walks that take the same steps are equally likely (Altschul &
    Erickson 1985). For that the steps out of each letter are shuffled, after its last one was drawn: last
    steps have to lead from every letter to the one at the end, and are drawn again where they do not.

    Args:
        X: one-hot (N, L, 4); a position of zeros is an unknown nucleotide, which is a letter, too.
        seed: of the generator.
    """
    if X.shape[1] < 2:
        return X.copy()
    rng = np.random.default_rng(seed)
    letters = np.where(X.any(-1), X.argmax(-1), LETTERS - 1)
    rows = np.arange(len(letters))
    steps = letters[:, :-1]
    # The place of each letter's last step; a letter without a step, and the letter at the end, need none.
    last = np.full((len(letters), LETTERS), -1)
    waiting = rows
    while len(waiting):
        draws = rng.random(steps[waiting].shape)
        leads = np.tile(np.arange(LETTERS), (len(waiting), 1))
        for letter in range(LETTERS):
            here = steps[waiting] == letter
            place = np.where(here, draws, -1).argmax(1)
            moves = here.any(1) & (letters[waiting, -1] != letter)
            last[waiting, letter] = np.where(moves, place, -1)
            leads[:, letter] = np.where(moves, letters[waiting, place + 1], letter)
        for _ in range(LETTERS):
            leads = np.take_along_axis(leads, leads, 1)
        present = (steps[waiting, :, None] == np.arange(LETTERS)).any(1)
        waiting = waiting[(present & (leads != letters[waiting, -1:])).any(1)]
    keys = rng.random(steps.shape)
    for letter in range(LETTERS):
        has = last[:, letter] >= 0
        keys[rows[has], last[has, letter]] = 1
    order = np.lexsort((keys, steps), axis=1)
    ends = np.take_along_axis(letters[:, 1:], order, 1)
    at = np.array([(steps < letter).sum(1) for letter in range(LETTERS)]).T
    walk = np.empty_like(letters)
    walk[:, 0] = letters[:, 0]
    for place in range(steps.shape[1]):
        now = walk[:, place]
        walk[:, place + 1] = ends[rows, at[rows, now]]
        at[rows, now] += 1
    shuffled: NDArray[np.uint8] = np.eye(LETTERS, 4, dtype=np.uint8)[walk]
    return shuffled
