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
from dataclasses import replace as replace_fields
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import numpy as np

from receptive.errors import ReceptiveError, UsageError
from receptive.files import MOST_JSON, atomic_write, check_writable, from_json, read_text, to_json
from receptive.models.keras import Keras
from receptive.models.probe import Probe
from receptive.motifs import tomtom
from receptive.motifs.jaspar import database, relevant_ids
from receptive.motifs.meme import format_meme, read_meme
from receptive.motifs.motif import Motif
from receptive.networks import filters, training
from receptive.networks.backend import describe, save
from receptive.networks.variants import Variant, map_name, parameters
from receptive.protocols import READING, Protocol
from receptive.tasks.dataset import Dataset
from receptive.theory.layers import parse_layers

RECIPE = 2
"""Raised when a change to the code makes another network of the same plan. 1: up to commit 65ccdfb, whose
runs do not say so; 2: batches in the order of a pipeline of our own (1bfd789)."""
FIRST_RECIPE = 1
SCHEMA = 1
"""Raised when the fields of ``run.json`` change in a way that older versions of this package misread."""


@dataclass(frozen=True)
class Plan:
    """All that determines a run.

    Attributes:
        task: name of the data set.
        data_sha256: hash of its sequences and labels.
        network: the architecture.
        protocol: how it is trained and read.
        trial: number of the trial, from 0; the seed of the training.
        epochs: the most epochs.
        classes: names of the labels, which decide what is relevant. They are not part of the key, but
            :func:`find_run` demands the same.
    """

    task: str
    data_sha256: str
    network: Variant
    protocol: Protocol
    trial: int
    epochs: int
    classes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """A hash of all that determines the weights and the filters, but for how the machine rounds."""
        return key_of(self.record())

    @property
    def weights_key(self) -> str:
        """A hash of all that determines the weights; plans that share it differ in how filters are read."""
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


@dataclass(frozen=True)
class Filters:
    """The matches of one layer's filters, as shares of all of them, dead ones included.

    Attributes:
        n: how many there are.
        dead: how many have no site.
        jaspar: match any motif of JASPAR.
        jaspar_without_gmeb1: match one other than Gmeb1 (D-19).
        relevant: match a motif of the released list, as in the paper.
        relevant_embedded: match one of the embedded motifs (D-9).
        by_factor: have their best relevant match with each factor.
        sites: sites of each filter.
    """

    n: int
    dead: int
    jaspar: float
    jaspar_without_gmeb1: float
    relevant: float
    relevant_embedded: float
    by_factor: Mapping[str, float]
    sites: tuple[int, ...] = ()

    def record(self) -> dict[str, Any]:
        """Return the numbers as ``run.json`` keeps them."""
        return {**vars(self), "by_factor": dict(self.by_factor), "sites": list(self.sites)}


@dataclass(frozen=True)
class Run:
    """A network trained once, its filters read and compared with JASPAR.

    >>> run = load("results/synthetic/cnn-25/released/trial-0")
    >>> run.plan.network.name, run.epochs, run.filters["conv1"].n, run.full_protocol
    ('cnn-25', 46, 30, True)

    Attributes:
        plan: what determined it.
        auroc, aupr: test scores of each class; ``None`` for a class without both labels.
        filters: what the filters of every readable layer match.
        loss, val_loss: after every epoch, on training and validation data.
        best_epoch: the epoch (from 1) whose weights were kept.
        seconds: of training, by the clock on the wall.
        parameters: trainable ones.
        backend, device, machine, versions: what it ran on.
        data: where the data are from, with their hash as ``sha256``.
        recipe: of the code that made it, see :data:`RECIPE`.
        commit: of the package's checkout, with ``+`` if its source had been changed; ``None`` if not known.
        begin, end: UTC, ISO 8601; ``None`` for runs by the first recipe.
        complete: whether training and reading came to their end.
    """

    plan: Plan
    auroc: tuple[float | None, ...]
    aupr: tuple[float | None, ...]
    filters: Mapping[str, Filters]
    loss: tuple[float, ...]
    val_loss: tuple[float, ...]
    best_epoch: int
    seconds: float
    parameters: int
    backend: str
    device: str
    machine: str
    versions: Mapping[str, str]
    data: Mapping[str, Any]
    recipe: int = RECIPE
    commit: str | None = None
    begin: str | None = None
    end: str | None = None
    complete: bool = True

    @property
    def auroc_mean(self) -> float | None:
        """Mean of the classes that have a score."""
        return training.mean_score(self.auroc)

    @property
    def aupr_mean(self) -> float | None:
        """Likewise of the areas under precision-recall curves."""
        return training.mean_score(self.aupr)

    @property
    def epochs(self) -> int:
        """Epochs trained."""
        return len(self.loss)

    @property
    def stopped_early(self) -> bool:
        """Whether training stopped before the last epoch planned."""
        return self.epochs < self.plan.epochs

    @property
    def full_protocol(self) -> bool:
        """Whether it was planned for as many epochs as the paper's."""
        return self.plan.epochs == training.EPOCHS

    def record(self) -> dict[str, Any]:
        """Return the run as ``run.json`` keeps it."""
        plan = self.plan
        made = {} if self.begin is None else {"commit": self.commit, "begin": self.begin, "end": self.end}
        return {
            "key": key_of(plan.record(), self.recipe),
            "schema": SCHEMA,
            "recipe": self.recipe,
            "task": plan.task,
            "variant": plan.network.name,
            "trial": plan.trial,
            "protocol": plan.protocol.name,
            "complete": self.complete,
            "metrics": {
                "auroc_mean": self.auroc_mean,
                "auroc": list(self.auroc),
                "aupr_mean": self.aupr_mean,
                "aupr": list(self.aupr),
                "classes": list(plan.classes),
            },
            "filters": {layer: filters.record() for layer, filters in self.filters.items()},
            "epochs": self.epochs,
            "best_epoch": self.best_epoch,
            "stopped_early": self.stopped_early,
            "full_protocol": self.full_protocol,
            "seconds": self.seconds,
            "seed": plan.trial,
            "parameters": self.parameters,
            "backend": self.backend,
            "device": self.device,
            "machine": self.machine,
            "versions": dict(self.versions),
            **made,
            "data": dict(self.data),
            "plan": plan.record(),
            "history": {"loss": list(self.loss), "val_loss": list(self.val_loss)},
        }

    @classmethod
    def from_record(cls, record: Any, source: str) -> "Run":
        """Return the run that :meth:`record` was made of.

        Args:
            record: what a ``run.json`` holds.
            source: its path, for messages.

        Raises:
            ReceptiveError: it is no run, a number is none or out of its range, the fields contradict the
                plan, or the key is not that of the plan.
        """
        if not isinstance(record, dict):
            raise ReceptiveError(f"{source}: not a run, expected an object, found {record!r}")
        for name in ("plan", "metrics", "filters", "history", "data"):
            if not isinstance(record.get(name, {}), dict):
                raise ReceptiveError(
                    f"{source}: not a run, expected an object as {name}, found {record[name]!r}"
                )
        try:
            schema, recipe = int(record.get("schema", SCHEMA)), int(record.get("recipe", FIRST_RECIPE))
            if schema > SCHEMA:
                raise ReceptiveError(
                    f"{source}: written by a newer receptive (schema {schema}); update this one"
                )
            scores = record["metrics"]
            plan = Plan.from_record(record["plan"], scores.get("classes", ()))
            said = (record["task"], record["variant"], record["trial"], record["protocol"])
            if said != (plan.task, plan.network.name, plan.trial, plan.protocol.name):
                raise ReceptiveError(f"{source}: not what its plan says, but {said}")
            if record["key"] != key_of(record["plan"], recipe):
                raise ReceptiveError(
                    f"{source}: its key is not that of its plan by recipe {recipe}; was it edited?"
                )
            filters = {layer: _filters(layer, numbers) for layer, numbers in record["filters"].items()}
            if not filters:
                raise ValueError("filters: none at all")
            history = record["history"]
            return cls(
                plan=plan,
                auroc=_scores("auroc", scores["auroc"]),
                aupr=_scores("aupr", scores["aupr"]),
                filters=filters,
                loss=tuple(map(float, history["loss"])),
                val_loss=tuple(map(float, history["val_loss"])),
                best_epoch=int(record["best_epoch"]),
                seconds=float(record["seconds"]),
                parameters=int(record["parameters"]),
                backend=str(record["backend"]),
                device=str(record["device"]),
                machine=str(record["machine"]),
                versions=dict(record["versions"]),
                data={**record["data"], "sha256": str(record["data"]["sha256"])},
                recipe=recipe,
                commit=record.get("commit"),
                begin=record.get("begin"),
                end=record.get("end"),
                complete=bool(record["complete"]),
            )
        except KeyError as error:
            raise ReceptiveError(f"{source}: not a run, no field {error}") from None
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ReceptiveError(f"{source}: damaged: {type(error).__name__} {error}") from None


def _filters(layer: str, numbers: Mapping[str, Any]) -> Filters:
    def share(name: str) -> float:
        return _share(f"{layer} {name}", numbers[name])

    return Filters(
        n=int(numbers["n"]),
        dead=int(numbers["dead"]),
        jaspar=share("jaspar"),
        jaspar_without_gmeb1=share("jaspar_without_gmeb1"),
        relevant=share("relevant"),
        relevant_embedded=share("relevant_embedded"),
        by_factor={
            factor: _share(f"{layer} by_factor {factor}", value)
            for factor, value in numbers["by_factor"].items()
        },
        sites=tuple(map(int, numbers.get("sites", ()))),
    )


def _scores(name: str, values: Sequence[Any]) -> tuple[float | None, ...]:
    return tuple(None if value is None else _share(name, value) for value in values)


def _share(what: str, value: Any) -> float:
    """Return a score or a share if it is one."""
    number = float(value)
    if not 0 <= number <= 1:
        raise ValueError(f"{what} is {value}, not between 0 and 1")
    return number


def plan_run(
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


def find_run(wanted: Plan, store: Path | str) -> Run | None:
    """Return a run if the store has it, ``None`` if it has nothing in its place.

    A run by an older recipe is the same trial of the same plan; the report says where recipes meet.

    Raises:
        ReceptiveError: another run (other data, names of classes, protocol or epochs) is in its place.
    """
    folder = wanted.folder(store)
    if not folder.exists():
        return None
    stored = load(folder)
    theirs, ours = stored.plan.record(), wanted.record()
    parts = [name for name in ours if theirs[name] != ours[name]]
    if not parts and wanted.classes and stored.plan.classes != wanted.classes:
        parts = ["classes"]
    if parts:
        raise ReceptiveError(
            f"{folder} holds another run (it differs in {', '.join(parts)}): name another folder, remove it, "
            "or replace it by receptive train --replace"
        )
    return stored


def load(folder: Path | str) -> Run:
    """Read the run of a folder.

    Raises:
        ReceptiveError: its ``run.json`` is missing or not a run's.
    """
    path = Path(folder) / "run.json"
    return _parse(read_text(path, "JSON", "utf-8", MOST_JSON), str(path))


@lru_cache(maxsize=4096)
def _parse(text: str, source: str) -> Run:
    """Read a run from its text, once, however many results and pages are made of it."""
    return Run.from_record(from_json(text, source), source)


def run(
    wanted: Plan,
    data: Dataset,
    store: Path | str,
    progress: training.Progress | None = None,
    replace: bool = False,
    keep: bool = False,
) -> Run:
    """Train, read, match and store; a run that the store has already is not repeated.

    Args:
        wanted: the run, planned on ``data``.
        data: the data set.
        store: folder of runs.
        progress: called after every epoch.
        replace: whether another run may be in its place and is to be replaced.
        keep: whether to store the weights (``model.keras``) and the first layer over epochs (``epochs.npz``).

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
) -> list[Run]:
    """Train one network once and store a run for each way of reading its filters.

    Args:
        wanted: plans with the same :attr:`Plan.weights_key`, whose weights are therefore the same.
        data, store, progress, replace, keep: as for :func:`run`.

    Returns:
        The runs, in the order of the plans; those that the store had already as they are there.

    Raises:
        ValueError: the plans need more than one training.
        ReceptiveError: as for :func:`run`.
    """
    if len({plan.weights_key for plan in wanted}) != 1:
        raise ValueError("the plans differ in more than how filters are read")
    for plan in wanted:
        check_writable(plan.folder(store))
    present = {plan: None if replace else find_run(plan, store) for plan in wanted}
    if not all(present.values()):
        first, begin = wanted[0], now()
        trained = training.train(
            first.network, data, first.protocol, first.trial, first.epochs, progress, keep
        )
        scores = training.metrics(data.test.Y, training.predict(trained.model, data.test.X))
        for plan, stored in present.items():
            present[plan] = stored or _store(plan, data, store, trained, scores, begin, replace, keep)
    return [stored for plan in wanted if (stored := present[plan])]


def _store(
    plan: Plan,
    data: Dataset,
    store: Path | str,
    trained: training.Training,
    scores: Mapping[str, Any],
    begin: str,
    replace: bool,
    keep: bool,
) -> Run:
    """Read the filters of a trained network, match them, and write the run's folder.

    A run that somebody else has stored in the meantime is taken instead.
    """
    if not replace and (stored := find_run(plan, store)):
        return stored
    folder, layers = plan.folder(store), dict[str, Filters]()
    with atomic_write(folder, replace) as part:
        part.mkdir()
        for layer, window in filters.readable(plan.network, data.length).items():
            scan = Probe(Keras(trained.model), map_name(layer), data.test.X).maps
            window = filters.protocol_window(plan.protocol, window)
            reading = filters.read_maps(layer, scan, data.test.X, plan.protocol, window)
            kept = filters.trim_all(reading.motifs, plan.protocol)
            (part / f"{layer}.untrimmed.meme").write_text(format_meme(reading.motifs), encoding="utf-8")
            (part / f"{layer}.meme").write_text(format_meme(kept), encoding="utf-8")
            matches = tomtom.match(read_meme(part / f"{layer}.meme"), database())
            (part / f"{layer}.tomtom.tsv").write_text(tomtom.table(matches), encoding="utf-8")
            layers[layer] = replace_fields(
                summary(matches, data.classes), sites=tuple(reading.sites.tolist())
            )
        if keep:
            save(trained.model, part / "model.keras")
            if trained.snapshots:
                arrays: dict[str, Any] = dict(trained.snapshots)
                np.savez_compressed(part / "epochs.npz", **arrays)
        finished = Run(
            replace_fields(plan, classes=tuple(data.classes)),
            tuple(scores["auroc"]),
            tuple(scores["aupr"]),
            layers,
            tuple(trained.history["loss"]),
            tuple(trained.history["val_loss"]),
            trained.best_epoch,
            round(trained.seconds, 1),
            parameters(plan.network, data.length, len(data.classes), plan.protocol.batch_norm),
            **describe(),
            data={**data.attributes, "sha256": data.sha256},
            commit=commit(),
            begin=begin,
            end=now(),
        )
        (part / "run.json").write_text(to_json(finished.record()), encoding="utf-8")
    return finished


def repeat(stored: Run, data: Dataset, progress: training.Progress | None = None) -> dict[str, Any]:
    """Train a stored run once more, keep nothing, and compare.

    Args:
        stored: the run.
        data: the data set that it was trained on.
        progress: called after every epoch.

    Returns:
        ``same``: whether losses, scores and filters are the same to the last digit; ``differs``: what
        of these is not, as ``{"stored", "now"}`` (losses of the first epoch that does); ``recipe``: both.

    Raises:
        ReceptiveError: the data are others, or as :func:`run`.
    """
    if data.sha256 != stored.plan.data_sha256:
        raise ReceptiveError(
            f"the run was trained on data of sha256 {stored.plan.data_sha256[:16]}, "
            f"these have {data.sha256[:16]}"
        )
    with TemporaryDirectory() as folder:
        repeated = run(stored.plan, data, folder, progress)
    pairs: dict[str, tuple[Any, Any]] = {}
    losses = (zip(training_.loss, training_.val_loss, strict=True) for training_ in (stored, repeated))
    for epoch, (then, again) in enumerate(zip_longest(*losses), start=1):
        if then != again:
            pairs[f"losses of epoch {epoch}"] = then, again
            break
    if (stored.auroc, stored.aupr) != (repeated.auroc, repeated.aupr):
        pairs["AU-ROC"] = stored.auroc_mean, repeated.auroc_mean
    for layer, filters_then in stored.filters.items():
        numbers = filters_then.record(), repeated.filters[layer].record()
        pairs |= {f"{layer} {name}": (numbers[0][name], numbers[1][name]) for name in numbers[0]}
    differs = {name: {"stored": then, "now": again} for name, (then, again) in pairs.items() if then != again}
    return {"same": not differs, "differs": differs, "recipe": {"stored": stored.recipe, "now": RECIPE}}


_STARTED = datetime.now(UTC) - timedelta(seconds=monotonic())


def now() -> str:
    """Return the time, UTC, to the second, as ISO 8601 writes it.

    It goes on from what the clock said when this module was loaded, so that a clock that is put back while a
    network trains does not make the run end before it began.
    """
    return (_STARTED + timedelta(seconds=monotonic())).strftime("%Y-%m-%dT%H:%M:%SZ")


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


def summary(matches: Sequence[tomtom.Match], classes: Sequence[str] = ()) -> Filters:
    """Summarise the matches of one layer.

    Args:
        matches: the filters of the layer.
        classes: the labels of the task, which decide what is relevant; without them the twelve factors are.
    """
    relevant = relevant_ids(classes)
    return Filters(
        n=len(matches),
        dead=sum(match.dead for match in matches),
        **tomtom.fractions(matches, relevant)._asdict(),
        relevant_embedded=tomtom.fractions(matches, relevant_ids(classes, "embedded")).relevant,
        by_factor=tomtom.by_factor(matches, relevant),
    )


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
