"""The same jobs in plain loops, one sequence and one site at a time: what the benchmarks compare with."""

import random
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from receptive.motifs.jaspar import embedded_motifs
from receptive.motifs.motif import Motif, reverse_complement
from receptive.protocols import RELEASED


def generate(seed: int, sequences: int) -> tuple[NDArray[np.uint8], NDArray[np.int8]]:
    """Draw the synthetic task by the released protocol."""
    rng = random.Random(seed)
    pwms = [pwm.tolist() for motif in embedded_motifs() for pwm in (motif.pwm, reverse_complement(motif.pwm))]
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


def compare(queries: Sequence[Motif], targets: Sequence[Motif]) -> NDArray[np.float64]:
    """Tomtom's p-values, (Q, T), query by query, target width by target width, offset by offset.

    The queries have as many sites as positions, so that no motif has an unknown number.
    """

    def smoothed(motif: Motif) -> NDArray[np.float64]:
        sums = motif.pwm.sum(axis=1, keepdims=True)
        pwm = np.where(np.abs(sums - 1) > 1e-5, motif.pwm / sums, motif.pwm)
        return (pwm * motif.nsites + 0.025) / (motif.nsites + 0.1)

    strands = [
        strand
        for target in targets
        for pwm in [smoothed(target)]
        for strand in (pwm, reverse_complement(pwm))
    ]
    columns = np.concatenate(strands)
    widths = np.array([target.width for target in targets])
    starts = 2 * np.concatenate([[0], np.cumsum(widths)[:-1]])
    array = np.empty((len(queries), len(targets)))
    for row, query in enumerate(queries):
        w = query.width
        a, c, g, t = ((smoothed(query)[:, None, base] - columns[None, :, base]) ** 2 for base in range(4))
        raw = -np.sqrt((a + t) + (c + g))
        middle = (len(columns) - 1) // 2
        raw = raw - np.partition(raw, middle, axis=1)[:, middle, None]
        floor = np.floor(raw.min())
        scale = np.floor(100 / (raw.max() - floor))
        scores, zero = np.floor((raw - floor) * scale + 0.5).astype(np.int64), int(-floor * scale)
        chances = [np.bincount(score, minlength=101) / len(columns) for score in scores]
        below = {}
        for begin in range(w):
            run = np.ones(1)
            for end in range(begin + 1, min(begin + int(widths.max()), w) + 1):
                run = np.convolve(run, chances[end - 1])
                with np.errstate(divide="ignore"):
                    logs = np.log1p(-np.minimum(run[::-1].cumsum()[::-1], 1))
                below[begin, end] = np.append(logs, 0)
        for v in np.unique(widths):
            where = np.flatnonzero(widths == v)
            faced = scores[:, starts[where, None, None] + np.arange(2 * v).reshape(2, v)]
            totals = np.full((len(where), 2, w + v - 1), w * zero)
            for i in range(w):
                totals[..., w - 1 - i : w - 1 - i + v] += faced[i] - zero
            best = totals.max(axis=-1)
            logs = np.zeros(best.shape)
            for offset in range(1 - w, v):
                begin, end = max(-offset, 0), min(v - offset, w)
                logs += 2 * below[begin, end].take(best - zero * (w - end + begin), mode="clip")
            array[row, where] = -np.expm1(logs).max(axis=1)
    return array
