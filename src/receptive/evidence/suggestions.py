"""Suggestions: single changes that make a network's first layer readable, or one of parts."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import log2
from typing import Any

from receptive.errors import UsageError
from receptive.networks.variants import Variant, parameters
from receptive.replication.targets import cost
from receptive.theory.assembly import MIXED, Kind
from receptive.theory.fields import ReceptiveFields, receptive_fields
from receptive.theory.layers import INPUT, POOLING, Graph, Layer, chain, format_layers
from receptive.theory.prediction import SHORTEST, Outcome, Prediction, nearest, outcomes, predict

EXPONENTIAL = (
    "Or leave the layers as they are, and put an exponential in place of ReLU behind the first\n"
    "convolution, with batch normalisation before it: what that did, receptive claims DISC-1 tells"
)
"""The change of another kind that was measured to make first layers localist."""
TOWARDS: dict[str, Kind] = {"motifs": "localist", "parts": "distributed"}
"""What a first layer may be asked to hold, and the class that this is."""
POOLS, TAPS, DILATIONS, SIZES = range(1, 151), range(1, 15), range(1, 15), range(SHORTEST, 31)
"""The values that are tried: sizes and strides of the first pool, sizes and dilations of the second filter,
sizes of a first filter that is too short. Beyond them nothing was measured."""


@dataclass(frozen=True)
class Design:
    """A network, and what can be said of it before training.

    Attributes:
        layers: the network.
        knob: what was changed: pool size, pool stride, second filter, dilation or first filter.
        change: what was changed, in words.
        prediction: of its first convolution.
        parameters: as many as it would have with 30 filters in the first convolution, 128 in the others, 512
            hidden units and 12 classes.
        positions: that the map has which the next layer reads.
        multiply_adds: for one sequence.
        like: the network most alike that was trained, where a prediction is made.
    """

    layers: tuple[Layer, ...]
    knob: str
    change: str
    prediction: Prediction
    parameters: int
    positions: int
    multiply_adds: int
    like: Outcome | None

    def record(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        record, like = self.prediction.record(), self.like
        auroc = dict(zip(("mean", "sd"), like.auroc, strict=True)) if like else {}
        return {
            "network": format_layers(self.layers),
            "change": self.change,
            "knob": self.knob,
            **{name: record[name] for name in ("relevant", "low", "high", "prediction", "outside")},
            "parameters": self.parameters,
            "positions": self.positions,
            "multiply_adds": self.multiply_adds,
            "auroc": {"network": like.network, **auroc, "n": len(like.trials)} if like else None,
        }


@dataclass(frozen=True)
class Advice:
    """Suggestions for a network: those that change it least come first.

    Attributes:
        now: the network as it is.
        towards: a key of `TOWARDS`.
        suggestions: single changes, each predicted to have its first layer as asked.
        activation: what can be done without a change of layers; empty if nothing was measured.
    """

    now: Design
    towards: str
    suggestions: tuple[Design, ...]
    activation: str = ""

    @property
    def note(self) -> str:
        """The reason that there is nothing to suggest; empty if there is something."""
        if self.suggestions:
            return ""
        if self.now.prediction.kind == TOWARDS[self.towards]:
            return f"the first layer is predicted {self.now.prediction.kind} as it is"
        why = self.now.prediction.outside
        return f"no single change is predicted to make it {TOWARDS[self.towards]}{f': {why}' if why else ''}"

    def document(self) -> dict[str, Any]:
        """Return the document of ``receptive predict --suggest --json``."""
        return {
            "network": format_layers(self.now.layers),
            "towards": self.towards,
            "now": self.now.record(),
            "suggestions": [suggestion.record() for suggestion in self.suggestions],
            "activation": self.activation or None,
            "note": self.note or None,
        }


def suggest(network: Graph, length: int, towards: str = "motifs") -> Advice:
    """Suggest single changes by which a first layer is predicted to hold whole motifs, or parts.

    Of each knob the nearest value with which it is, and the nearest with which its whole interval is. Where a
    larger first pool leaves a later one too few positions, that one is made smaller, too. What changes
    parameters, positions and multiply-adds the least (the sum of the logarithms of their ratios) comes first.

    Args:
        network: a chain of layers.
        length: of the sequences.
        towards: ``motifs`` or ``parts``.

    Raises:
        UsageError: another ``towards``, a network with branches or without a convolution.
    """
    if towards not in TOWARDS:
        raise UsageError(f"--towards {towards}: expected {' or '.join(TOWARDS)}")
    layers = _chain_layers(network)
    (first, *_) = [node.layer.name for node in network.nodes if node.layer.kind == "conv"]
    activation = network.activations.get(first, "relu")
    now = _design("", "as it is", layers, length, activation)
    if now is None or now.prediction.kind == TOWARDS[towards]:
        return Advice(_require(now), towards, ())
    designs = dict[tuple[Layer, ...], Design]()
    for knob in _knobs(layers, length, activation):
        asked = [design for design in knob if design.prediction.kind == TOWARDS[towards]]
        sure = [design for design in asked if _lies_within(design.prediction, towards)]
        for group in (asked, sure):
            designs |= {design.layers: design for design in group[:1]}
    ranked = sorted(designs.values(), key=lambda design: _cost(now, design))
    measured = towards == "motifs" and activation == "relu" and not now.prediction.outside
    return Advice(now, towards, tuple(ranked), EXPONENTIAL if measured else "")


def _require(design: Design | None) -> Design:
    if design is None:
        raise UsageError("the network leaves no positions on sequences of this length")
    return design


def _chain_layers(network: Graph) -> tuple[Layer, ...]:
    """Return the layers of a network that is a chain, without names."""
    below = INPUT
    for node in network.nodes:
        if node.inputs != (below,):
            raise UsageError("--suggest is for networks that are one chain of layers; this one has branches")
        below = node.layer.name
    layers = tuple(replace(node.layer, name="") for node in network.nodes)
    if not any(layer.kind == "conv" for layer in layers):
        raise UsageError(f'"{format_layers(layers)}" has no convolution')
    return layers


def _design(knob: str, change: str, layers: tuple[Layer, ...], length: int, activation: str) -> Design | None:
    """Predict a changed network; None if it leaves no positions."""
    graph = replace(chain(layers), activations={"conv1": activation})
    try:
        fields = receptive_fields(graph, length)
    except UsageError:
        return None
    first, convolutions = predict(fields)[0], sum(layer.kind == "conv" for layer in layers)
    built = Variant("", layers, (30, *[128] * (convolutions - 1)))
    return Design(
        layers,
        knob,
        change,
        first,
        parameters(built, length),
        _positions(fields, first),
        cost(built, length),
        None if first.outside else nearest(first, outcomes().layers),
    )


def _positions(fields: ReceptiveFields, first: Prediction) -> int:
    """Return the positions of the map that the first convolution's reader reads."""
    if not first.read_by:
        return fields.rows[-1].length
    (node,) = (node for node in fields.graph.nodes if node.layer.name == first.read_by)
    return fields.row(node.inputs[0]).length


def _lies_within(prediction: Prediction, towards: str) -> bool:
    """Tell whether the whole interval lies in the class that is asked for."""
    low, high = MIXED
    return prediction.low > high if towards == "motifs" else prediction.high < low


def _cost(now: Design, then: Design) -> float:
    """Return the cost of a change: the logarithms of three ratios, added up without their signs."""
    pairs = (
        (now.parameters, then.parameters),
        (now.positions, then.positions),
        (now.multiply_adds, then.multiply_adds),
    )
    return sum(abs(log2(after / before)) for before, after in pairs)


def _knobs(layers: tuple[Layer, ...], length: int, activation: str) -> Iterator[list[Design]]:
    """Return every knob in turn, as the designs that it gives, the smallest change first."""
    for changes in _changes(layers):
        made = []
        for knob, value, before, changed, after in changes:
            fitted = _fit_pools(changed, after, length)
            words = f"{knob} {before} → {value}"
            if fitted != changed:
                pairs = [
                    f"{old.size} → {new.size}" for old, new in zip(changed, fitted, strict=True) if old != new
                ]
                words += f" (and later pools, for want of positions, {', '.join(pairs)})"
            design = _design(knob, words, fitted, length, activation)
            if design and value != before:
                made.append((abs(log2(value / before)), design))
        yield [design for _, design in sorted(made, key=lambda pair: pair[0])]


Change = tuple[str, int, int, tuple[Layer, ...], int]
"""A knob, its value and the one before, the layers with it, and from which on they may be made to fit."""


def _changes(layers: tuple[Layer, ...]) -> Iterator[list[Change]]:
    """List the settings of each knob."""
    convolutions = [place for place, layer in enumerate(layers) if layer.kind == "conv"]
    first, second = convolutions[0], (*convolutions[1:], len(layers))[0]
    pools = [place for place in range(first + 1, second) if layers[place].kind == "pool"]

    def put(place: int, layer: Layer) -> tuple[Layer, ...]:
        return (*layers[:place], layer, *layers[place + 1 :])

    if pools:
        place, pool = pools[0], layers[pools[0]]
        apart = pool.stride < pool.size
        sizes = [size for size in POOLS if not apart or size >= pool.stride]
        yield [
            ("pool size", size, pool.size, put(place, _pool(size, pool.stride if apart else size)), place + 1)
            for size in sizes
        ]
        yield [
            ("pool stride", stride, pool.stride, put(place, _pool(pool.size, stride)), place + 1)
            for stride in range(1, pool.size + 1)
        ]
    elif second < len(layers):
        yield [
            ("pool size", size, 1, (*layers[: first + 1], _pool(size, size), *layers[first + 1 :]), first + 2)
            for size in POOLS
        ]
    if second < len(layers):
        reader = layers[second]
        yield [
            ("second filter", taps, reader.size, put(second, replace(reader, size=taps)), second + 1)
            for taps in TAPS
        ]
        if reader.stride == 1 and reader.size > 1:
            yield [
                (
                    "dilation",
                    gap,
                    reader.dilation,
                    put(second, replace(reader, dilation=gap)),
                    second + 1,
                )
                for gap in DILATIONS
            ]
    yield [
        ("first filter", size, layers[first].size, put(first, replace(layers[first], size=size)), first + 1)
        for size in SIZES
        if layers[first].size < SHORTEST
    ]


def _pool(size: int, stride: int) -> Layer:
    """Return a pool as those that were trained are: padded where its windows overlap."""
    return Layer("pool", size, stride, padding="same" if stride < size else "valid")


def _fit_pools(layers: tuple[Layer, ...], first: int, length: int) -> tuple[Layer, ...]:
    """Return the layers, pools from ``first`` on made as small as there are positions for them."""
    made = list(layers[:first])
    for layer in layers[first:]:
        if layer.kind in POOLING and layer.padding == "valid":
            try:
                left = receptive_fields(made, length).rows[-1].length
            except UsageError:
                return layers
            layer = replace(layer, size=min(layer.size, left), stride=min(layer.stride, left))
        made.append(layer)
    return tuple(made)
