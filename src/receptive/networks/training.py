"""Training one network on one data set, and measuring how well it classifies (TRAIN-1)."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from receptive.errors import ReceptiveError
from receptive.extras import need
from receptive.networks.backend import fit_arguments, gradient_at
from receptive.networks.variants import Variant, build, cross_entropy
from receptive.protocols import Protocol
from receptive.tasks.dataset import UNKNOWN, Dataset
from receptive.tasks.synthetic import is_synthetic

EPOCHS = 100
"""The most epochs of a training (TRAIN-1)."""

SNAPSHOTS = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96)
"""Epochs after which the first layer can be kept; 0: before training."""
PROBED = 500
"""Sequences of the validation set over which the gradient at the first layer is measured."""

Progress = Callable[[int, dict[str, float]], None]
"""Called after every epoch with the number of epochs done and the losses."""


@dataclass(frozen=True, eq=False)
class Training:
    """A trained network.

    Attributes:
        model: the Keras model with the weights of the best epoch.
        history: ``loss`` and ``val_loss`` of every epoch.
        best_epoch: the epoch (from 1) of the lowest validation loss.
        seconds: wall time.
        snapshots: the first layer over epochs, see :func:`first_layer`; empty unless asked for.
    """

    model: Any
    history: dict[str, list[float]]
    best_epoch: int
    seconds: float
    snapshots: Mapping[str, NDArray[Any]] = field(default_factory=dict)


def train(
    network: Variant,
    data: Dataset,
    protocol: Protocol,
    seed: int,
    epochs: int = EPOCHS,
    progress: Progress | None = None,
    keep: bool = False,
) -> Training:
    """Train a network and keep the weights of its lowest validation loss.

    Args:
        network: the architecture.
        data: the task; the test split is not looked at.
        protocol: initialisation, optimiser, batch size and stopping.
        seed: reaches initial weights, dropout and the order of the batches.
        epochs: the most epochs; the protocol's patience may end training before.
        progress: called after every epoch.
        keep: whether to keep the first layer and its gradient over epochs; the training is the same.

    Raises:
        ReceptiveError: the loss is no longer a number.
    """
    import keras

    keras.utils.set_random_seed(seed)
    model = build(network, data.length, len(data.classes), protocol)
    kept: list[dict[str, NDArray[Any]]] = []

    def snapshot(epoch: int) -> None:
        if keep and epoch in SNAPSHOTS:
            kept.append({"epoch": np.array(epoch), **first_layer(model, data.valid.X, data.valid.Y)})

    def after(epoch: int, logs: dict[str, float]) -> None:
        snapshot(epoch + 1)
        if progress:
            progress(epoch + 1, logs)

    report = keras.callbacks.LambdaCallback(on_epoch_end=after)
    snapshot(0)
    best = keras.callbacks.EarlyStopping(patience=protocol.patience or epochs, restore_best_weights=True)
    began = time.monotonic()
    batch_size = protocol.batch_size if is_synthetic(data.task) else protocol.batch_size_in_vivo
    history = model.fit(
        **fit_arguments((data.train.X, data.train.Y), (data.valid.X, data.valid.Y), batch_size, seed),
        epochs=epochs,
        callbacks=[best, keras.callbacks.TerminateOnNaN(), report],
        verbose=0,
    ).history
    losses = {name: [float(value) for value in history.get(name, [])] for name in ("loss", "val_loss")}
    if not np.isfinite(losses["loss"] + losses["val_loss"]).all() or not losses["val_loss"]:
        raise ReceptiveError(
            f"{network.name}: the loss became NaN or infinite in epoch {len(losses['loss'])} (protocol "
            f"{protocol.name}, learning rate {protocol.learning_rate}); a smaller learning rate may help"
        )
    snapshots = {name: np.stack([snapshot[name] for snapshot in kept]) for name in (kept[0] if kept else ())}
    best_epoch = int(np.argmin(losses["val_loss"])) + 1
    return Training(model, losses, best_epoch, time.monotonic() - began, snapshots)


def first_layer(model: Any, X: NDArray[np.uint8], Y: NDArray[np.int8]) -> dict[str, NDArray[np.float32]]:
    """Take the weights of the first convolution and its normalisation, and the gradient of the loss there.

    The gradient is that of the mean cross-entropy over the first ``PROBED`` sequences, as the network
    predicts: without dropout. Weight decay is no part of it.

    Returns:
        ``kernel`` (w, 4, F); ``norm`` (4, F): scale, offset, moving mean and variance, absent without
        normalisation; ``gradient`` (F,): the Euclidean norm for each filter; ``loss``.
    """
    from keras import ops

    conv = model.get_layer("conv1")
    sequences, labels = (part[:PROBED].astype(np.float32) for part in (X, Y))
    loss, gradient = gradient_at(model, conv.kernel, cross_entropy, sequences, labels)
    layer_state = {
        "kernel": ops.convert_to_numpy(conv.kernel),
        "gradient": np.sqrt((gradient**2).sum(axis=(0, 1))),
        "loss": np.array(loss, dtype=np.float32),
    }
    if any(layer.name == "norm1" for layer in model.layers):
        layer_state["norm"] = np.stack(
            [ops.convert_to_numpy(weight) for weight in model.get_layer("norm1").weights]
        )
    return layer_state


def predict(model: Any, X: NDArray[np.uint8], batch: int = 500) -> NDArray[np.float32]:
    """Return a model's class probabilities, float32 (N, C), for sequences (N, L, 4)."""
    parts = [
        np.asarray(model.predict_on_batch(X[i : i + batch].astype(np.float32)))
        for i in range(0, len(X), batch)
    ]
    return np.concatenate(parts)


def metrics(Y: NDArray[np.int8], probabilities: NDArray[np.float32]) -> dict[str, Any]:
    """Measure classification per class and on average.

    >>> scores = metrics(np.array([[1], [0], [-1]], np.int8), np.array([[0.9], [0.2], [0.5]], np.float32))
    >>> scores["auroc"], scores["aupr_mean"]
    ([1.0], 1.0)

    Args:
        Y: (N, C) labels; -1 is left out.
        probabilities: (N, C).

    Returns:
        ``auroc`` and ``aupr`` (the area under the precision-recall curve by trapezoids, as in the released
        code), lists of C numbers, ``None`` for a class without both labels; ``auroc_mean`` and ``aupr_mean``
        over the others.
    """
    need("AU-ROC", "onnx", "sklearn")
    from sklearn.metrics import auc, precision_recall_curve, roc_auc_score

    auroc: list[float | None] = []
    aupr: list[float | None] = []
    for labels, scores in zip(Y.T, probabilities.T, strict=True):
        known = labels != UNKNOWN
        labels, scores = labels[known], scores[known]
        if len(np.unique(labels)) < 2:
            auroc.append(None)
            aupr.append(None)
            continue
        precision, recall, _ = precision_recall_curve(labels, scores)
        auroc.append(float(roc_auc_score(labels, scores)))
        aupr.append(float(auc(recall, precision)))

    return {"auroc_mean": mean_score(auroc), "auroc": auroc, "aupr_mean": mean_score(aupr), "aupr": aupr}


def mean_score(values: Sequence[float | None]) -> float | None:
    """Average the scores of the classes that have one; ``None`` if none has."""
    given = [value for value in values if value is not None]
    return float(np.mean(given)) if given else None
