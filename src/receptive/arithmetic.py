"""Which input positions a neuron sees: receptive fields of 1-D networks, exactly.

A network is a tuple of `Layer`s, or a `Graph` where branches meet. Every layer maps the fields of its inputs
by three recurrences (`grown_size`, `grown_jump`, `grown_start`) and one for lengths (`output_length`), so
four hyperparameters of a block set its field (RF-5): filter size and stride, pool size and stride. Positions
count from 0 in the input; negative ones, and those from ``input_length`` on, are padding.

Source: Koo & Eddy (2019), Results, "Internal representations of motifs depend on architecture" (RF-1 to
RF-6); "same" padding is that of TensorFlow and Keras.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from receptive.errors import UsageError, shown

Kind = Literal["conv", "pool", "mean", "pad", "crop", "global", "add", "concat"]
Padding = Literal["same", "valid"] | tuple[int, int]

INPUT = "input"
"""The name by which the nodes of a graph refer to the sequence itself."""

MOST_NEURONS = 10**9
"""Positions in all layers together, of which every one is followed."""

_POOLING = ("pool", "mean")
_EDGES = ("pad", "crop")
_JOINS = ("add", "concat")


@dataclass(frozen=True)
class Layer:
    """One layer that moves or widens receptive fields; ``str(layer)`` is its text form.

    `parse` fills in what the text form leaves out; here every value is taken as it stands.

    Attributes:
        kind: ``conv``; ``pool`` (maximum) or ``mean`` (average pooling); ``pad`` or ``crop`` (at the ends);
            ``global`` (pooling over all positions, maximum or average); ``add`` or ``concat`` (only in a
            `Graph`, where branches meet).
        size: filter or pool size, in neurons of the layer below.
        stride: neurons of the layer below from one window to the next.
        dilation: neurons of the layer below from one filter tap to the next.
        padding: ``same`` (as TensorFlow does it: the length shrinks by the stride alone), ``valid`` (none),
            or the neurons added (``crop``: removed) at the left and right end.
        name: what to call the layer in results and errors; empty for ``conv1``, ``pool1``, ``conv2``, ...

    Raises:
        UsageError: a size, stride or dilation below 1, a negative padding, or a value that the kind of
            layer cannot have.
    """

    kind: Kind
    size: int = 1
    stride: int = 1
    dilation: int = 1
    padding: Padding = "valid"
    name: str = ""

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise UsageError(f'no layer is called "{self.kind}"; there are {", ".join(get_args(Kind))}')
        for what in ("size", "stride", "dilation"):
            if getattr(self, what) < 1:
                raise UsageError(
                    f"layer {self.label}: the {what} must be 1 or more, not {getattr(self, what)}"
                )
        if self.kind in _POOLING and self.dilation != 1:
            raise UsageError(f"layer {self.label}: a pooling window has no dilation, found {self.dilation}")
        if self.kind not in ("conv", *_POOLING) and (self.size, self.stride, self.dilation) != (1, 1, 1):
            raise UsageError(f"layer {self.label}: {self.kind} has no size, stride or dilation")
        if isinstance(self.padding, tuple):
            if min(self.padding) < 0:
                raise UsageError(f"layer {self.label}: padding must be 0 or more, not {self.padding}")
        elif self.padding not in ("same", "valid"):
            raise UsageError(
                f'layer {self.label}: padding must be same, valid or two numbers, not "{self.padding}"'
            )
        elif self.kind in _EDGES:
            raise UsageError(f"layer {self.label}: {self.kind} needs the numbers for the left and right end")
        if self.kind in ("global", *_JOINS) and self.padding != "valid":
            raise UsageError(f"layer {self.label}: {self.kind} has no padding")

    @property
    def label(self) -> str:
        """The name and the text form, as far as there is a name: how errors refer to the layer."""
        return f"{self.name} ({self})" if self.name else str(self)

    def __str__(self) -> str:
        ends = f"{self.padding[0]},{self.padding[1]}" if isinstance(self.padding, tuple) else ""
        if isinstance(self.padding, tuple) and self.padding[0] == self.padding[1]:
            ends = str(self.padding[0])
        if self.kind in _EDGES:
            return f"{self.kind}{ends}"
        if self.kind in ("global", *_JOINS):
            return self.kind
        stride, padding = _defaults(self.kind, self.size)
        text = f"{self.kind}{self.size}"
        text += f"s{self.stride}" if self.stride != stride else ""
        text += f"d{self.dilation}" if self.dilation != 1 else ""
        return text + ("" if self.padding == padding else f"p{ends}" if ends else str(self.padding))


def _defaults(kind: str, size: int) -> tuple[int, Padding]:
    """Stride and padding that the text form leaves out: the paper's convolution, Keras's pooling."""
    return (1, "same") if kind == "conv" else (size, "valid")


_SHOWN = 60
"""Letters on either side of a mistake that are shown."""
_HEAD = re.compile(r"conv|pool|mean|pad|crop|global")
_NUMBER = re.compile(r"[0-9]{1,6}(?![0-9])")
_ENDS = re.compile(r"([0-9]{1,6})(?:,([0-9]{1,6}))?(?![0-9,])")
_SUFFIX = re.compile(r"same|valid|s(?=[0-9])|d(?=[0-9])|p(?=[0-9])")


def parse(text: str) -> tuple[Layer, ...]:
    """Read a chain of layers from its text form, such as ``conv19 pool25 conv5 pool4``.

    White space separates layers. A layer is its kind and its size, then suffixes in any order::

        network  = layer { space layer }
        layer    = ("conv" | "pool" | "mean") size { suffix } | ("pad" | "crop") ends | "global"
        suffix   = "s" stride | "d" dilation | "same" | "valid" | "p" ends
        ends     = number [ "," number ]      both ends, or left and right

    Left out, a convolution has stride 1 and ``same`` padding, as in the paper (ARCH-1), and pooling moves by
    its size without padding, as in Keras: ``conv19s2d4same``, ``pool50s2``, ``pool50s2same``, ``conv5p4,0``.
    `format` is the inverse.

    Raises:
        UsageError: the text is not of this form, or a layer is impossible; a caret shows where.
    """
    layers = tuple(_parse_layer(text, word.start(), word.end()) for word in re.finditer(r"\S+", text))
    if not layers:
        raise UsageError('the network has no layers; expected a text such as "conv19 pool25 conv5 pool4"')
    return layers


def _parse_layer(text: str, begin: int, end: int) -> Layer:
    """The layer that is written at ``text[begin:end]``."""
    head = _HEAD.match(text, begin, end)
    if head is None:
        kinds = _HEAD.pattern.replace("|", ", ")
        raise _misread(text, begin, f'expected one of {kinds}, found "{text[begin:end]}"')
    kind, at = head.group(), head.end()
    size, found = 1, dict[str, int | Padding]()
    if kind in _EDGES:
        found["padding"], at = _read_ends(text, at, end)
    elif kind != "global":
        size, at = _read_number(text, at, end, f"the size of {kind}")
        stride, padding = _defaults(kind, size)
        while suffix := _SUFFIX.match(text, at, end):
            what = {"s": "stride", "d": "dilation"}.get(suffix.group(), "padding")
            if what in found:
                raise _misread(text, at, f"the {what} is given twice")
            at = suffix.end()
            if what != "padding":
                found[what], at = _read_number(text, at, end, f"the {what}")
            elif suffix.group() == "p":
                found[what], at = _read_ends(text, at, end)
            else:
                found[what] = "same" if suffix.group() == "same" else "valid"
        found = {"stride": stride, "padding": padding} | found
    if at != end:
        rest = "the end of the layer" if kind in (*_EDGES, "global") else "s1, d1, p1, p1,0, same or valid"
        raise _misread(text, at, f'expected {rest}, found "{text[at:end]}"')
    try:
        return Layer(kind, size, **found)  # type: ignore[arg-type]
    except UsageError as error:
        raise _misread(text, begin, str(error)) from None


def _read_number(text: str, at: int, end: int, what: str) -> tuple[int, int]:
    """The number at ``at`` and where it stops."""
    number = _NUMBER.match(text, at, end)
    if number is None:
        raise _misread(text, at, f'expected {what}, a number of up to six digits, found "{text[at:end]}"')
    return int(number.group()), number.end()


def _read_ends(text: str, at: int, end: int) -> tuple[tuple[int, int], int]:
    """One or two numbers at ``at``, as (left, right), and where they stop."""
    ends = _ENDS.match(text, at, end)
    if ends is None:
        raise _misread(text, at, f'expected a number, or left,right, found "{text[at:end]}"')
    return (int(ends.group(1)), int(ends.group(2) or ends.group(1))), ends.end()


def _misread(text: str, at: int, why: str) -> UsageError:
    """An error that shows the text with a caret under character ``at``."""
    before, after = (shown(re.sub(r"\s", " ", part)) for part in (text[:at], text[at:]))
    before = before if len(before) <= _SHOWN else f"…{before[-_SHOWN:]}"
    after = after if len(after) <= _SHOWN else f"{after[:_SHOWN]}…"
    return UsageError(
        f"cannot read the network at character {at + 1}: {why}\n  {before}{after}\n  {' ' * len(before)}^"
    )


def format(layers: Sequence[Layer]) -> str:
    """Write a chain of layers as text: the inverse of `parse`, with defaults and names left out."""
    return " ".join(map(str, layers))


# --- the recurrences -----------------------------------------------------------------------------------


def span(size: int, dilation: int = 1) -> int:
    """Neurons from the first to the last tap of a filter, both counted."""
    return (size - 1) * dilation + 1


def grown_size(size: int, jump: int, span: int) -> int:
    """Positions in the field of a neuron whose window spans ``span`` neurons, ``jump`` apart."""
    return size + (span - 1) * jump


def grown_jump(jump: int, stride: int) -> int:
    """Input positions between the fields of neighbouring neurons, after a stride."""
    return jump * stride


def grown_start(start: int, jump: int, left: int) -> int:
    """Left edge of the first neuron's field, after ``left`` neurons of padding."""
    return start - left * jump


def grown_uncertainty(uncertainty: int, jump: int, span: int) -> int:
    """Positions among which pooling over ``span`` neurons leaves the place of a feature open (RF-3)."""
    return uncertainty + (span - 1) * jump


def same_padding(length: int, span: int, stride: int) -> tuple[int, int]:
    """Neurons that TensorFlow's "same" adds at the left and right; an odd one goes to the right."""
    total = max((-(-length // stride) - 1) * stride + span - length, 0)
    return total // 2, total - total // 2


def output_length(length: int, span: int, stride: int, ends: tuple[int, int]) -> int:
    """Windows of ``span`` neurons, ``stride`` apart, that fit in ``length`` neurons and their padding."""
    return max((length + sum(ends) - span) // stride + 1, 0)


# --- networks ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Node:
    """A layer in a graph, and the names of the nodes it reads (`INPUT` for the sequence)."""

    layer: Layer
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class Graph:
    """A network with branches: nodes in an order in which each reads only earlier ones.

    Attributes:
        nodes: layers whose names are all different.
        input_length: the length of sequence it was built for, if that is known.
        ends: nodes that dense or recurrent layers read, whatever else reads them.
        turned: whether channels come before positions in its input.
        notes: what should be known of how it was read, a sentence each.

    Raises:
        UsageError: no nodes, a name that is missing or used twice, an input that comes later or not at all,
            or several inputs to a layer that joins nothing.
    """

    nodes: tuple[Node, ...]
    input_length: int | None = None
    ends: tuple[str, ...] = ()
    turned: bool = False
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.nodes:
            raise UsageError("the network has no layers that a receptive field could be computed of")
        known = {INPUT}
        for node in self.nodes:
            if not node.layer.name or node.layer.name in known:
                raise UsageError(
                    f'layer {node.layer.label}: needs a name of its own, found "{node.layer.name}"'
                )
            missing = [name for name in node.inputs if name not in known]
            if missing or not node.inputs:
                raise UsageError(
                    f"layer {node.layer.label}: reads {missing or 'nothing'}, not an earlier layer"
                )
            if len(node.inputs) > 1 and node.layer.kind not in _JOINS:
                raise UsageError(f"layer {node.layer.label}: {node.layer.kind} reads one layer, not several")
            known.add(node.layer.name)


def chain(layers: Sequence[Layer]) -> Graph:
    """The graph in which each layer reads the one before; nameless layers are called conv1, pool1, ..."""
    count, below, nodes = Counter[str](), INPUT, list[Node]()
    for layer in layers:
        count[layer.kind] += 1
        named = replace(layer, name=layer.name or f"{layer.kind}{count[layer.kind]}")
        nodes.append(Node(named, (below,)))
        below = named.name
    return Graph(tuple(nodes))


# --- fields --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """What the neurons of one layer see; lengths and positions are in input positions.

    Attributes:
        name: the layer's name.
        kind: the layer's kind.
        size: positions from the first to the last that one neuron sees, padding included.
        jump: positions from one neuron's field to the next one's.
        start: left edge of the first neuron's field; negative inside padding.
        length: number of neurons.
        uncertainty: positions that a feature may have come from once pooling has kept only its strength
            (RF-3): 1 before any pooling, and u + (p - 1)·jump after a window of p neurons that were
            themselves uncertain by u. A convolution leaves it as it is, because it weighs each of its taps
            apart. Where branches meet it is that of the most uncertain one. Average pooling hides the place
            as much as the maximum does.
        within: first position, and the one after the last, that the layer's input reaches at all: where
            `interval` cuts fields off. It lies inside the sequence, and further inside after cropping or
            where an unpadded layer below has left positions over.
        unaligned: empty, or why the branches that meet here do not look at the same place. ``size`` and
            ``start`` then describe the smallest window that moves by ``jump`` and holds all branches. A
            branch of one neuron that is added to every neuron of the others stands still (jump 0), so the
            window is wider than its field; cut off by `interval`, it is what every neuron sees.
    """

    name: str
    kind: Kind
    size: int
    jump: int
    start: int
    length: int
    uncertainty: int
    within: tuple[int, int]
    unaligned: str = ""

    @property
    def stop(self) -> int:
        """The position after the last neuron's field."""
        return self.start + (self.length - 1) * self.jump + self.size

    @property
    def centre(self) -> float:
        """The middle of the first neuron's field."""
        return self.start + (self.size - 1) / 2

    @property
    def overlap(self) -> int:
        """Positions that neighbouring neurons share (RF-4)."""
        return max(0, self.size - self.jump)

    @property
    def overlap_share(self) -> float:
        """The share of a neuron's field that its neighbour sees as well (RF-4), from 0 to 1."""
        return self.overlap / self.size


def interval(row: Row, neuron: int, clipped: bool = True) -> range:
    """The input positions from the first to the last that a neuron sees.

    Clipped to what the layer can reach, this is exactly what the neuron sees (`seen`) as long as no layer is
    dilated, leaves gaps by a stride beyond its field, or has padding as wide as its window. Otherwise the
    neuron sees a part of it.

    Args:
        row: the neuron's layer.
        neuron: counted from 0; neurons outside the layer have intervals too, inside padding.
        clipped: leave out padding.
    """
    first = row.start + neuron * row.jump
    stop = first + row.size
    if clipped:
        first, stop = max(first, row.within[0]), min(stop, row.within[1])
    return range(first, max(first, stop))


@dataclass(frozen=True)
class ReceptiveField:
    """The fields of all layers of a network on sequences of one length; ``str()`` is a table.

    Attributes:
        graph: the network.
        input_length: positions in the sequence.
        rows: one for each node of the graph, in its order.
    """

    graph: Graph
    input_length: int
    rows: tuple[Row, ...]

    def row(self, name: str) -> Row:
        """The row of the layer of this name.

        Raises:
            UsageError: there is no such layer.
        """
        if name not in self._by_name:
            raise UsageError(f'no layer is called "{name}"; there are {", ".join(self._by_name)}')
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Row]:
        return {row.name: row for row in self.rows}

    @property
    def covered(self) -> int:
        """Number of input positions that the network's output sees: every layer that no other one reads."""
        read = {name for node in self.graph.nodes for name in node.inputs}
        outputs = (row for row in self.rows if row.name not in read)
        return int(_reached(self, {row.name: np.ones(row.length, bool) for row in outputs}).sum())

    @property
    def unaligned(self) -> tuple[str, ...]:
        """Why branches do not look at the same place, one sentence for each join where they do not."""
        return tuple(row.unaligned for row in self.rows if row.unaligned)

    def json(self) -> dict[str, Any]:
        """The fields as ``receptive field --json`` prints them."""
        layers = [
            {
                "name": row.name,
                "kind": row.kind,
                "size": row.size,
                "jump": row.jump,
                "start": row.start,
                "length": row.length,
                "uncertainty": row.uncertainty,
                "overlap": row.overlap,
                "overlap_share": row.overlap_share,
                "unaligned": row.unaligned or None,
            }
            for row in self.rows
        ]
        return {
            "input_length": self.input_length,
            "covered": self.covered,
            "layers": layers,
            "notes": [*self.graph.notes],
        }

    def __str__(self) -> str:
        return self.text({})

    def text(self, columns: Mapping[str, Mapping[str, str]]) -> str:
        """The fields as a table, with more columns: by their heads, what to write for which layers."""
        head = ("layer", "kind", "field", "jump", "start", "neurons", "uncertainty", "overlap", "share")
        table = [(*head, *columns)] + [
            (
                row.name,
                row.kind,
                *map(str, (row.size, row.jump, row.start, row.length, row.uncertainty, row.overlap)),
                f"{row.overlap_share:.1%}",
                *(column.get(row.name, "") for column in columns.values()),
            )
            for row in self.rows
        ]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) if i < 2 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in table
        ]
        lines.append(f"The output sees {self.covered} of {self.input_length} input positions.")
        return "\n".join([*lines, *self.unaligned])


def field(network: Sequence[Layer] | Graph, input_length: int) -> ReceptiveField:
    """Compute what every neuron of a network sees (RF-1 to RF-6).

    Args:
        network: a chain of layers, or a graph.
        input_length: positions in the sequence.

    Raises:
        UsageError: the sequence is empty, or too short for a layer to have any neuron, or branches of
            different lengths meet, which names the layer; or there are more than `MOST_NEURONS`.
    """
    if input_length < 1:
        raise UsageError(f"the input length must be 1 or more, not {input_length}")
    graph = network if isinstance(network, Graph) else chain(network)
    rows = {INPUT: Row(INPUT, "conv", 1, 1, 0, input_length, 1, (0, input_length))}
    for node in graph.nodes:
        below = [rows[name] for name in node.inputs]
        if node.layer.kind in _JOINS:
            rows[node.layer.name] = _joined(graph, node, below)
        else:
            rows[node.layer.name] = _grown(node.layer, below[0], input_length)
    if (neurons := sum(row.length for row in rows.values())) > MOST_NEURONS:
        raise UsageError(
            f"the layers have {neurons:,} positions in all on an input of {input_length:,}: expected at most "
            f"{MOST_NEURONS:,}"
        )
    return ReceptiveField(graph, input_length, tuple(rows[node.layer.name] for node in graph.nodes))


def seen(fields: ReceptiveField, name: str, neurons: Sequence[int] | None = None) -> npt.NDArray[np.intp]:
    """Exactly the input positions that some neurons of a layer see, in order.

    Where dilation or strides leave gaps, or a field reaches into padding, this is less than `interval`. It
    follows every tap down to the sequence instead of using the recurrences.

    Args:
        fields: the network's receptive fields.
        name: the layer.
        neurons: indices from 0; all neurons of the layer by default.

    Returns:
        (n,) positions, increasing.

    Raises:
        UsageError: no such layer, or no such neuron.
    """
    row = fields.row(name)
    if neurons is not None and not all(0 <= neuron < row.length for neuron in neurons):
        raise UsageError(f"layer {name} has neurons 0 to {row.length - 1}, not all of {list(neurons)}")
    chosen = np.zeros(row.length, bool)
    chosen[slice(None) if neurons is None else list(neurons)] = True
    return np.flatnonzero(_reached(fields, {name: chosen}))


def _reached(fields: ReceptiveField, reached: dict[str, npt.NDArray[np.bool_]]) -> npt.NDArray[np.bool_]:
    """Which input positions the neurons see that are marked, layer by layer, in one walk down."""
    lengths = {INPUT: fields.input_length} | {row.name: row.length for row in fields.rows}
    for node in reversed(fields.graph.nodes):
        if node.layer.name not in reached:
            continue
        above = np.flatnonzero(reached.pop(node.layer.name))
        for below in node.inputs:
            size, stride, dilation, (left, _) = _window(node.layer, lengths[below])
            if _broadcast(lengths[below], lengths[node.layer.name], node.layer):
                stride = 0
            tapped = _tapped(above * stride - left, size, dilation, lengths[below])
            reached[below] = reached[below] | tapped if below in reached else tapped
    return reached[INPUT]


def _tapped(first: npt.NDArray[np.intp], size: int, dilation: int, length: int) -> npt.NDArray[np.bool_]:
    """Which of ``length`` neurons filters of ``size`` taps touch whose first taps are at ``first``.

    Every filter opens at its first tap and closes one step after its last, both of which leave the same
    remainder by the dilation; a neuron is touched if more filters of its remainder have opened than closed.
    """
    steps = -(-length // dilation)

    def count(at: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        at = np.where(at < 0, at % dilation, at)  # what happens in the padding at the left has happened by 0
        return np.bincount(at[at < steps * dilation], minlength=steps * dilation)

    opened = (count(first) - count(first + size * dilation)).reshape(steps, dilation).cumsum(axis=0)
    return opened.ravel()[:length] > 0


def _broadcast(below: int, length: int, layer: Layer) -> bool:
    """Whether the one neuron of a branch is added to each of the ``length`` neurons of the others."""
    return layer.kind == "add" and below == 1 < length


def _window(layer: Layer, length: int) -> tuple[int, int, int, tuple[int, int]]:
    """Size, stride, dilation and padding (negative: cropping) of a layer's windows on ``length`` neurons."""
    if layer.kind == "global":
        return length, length, 1, (0, 0)
    if layer.padding == "same":
        ends = same_padding(length, span(layer.size, layer.dilation), layer.stride)
    elif layer.padding == "valid":
        ends = (0, 0)
    else:
        sign = -1 if layer.kind == "crop" else 1
        ends = (sign * layer.padding[0], sign * layer.padding[1])
    return layer.size, layer.stride, layer.dilation, ends


def windows(layer: Layer, length: int) -> int:
    """Count the neurons that a layer has on ``length`` neurons below it; 0 if it does not fit."""
    size, stride, dilation, ends = _window(layer, length)
    return output_length(length, span(size, dilation), stride, ends)


def _reach(row: Row) -> tuple[int, int]:
    """First position, and the one after the last, that a layer's neurons see."""
    return max(row.within[0], row.start), min(row.within[1], row.stop)


def _grown(layer: Layer, below: Row, input_length: int) -> Row:
    """The row of a layer that reads one other, on sequences of ``input_length``."""
    size, stride, dilation, ends = _window(layer, below.length)
    spanned = span(size, dilation)
    length = output_length(below.length, spanned, stride, ends)
    if length == 0:
        does, count = ("removes", -sum(ends)) if layer.kind == "crop" else ("needs", spanned - sum(ends))
        whose = "the sequence" if below.name == INPUT else below.name
        raise UsageError(
            f"layer {layer.label} has no output: it {does} {count} neurons of {whose}, "
            f"which has {below.length} on an input of {input_length}"
        )
    uncertainty = below.uncertainty
    if layer.kind in (*_POOLING, "global"):
        uncertainty = grown_uncertainty(uncertainty, below.jump, spanned)
    return Row(
        name=layer.name,
        kind=layer.kind,
        size=grown_size(below.size, below.jump, spanned),
        jump=grown_jump(below.jump, stride),
        start=grown_start(below.start, below.jump, ends[0]),
        length=length,
        uncertainty=uncertainty,
        within=_reach(below),
    )


def _joined(graph: Graph, node: Node, branches: list[Row]) -> Row:
    """The row of a layer where branches meet: the smallest moving window that holds all of them."""
    name, why = node.layer.name, ""
    longest = max(branches, key=lambda row: row.length)
    for i, row in enumerate(branches):
        if _broadcast(row.length, longest.length, node.layer):
            branches[i] = replace(row, length=longest.length, jump=0)
        elif row.length != longest.length:
            raise UsageError(
                f"layer {name}: branches of different lengths meet: {longest.name} has {longest.length} "
                f"neurons, {row.name} has {row.length}"
            )
    first = branches[0]
    for row in branches[1:]:
        astride = row.jump != first.jump and row.length > 1
        if not why and (astride or row.centre != first.centre):
            one, other = _paths(graph, first.name, row.name)
            if astride:
                differ = f"move by {first.jump} and {row.jump} positions"
                if 0 in (first.jump, row.jump):
                    differ += "; every neuron sees all of the one that stands still"
            else:
                differ = f"have their first fields centred on {first.centre:g} and {row.centre:g}"
            why = f"{name} is unaligned: its branches through {one} and through {other} {differ}."
    jump = max(row.jump for row in branches)
    start = min(
        row.start - (row.length - 1) * (jump - row.jump) for row in branches
    )  # where slow ones end up
    stop = max(row.start + row.size for row in branches)
    reaches = [_reach(row) for row in branches]
    return Row(
        name=name,
        kind=node.layer.kind,
        size=stop - start,
        jump=jump,
        start=start,
        length=longest.length,
        uncertainty=max(row.uncertainty for row in branches),
        within=(min(reach[0] for reach in reaches), max(reach[1] for reach in reaches)),
        unaligned=why,
    )


def _paths(graph: Graph, one: str, other: str) -> tuple[str, str]:
    """Two branches as texts, each from where they part (following every layer's first input) to its end."""
    above = {node.layer.name: node.inputs[0] for node in graph.nodes}

    def back(name: str) -> list[str]:
        path = [name]
        while path[-1] != INPUT:
            path.append(above[path[-1]])
        return path[::-1]

    paths = back(one), back(other)
    same = (each == its for each, its in zip(*paths, strict=False))
    shared = next((i for i, both in enumerate(same) if not both), min(map(len, paths)))
    fork = paths[0][shared - 1]
    return tuple(" → ".join(path[shared:]) or f"{fork} itself" for path in paths)  # type: ignore[return-value]
