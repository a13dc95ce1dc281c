"""What a store has measured: the numbers of its runs, trial by trial."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from receptive.errors import ReceptiveError
from receptive.evidence.claims import Key
from receptive.replication import runs
from receptive.tasks import chipseq

SCORES = {"auroc": "auroc_mean", "aupr": "aupr_mean"}
"""Columns of classification scores, with their names in a run's metrics."""
FRACTIONS = ("jaspar", "jaspar_without_gmeb1", "relevant", "relevant_embedded")
"""Columns of match fractions, as in a run's filters (D-9, D-19)."""

OTHERS = ("invivo", *chipseq.TASKS)
"""The tasks that are reported beside the synthetic one: DeepSEA's, the ChIP-seq task, and its controls."""


@dataclass(frozen=True)
class Results:
    """The numbers of one task under one protocol.

    Attributes:
        task: name of the task.
        values: for every quantity its values, in the order of trials; the same trials for all quantities of a
            variant, so that their differences are taken trial by trial.
        factors: for every variant and layer, trial by trial, the fraction of filters that match each factor.
        auroc: for every variant, trial by trial, the AU-ROC of each class.
        trials: for every variant the numbers of its trials.
        by_trial: whether trials of one number, which share a seed, are pairs
            (:mod:`receptive.evidence.rules`).
        data: hash of the data set that all runs share; empty without runs.
        left_out: folders of runs that do not count: incomplete, or shorter than the full protocol.
    """

    values: Mapping[Key, tuple[float, ...]]
    factors: Mapping[tuple[str, str], tuple[Mapping[str, float], ...]]
    data: str = ""
    left_out: tuple[Path, ...] = ()
    task: str = "synthetic"
    auroc: Mapping[str, tuple[Mapping[str, float], ...]] = field(default_factory=dict)
    trials: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    by_trial: bool = False

    def of(self, key: Key) -> tuple[float, ...]:
        """Return the values of a quantity, none if it was not measured."""
        return self.values.get(key, ())

    def numbered(self, variant: str, values: Sequence[float]) -> dict[int, float]:
        """Give values of a variant, in the order of its trials, the numbers of these trials."""
        return dict(zip(self.trials.get(variant, range(len(values))), values, strict=True))

    def covered(self, variant: str, layer: str = "conv1") -> tuple[int, ...]:
        """Return, trial by trial, how many factors have a filter of a layer that matches them."""
        return tuple(sum(share > 0 for share in trial.values()) for trial in self.factors[variant, layer])


def collect(store: Path | str, protocol: str = "released", task: str = "synthetic") -> Results:
    """Read the full runs of a task under a protocol.

    Raises:
        ReceptiveError: the store is missing or has no such run, a run is damaged or in another's place, or
            two runs were trained on different data.
    """
    found = held(store, protocol, task)
    if not found.data:
        left_out = len(found.left_out)
        what = f"{left_out} shortened or incomplete runs" if left_out else _holdings(Path(store))
        raise ReceptiveError(f"{store} has no full run of {task} under protocol {protocol!r}, but {what}")
    return found


def collect_others(store: Path | str, protocol: str = "released") -> dict[str, Results]:
    """Read the full runs of every task of :data:`OTHERS`, by task; none for a task without any.

    Raises:
        ReceptiveError: as in :func:`collect`, but not for want of runs.
    """
    every = {task: held(store, protocol, task) for task in OTHERS}
    return {task: found for task, found in every.items() if found.data}


def held(store: Path | str, protocol: str = "released", task: str = "synthetic") -> Results:
    """Read the full runs that a store has, if any: for pages that are to be true of every store.

    Raises:
        ReceptiveError: as in :func:`collect`, but not for want of runs.
    """
    values: dict[Key, list[float]] = {}
    factors: dict[tuple[str, str], list[Mapping[str, float]]] = {}
    auroc: dict[str, list[Mapping[str, float]]] = {}
    trials: dict[str, list[int]] = {}
    layers: dict[str, Mapping[str, tuple[str, ...]]] = {}
    data: dict[str, Path] = {}
    left_out: list[Path] = []
    for folder in folders(store, task, protocol):
        record = runs.load(folder)
        place = (str(record[name]) for name in ("task", "variant", "protocol"))
        own = Path(*place, f"trial-{record['trial']}")
        if folder != Path(store) / own:
            raise ReceptiveError(f"{folder} holds another run, {own}")
        if not (record["complete"] and record.get("full_protocol")):
            left_out.append(folder)
            continue
        try:
            if not record["filters"]:
                raise ValueError("no filters at all")
            read = _numbers(record)
            shares = {layer: _shares(found["by_factor"]) for layer, found in record["filters"].items()}
            by_class = _by_class(record["metrics"])
            data.setdefault(str(record["data"]["sha256"]), folder)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ReceptiveError(
                f"{folder / 'run.json'}: damaged: {type(error).__name__} {error}; a run has its metrics, "
                "filters and data"
            ) from None
        kinds = {layer: tuple(by_factor) for layer, by_factor in shares.items()}
        if kinds != layers.setdefault(record["variant"], kinds):
            raise ReceptiveError(
                f"{folder / 'run.json'}: other layers or factors than in the trials before it"
            )
        for key, value in read.items():
            values.setdefault(key, []).append(value)
        for layer, by_factor in shares.items():
            factors.setdefault((record["variant"], layer), []).append(by_factor)
        auroc.setdefault(record["variant"], []).append(by_class)
        trials.setdefault(record["variant"], []).append(record["trial"])
    if len(data) > 1:
        raise ReceptiveError(f"{' and '.join(map(str, data.values()))} were trained on different data")
    return Results(
        {key: tuple(series) for key, series in values.items()},
        {place: tuple(each) for place, each in factors.items()},
        next(iter(data), ""),
        tuple(left_out),
        task,
        {variant: tuple(each) for variant, each in auroc.items()},
        {variant: tuple(each) for variant, each in trials.items()},
    )


def folders(store: Path | str, task: str = "*", protocol: str = "*") -> list[Path]:
    """Return the run folders of a store, by variant, protocol and trial.

    Raises:
        ReceptiveError: there is no such folder, or one that cannot be looked into.
    """
    found = [Path(store)]
    for wanted in (task, "*", protocol, "*"):
        found = [below for folder in found for below in _folders_in(folder) if wanted in ("*", below.name)]
    trials = [path for path in found if re.fullmatch(r"trial-\d+", path.name)]
    return sorted(trials, key=lambda path: (path.parent, int(path.name[6:])))


def _folders_in(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_dir()]
    except FileNotFoundError:
        raise ReceptiveError(f"store {folder}: no such folder") from None
    except OSError as error:
        raise ReceptiveError(f"cannot read {folder}: {error.strerror}") from None


def _holdings(store: Path) -> str:
    """Say which tasks and protocols a store has."""
    held = sorted({f"{path.parts[-4]} under {path.parent.name!r}" for path in folders(store)})
    return ", ".join(held) or "no run at all"


def _by_class(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Read the AU-ROC of the classes that had both labels."""
    named = zip(metrics.get("classes", ()), metrics.get("auroc", ()), strict=True)
    return {name: float(value) for name, value in named if value is not None}


def _shares(by_factor: Mapping[str, Any]) -> dict[str, float]:
    """Read the fractions of filters that match each factor."""
    return {name: _checked(f"by_factor {name}", float(share)) for name, share in by_factor.items()}


def _checked(what: str, value: float) -> float:
    """Return a score or a fraction if it is one."""
    if not 0 <= value <= 1:
        raise ValueError(f"{what} is {value}, not between 0 and 1")
    return value


def _numbers(record: Mapping[str, Any]) -> dict[Key, float]:
    """Read the scores and fractions of a run; each lies between 0 and 1."""
    variant = record["variant"]
    numbers = {(variant, "", column): float(record["metrics"][name]) for column, name in SCORES.items()}
    for layer, found in record["filters"].items():
        numbers |= {(variant, layer, column): float(found[column]) for column in FRACTIONS}
    return {key: _checked(" ".join(filter(None, key[1:])), value) for key, value in numbers.items()}
