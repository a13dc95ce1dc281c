"""Receptive fields of 1-D networks, exactly: the input positions that a neuron sees.

A network is a tuple of `Layer`s, or a `Graph` where branches meet. Every layer maps the fields of its inputs
by three recurrences (`grown_size`, `grown_jump`, `grown_start`) and one for lengths (`output_length`), so
four hyperparameters of a block set its field (RF-5): filter size and stride, pool size and stride. Positions
count from 0 in the input; negative ones, and those from ``input_length`` on, are padding.

Source: Koo & Eddy (2019), Results, "Internal representations of motifs depend on architecture" (RF-1 to
RF-6); "same" padding is that of TensorFlow and Keras.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from receptive.errors import UsageError
from receptive.text import table
from receptive.theory.layers import INPUT, JOINS, POOLING, Graph, Kind, Layer, Node, chain

MOST_FOLLOWED = 2 * 10**8
"""Neurons that are followed one by one where layers leave gaps in what they see."""


def span(size: int, dilation: int = 1) -> int:
    """Count the neurons from the first to the last tap of a filter, both included."""
    return (size - 1) * dilation + 1


def grown_size(size: int, jump: int, span: int) -> int:
    """Return the size of a field whose window spans ``span`` neurons, ``jump`` positions apart."""
    return size + (span - 1) * jump


def grown_jump(jump: int, stride: int) -> int:
    """Return the input positions between the fields of neighbouring neurons, after a stride."""
    return jump * stride


def grown_start(start: int, jump: int, left: int) -> int:
    """Return the left edge of the first neuron's field, after ``left`` neurons of padding."""
    return start - left * jump


def grown_uncertainty(uncertainty: int, jump: int, span: int) -> int:
    """Count the positions among which pooling over ``span`` neurons leaves a feature's place open (RF-3)."""
    return uncertainty + (span - 1) * jump


def same_padding(length: int, span: int, stride: int) -> tuple[int, int]:
    """Return the neurons that TensorFlow's "same" adds at the left and right; an odd one goes right."""
    total = max((-(-length // stride) - 1) * stride + span - length, 0)
    return total // 2, total - total // 2


def output_length(length: int, span: int, stride: int, ends: tuple[int, int]) -> int:
    """Count the windows of ``span`` neurons, ``stride`` apart, that fit in ``length`` neurons and padding."""
    return max((length + sum(ends) - span) // stride + 1, 0)


@dataclass(frozen=True)
class LayerField:
    """The receptive fields of one layer's neurons; lengths and positions are in input positions.

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


def interval(row: LayerField, neuron: int, clipped: bool = True) -> range:
    """Return the input positions from the first to the last that a neuron sees.

    Clipped to what the layer can reach, this is exactly what the neuron sees (`positions_seen`) as long as no
    layer is dilated, leaves gaps by a stride beyond its field, or has padding as wide as its window.
    Otherwise the neuron sees a part of it.

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
class ReceptiveFields:
    """The fields of all layers of a network on sequences of one length; ``str()`` is a table.

    Attributes:
        graph: the network.
        input_length: positions in the sequence.
        rows: one for each node of the graph, in its order.
    """

    graph: Graph
    input_length: int
    rows: tuple[LayerField, ...]

    def row(self, name: str) -> LayerField:
        """Return the row of the layer of this name.

        Raises:
            UsageError: there is no such layer.
        """
        if name not in self._by_name:
            raise UsageError(f'no layer is called "{name}"; there are {", ".join(self._by_name)}')
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, LayerField]:
        return {row.name: row for row in self.rows}

    @property
    def positions_covered(self) -> int:
        """Number of input positions that the network's output sees: every layer that no other one reads."""
        read = {name for node in self.graph.nodes for name in node.inputs}
        outputs = (row for row in self.rows if row.name not in read)
        reached = _mark_below(self, {row.name: range(row.length) for row in outputs})
        return len(reached) if isinstance(reached, range) else int(reached.sum())

    @property
    def unaligned(self) -> tuple[str, ...]:
        """Reasons that branches do not look at the same place, a sentence for each join where they do not."""
        return tuple(row.unaligned for row in self.rows if row.unaligned)

    def json(self) -> dict[str, Any]:
        """Return the fields as ``receptive field --json`` prints them."""
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
            "covered": self.positions_covered,
            "layers": layers,
            "notes": [*self.graph.notes],
        }

    def __str__(self) -> str:
        return self.text({})

    def text(self, columns: Mapping[str, Mapping[str, str]]) -> str:
        """Return the fields as a table, with more columns: by their heads, what to write for which layers."""
        head = ("layer", "kind", "field", "jump", "start", "neurons", "uncertainty", "overlap", "share")
        rows = [
            (
                row.name,
                row.kind,
                *map(str, (row.size, row.jump, row.start, row.length, row.uncertainty, row.overlap)),
                f"{row.overlap_share:.1%}",
                *(column.get(row.name, "") for column in columns.values()),
            )
            for row in self.rows
        ]
        seen = f"The output sees {self.positions_covered} of {self.input_length} input positions."
        return "\n".join([table((*head, *columns), rows), seen, *self.unaligned])


def receptive_fields(network: Sequence[Layer] | Graph, input_length: int) -> ReceptiveFields:
    """Compute what every neuron of a network sees (RF-1 to RF-6).

    >>> from receptive import parse_layers
    >>> pooled = receptive_fields(parse_layers("conv19 pool25"), input_length=200).row("pool1")
    >>> pooled.size, pooled.jump, pooled.length, pooled.uncertainty
    (43, 25, 8, 25)

    Args:
        network: a chain of layers, or a graph.
        input_length: positions in the sequence.

    Raises:
        UsageError: the sequence is empty, or too short for a layer to have any neuron, or branches of
            different lengths meet; the message names the layer.
    """
    if input_length < 1:
        raise UsageError(f"the input length must be 1 or more, not {input_length}")
    graph = network if isinstance(network, Graph) else chain(network)
    rows = {INPUT: LayerField(INPUT, "conv", 1, 1, 0, input_length, 1, (0, input_length))}
    for node in graph.nodes:
        below = [rows[name] for name in node.inputs]
        if node.layer.kind in JOINS:
            rows[node.layer.name] = _join(graph, node, below)
        else:
            rows[node.layer.name] = _grow(node.layer, below[0], input_length)
    return ReceptiveFields(graph, input_length, tuple(rows[node.layer.name] for node in graph.nodes))


def unreadable(fields: ReceptiveFields) -> dict[str, str]:
    """Say of every convolution why its filters cannot be read from aligned sites; "" if they can.

    The sequences around its sites are aligned only if each of its neurons knows from which positions its
    inputs come: all layers below move by one position, none of them pools, and branches that meet look at the
    same place (Results, "Distributed representations…"). The convolution itself may be strided or dilated.
    """
    reasons: dict[str, str] = {}
    blurred: dict[str, tuple[int, str]] = {}  # of every node that loses places: the first that does, and why
    for place, (node, row) in enumerate(zip(fields.graph.nodes, fields.rows, strict=True)):
        below = [blurred[name] for name in node.inputs if name in blurred]
        if row.kind == "conv":
            reasons[row.name] = min(below)[1] if below else ""
        if why := _blurs(row):
            below.append((place, why))
        if below:
            blurred[row.name] = min(below)
    return reasons


def _blurs(row: LayerField) -> str:
    """Say why what reads a layer does not know from which positions its inputs come; "" if it does."""
    if row.uncertainty > 1:
        return (
            f"{row.name} pools before it, so that an input may come from any of {row.uncertainty} "
            "positions; sites cannot be aligned"
        )
    if row.unaligned:
        return f"{row.unaligned} Sites cannot be aligned"
    if row.jump > 1:
        return (
            f"{row.name} before it moves by {row.jump} positions, so that a motif is seen in {row.jump} "
            "phases; sites cannot be aligned"
        )
    return ""


def positions_seen(
    fields: ReceptiveFields, name: str, neurons: Sequence[int] | None = None
) -> npt.NDArray[np.intp]:
    """Return exactly the input positions that some neurons of a layer see, in order.

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
    return np.flatnonzero(
        _mask(_mark_below(fields, {name: _marks(row.length, neurons)}), fields.input_length)
    )


Marks = range | npt.NDArray[np.bool_]
"""Some neurons of a layer: those from one to another, or a mask of all."""


def _marks(length: int, neurons: Sequence[int] | None) -> Marks:
    """Mark some neurons of a layer of ``length``; all by default."""
    if neurons is None:
        return range(length)
    chosen = np.zeros(length, bool)
    chosen[list(neurons)] = True
    return chosen


def _mask(marks: Marks, length: int) -> npt.NDArray[np.bool_]:
    """Return the mask of some of ``length`` neurons."""
    if not isinstance(marks, range):
        return marks
    mask = np.zeros(length, bool)
    mask[marks.start : marks.stop] = True
    return mask


def _mark_below(fields: ReceptiveFields, marked: dict[str, Marks]) -> Marks:
    """Mark the input positions that the marked neurons of some layers see, in one walk down.

    Raises:
        UsageError: more than `MOST_FOLLOWED` neurons would have to be followed one by one.
    """
    lengths = {INPUT: fields.input_length} | {row.name: row.length for row in fields.rows}
    followed = 0
    for node in reversed(fields.graph.nodes):
        layer = node.layer
        if layer.name not in marked:
            continue
        marks = marked.pop(layer.name)
        for below in node.inputs:
            length = lengths[below]
            size, stride, dilation, (left, _) = _window(layer, length)
            if _broadcast(length, lengths[layer.name], layer):
                stride = 0
            touched = _seen_range(marks, size, stride, dilation, left, length)
            if touched is None:
                followed += length
                if followed > MOST_FOLLOWED:
                    raise UsageError(
                        f"layer {layer.label}: what it sees has gaps, too many to be followed on an input of "
                        f"{fields.input_length:,}"
                    )
                above = np.flatnonzero(_mask(marks, lengths[layer.name]))
                touched = _mark_taps(above * stride - left, size, dilation, length)
            marked[below] = _both(touched, marked[below], length) if below in marked else touched
    return marked[INPUT]


def _both(marks: Marks, other: Marks, length: int) -> Marks:
    """Mark what either marks of ``length`` neurons."""
    if isinstance(marks, range) and isinstance(other, range) and marks == other:
        return marks
    return _mask(marks, length) | _mask(other, length)


def _seen_range(marks: Marks, size: int, stride: int, dilation: int, left: int, length: int) -> Marks | None:
    """Return the range that windows side by side see of ``length`` neurons, ``None`` if that leaves gaps."""
    if not isinstance(marks, range) or not marks:
        return None
    if not (dilation == 1 and stride <= size) and not (stride == 1 and dilation <= len(marks)):
        return None
    first, last = (neuron * stride - left for neuron in (marks[0], marks[-1]))
    start = min(max(first, 0), length)
    return range(start, max(start, min(last + span(size, dilation), length)))


def _mark_taps(first: npt.NDArray[np.intp], size: int, dilation: int, length: int) -> npt.NDArray[np.bool_]:
    """Mark the neurons, of ``length``, that filters of ``size`` taps touch whose first taps are at ``first``.

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
    """Tell whether the one neuron of a branch is added to each of the ``length`` neurons of the others."""
    return layer.kind == "add" and below == 1 < length


def _window(layer: Layer, length: int) -> tuple[int, int, int, tuple[int, int]]:
    """Return size, stride, dilation and padding (negative: cropping) of windows on ``length`` neurons."""
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


def _reach(row: LayerField) -> tuple[int, int]:
    """Return the first position that a layer's neurons see, and the one after the last."""
    return max(row.within[0], row.start), min(row.within[1], row.stop)


def _grow(layer: Layer, below: LayerField, input_length: int) -> LayerField:
    """Return the row of a layer that reads one other, on sequences of ``input_length``."""
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
    if layer.kind in (*POOLING, "global"):
        uncertainty = grown_uncertainty(uncertainty, below.jump, spanned)
    return LayerField(
        name=layer.name,
        kind=layer.kind,
        size=grown_size(below.size, below.jump, spanned),
        jump=grown_jump(below.jump, stride),
        start=grown_start(below.start, below.jump, ends[0]),
        length=length,
        uncertainty=uncertainty,
        within=_reach(below),
    )


def _join(graph: Graph, node: Node, branches: list[LayerField]) -> LayerField:
    """Return the row of a layer where branches meet: the smallest moving window that holds all of them."""
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
            here, other = _paths(graph, first.name, row.name)
            if astride:
                differ = f"move by {first.jump} and {row.jump} positions"
                if 0 in (first.jump, row.jump):
                    differ += "; every neuron sees all of the one that stands still"
            else:
                differ = f"have their first fields centred on {first.centre:g} and {row.centre:g}"
            why = f"{name} is unaligned: its branches through {here} and through {other} {differ}."
    jump = max(row.jump for row in branches)
    start = min(
        row.start - (row.length - 1) * (jump - row.jump) for row in branches
    )  # where slow ones end up
    stop = max(row.start + row.size for row in branches)
    reaches = [_reach(row) for row in branches]
    return LayerField(
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


def _paths(graph: Graph, this: str, other: str) -> tuple[str, str]:
    """Write two branches as text, each from where they part (by every layer's first input) to its end."""
    above = {node.layer.name: node.inputs[0] for node in graph.nodes}

    def back(name: str) -> list[str]:
        path = [name]
        while path[-1] != INPUT:
            path.append(above[path[-1]])
        return path[::-1]

    paths = back(this), back(other)
    same = (step == its for step, its in zip(*paths, strict=False))
    shared = next((i for i, both in enumerate(same) if not both), min(map(len, paths)))
    fork = paths[0][shared - 1]
    return tuple(" → ".join(path[shared:]) or f"{fork} itself" for path in paths)  # type: ignore[return-value]
