"""What to call a network and its runs where people read: one label everywhere."""

import re

TASKS = {
    "synthetic": "",
    "chipseq": "on ChIP-seq",
    "chipseq-shuffled": "on ChIP-seq, shuffled",
    "chipseq-source": "on sources of ChIP-seq",
    "draws": "on other draws",
    "synthetic-draw1": "on draw 1",
    "synthetic-draw2": "on draw 2",
    "synthetic-quarter": "on a quarter of the data",
    "synthetic-fourfold": "on four times the data",
    "synthetic-pairs": "on pairs",
    "synthetic-pairs-apart": "on pairs further apart",
    "synthetic-others": "on other factors",
}
"""Tasks in words, behind the name of a network."""
SWITCHES = {
    "activation=exponential": "exponential",
    "activation=softplus": "softplus",
    "activation=squared_relu": "squared ReLU",
    "activation=sigmoid": "sigmoid",
    "activation=gelu": "GELU",
    "activation=silu": "SiLU",
    "activation=cubed_relu": "cubed ReLU",
    "learning_rate=0.0003": "learning rate 0.0003",
    "beta_1=0.9": "β₁ 0.9",
    "initializer=he_normal": "He initialisation",
    "patience=None": "no early stopping",
    "l2=0.0": "no L2",
    "l2=0.0001": "L2 × 100",
    "dropout=0.0,0.0,0.0": "no dropout",
    "dropout=0.5,0.1,0.5": "dropout 0.5 behind layer 1",
    "batch_norm=False": "no batch normalisation",
    "learning_rate=0.01+optimizer=sgd": "SGD with momentum",
    "learning_rate=0.01": "learning rate × 10",
    "learning_rate=0.0001": "learning rate ÷ 10",
}
"""What is switched, as the name of a protocol has it, in words."""
NAME = re.compile(r"(?<![\w/-])(?:[a-z-]+/)?cnn\d*(?:-\w+)*(?:\+\w+=[\w.,-]*\w)*(?![\w-])")
"""A network in a text as results name it."""


def switches_in_words(switches: str) -> str:
    """Say what a protocol switches; ``+l2=0.0`` is ``no L2``."""
    switches = switches.removeprefix("+")
    plain = ", ".join(switch.replace("_", " ").replace("=", " ") for switch in switches.split("+"))
    return SWITCHES.get(switches, plain)


def label(name: str, task: str = "") -> str:
    """Name a network, with its task and what is switched, as people read it.

    >>> label("cnn-2"), label("pairs/cnn-2"), label("cnn-pool8s4", "chipseq")
    ('CNN-2', 'CNN-2 on pairs', 'CNN-pool8s4 on ChIP-seq')
    >>> label("chipseq/cnn-25+l2=0.0")
    'CNN-25 (no L2) on ChIP-seq'

    Args:
        name: of a network, as results have it: a task's short name may stand before it, and what is switched
            behind it.
        task: whose name does not stand before it; the synthetic task by default, which is not said.
    """
    before, _, rest = name.rpartition("/")
    network, _, switches = rest.partition("+")
    told = f" ({switches_in_words(switches)})" if switches else ""
    where = (
        TASKS.get(before) or TASKS.get(f"synthetic-{before}") or TASKS.get(task, f"on {task}" if task else "")
    )
    return " ".join(filter(None, [re.sub("^cnn", "CNN", network) + told, where]))


def label_networks(text: str) -> str:
    """Write every network that a text names by its label.

    >>> label_networks("cnn-2+activation=exponential relevant − cnn-2 relevant")
    'CNN-2 (exponential) relevant − CNN-2 relevant'
    """
    return NAME.sub(lambda name: label(name[0]), text)
