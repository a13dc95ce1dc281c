"""How much a network loses without each of its filters, which the paper's Discussion leaves open.

The map of a filter is held at its mean over all sequences and positions: the network keeps running, and what
it can no longer know is where, and how strongly, that filter fires.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from receptive.errors import ReceptiveError
from receptive.models.probe import Levels, Loss, Model, Probe
from receptive.networks.training import metrics
from receptive.tasks.dataset import UNKNOWN


@dataclass(frozen=True, eq=False)
class Importance:
    """How much a network loses when the map of one filter is held at its mean.

    Attributes:
        loss_name: which loss, and why that one.
        loss: of the model as it is.
        auroc: its mean AU-ROC; ``None`` if no label has both values.
        loss_change: (F,) loss with the filter held, minus ``loss``.
        auroc_change: (F,) mean AU-ROC with the filter held, minus ``auroc``; ``None`` as that.
        class_change: (F, C) the same of each label; NaN for a label without both values.
    """

    loss_name: str
    loss: float
    auroc: float | None
    loss_change: NDArray[np.float64]
    auroc_change: NDArray[np.float64] | None
    class_change: NDArray[np.float64]


def measure(
    probe: Probe, levels: Levels, Y: NDArray[np.int8], tick: Callable[[], None] = lambda: None
) -> Importance:
    """Hold the map of each filter at its mean in turn, and see what the network loses.

    A filter whose map never changes is held already: its importance is 0.

    Args:
        probe: the model and the layer.
        levels: of the layer's filters.
        Y: labels, int8 (N, C), as many as the model has outputs.
        tick: called after each filter.

    Raises:
        ReceptiveError: the outputs are no numbers, or there is no loss for such outputs and labels.
    """
    scores = probe.scores()
    if not np.isfinite(scores).all():
        raise ReceptiveError("the model's outputs are not all finite numbers")
    name, loss = _loss(probe.model, Y, scores)
    before, scored = loss(Y, scores), metrics(Y, scores)
    auroc, labels = scored["auroc_mean"], np.array(scored["auroc"], dtype=np.float64)
    losses, aurocs = np.full(len(levels.mean), before), np.full(len(levels.mean), auroc, dtype=np.float64)
    by_class = np.tile(labels, (len(levels.mean), 1))
    for index, mean in enumerate(levels.mean):
        if levels.least[index] < levels.greatest[index]:
            scores = probe.scores({index: float(mean)})
            found = metrics(Y, scores)
            losses[index], aurocs[index] = loss(Y, scores), found["auroc_mean"]
            by_class[index] = found["auroc"]
        if not np.isfinite(losses[index]):
            raise ReceptiveError(f"{name}, is no number when filter {index} is held at its mean")
        tick()
    change = None if auroc is None else aurocs - auroc
    return Importance(name, before, auroc, losses - before, change, by_class - labels)


def unlike(model: Model, Y: NDArray[np.int8]) -> str:
    """Say why labels cannot be those of the model's outputs; "" if they can."""
    shapes = model.outputs
    if any(len(shape) != 2 for shape in shapes):
        return f"the model's outputs {', '.join(map(str, shapes))} are not one number for each label"
    count = sum(shape[1] or 0 for shape in shapes)
    return "" if count == Y.shape[1] else f"the model has {count} outputs, the data have {Y.shape[1]} labels"


def _loss(model: Model, Y: NDArray[np.int8], scores: NDArray[np.float32]) -> tuple[str, Loss]:
    """The loss to measure importance in, with its name: the model's own, or one that suits its outputs.

    Raises:
        ReceptiveError: some labels are not measured, and the outputs are no probabilities of labels.
    """
    unmeasured = bool((Y == UNKNOWN).any())
    try:
        own = model.loss(unmeasured)
        if own is not None and np.isfinite(own[1](Y, scores)):
            return f"the model's own loss, {own[0]}", own[1]
    except Exception:  # a loss that asks for labels of another form
        pass
    if scores.min() < 0 or scores.max() > 1:
        name, function = "mean squared error, as outputs are not between 0 and 1", _squared_error
    elif scores.shape[1] > 1 and len(model.outputs) == 1 and np.allclose(scores.sum(1), 1, atol=1e-3):
        name, function = "categorical cross-entropy, as outputs sum to 1", _categorical
    else:
        return "binary cross-entropy over the measured labels, as outputs are between 0 and 1", _binary
    if unmeasured:
        raise ReceptiveError(f"{name}: needs labels that are all measured, found {UNKNOWN}")
    return name, function


LEAST = 1e-7
"""What probabilities are clipped to, as in the released code and in Keras."""


def _binary(Y: NDArray[np.int8], scores: NDArray[np.float32]) -> float:
    """The mean binary cross-entropy of each sequence over its measured labels, on average."""
    clipped, known = scores.astype(np.float64).clip(LEAST, 1 - LEAST), Y != UNKNOWN
    terms = -np.log(np.where(Y > 0, clipped, 1 - clipped))
    return float(((known * terms).sum(1) / np.maximum(known.sum(1), 1)).mean())


def _categorical(Y: NDArray[np.int8], scores: NDArray[np.float32]) -> float:
    """The mean categorical cross-entropy."""
    shares = scores.astype(np.float64) / scores.sum(1, keepdims=True, dtype=np.float64)
    return float(-(Y * np.log(shares.clip(LEAST, 1 - LEAST))).sum(1).mean())


def _squared_error(Y: NDArray[np.int8], scores: NDArray[np.float32]) -> float:
    """The mean squared error."""
    return float(((Y - scores.astype(np.float64)) ** 2).mean())
