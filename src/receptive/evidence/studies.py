"""Studies of a run: its first layer over epochs, and how much each filter matters.

``tools/studies.py`` makes ``epochs.json``, ``importance.json`` and ``truth.json`` in the folder of a run,
from its ``epochs.npz`` and ``model.keras`` and the sequences of its task. So no page has to read a network.
"""

from dataclasses import dataclass, fields
from math import log
from pathlib import Path
from statistics import fmean
from typing import Any, TypeVar
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from receptive.errors import ReceptiveError
from receptive.files import kind, read_json

EPOCHS, PWMS = "epochs.json", "epochs.pwm.npz"
IMPORTANCE, TRUTH = "importance.json", "truth.json"
FEWEST = 3
"""Filters of either kind that a network takes for them to be compared (DISC-6)."""

Numbers = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Epochs:
    """The first layer of one training, after some of its epochs.

    Attributes:
        epoch: after which; 0 is before training.
        loss: cross-entropy over the first 500 validation sequences.
        gradient: of that loss, its Euclidean norm for each filter, epoch by epoch.
        bits: information of each filter's trimmed motif, epoch by epoch.
        factor: the factor of each filter's best relevant match, epoch by epoch; empty without one.
        matches: whether each filter matches any motif of JASPAR, epoch by epoch.
        final: the factor of each filter in the network that the run kept, that of its best epoch.
    """

    epoch: tuple[int, ...]
    loss: tuple[float, ...]
    gradient: Numbers
    bits: Numbers
    factor: tuple[tuple[str, ...], ...]
    matches: tuple[tuple[bool, ...], ...]
    final: tuple[str, ...]

    def relevant(self, place: int = -1) -> float:
        """Return the share of filters with a relevant match, by default after the last epoch kept."""
        return sum(map(bool, self.factor[place])) / len(self.factor[place])

    def gradient_left(self) -> float:
        """Return the mean gradient after the last epoch kept, as a share of that after epoch 1."""
        return fmean(self.gradient[-1]) / fmean(self.gradient[self.epoch.index(1)])

    def gradient_lead(self) -> float | None:
        """Compare, after epoch 1, filters that end with a relevant match with those that end without.

        Returns:
            The difference of the mean logarithms of their gradients. Filters without any gradient, which
            have no logarithm, are left out. ``None`` if that leaves none of one kind.
        """
        first = self.gradient[self.epoch.index(1)]
        logs: dict[bool, list[float]] = {True: [], False: []}
        for norm, factor in zip(first, self.final, strict=True):
            if norm > 0:
                logs[bool(factor)].append(log(norm))
        return fmean(logs[True]) - fmean(logs[False]) if all(logs.values()) else None


@dataclass(frozen=True)
class Importance:
    """The losses of a network when one first-layer filter after another is held at its mean.

    Attributes:
        loss, auroc: of the network as it is, on its test set.
        loss_change: by filter, the loss with it held minus ``loss``.
        auroc_change: by filter, the mean AU-ROC with it held minus ``auroc``.
        by_class: the same for each filter and class.
        factor: the factor of each filter's best relevant match; empty without one.
        matches: whether each filter matches any motif of JASPAR.
        classes: their names.
    """

    loss: float
    auroc: float
    loss_change: tuple[float, ...]
    auroc_change: tuple[float, ...]
    by_class: Numbers
    factor: tuple[str, ...]
    matches: tuple[bool, ...]
    classes: tuple[str, ...]

    def lead(self) -> float | None:
        """Return the mean rise in loss of filters with a relevant match minus that of filters without.

        ``None`` if there are fewer than three of either (DISC-6).
        """
        rises: dict[bool, list[float]] = {True: [], False: []}
        for rise, factor in zip(self.loss_change, self.factor, strict=True):
            rises[bool(factor)].append(rise)
        few = min(map(len, rises.values())) < FEWEST
        return None if few else fmean(rises[True]) - fmean(rises[False])


@dataclass(frozen=True)
class Truth:
    """The share of the synthetic task's truth that a network's filters find, and its attributions.

    Attributes:
        filters: live filters of the first layer.
        filter_factors: the factors that they recover, of those that were planted.
        filter_spurious: how many of them match no relevant motif.
        sequences: test sequences that were mutated.
        motifs: motifs that TF-MoDISco found to raise an output.
        motif_factors: the factors that these recover.
        motif_spurious: how many of them match no relevant motif.
        lowering: motifs that it found to lower an output.
        aupr: area under the precision-recall curve of planted sites among positions, by attributions.
        chance: what chance comes to.
    """

    filters: int
    filter_factors: tuple[str, ...]
    filter_spurious: int
    sequences: int
    motifs: int
    motif_factors: tuple[str, ...]
    motif_spurious: int
    lowering: int
    aupr: float
    chance: float


FILES = {Epochs: EPOCHS, Importance: IMPORTANCE, Truth: TRUTH}
Record = TypeVar("Record", Epochs, Importance, Truth)


def read_record(folder: Path | str, record: type[Record]) -> Record | None:
    """Read one of the studies of a run; ``None`` if it was not made.

    Args:
        folder: the run's.
        record: `Epochs`, `Importance` or `Truth`.

    Raises:
        ReceptiveError: the file is damaged.
    """
    path = Path(folder) / FILES[record]
    if kind(path) != "file":
        return None
    names, content = [field.name for field in fields(record)], read_json(path)
    if not isinstance(content, dict) or sorted(content) != sorted(names):
        raise ReceptiveError(f"{path}: expected the fields {', '.join(names)}")
    return record(**{name: _freeze(value) for name, value in content.items()})


def read_pwms(folder: Path | str) -> NDArray[np.float64]:
    """Read the filters that `Epochs` is about, untrimmed.

    Returns:
        PWMs, float64 (epochs, filters, w, 4), known to within a 255th; zeros where a filter had no site.

    Raises:
        ReceptiveError: there is no such file, or it is damaged.
    """
    path = Path(folder) / PWMS
    try:
        with np.load(path) as file:
            pwms = file["pwm"]
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
        raise ReceptiveError(f"{path}: expected PWMs over epochs, found {error}") from None
    if pwms.dtype != np.uint8 or pwms.ndim != 4 or pwms.shape[-1] != 4:
        raise ReceptiveError(
            f"{path}: expected uint8 (epochs, filters, w, 4), found {pwms.dtype} {pwms.shape}"
        )
    shares: NDArray[np.float64] = pwms / np.maximum(pwms.sum(axis=-1, keepdims=True), 1)
    return shares


def _freeze(value: Any) -> Any:
    return tuple(map(_freeze, value)) if isinstance(value, list) else value
