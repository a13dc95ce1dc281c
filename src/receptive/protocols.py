"""The two readings of the method: what the paper's text says and what the code published with it does.

The released code is revision 122f5f2 (7 January 2020) of https://github.com/p-koo/learning_sequence_motifs.
They disagree on how the data are drawn, how a network is trained and how a filter is read (D-7 to D-17).
Every point of disagreement is one field here, so that any single difference can be switched on its own:
``protocol("released", beta_1=0.9)``.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from difflib import get_close_matches
from sys import float_info
from typing import Any, Literal

from receptive.errors import UsageError

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

    activation: Literal[
        "relu", "exponential", "softplus", "squared_relu", "sigmoid", "gelu", "silu", "cubed_relu"
    ] = "relu"
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
        counts = self.motif_counts
        possible = {
            "motif_counts": isinstance(counts, tuple)
            and all(_number(p) and p >= 0 for p in counts)
            and abs(sum(counts) - 1) < 1e-9,
            "spacing": self.spacing in ("normalised", "uniform"),
            "buffer": _whole(self.buffer, 0),
            "cnn_50_2": self.cnn_50_2 in ("full", "small"),
            "initializer": self.initializer in ("glorot_uniform", "he_normal"),
            "bn_epsilon": _number(self.bn_epsilon) and self.bn_epsilon > 0,
            "bn_momentum": _number(self.bn_momentum) and 0 <= self.bn_momentum < 1,
            "learning_rate": _number(self.learning_rate) and self.learning_rate > 0,
            "beta_1": _number(self.beta_1) and 0 <= self.beta_1 < 1,
            "batch_size": _whole(self.batch_size, 1),
            "batch_size_in_vivo": _whole(self.batch_size_in_vivo, 1),
            "patience": self.patience is None or _whole(self.patience, 1),
            "sites": self.sites in ("every", "best"),
            "threshold": _number(self.threshold) and 0 <= self.threshold <= 1,
            "weighted": isinstance(self.weighted, bool),
            "ends": self.ends in ("pad", "drop"),
            "window": self.window is None or _whole(self.window, 1, WIDEST_WINDOW),
            "trim_bits": self.trim_bits is None or (_number(self.trim_bits) and self.trim_bits >= 0),
            "trim_pad": _whole(self.trim_pad, 0),
            "activation": self.activation in ACTIVATIONS,
            "batch_norm": isinstance(self.batch_norm, bool),
            "dropout": isinstance(self.dropout, tuple)
            and len(self.dropout) == 3
            and all(_number(rate) and 0 <= rate < 1 for rate in self.dropout),
            "l2": _number(self.l2) and self.l2 >= 0,
            "optimizer": self.optimizer in ("adam", "sgd"),
        }
        for name, fine in possible.items():
            if not fine:
                raise UsageError(f"protocol: {name} cannot be {getattr(self, name)!r}")

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


ACTIVATIONS = ("relu", "exponential", "softplus", "squared_relu", "sigmoid", "gelu", "silu", "cubed_relu")

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


def _whole(value: object, least: int, most: int = 2**31 - 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


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


def drawing(protocol: Protocol) -> dict[str, Any]:
    """Return the fields that decide how the synthetic task is drawn (D-10), as a file keeps them."""
    return {
        "motif_counts": list(protocol.motif_counts),
        "spacing": protocol.spacing,
        "buffer": protocol.buffer,
    }


AGAIN = replace(RELEASED, name="released+again")
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
    changed = {field: value for field, value in switches.items() if value != asdict(base)[field]}
    suffix = "".join(f"+{field}={_text(value)}" for field, value in sorted(changed.items()))
    return replace(base, name=name + suffix, **changed)


def _text(value: Any) -> str:
    """Write a value as part of a folder's name."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def reread(trained: Protocol) -> Protocol:
    """Return the same way of training with the filters read as the other of the two protocols does."""
    (other,) = (one for name, one in PROTOCOLS.items() if name != trained.base)
    fields = {name: value for name, value in vars(trained).items() if name != "name"}
    return protocol(trained.base, **{**fields, **{name: getattr(other, name) for name in READING}})


def ablations() -> tuple[Protocol, ...]:
    """Return ``AGAIN``, each single switch of it to the paper's value, and its reading switched whole."""
    single = (protocol("released", **{name: getattr(PAPER, name)}) for name in ABLATED)
    return (AGAIN, *single, reread(RELEASED))
