"""Targets: names under which networks are trained, and the plans of each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product

from receptive.errors import UsageError
from receptive.networks.training import EPOCHS
from receptive.networks.variants import (
    DEPTH,
    LARGE,
    NUMBERS,
    REGISTERED,
    SECOND,
    SMALL,
    VARIANTS,
    Variant,
    variant,
)
from receptive.protocols import CONTROL_READING, RELEASED, Protocol, ablations, protocol, with_other_reading
from receptive.replication import runs
from receptive.replication.runs import Plan
from receptive.tasks.dataset import Dataset
from receptive.theory.fields import receptive_fields


@dataclass(frozen=True)
class Target:
    """Networks and protocols that are trained under one name.

    Attributes:
        task: the task that the networks are trained on.
        networks: their names, each with the protocols that it is trained under; none: the one asked for.
        trials: of each, unless the user says otherwise; as many as the paper's by default.
    """

    task: str
    networks: Mapping[str, tuple[Protocol, ...]]
    trials: int = 5


TABLE_2 = (*SMALL, *LARGE, "cnn9-4", "cnn9-25", "cnn-50-2", *NUMBERS[1:])
"""The networks of Table 2."""

ABLATIONS = {
    "cnn-2": ablations(),
    "cnn-25": ablations(),
    "cnn9-4": (CONTROL_READING, protocol("released", window=None), with_other_reading(RELEASED)),
    "cnn-50-2": (protocol("released", cnn_50_2="full"),),
}
"""Every switch for two networks; for filters of 9 the window that suits them, and for CNN-50-2 its size."""

ACTIVATIONS = {
    "cnn-1": (protocol("released", activation="exponential"),),
    "cnn-2": tuple(
        protocol("released", activation=name)
        for name in ("exponential", "softplus", "squared_relu", "sigmoid")
    ),
    "cnn-4": (protocol("released", activation="exponential"),),
    "cnn-25": (protocol("released", activation="exponential"),),
}
"""Activations of the first layer other than ReLU (DISC-1)."""

LATER = {"cnn-2": tuple(protocol("released", activation=name) for name in ("gelu", "silu", "cubed_relu"))}
"""Activations that were registered when the runs of the others were there (DISC-10)."""

CONDITIONS = tuple(
    protocol("released", **switches)
    for switches in (
        {"l2": 0.0},
        {"l2": 1e-4},
        {"dropout": (0.0, 0.0, 0.0)},
        {"dropout": (0.5, 0.1, 0.5)},
        {"batch_norm": False},
        {"optimizer": "sgd", "learning_rate": 0.01},
        {"learning_rate": 1e-2},
        {"learning_rate": 1e-4},
    )
)
"""Other ways of regularising and of optimising (DISC-4)."""

TARGETS = {
    "table1": (Target("synthetic", dict.fromkeys(VARIANTS, ())),),
    "ablations": (Target("synthetic", ABLATIONS, 3),),
    "table2": (Target("invivo", dict.fromkeys(TABLE_2, ())),),
    "chipseq": (Target("chipseq", dict.fromkeys(TABLE_2, ()), 3),),
    "chipseq-shuffled": (Target("chipseq-shuffled", {"cnn-25": ()}, 3),),
    "chipseq-source": (Target("chipseq-source", {"cnn-25": ()}, 3),),
    "predictions": (Target("synthetic", dict.fromkeys(REGISTERED, ()), 3),),
    "predictions-2": (
        Target("synthetic", dict.fromkeys(SECOND, ()), 5),
        Target("synthetic", dict.fromkeys(DEPTH, ()), 3),
        Target(
            "synthetic-others", dict.fromkeys(("cnn-2", "cnn-4", "cnn-pool6", "cnn-10", "cnn19-1-2"), ()), 3
        ),
        Target("chipseq", dict.fromkeys(("cnn-pool6", "cnn-pool8s2", "cnn-pool4-conv1"), ()), 3),
        Target("chipseq", dict.fromkeys(("cnn-pool2-conv5d3", "cnn-basset", "cnn-deepsea"), ()), 3),
    ),
    "activation": (
        Target("synthetic", ACTIVATIONS, 3),
        Target("chipseq", dict.fromkeys(("cnn-2", "cnn-25"), ACTIVATIONS["cnn-25"]), 3),
    ),
    "activation-2": (Target("synthetic", LATER, 3),),
    "conditions": (Target("synthetic", {"cnn-2": CONDITIONS, "cnn-25": CONDITIONS}, 3),),
    "draws": tuple(
        Target(task, dict.fromkeys(("cnn-2", "cnn-4", "cnn-25"), ()), 2)
        for task in ("synthetic-draw1", "synthetic-draw2")
    ),
    "pairs": (Target("synthetic-pairs", dict.fromkeys(("cnn-2", "cnn-25"), ()), 3),),
    "pairs-apart": (Target("synthetic-pairs-apart", dict.fromkeys(("cnn-2", "cnn-4", "cnn-25"), ()), 3),),
    "sizes": tuple(
        Target(task, dict.fromkeys(("cnn-2", "cnn-25"), ()), 3)
        for task in ("synthetic-quarter", "synthetic-fourfold")
    ),
    "more-trials": (
        Target("synthetic", dict.fromkeys(SMALL, ()), 10),
        Target("chipseq", dict.fromkeys(TABLE_2, ()), 5),
    ),
}
"""By name: Table 1 with the two networks of Fig S1, all 17; switches of the protocol; Table 2; its networks
on the ChIP-seq task; that task's controls; the networks whose filters were predicted before their training,
first and second registration; and what answers the Discussion: other activations, conditions and draws,
pairs of motifs near and apart, data sets of other sizes, and more trials."""


def cost(network: Variant, length: int, classes: int = 12) -> int:
    """Count the multiply-adds of one sequence of ``length`` nt through a network, by arithmetic alone."""
    positions, channels, total, filters = length, 4, 0, iter(network.filters)
    for layer, row in zip(network.layers, receptive_fields(network.layers, length).rows, strict=True):
        positions = row.length
        if layer.kind == "conv":
            new = next(filters)
            total += positions * layer.size * channels * new
            channels = new
    return total + positions * channels * network.units + network.units * classes


def plans(
    names: Iterable[str],
    trials: int | None,
    protocol: Protocol,
    data: Dataset,
    epochs: int = EPOCHS,
    both_readings: bool = False,
) -> tuple[Plan, ...]:
    """Plan every trial of the named variants, the longest trainings first.

    Longest first keeps the machine busy to the end: what is started last is soon over.

    Args:
        names: variants or :data:`TARGETS`; a run that is named twice counts once.
        trials: trials of each, numbered from 0; ``None`` for the usual number.
        protocol: how they are trained and read, unless a target has its own protocols.
        data: the data set of all of them.
        epochs: the most epochs.
        both_readings: whether the filters are to be read as the other protocol does, too.

    Raises:
        UsageError: an unknown name, data of another task than a target's, or less than one trial or epoch.
    """
    if trials is not None and trials < 1:
        raise UsageError(f"--trials is {trials}: expected at least 1")
    protocols = (protocol, with_other_reading(protocol)) if both_readings else (protocol,)
    wanted: dict[Plan, None] = {}
    for name in names:
        targets = [
            target
            for target in TARGETS.get(name, (Target(data.task, {name: ()}),))
            if target.task == data.task
        ]
        if not targets:
            tasks = " and ".join(tasks_of([name]))
            raise UsageError(f"{name} is of the task {tasks}: expected data of it, found {data.task}")
        for target in targets:
            for network, own in target.networks.items():
                for chosen, trial in product(own or protocols, range(trials or target.trials)):
                    wanted[runs.plan_run(variant(network, chosen), data, chosen, trial, epochs)] = None
    return tuple(sorted(wanted, key=lambda plan: -cost(plan.network, data.length)))


def tasks_of(names: Iterable[str]) -> tuple[str, ...]:
    """Return the tasks of the targets among some names, none without any.

    Raises:
        UsageError: targets that have no task in common.
    """
    chosen = {name: [target.task for target in TARGETS[name]] for name in names if name in TARGETS}
    if len({frozenset(tasks) for tasks in chosen.values()}) > 1:
        raise UsageError(f"{' and '.join(chosen)} are of different tasks: expected one at a time")
    return tuple(dict.fromkeys(task for tasks in chosen.values() for task in tasks))
