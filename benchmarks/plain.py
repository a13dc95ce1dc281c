"""The same jobs in plain loops, one sequence and one site at a time: what the benchmarks compare with."""

import random

import numpy as np
from numpy.typing import NDArray

from receptive.motifs.jaspar import embedded
from receptive.motifs.motif import reverse_complement
from receptive.protocols import RELEASED


def generate(seed: int, sequences: int) -> tuple[NDArray[np.uint8], NDArray[np.int8]]:
    """Draw the synthetic task by the released protocol."""
    rng = random.Random(seed)
    pwms = [pwm.tolist() for motif in embedded() for pwm in (motif.pwm, reverse_complement(motif.pwm))]
    X = np.zeros((sequences, 200, 4), np.uint8)
    Y = np.zeros((sequences, 12), np.int8)
    for row in range(sequences):
        (count,) = rng.choices(range(1, 6), RELEASED.motif_counts)
        chosen = [rng.randrange(24) for _ in range(count)]
        free = 200 - sum(len(pwms[index]) for index in chosen)
        while True:
            shares = [rng.random() for _ in range(count + 1)]
            gaps = [round(share / sum(shares) * free) for share in shares]
            if sum(gaps) == free:
                break
        model = [[0.25] * 4] * gaps[0]
        for index, gap in zip(chosen, gaps[1:], strict=True):
            model = model + pwms[index] + [[0.25] * 4] * gap
            Y[row, index // 2] = 1
        for position, probabilities in enumerate(model):
            (base,) = rng.choices(range(4), probabilities)
            X[row, position, base] = 1
    return X, Y


def read(
    maps: NDArray[np.float32], X: NDArray[np.uint8], threshold: float, width: int
) -> NDArray[np.float64]:
    """Count the nucleotides around the sites of every filter by the released protocol: (F, width, 4)."""
    left = width // 2
    counts = np.zeros((maps.shape[2], width, 4))
    for which in range(maps.shape[2]):
        scores = maps[:, :, which]
        for row, position in zip(*np.nonzero(scores > threshold * scores.max()), strict=True):
            start = position - left
            begin, end = max(start, 0), min(start + width, X.shape[1])
            counts[which, begin - start : end - start] += X[row, begin:end] * float(scores[row, position])
    return counts
