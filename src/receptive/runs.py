"""A run: one network trained once, its filters read and compared with JASPAR, kept as small text files.

A store is a folder of runs, ``STORE/<task>/<variant>/<protocol>/trial-<n>/``, each with

- ``run.json``: what was trained on what, how, where and for how long, its history and its metrics;
- ``conv1.meme`` (and ``conv2.meme``, …): the filters as they went into Tomtom, trimmed if the protocol trims;
- ``conv1.untrimmed.meme``: the same filters in full;
- ``conv1.tomtom.tsv``: every hit.

A run folder is written under a temporary name and renamed, so it is whole or absent.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from receptive import filters, tomtom, training
from receptive.backend import describe
from receptive.errors import ReceptiveError, UsageError
from receptive.files import check_writable, read_json, read_text, whole
from receptive.motifs import Motif, database, format_meme, read_meme, relevant_to
from receptive.networks import Variant, parameters
from receptive.protocols import READING, Protocol
from receptive.tasks.dataset import Dataset

RECIPE = 1
"""Raised when a change to the code makes older runs incomparable with newer ones."""


@dataclass(frozen=True)
class Plan:
    """What determines a run.

    Attributes:
        task: name of the data set.
        data_sha256: hash of its sequences and labels.
        network: the architecture.
        protocol: how it is trained and read.
        trial: number of the trial, from 0; the seed of the training.
        epochs: the most epochs.
        classes: names of the labels, which decide what is relevant. They are not part of the key, but
            :func:`finished` demands the same.
    """

    task: str
    data_sha256: str
    network: Variant
    protocol: Protocol
    trial: int = 0
    epochs: int = training.EPOCHS
    classes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """A hash of what determines the weights and the filters, whatever machine they are made on."""
        return key_of(self.record())

    @property
    def training(self) -> str:
        """A hash of what determines the weights; plans that share it differ in how filters are read."""
        record = self.record()
        protocol = {name: value for name, value in record["protocol"].items() if name not in READING}
        return key_of({**record, "protocol": {**protocol, "name": None}})

    def record(self) -> dict[str, Any]:
        """Return the plan as JSON keeps it, the layers as text."""
        network = {
            "name": self.network.name,
            "layers": str(self.network),
            "filters": list(self.network.filters),
            "units": self.network.units,
        }
        protocol = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in vars(self.protocol).items()
        }
        plain = {name: value for name, value in vars(self).items() if name != "classes"}
        return {**plain, "network": network, "protocol": protocol}

    def folder(self, store: Path | str) -> Path:
        """Return the run's place in a store."""
        return Path(store) / self.task / self.network.name / self.protocol.name / f"trial-{self.trial}"


def key_of(record: Mapping[str, Any]) -> str:
    """Return the key of a plan from its record, such as the ``plan`` field of a ``run.json``."""
    content = json.dumps({"recipe": RECIPE, **record}, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def plan(
    network: Variant, data: Dataset, protocol: Protocol, trial: int = 0, epochs: int = training.EPOCHS
) -> Plan:
    """Plan a run on a data set that is at hand.

    Raises:
        UsageError: an impossible trial, no epochs, or sequences too short for the network.
    """
    if not 0 <= trial < 2**32:
        raise UsageError(f"--trial is {trial}: expected a whole number from 0 to {2**32 - 1}")
    if epochs < 1:
        raise UsageError(f"--epochs is {epochs}: expected at least 1")
    parameters(network, data.length)  # refuses sequences that are too short for the network
    return Plan(data.task, data.sha256, network, protocol, trial, epochs, tuple(data.classes))


def finished(wanted: Plan, store: Path | str) -> dict[str, Any] | None:
    """Return the record of a run if the store has it, ``None`` if it has nothing in its place.

    Raises:
        ReceptiveError: another run (other data, names of classes, epochs or code) is in its place.
    """
    folder = wanted.folder(store)
    if not folder.exists():
        return None
    record = load(folder)
    parts = []
    if record["key"] != wanted.key:
        theirs, ours = record["plan"], wanted.record()
        parts = [name for name in ours if theirs.get(name) != ours[name]] or ["recipe"]
    elif wanted.classes and tuple(record["metrics"].get("classes", ())) != wanted.classes:
        parts = ["classes"]
    if parts:
        raise ReceptiveError(
            f"{folder} holds another run (it differs in {', '.join(parts)}): name another folder, remove it, "
            "or replace it by receptive train --replace"
        )
    return record


def load(folder: Path | str) -> dict[str, Any]:
    """Read the ``run.json`` of a run folder.

    Raises:
        ReceptiveError: it is missing or not a run's.
    """
    path = Path(folder) / "run.json"
    try:
        record = read_json(path)
    except OSError as error:
        raise ReceptiveError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise ReceptiveError(f"{path}: not JSON: {error}") from None
    fields = {"key", "plan", "task", "variant", "trial", "protocol", "metrics", "filters", "complete"}
    missing = fields - set(record if isinstance(record, dict) else ())
    if missing:
        raise ReceptiveError(f"{path}: not a run, no field {', '.join(sorted(missing))}")
    for name in ("plan", "metrics", "filters"):
        if not isinstance(record[name], dict):
            raise ReceptiveError(f"{path}: not a run, expected an object as {name}, found {record[name]!r}")
    return dict(record)


def run(
    wanted: Plan,
    data: Dataset,
    store: Path | str,
    progress: training.Progress | None = None,
    replace: bool = False,
) -> dict[str, Any]:
    """Train, read, match and store; a run that the store has already is not repeated.

    Args:
        wanted: the run, planned on ``data``.
        data: the data set.
        store: folder of runs.
        progress: called after every epoch.
        replace: whether another run may be in its place and is to be replaced.

    Returns:
        The record, as in ``run.json``.

    Raises:
        ReceptiveError: the training diverged, the store cannot be written, or another run is in its place.
    """
    return run_readings([wanted], data, store, progress, replace)[0]


def run_readings(
    wanted: Sequence[Plan],
    data: Dataset,
    store: Path | str,
    progress: training.Progress | None = None,
    replace: bool = False,
) -> list[dict[str, Any]]:
    """Train one network once and store a run for each way of reading its filters.

    Args:
        wanted: plans with the same :attr:`Plan.training`, whose weights are therefore the same.
        data, store, progress, replace: as for :func:`run`.

    Returns:
        The records, in the order of the plans; those that the store had already as they are there.

    Raises:
        ValueError: the plans need more than one training.
        ReceptiveError: as for :func:`run`.
    """
    if len({plan.training for plan in wanted}) != 1:
        raise ValueError("the plans differ in more than how filters are read")
    for plan in wanted:
        check_writable(plan.folder(store))
    records = {plan: None if replace else finished(plan, store) for plan in wanted}
    if not all(records.values()):
        one = wanted[0]
        trained = training.train(one.network, data, one.protocol, one.trial, one.epochs, progress)
        scores = training.metrics(data.test.Y, training.predict(trained.model, data.test.X))
        for plan, record in records.items():
            records[plan] = record or _store(plan, data, store, trained, scores, replace)
    return [record for plan in wanted if (record := records[plan])]


def _store(
    plan: Plan,
    data: Dataset,
    store: Path | str,
    trained: training.Training,
    scores: Mapping[str, Any],
    replace: bool,
) -> dict[str, Any]:
    """Read the filters of a trained network, match them, and write the run's folder.

    A run that somebody else has stored in the meantime is taken instead.
    """
    if not replace and (stored := finished(plan, store)):
        return stored
    folder = plan.folder(store)
    record = {
        "key": plan.key,
        "task": plan.task,
        "variant": plan.network.name,
        "trial": plan.trial,
        "protocol": plan.protocol.name,
        "complete": True,
        "metrics": {**scores, "classes": list(data.classes)},
        "filters": {},
        "epochs": len(trained.history["loss"]),
        "best_epoch": trained.best_epoch,
        "stopped_early": len(trained.history["loss"]) < plan.epochs,
        "full_protocol": plan.epochs == training.EPOCHS,
        "seconds": round(trained.seconds, 1),
        "seed": plan.trial,
        "parameters": parameters(plan.network, data.length, len(data.classes)),
        **describe(),
        "data": {**data.attributes, "sha256": data.sha256},
        "plan": plan.record(),
        "history": trained.history,
    }
    with whole(folder, replace) as part:
        part.mkdir()
        for layer, window in filters.readable(plan.network, data.length).items():
            reading = filters.read(trained.model, layer, data.test.X, plan.protocol, window)
            kept = filters.trimmed(reading.motifs, plan.protocol)
            (part / f"{layer}.untrimmed.meme").write_text(format_meme(reading.motifs), encoding="utf-8")
            (part / f"{layer}.meme").write_text(format_meme(kept), encoding="utf-8")
            matches = tomtom.match(read_meme(part / f"{layer}.meme"), database())
            (part / f"{layer}.tomtom.tsv").write_text(tomtom.table(matches), encoding="utf-8")
            record["filters"][layer] = {**summary(matches, data.classes), "sites": reading.sites.tolist()}
        (part / "run.json").write_text(to_json(record), encoding="utf-8")
    return record


def summary(matches: Sequence[tomtom.Match], classes: Sequence[str] = ()) -> dict[str, Any]:
    """Summarise the matches of one layer.

    Args:
        matches: the filters of the layer.
        classes: the labels of the task, which decide what is relevant; without them the twelve factors are.

    Returns:
        ``n`` filters, how many are ``dead``, the fractions that match any of JASPAR (``jaspar``, and without
        Gmeb1, D-19) and a relevant motif (``relevant`` by the released list, as in the paper;
        ``relevant_embedded`` by the embedded motifs alone, D-9), and the fraction of filters ``by_factor``.
    """
    found = tomtom.fractions(matches, relevant_to(classes))
    return {
        "n": len(matches),
        "dead": sum(match.dead for match in matches),
        **found,
        "relevant_embedded": tomtom.fractions(matches, relevant_to(classes, "embedded"))["relevant"],
        "by_factor": tomtom.by_factor(matches, relevant_to(classes)),
    }


def stored_matches(
    folder: Path | str, layer: str = "conv1"
) -> tuple[tuple[Motif, ...], tuple[tomtom.Match, ...]]:
    """Read a run's untrimmed filters back, and match the filters that it stored for Tomtom once more."""
    folder = Path(folder)
    matched = tomtom.match(read_meme(folder / f"{layer}.meme"), database())
    return read_meme(folder / f"{layer}.untrimmed.meme"), matched


def best_hits(folder: Path | str, layer: str = "conv1") -> dict[str, str]:
    """Read which motif (its id) each filter of a stored run is most like; filters without a match are absent.

    Raises:
        ReceptiveError: the run's table of hits cannot be read.
    """
    path = Path(folder) / f"{layer}.tomtom.tsv"
    try:
        lines = read_text(path, "a table of hits", "utf-8").splitlines()
    except OSError as error:
        raise ReceptiveError(f"cannot read {path}: {error.strerror}") from None
    best: dict[str, str] = {}
    for line in lines[1:]:
        if not line.startswith("#"):
            filter_id, target, *_ = line.split("\t")
            best.setdefault(filter_id, target)
    return best


def to_json(document: Mapping[str, Any] | Sequence[Any]) -> str:
    """Format a document as indented JSON with a final newline."""
    return json.dumps(document, indent=1, allow_nan=False) + "\n"
