"""A run: one network trained once, its filters read and compared with JASPAR, kept as small text files.

A store is a folder of runs, ``STORE/<task>/<variant>/<protocol>/trial-<n>/``, each with

- ``run.json``: what was trained on what, how, where and for how long, its history and its metrics;
- ``conv1.meme`` (and ``conv2.meme``, …): the filters as they went into Tomtom, trimmed if the protocol trims;
- ``conv1.untrimmed.meme``: the same filters in full;
- ``conv1.tomtom.tsv``: every hit;
- ``model.keras`` and ``epochs.npz``, if they were to be kept: the weights, and the first layer over epochs.

A run folder is written under a temporary name and renamed, so it is whole or absent.
"""

import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from receptive.errors import ReceptiveError, UsageError
from receptive.files import check_writable, read_json, read_text, to_json, whole
from receptive.motifs import tomtom
from receptive.motifs.jaspar import database, relevant_to
from receptive.motifs.meme import format_meme, read_meme
from receptive.motifs.motif import Motif
from receptive.networks import filters, training
from receptive.networks.backend import describe, save
from receptive.networks.variants import Variant, parameters
from receptive.protocols import READING, Protocol
from receptive.tasks.dataset import Dataset
from receptive.theory.layers import parse_layers

RECIPE = 2
"""Raised when a change to the code makes another network of the same plan. 1: up to commit 65ccdfb, whose
runs do not say so; 2: batches in the order of a pipeline of our own (1bfd789)."""
FIRST_RECIPE = 1


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
        """A hash of what determines the weights and the filters, but for how the machine rounds."""
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
        return {
            "task": self.task,
            "data_sha256": self.data_sha256,
            "network": network,
            "protocol": self.protocol.record(),
            "trial": self.trial,
            "epochs": self.epochs,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any], classes: Sequence[str] = ()) -> "Plan":
        """Return the plan that :meth:`record` was made of.

        Raises:
            ReceptiveError: a field is missing or cannot have its value.
        """
        try:
            network = record["network"]
            layers = parse_layers(network["layers"])
            variant = Variant(network["name"], layers, tuple(network["filters"]), network["units"])
            protocol = Protocol.from_record(record["protocol"])
            rest = {name: record[name] for name in ("task", "data_sha256", "trial", "epochs")}
            return cls(network=variant, protocol=protocol, classes=tuple(classes), **rest)
        except (KeyError, TypeError) as error:
            raise ReceptiveError(f"not a plan of a run: {type(error).__name__} {error}") from None

    def folder(self, store: Path | str) -> Path:
        """Return the run's place in a store."""
        return Path(store) / self.task / self.network.name / self.protocol.name / f"trial-{self.trial}"


def key_of(record: Mapping[str, Any], recipe: int = RECIPE) -> str:
    """Return the key of a plan from its record, such as the ``plan`` field of a ``run.json``."""
    content = json.dumps({"recipe": recipe, **record}, sort_keys=True)
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

    A run by an older recipe is the same trial of the same plan; the report says where recipes meet.

    Raises:
        ReceptiveError: another run (other data, names of classes, protocol or epochs) is in its place.
    """
    folder = wanted.folder(store)
    if not folder.exists():
        return None
    record = load(folder)
    if record["key"] != key_of(record["plan"], record["recipe"]):
        by = f"by recipe {record['recipe']}; was it edited?"
        raise ReceptiveError(f"{folder / 'run.json'}: its key is not that of its plan {by}")
    theirs, ours = record["plan"], wanted.record()
    parts = [name for name in ours if theirs.get(name) != ours[name]]
    if not parts and wanted.classes and tuple(record["metrics"].get("classes", ())) != wanted.classes:
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
    return {**record, "recipe": record.get("recipe", FIRST_RECIPE)}


def run(
    wanted: Plan,
    data: Dataset,
    store: Path | str,
    progress: training.Progress | None = None,
    replace: bool = False,
    keep: bool = False,
) -> dict[str, Any]:
    """Train, read, match and store; a run that the store has already is not repeated.

    Args:
        wanted: the run, planned on ``data``.
        data: the data set.
        store: folder of runs.
        progress: called after every epoch.
        replace: whether another run may be in its place and is to be replaced.
        keep: whether to store the weights (``model.keras``) and the first layer over epochs (``epochs.npz``).

    Returns:
        The record, as in ``run.json``.

    Raises:
        ReceptiveError: the training diverged, the store cannot be written, or another run is in its place.
    """
    return run_readings([wanted], data, store, progress, replace, keep)[0]


def run_readings(
    wanted: Sequence[Plan],
    data: Dataset,
    store: Path | str,
    progress: training.Progress | None = None,
    replace: bool = False,
    keep: bool = False,
) -> list[dict[str, Any]]:
    """Train one network once and store a run for each way of reading its filters.

    Args:
        wanted: plans with the same :attr:`Plan.training`, whose weights are therefore the same.
        data, store, progress, replace, keep: as for :func:`run`.

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
        one, begin = wanted[0], now()
        trained = training.train(one.network, data, one.protocol, one.trial, one.epochs, progress, keep)
        scores = training.metrics(data.test.Y, training.predict(trained.model, data.test.X))
        for plan, record in records.items():
            records[plan] = record or _store(plan, data, store, trained, scores, begin, replace, keep)
    return [record for plan in wanted if (record := records[plan])]


def _store(
    plan: Plan,
    data: Dataset,
    store: Path | str,
    trained: training.Training,
    scores: Mapping[str, Any],
    begin: str,
    replace: bool,
    keep: bool,
) -> dict[str, Any]:
    """Read the filters of a trained network, match them, and write the run's folder.

    A run that somebody else has stored in the meantime is taken instead.
    """
    if not replace and (stored := finished(plan, store)):
        return stored
    folder = plan.folder(store)
    record = {
        "key": plan.key,
        "recipe": RECIPE,
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
        "parameters": parameters(plan.network, data.length, len(data.classes), plan.protocol.batch_norm),
        **describe(),
        "commit": commit(),
        "begin": begin,
        "end": now(),
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
        if keep:
            save(trained.model, part / "model.keras")
            if trained.snapshots:
                arrays: dict[str, Any] = dict(trained.snapshots)
                np.savez_compressed(part / "epochs.npz", **arrays)
        (part / "run.json").write_text(to_json(record), encoding="utf-8")
    return record


def repeat(
    stored: Mapping[str, Any], data: Dataset, progress: training.Progress | None = None
) -> dict[str, Any]:
    """Train a stored run once more, keep nothing, and compare.

    Args:
        stored: its record, as :func:`load` returns it.
        data: the data set that it was trained on.
        progress: called after every epoch.

    Returns:
        ``same``: whether losses, scores and filters are the same to the last digit; ``differs``: what
        of these is not, as ``{"stored", "now"}`` (losses of the first epoch that does); ``recipe``: both.

    Raises:
        ReceptiveError: the data are others, or as :func:`run`.
    """
    plan = Plan.from_record(stored["plan"], stored["metrics"].get("classes", ()))
    if data.sha256 != plan.data_sha256:
        raise ReceptiveError(
            f"the run was trained on data of sha256 {plan.data_sha256[:16]}, these have {data.sha256[:16]}"
        )
    with TemporaryDirectory() as folder:
        found = run(plan, data, folder, progress)
    differs: dict[str, Any] = {}
    losses = [
        zip(record["history"]["loss"], record["history"]["val_loss"], strict=True)
        for record in (stored, found)
    ]
    for epoch, (one, other) in enumerate(zip_longest(*losses), start=1):
        if one != other:
            differs[f"losses of epoch {epoch}"] = {"stored": one, "now": other}
            break
    if stored["metrics"] != found["metrics"]:
        differs["AU-ROC"] = {
            when: record["metrics"]["auroc_mean"] for when, record in (("stored", stored), ("now", found))
        }
    for layer, one in stored["filters"].items():
        other = found["filters"][layer]
        for name in one:
            if one[name] != other[name]:
                differs[f"{layer} {name}"] = {"stored": one[name], "now": other[name]}
    return {
        "same": not differs,
        "differs": differs,
        "recipe": {"stored": stored["recipe"], "now": RECIPE},
    }


def now() -> str:
    """Return the time, UTC, to the second, as ISO 8601 writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@cache
def commit() -> str | None:
    """Return the commit of the package's own checkout, with ``+`` if its source was changed since.

    ``None`` where the package is not in a checkout of its own, or git is not there.
    """
    package = Path(__file__).parents[1]

    def git(*arguments: str) -> str:
        asked = subprocess.run(
            ["git", "-C", str(package), *arguments], capture_output=True, text=True, check=True, timeout=10
        )
        return asked.stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")) != package.parents[1]:
            return None
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "--", ".") else "")
    except (OSError, subprocess.SubprocessError):
        return None


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
    """Read a run's filters, untrimmed, and their matches, to six digits.

    Raises:
        ReceptiveError: a file of the run cannot be read.
    """
    untrimmed = read_meme(Path(folder) / f"{layer}.untrimmed.meme")
    path = Path(folder) / f"{layer}.tomtom.tsv"
    text = read_text(path, "a table of hits")
    return untrimmed, tomtom.parse_table(text, [motif.id for motif in untrimmed], str(path))


def best_hits(folder: Path | str, layer: str = "conv1") -> dict[str, str]:
    """Read which motif (its id) each filter of a stored run is most like; filters without a match are absent.

    Raises:
        ReceptiveError: as :func:`stored_matches`.
    """
    _, matches = stored_matches(folder, layer)
    return {match.id: match.hits[0].target for match in matches if match.hits}
