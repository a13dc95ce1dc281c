"""The two readings of the method: what the paper's text says and what the code published with it does.

The released code is revision 122f5f2 (7 January 2020) of https://github.com/p-koo/learning_sequence_motifs.
They disagree on how the data are drawn, how a network is trained and how a filter is read (D-7 to D-17).
Every point of disagreement is one field here, so that any single difference can be switched on its own:
``protocol("released", beta_1=0.9)``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from sys import float_info
from typing import Any, Literal, get_args, get_origin, get_type_hints

from receptive.errors import UsageError

Activation = Literal[
    "relu", "exponential", "softplus", "squared_relu", "sigmoid", "gelu", "silu", "cubed_relu"
]
ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)
WIDEST_WINDOW = 1000
"""Columns of the widest PWM that a filter is read as."""


@dataclass(frozen=True)
class Protocol:
    """One way of drawing the data, training a network and reading its filters.

    Two differences that need no field: D-12 (an unpadded second convolution in CNN19,1-2) changes nothing for
    a filter of size 1, and D-13 concerns the in vivo file alone.
    """

    name: str
    """``paper`` or ``released``, followed by ``+field=value`` for every switched field."""

    motif_counts: tuple[float, ...]
    """Probability of embedding 1, 2, … motifs in a sequence (D-10)."""
    spacing: Literal["normalised", "uniform"]
    """Gaps between motifs: uniform variates scaled to the free length, or uniform over placements (D-10)."""
    buffer: int
    """Fewest nucleotides between two motifs and between a motif and an end (SYN-3, D-10)."""

    cnn_50_2: Literal["full", "small"]
    """CNN-50-2 with CNN-2's 160,048 parameters, or with the released 25,712 (ARCH-3, D-5)."""
    initializer: Literal["glorot_uniform", "he_normal"]
    """Initial weights of convolutions and dense layers (D-15)."""
    bn_epsilon: float
    """Batch normalisation: added to the variance (D-17)."""
    bn_momentum: float
    """Batch normalisation: decay of the moving averages (D-17)."""

    learning_rate: float
    """Adam's step size (D-14)."""
    beta_1: float
    """Adam's decay of the first moment (D-14)."""
    batch_size: int
    """Sequences in a mini-batch of the synthetic task."""
    batch_size_in_vivo: int
    """Sequences in a mini-batch of the in vivo tasks (D-16)."""
    patience: int | None
    """Epochs without a lower validation loss before training stops; ``None``: never (D-11)."""

    sites: Literal["every", "best"]
    """Sites of a filter: every position above the threshold, or the best of each sequence (D-7)."""
    threshold: float
    """Least activation of a site, as a share of the filter's maximum over the test set (D-7)."""
    weighted: bool
    """Whether a site counts as much as its activation, or once (D-7)."""
    ends: Literal["pad", "drop"]
    """Windows that leave the sequence: keep what is inside, or drop the site (D-7)."""
    window: int | None
    """Columns of a filter's PWM; ``None``: the receptive field of the layer (D-7)."""
    trim_bits: float | None
    """Before Tomtom, trim to the columns above this information; ``None``: not at all (D-8)."""
    trim_pad: int
    """Columns kept on either side of the trimmed core (D-8)."""

    activation: Activation = "relu"
    """What follows batch normalisation in the first layer (DISC-1, DISC-10)."""
    batch_norm: bool = True
    """Whether layers are normalised; without it convolutions and dense layers have a bias (DISC-4)."""
    dropout: tuple[float, float, float] = (0.1, 0.1, 0.5)
    """Dropout after the first stage, after each later one, and after the dense layer (DISC-4)."""
    l2: float = 1e-6
    """Weight decay of every kernel (TRAIN-1, DISC-4)."""
    optimizer: Literal["adam", "sgd"] = "adam"
    """Adam, or stochastic gradient descent with ``beta_1`` as its momentum (DISC-4)."""

    def __post_init__(self) -> None:
        for name, (fine, expected) in POSSIBLE.items():
            if not fine(value := getattr(self, name)):
                raise UsageError(f"protocol: {name} cannot be {value!r}: expected {expected}")

    @property
    def base(self) -> str:
        """The one of :data:`PROTOCOLS` that it is a switch of."""
        return self.name.partition("+")[0]

    @property
    def suffix(self) -> str:
        """The switches in its name, as in ``beta_1=0.9+patience=None``; empty without any."""
        return self.name.partition("+")[2]

    def differences(self, other: "Protocol") -> dict[str, Any]:
        """Return the fields, other than the name, in which it differs from another protocol."""
        return {
            name: value for name, value in vars(self).items() if name != "name" and value != vars(other)[name]
        }

    def record(self) -> dict[str, Any]:
        """Return the fields as ``run.json`` keeps them, without those of :data:`ADDED` that have its values.

        So a field that comes later leaves the records, and the keys, of older runs what they are.
        """
        fields = {
            name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()
        }
        return {name: value for name, value in fields.items() if name not in ADDED or value != ADDED[name]}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Protocol":
        """Return the protocol that :meth:`record` was made of.

        Raises:
            UsageError: a field is missing, unknown, or cannot have its value.
        """
        named = {field.name for field in fields(cls)}
        if unknown := record.keys() - named:
            raise UsageError(f"protocol: no field is called {', '.join(sorted(unknown))}")
        if missing := named - record.keys() - ADDED.keys():
            raise UsageError(f"protocol: no field {', '.join(sorted(missing))}")
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in {**ADDED, **record}.items()
        }
        return cls(**values)


ADDED: dict[str, Any] = {
    "activation": "relu",
    "batch_norm": True,
    "dropout": [0.1, 0.1, 0.5],
    "l2": 1e-6,
    "optimizer": "adam",
}
"""Fields that came after the first runs, with the values that these had. Never changed, only added to."""


def _number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= float_info.max  # isfinite fails on whole numbers that are larger


Possible = tuple[Callable[[Any], bool], str]
"""Whether a field can have a value, and in words what it can have."""


def _one_of(hint: Any) -> Possible:
    choices = get_args(hint)
    return lambda value: value in choices, f"{', '.join(map(str, choices[:-1]))} or {choices[-1]}"


def _within(low: float, high: float = float_info.max, low_itself: bool = True) -> Possible:
    ends = f"{low:g} or more" if low_itself else f"more than {low:g}"
    return (
        lambda value: _number(value) and (low <= value if low_itself else low < value) and value <= high,
        f"a number, {ends}" + (f" and at most {high:g}" if high < float_info.max else ""),
    )


def _whole(least: int, most: int = 2**31 - 1) -> Possible:
    return (
        lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most,
        f"a whole number from {least} to {most}",
    )


def _or_none(possible: Possible) -> Possible:
    return lambda value: value is None or possible[0](value), f"None or {possible[1]}"


SHARE: Possible = lambda value: _number(value) and 0 <= value < 1, "a number from 0 to below 1"
POSSIBLE: dict[str, Possible] = {
    name: _one_of(hint) for name, hint in get_type_hints(Protocol).items() if get_origin(hint) is Literal
} | {
    "motif_counts": (
        lambda value: (
            isinstance(value, tuple)
            and all(_number(p) and p >= 0 for p in value)
            and abs(sum(value) - 1) < 1e-9
        ),
        "probabilities that add up to 1, such as 0.5,0.5",
    ),
    "buffer": _whole(0),
    "bn_epsilon": _within(0, low_itself=False),
    "bn_momentum": SHARE,
    "learning_rate": _within(0, low_itself=False),
    "beta_1": SHARE,
    "batch_size": _whole(1),
    "batch_size_in_vivo": _whole(1),
    "patience": _or_none(_whole(1)),
    "threshold": _within(0, 1),
    "weighted": (lambda value: isinstance(value, bool), "True or False"),
    "window": _or_none(_whole(1, WIDEST_WINDOW)),
    "trim_bits": _or_none(_within(0)),
    "trim_pad": _whole(0),
    "batch_norm": (lambda value: isinstance(value, bool), "True or False"),
    "dropout": (
        lambda value: isinstance(value, tuple) and len(value) == 3 and all(map(SHARE[0], value)),
        "three numbers from 0 to below 1, such as 0.1,0.1,0.5",
    ),
    "l2": _within(0),
}
"""What each field can be."""


RELEASED = Protocol(
    name="released",
    motif_counts=(0.5, 0.25, 0.17, 0.05, 0.03),
    spacing="normalised",
    buffer=0,
    cnn_50_2="small",
    initializer="glorot_uniform",
    bn_epsilon=1e-8,
    bn_momentum=0.99,
    learning_rate=1e-3,
    beta_1=0.95,
    batch_size=100,
    batch_size_in_vivo=32,
    patience=20,
    sites="every",
    threshold=0.5,
    weighted=True,
    ends="pad",
    window=19,
    trim_bits=0.5,
    trim_pad=3,
)
"""The code published with the paper, which most likely produced its numbers."""

PAPER = Protocol(
    name="paper",
    motif_counts=(0.2, 0.2, 0.2, 0.2, 0.2),
    spacing="uniform",
    buffer=1,
    cnn_50_2="full",
    initializer="he_normal",
    bn_epsilon=1e-3,
    bn_momentum=0.99,
    learning_rate=3e-4,
    beta_1=0.9,
    batch_size=100,
    batch_size_in_vivo=100,
    patience=None,
    sites="best",
    threshold=0.7,
    weighted=False,
    ends="drop",
    window=None,
    trim_bits=None,
    trim_pad=0,
)
"""The paper's text; where it is silent (number of motifs, gaps, batch normalisation) the plainest choice."""


def task_fields(protocol: Protocol) -> dict[str, Any]:
    """Return the fields that decide how the synthetic task is drawn (D-10), as a file keeps them."""
    return {
        "motif_counts": list(protocol.motif_counts),
        "spacing": protocol.spacing,
        "buffer": protocol.buffer,
    }


CONTROL_READING = replace(RELEASED, name="released+again")
"""The released protocol under another name: what is read otherwise is compared with this reading of the same
weights. Weights are not stored, and a machine that rounds otherwise makes others of the same seed."""

PROTOCOLS = {protocol.name: protocol for protocol in (RELEASED, PAPER)}

READING = frozenset({"sites", "threshold", "weighted", "ends", "window", "trim_bits", "trim_pad"})
"""Fields that say how filters are read (D-7, D-8). All others decide, with the seed, the trained weights."""

DISCREPANCIES = {
    "motif_counts": "D-10",
    "spacing": "D-10",
    "buffer": "D-10",
    "cnn_50_2": "D-5",
    "initializer": "D-15",
    "bn_epsilon": "D-17",
    "bn_momentum": "D-17",
    "learning_rate": "D-14",
    "beta_1": "D-14",
    "batch_size": "D-16",
    "batch_size_in_vivo": "D-16",
    "patience": "D-11",
    "sites": "D-7",
    "threshold": "D-7",
    "weighted": "D-7",
    "ends": "D-7",
    "window": "D-7",
    "trim_bits": "D-8",
    "trim_pad": "D-8",
}
"""The discrepancy that each field stands for."""

ABLATED = (
    "learning_rate",
    "beta_1",
    "initializer",
    "patience",
    "sites",
    "threshold",
    "weighted",
    "ends",
    "trim_bits",
)
"""Fields that are switched one at a time. Not ``window``: 19 is the filter size of those networks anyway."""


def protocol(name: str, /, **switches: Any) -> Protocol:
    """Return the protocol ``name`` with some fields switched to other values, and a name that says so.

    Raises:
        UsageError: no protocol or field has that name, or a field cannot have that value.

    >>> protocol("released", beta_1=0.5).name
    'released+beta_1=0.5'
    """
    if name not in PROTOCOLS:
        raise UsageError(f"unknown protocol {name!r}: expected one of {', '.join(PROTOCOLS)}")
    base = PROTOCOLS[name]
    known = [field.name for field in fields(Protocol) if field.name != "name"]
    for field in switches:
        if field not in known:
            hint = "".join(f" (did you mean {near}?)" for near in get_close_matches(field, known, 1))
            raise UsageError(f"protocol {name!r} has no field {field!r}{hint}")
    switches = {name: tuple(value) if isinstance(value, list) else value for name, value in switches.items()}
    changed = {field: value for field, value in switches.items() if value != getattr(base, field)}
    suffix = "".join(f"+{field}={_text(value)}" for field, value in sorted(changed.items()))
    return replace(base, name=name + suffix, **changed)


def _text(value: Any) -> str:
    """Write a value as part of a folder's name."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def with_other_reading(trained: Protocol) -> Protocol:
    """Return the same way of training with the filters read as the other of the two protocols does."""
    (other,) = (protocol for name, protocol in PROTOCOLS.items() if name != trained.base)
    fields = {name: value for name, value in vars(trained).items() if name != "name"}
    return protocol(trained.base, **{**fields, **{name: getattr(other, name) for name in READING}})


def ablations() -> tuple[Protocol, ...]:
    """Return ``CONTROL_READING``, each single switch to the paper's value, and its reading switched whole."""
    single = (protocol("released", **{name: getattr(PAPER, name)}) for name in ABLATED)
    return (CONTROL_READING, *single, with_other_reading(RELEASED))
