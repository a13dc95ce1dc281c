"""The measurements of a store: the numbers of its runs, trial by trial."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, product
from pathlib import Path

from receptive.errors import ReceptiveError, UsageError
from receptive.evidence.claims import Quantity
from receptive.evidence.studies import Epochs, Importance, read_record
from receptive.networks.variants import REGISTERED, VARIANTS
from receptive.protocols import READING, RELEASED, ablations
from receptive.replication import runs
from receptive.replication.runs import Run
from receptive.replication.targets import ACTIVATIONS, CONDITIONS, LATER
from receptive.tasks.registry import OTHERS

SCORES = {"auroc": "auroc_mean", "aupr": "aupr_mean"}
"""Columns of classification scores, with their names in a run."""
FRACTIONS = ("jaspar", "jaspar_without_gmeb1", "relevant", "relevant_embedded")
"""Columns of match fractions, as in a run's filters (D-9, D-19)."""

KEPT = ("gradient_left", "relevant_at_end", "gradient_lead", "importance_lead")
"""Columns of the studies of a run's first layer (:mod:`receptive.evidence.studies`)."""

SIDE = {
    "synthetic": "",
    "chipseq": "chipseq/",
    "synthetic-draw1": "draws/",
    "synthetic-draw2": "draws/",
    "synthetic-quarter": "quarter/",
    "synthetic-fourfold": "fourfold/",
    "synthetic-pairs": "pairs/",
    "synthetic-pairs-apart": "pairs-apart/",
}
"""Tasks whose networks are compared with one another, with what stands before the names of their networks:
the trials on both other draws of the synthetic task count as one series (DISC-7)."""
REGISTERED_TRIALS = {"synthetic": (5, 6, 7), "chipseq": (3, 4)}
"""The trials whose first layer answers DISC-5 and DISC-6, by task."""


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
        recipes: for every variant the recipes of its runs; more than one: of code that makes other networks.
        by_trial: whether trials of one number, which share a seed, are pairs
            (:mod:`receptive.evidence.rules`).
        data: hash of the data set that all runs share; empty without runs.
        left_out: folders of runs that do not count: incomplete, or shorter than the full protocol.
    """

    values: Mapping[Quantity, tuple[float, ...]]
    factors: Mapping[tuple[str, str], tuple[Mapping[str, float], ...]]
    data: str = ""
    left_out: tuple[Path, ...] = ()
    task: str = "synthetic"
    auroc: Mapping[str, tuple[Mapping[str, float], ...]] = field(default_factory=dict)
    trials: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    by_trial: bool = False
    recipes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def of(self, quantity: Quantity) -> tuple[float, ...]:
        """Return the values of a quantity, none if it was not measured.

        Raises:
            UsageError: there cannot be such a quantity, see :func:`name_quantity`.
        """
        return self.values.get(name_quantity(*quantity), ())

    def by_number(self, variant: str, values: Sequence[float]) -> dict[int, float]:
        """Give values of a variant, in the order of its trials, the numbers of these trials."""
        return dict(zip(self.trials.get(variant, range(len(values))), values, strict=True))

    def factors_covered(self, variant: str, layer: str = "conv1") -> tuple[int, ...]:
        """Return, trial by trial, how many factors have a filter of a layer that matches them."""
        return tuple(sum(share > 0 for share in trial.values()) for trial in self.factors[variant, layer])


def name_quantity(variant: str, layer: str, column: str) -> Quantity:
    """Name a quantity that can be measured: a score, without a layer, or a match fraction of a convolution.

    Raises:
        UsageError: there is no such column, the column and the layer do not go together, or a network of ours
            or the paper's has no such layer. Other networks are taken at their word.
    """
    if column not in (*SCORES, *FRACTIONS, *KEPT):
        raise UsageError(f"no column {column!r}; there are {', '.join((*SCORES, *FRACTIONS, *KEPT))}")
    if column in SCORES:
        if layer:
            raise UsageError(f"{column} is of a network, not of a layer ({layer!r})")
        return Quantity(variant, layer, column)
    known = (VARIANTS | REGISTERED).get(variant)
    number = re.fullmatch(r"conv([1-9]\d*)", layer)
    if number is None or (known and int(number[1]) > len(known.filters)):
        layers = ", ".join(f"conv{place + 1}" for place in range(len(known.filters) if known else 1))
        raise UsageError(f"no layer {layer!r} of {variant} has a share of matches; expected {layers}")
    return Quantity(variant, layer, column)


def require_results(store: Path | str, protocol: str = "released", task: str = "synthetic") -> Results:
    """Read the full runs of a task under a protocol.

    Raises:
        ReceptiveError: the store is missing or has no such run, a run is damaged or in another's place, or
            two runs were trained on different data.
    """
    results = read_results(store, protocol, task)
    if not results.data:
        left_out = len(results.left_out)
        what = f"{left_out} shortened or incomplete runs" if left_out else _holdings(Path(store))
        raise ReceptiveError(f"{store} has no full run of {task} under protocol {protocol!r}, but {what}")
    return results


def read_others(store: Path | str, protocol: str = "released") -> dict[str, Results]:
    """Read the full runs of every task beside the synthetic one, by task; none for a task without any.

    Beside them stand ``conditions`` (:func:`conditions`), ``epochs`` and ``importance`` (:func:`read_kept`).

    Raises:
        ReceptiveError: as in :func:`require_results`, but not for want of runs.
    """
    every = {task: read_results(store, protocol, task) for task in OTHERS}
    every |= {"conditions": conditions(store, protocol)}
    every |= {name: read_kept(store, name, protocol) for name in ("epochs", "importance")}
    return {task: results for task, results in every.items() if results.values}


def conditions(store: Path | str, protocol: str = "released") -> Results:
    """Read the runs that differ from a protocol in one switch, or in their data, as those of one task.

    A network is named with its data and its switch, as in ``cnn-2+l2=0.0``, ``chipseq/cnn-2`` or
    ``draws/cnn-2``; without either it is the network of ``protocol`` on the synthetic task.
    """
    others = (*CONDITIONS, *chain(*ACTIVATIONS.values()), *LATER["cnn-2"], *ablations())
    switched = {
        protocol.suffix: None for protocol in others if protocol.differences(RELEASED).keys() - READING
    }
    values: dict[Quantity, tuple[float, ...]] = {}
    trials: dict[str, tuple[int, ...]] = {}
    for (task, before), switch in product(SIDE.items(), ("", *switched)):
        results = read_results(store, f"{protocol}+{switch}" if switch else protocol, task)
        names = {network: f"{before}{network}{f'+{switch}' if switch else ''}" for network in results.trials}
        for quantity, numbers in results.values.items():
            renamed = quantity._replace(variant=names[quantity.variant])
            values[renamed] = (*values.get(renamed, ()), *numbers)
        for network, name in names.items():
            after = len(trials.get(name, ()))  # numbers of their own for trials on a second draw
            trials[name] = (*trials.get(name, ()), *(number + after for number in results.trials[network]))
    return Results(values, {}, task="conditions", trials=trials)


def read_kept(store: Path | str, what: str, protocol: str = "released") -> Results:
    """Read what was kept of the first layers of the registered trials, as the results of one task.

    Args:
        store: folder of runs.
        what: ``epochs`` or ``importance``.
        protocol: of the runs.
    """
    values: dict[Quantity, list[float]] = {}
    trials: dict[str, list[int]] = {}
    for task, numbers in REGISTERED_TRIALS.items():
        for folder in folders(store, task, protocol):
            if int(folder.name[6:]) not in numbers:
                continue
            name = f"{SIDE[task]}{folder.parts[-3]}"
            for column, value in _kept_numbers(folder, what).items():
                values.setdefault(Quantity(name, "conv1", column), []).append(value)
                trials.setdefault(name, []).append(int(folder.name[6:]))
    return Results(
        {quantity: tuple(numbers) for quantity, numbers in values.items()},
        {},
        task=what,
        trials={name: tuple(dict.fromkeys(numbers)) for name, numbers in trials.items()},
    )


def _kept_numbers(folder: Path, what: str) -> dict[str, float]:
    """Return the numbers of a run's study, without those that are not defined."""
    numbers: dict[str, float | None] = {}
    if what == "epochs" and (epochs := read_record(folder, Epochs)):
        numbers = {"gradient_left": epochs.gradient_left(), "relevant_at_end": epochs.relevant()}
        numbers |= {"gradient_lead": epochs.gradient_lead()}
    elif what == "importance" and (importance := read_record(folder, Importance)):
        numbers = {"importance_lead": importance.lead()}
    return {column: value for column, value in numbers.items() if value is not None}


def read_results(store: Path | str, protocol: str = "released", task: str = "synthetic") -> Results:
    """Read the full runs that a store has, if any: for pages that are to be true of every store.

    Raises:
        ReceptiveError: as in :func:`require_results`, but not for want of runs.
    """
    values: dict[Quantity, list[float]] = {}
    factors: dict[tuple[str, str], list[Mapping[str, float]]] = {}
    auroc: dict[str, list[Mapping[str, float]]] = {}
    trials: dict[str, list[int]] = {}
    layers: dict[str, Mapping[str, tuple[str, ...]]] = {}
    data: dict[str, Path] = {}
    left_out: list[Path] = []
    recipes: dict[str, set[int]] = {}
    for folder in folders(store, task, protocol):
        run = runs.load(folder)
        if folder != run.plan.folder(store):
            raise ReceptiveError(f"{folder} holds another run, {run.plan.folder('')}")
        if not (run.complete and run.full_protocol):
            left_out.append(folder)
            continue
        network = run.plan.network.name
        data.setdefault(run.data["sha256"], folder)
        kinds = {layer: tuple(filters.by_factor) for layer, filters in run.filters.items()}
        if kinds != layers.setdefault(network, kinds):
            raise ReceptiveError(
                f"{folder / 'run.json'}: other layers or factors than in the trials before it"
            )
        for key, value in _numbers(run, folder).items():
            values.setdefault(key, []).append(value)
        for layer, filters in run.filters.items():
            factors.setdefault((network, layer), []).append(filters.by_factor)
        scores = zip(run.plan.classes, run.auroc, strict=False)
        auroc.setdefault(network, []).append({name: score for name, score in scores if score is not None})
        trials.setdefault(network, []).append(run.plan.trial)
        recipes.setdefault(network, set()).add(run.recipe)
    if len(data) > 1:
        raise ReceptiveError(f"{' and '.join(map(str, data.values()))} were trained on different data")
    return Results(
        {key: tuple(series) for key, series in values.items()},
        {place: tuple(trials) for place, trials in factors.items()},
        next(iter(data), ""),
        tuple(left_out),
        task,
        {variant: tuple(values) for variant, values in auroc.items()},
        {variant: tuple(values) for variant, values in trials.items()},
        recipes={variant: tuple(sorted(values)) for variant, values in recipes.items()},
    )


def read_runs(store: Path | str, task: str = "*", protocol: str = "*") -> tuple[Run, ...]:
    """Read the runs of a store, by network, protocol and trial.

    >>> [(run.plan.network.name, run.plan.trial) for run in read_runs("results", task="chipseq-source")]
    [('cnn-25', 0), ('cnn-25', 1), ('cnn-25', 2)]

    Args:
        store: folder of runs.
        task: of one task alone.
        protocol: under one protocol alone.

    Raises:
        ReceptiveError: there is no such folder, or a run is damaged.
    """
    return tuple(runs.load(folder) for folder in folders(store, task, protocol))


def folders(store: Path | str, task: str = "*", protocol: str = "*") -> list[Path]:
    """Return the run folders of a store, by variant, protocol and trial.

    Raises:
        ReceptiveError: there is no such folder, or one that cannot be looked into.
    """
    places = [Path(store)]
    for wanted in (task, "*", protocol, "*"):
        places = [below for folder in places for below in _folders_in(folder) if wanted in ("*", below.name)]
    trials = [path for path in places if re.fullmatch(r"trial-\d+", path.name)]
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


def _numbers(run: Run, folder: Path) -> dict[Quantity, float]:
    """Return the scores and fractions of a run."""
    network = run.plan.network.name
    if run.auroc_mean is None or run.aupr_mean is None:
        raise ReceptiveError(f"{folder / 'run.json'}: damaged: no class has a score")
    numbers = {Quantity(network, "", name): float(getattr(run, of)) for name, of in SCORES.items()}
    for layer, filters in run.filters.items():
        numbers |= {Quantity(network, layer, column): getattr(filters, column) for column in FRACTIONS}
    return numbers
