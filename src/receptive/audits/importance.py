"""Importance: the loss of a network without each of its filters, which the paper's Discussion leaves open.

The map of a filter is held at its mean over all sequences and positions: the network keeps running, and what
it can no longer know is where, and how strongly, that filter fires.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from receptive.errors import ReceptiveError
from receptive.models.probe import Levels, Loss, Model, Probe
from receptive.tasks.dataset import UNKNOWN

WORK = 200_000_000
"""Filters × sequences × positions that are held unless more are asked for: minutes on two cores."""
FEWEST = 500
"""Sequences on which filters are held at the least, if there are as many."""


class Score(NamedTuple):
    """Some numbers, float64 (C,), and what each sequence adds to the error of each, (N, C).

    A number's standard error is the root of the sum of the squares of what the sequences add. That of the
    difference of two numbers of the same sequences comes in the same way from the differences of what they
    add. NaN is what is not defined.
    """

    values: NDArray[np.float64]
    parts: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Importance:
    """The losses of a network when the map of one filter after another is held at its mean.

    Errors are standard errors: how far a number would be off, were other sequences drawn. NaN is what cannot
    be known: of a class whose labels are all the same, or, for an error, all but one.

    Attributes:
        sequences: how many it was measured on.
        loss_name: which loss, and why that one.
        loss: of the model as it is.
        auroc: its mean AU-ROC; ``None`` if no label has both values.
        loss_change: (F,) loss with the filter held, minus ``loss``.
        loss_error: (F,) of that.
        auroc_change: (F,) mean AU-ROC with the filter held, minus ``auroc``; ``None`` as that.
        auroc_error: (F,) of that.
        classes: the C names of the labels.
        class_auroc: (C,) AU-ROC of every class.
        class_change: (F, C) AU-ROC of every class with the filter held, minus ``class_auroc``.
        class_error: (F, C) of that.
    """

    sequences: int
    loss_name: str
    loss: float
    auroc: float | None
    loss_change: NDArray[np.float64]
    loss_error: NDArray[np.float64]
    auroc_change: NDArray[np.float64] | None
    auroc_error: NDArray[np.float64] | None
    classes: tuple[str, ...]
    class_auroc: NDArray[np.float64]
    class_change: NDArray[np.float64]
    class_error: NDArray[np.float64]


def enough(filters: int, positions: int) -> int:
    """Say how many sequences to hold filters on, so that it takes minutes.

    Args:
        filters: how many there are.
        positions: of a sequence.

    >>> enough(filters=300, positions=600)
    1111
    """
    return max(WORK // (filters * positions), FEWEST)


def measure(
    probe: Probe,
    levels: Levels,
    Y: NDArray[np.int8],
    classes: Sequence[str] = (),
    tick: Callable[[], None] = lambda: None,
) -> Importance:
    """Hold the map of each filter at its mean in turn, and see what the network loses.

    A filter whose map never changes is held already: its importance is 0.

    Args:
        probe: the model and the layer, with the sequences to measure on.
        levels: of the layer's filters.
        Y: labels, int8 (N, C), as many as the model has outputs.
        classes: their C names; numbers by default.
        tick: called whenever a filter was held on a batch.

    Raises:
        ReceptiveError: the outputs are no numbers, or there is no loss for such outputs and labels.
    """
    scores = probe.scores()
    if not np.isfinite(scores).all():
        raise ReceptiveError("the model's outputs are not all finite numbers")
    name, loss = _loss(probe.model, Y, scores, len(probe.outputs()) == 1)
    before = _score(loss(Y, scores), aurocs(Y, scores))
    changes = np.tile(before.values - before.values, (len(levels.mean), 1))
    errors = changes.copy()
    moving = {
        int(index): float(levels.mean[index]) for index in np.flatnonzero(levels.least < levels.greatest)
    }
    for index, scores in probe.hold_each(moving, Y.shape[1], tick):
        after = _score(loss(Y, scores), aurocs(Y, scores))
        changes[index] = after.values - before.values
        errors[index] = np.sqrt(((after.parts - before.parts) ** 2).sum(0))
        if not np.isfinite(after.values[0]):
            raise ReceptiveError(f"{name}, is no number when filter {index} is held at its mean")
    defined = not np.isnan(before.values[1])
    return Importance(
        sequences=len(Y),
        loss_name=name,
        loss=float(before.values[0]),
        auroc=float(before.values[1]) if defined else None,
        loss_change=changes[:, 0],
        loss_error=errors[:, 0],
        auroc_change=changes[:, 1] if defined else None,
        auroc_error=errors[:, 1] if defined else None,
        classes=tuple(classes) if len(classes) == Y.shape[1] else tuple(map(str, range(Y.shape[1]))),
        class_auroc=before.values[2:],
        class_change=changes[:, 2:],
        class_error=errors[:, 2:],
    )


def aurocs(Y: NDArray[np.int8], scores: NDArray[np.floating[Any]]) -> Score:
    """Measure the AU-ROC of every class, with its error by DeLong, DeLong & Clarke-Pearson (1988).

    Each sequence counts by the share of those with the other label that are on the right side of it; the
    AU-ROC is the mean of these shares over the sequences of either label.

    Args:
        Y: labels (N, C); -1 is left out.
        scores: (N, C).

    >>> aurocs(np.array([[1], [0], [1], [0]]), np.array([[0.9], [0.1], [0.3], [0.5]])).values
    array([0.75])
    """
    known, positive = Y != UNKNOWN, Y > 0
    negative = known & ~positive
    among, among_positive, among_negative = (_ranks(scores, group) for group in (known, positive, negative))
    counts = np.array([positive.sum(0), negative.sum(0)])
    m, n = np.where(counts.all(0), counts, np.nan)
    right = np.select([positive, negative], [(among - among_positive) / n, 1 - (among - among_negative) / m])
    values = (right * positive).sum(0) / m
    with np.errstate(divide="ignore", invalid="ignore"):  # of one sequence no variance is known
        weights = np.select([positive, negative], [1 / np.sqrt(m * (m - 1)), 1 / np.sqrt(n * (n - 1))])
        return Score(values, (right - values) * np.where(np.isinf(weights), np.nan, weights))


def _ranks(scores: NDArray[np.floating[Any]], group: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Rank the members of a group in each column, ties in their middle; ranks of others mean nothing."""
    from scipy.stats import rankdata

    ranks: NDArray[np.float64] = rankdata(np.where(group, scores, -np.inf), axis=0) - (~group).sum(0)
    return ranks


def _score(losses: NDArray[np.floating[Any]], areas: Score) -> Score:
    """Put the mean loss, the mean AU-ROC over classes, and the AU-ROC of each class side by side."""
    losses, n = losses.astype(np.float64), len(losses)
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = (losses - losses.mean()) / np.sqrt(n * (n - 1))
        known = ~np.isnan(areas.values)
        values, parts = areas.values[known], areas.parts[:, known]
        # A class whose error is not known adds none to that of the mean: one of many, as a rule.
        mean = (values.mean(), np.nan_to_num(parts).mean(1)) if known.any() else (np.nan, np.full(n, np.nan))
    return Score(
        np.array([losses.mean(), mean[0], *areas.values]), np.column_stack([spread, mean[1], areas.parts])
    )


def label_mismatch(probe: Probe, Y: NDArray[np.int8]) -> str:
    """Say why labels cannot be those of the model's outputs; "" if they can."""
    shapes = [output.shape[1:] for output in probe.outputs()]
    if any(len(shape) > 1 for shape in shapes):
        return f"the model's outputs, {', '.join(map(str, shapes))}, are not one number for each label"
    count = sum(sum(shape) if shape else 1 for shape in shapes)
    return "" if count == Y.shape[1] else f"the model has {count} outputs, the data have {Y.shape[1]} labels"


def _loss(model: Model, Y: NDArray[np.int8], scores: NDArray[np.float32], single: bool) -> tuple[str, Loss]:
    """Choose the loss to measure importance in, and name it: the model's own, or one for its outputs.

    Args:
        model: the model.
        Y: the labels (N, C).
        scores: its outputs (N, C), side by side.
        single: whether they are of one output.

    Raises:
        ReceptiveError: some labels are not measured, and the outputs are no probabilities of labels.
    """
    unmeasured = bool((Y == UNKNOWN).any())
    try:
        own = model.loss(unmeasured)
        if own is not None and np.isfinite(own[1](Y, scores)).all():
            return f"the model's own loss, {own[0]}", own[1]
    except Exception:  # a loss that asks for labels of another form
        pass
    if scores.min() < 0 or scores.max() > 1:
        name, function = "mean squared error, as outputs are not between 0 and 1", _squared_error
    elif scores.shape[1] > 1 and single and np.allclose(scores.sum(1), 1, atol=1e-3):
        name, function = "categorical cross-entropy, as outputs sum to 1", _categorical
    else:
        return "binary cross-entropy over the measured labels, as outputs are between 0 and 1", _binary
    if unmeasured:
        raise ReceptiveError(f"{name}: needs labels that are all measured, found {UNKNOWN}")
    return name, function


LEAST = 1e-7
"""What probabilities are clipped to, as in the released code and in Keras."""


def _binary(Y: NDArray[np.int8], scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the mean binary cross-entropy of each sequence over its measured labels."""
    clipped, known = scores.astype(np.float64).clip(LEAST, 1 - LEAST), Y != UNKNOWN
    terms = -np.log(np.where(Y > 0, clipped, 1 - clipped))
    means: NDArray[np.float64] = (known * terms).sum(1) / np.maximum(known.sum(1), 1)
    return means


def _categorical(Y: NDArray[np.int8], scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the categorical cross-entropy of each sequence."""
    shares = scores.astype(np.float64) / scores.sum(1, keepdims=True, dtype=np.float64)
    entropies: NDArray[np.float64] = -(Y * np.log(shares.clip(LEAST, 1 - LEAST))).sum(1)
    return entropies


def _squared_error(Y: NDArray[np.int8], scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the mean squared error of each sequence."""
    errors: NDArray[np.float64] = ((Y - scores.astype(np.float64)) ** 2).mean(1)
    return errors
