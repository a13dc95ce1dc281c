"""The tasks: what each is called, how its data are had, and what it is for."""

from collections.abc import Callable
from dataclasses import dataclass
from json import dumps
from pathlib import Path

from receptive.errors import UsageError
from receptive.protocols import Protocol, task_fields
from receptive.tasks import chipseq, dataset, pairs, synthetic
from receptive.tasks.dataset import Dataset


@dataclass(frozen=True)
class Task:
    """A task that networks are trained on.

    Attributes:
        make: makes its data by a protocol; ``None`` if they are too large to ship, so that a file holds them.
        words: says what is particular about it, beside a claim or as a control.
        real: whether its sequences are those of a genome.
        control: the task that it is a control of, if it is one.
        sister: whether it is another form of the synthetic task, whose runs are compared with those of that
            (``SIDE`` of :mod:`receptive.evidence.measured`).
    """

    make: Callable[[Protocol], Dataset] | None
    words: str = ""
    real: bool = False
    control: str = ""
    sister: bool = False


def _draw(name: str, seed: int = 0, sequences: int = synthetic.SEQUENCES) -> Callable[[Protocol], Dataset]:
    return lambda protocol: synthetic.generate(seed, protocol, sequences, task=name)


TASKS = {
    "synthetic": Task(_draw("synthetic")),
    "synthetic-draw1": Task(_draw("synthetic-draw1", 1), sister=True),
    "synthetic-draw2": Task(_draw("synthetic-draw2", 2), sister=True),
    "synthetic-quarter": Task(_draw("synthetic-quarter", 0, synthetic.SEQUENCES // 4), sister=True),
    "synthetic-fourfold": Task(_draw("synthetic-fourfold", 0, 4 * synthetic.SEQUENCES), sister=True),
    "synthetic-pairs": Task(lambda protocol: pairs.generate(0, protocol), sister=True),
    "synthetic-pairs-apart": Task(
        lambda protocol: pairs.generate(0, protocol, gap=pairs.APART, task="synthetic-pairs-apart"),
        sister=True,
    ),
    "invivo": Task(None, "on DeepSEA's sequences, the paper's own", real=True),
    "chipseq": Task(
        lambda _: chipseq.load(), "on the ChIP-seq task, which is not the paper's data", real=True
    ),
    "chipseq-shuffled": Task(
        lambda _: chipseq.shuffle_labels(),
        "Labels are exchanged at random within each split: there is nothing to learn, and AU-ROC should be "
        "0.5.",
        real=True,
        control="chipseq",
    ),
    "chipseq-source": Task(
        lambda _: chipseq.which_list(),
        "Which of a factor's lists is a locus in? The lists of one factor differ in cell line, laboratory "
        "and antibody. What a network learns of these, it could use in place of the factor.",
        real=True,
        control="chipseq",
    ),
    "synthetic-others": Task(
        lambda protocol: synthetic.generate(0, protocol, motifs=synthetic.others(), task="synthetic-others"),
        "on the synthetic task with twelve other motifs",
    ),
}
"""All tasks by name; the paper's first data set, then what is measured beside it."""
PACKAGED = tuple(name for name, task in TASKS.items() if task.make)
"""Those that need no file."""
OTHERS = tuple(name for name, task in TASKS.items() if name != "synthetic" and not task.sister)
"""Those that are reported beside the synthetic one."""
IN_VIVO = tuple(name for name, task in TASKS.items() if task.real and not task.control)
"""Those on real sequences that decide claims, the paper's own first."""
CONTROLS = tuple(name for name, task in TASKS.items() if task.control)
"""Those that show what a network can have from elsewhere than the factors."""


def words(name: str) -> str:
    """Describe a task in a sentence; empty for the paper's synthetic task and unknown names."""
    return TASKS[name].words if name in TASKS else ""


def load(path: Path | str | None, name: str | None, protocol: Protocol) -> Dataset:
    """Read a data set, or make that of a task that needs no file, by a protocol.

    Args:
        path: HDF5 file, or ``None`` for a task that needs none.
        name: of the task; by default the file's, or ``synthetic``.
        protocol: what it is for.

    Raises:
        UsageError: the task needs a file, or the file was drawn otherwise than the protocol has it.
        ReceptiveError: the file is damaged.
    """
    if path is None:
        task = TASKS.get(name or "synthetic")
        if task is None or task.make is None:
            raise UsageError(f"--task {name} needs --data FILE; {', '.join(PACKAGED)} do without")
        return task.make(protocol)
    data = dataset.read(path, name)
    for field, asked in task_fields(protocol).items():
        drawn = data.attributes.get(field, asked)
        if drawn != asked:
            raise UsageError(
                f"{path} was drawn with {field} {drawn}, the protocol {protocol.name} has {asked}: "
                f"draw it anew, or --set {field}={dumps(drawn)}"
            )
    return data
