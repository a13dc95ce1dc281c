"""Positions in the tensors of a network, whatever framework it was saved by.

Every tensor has a place, the node of our graph that gives it, and axes, each a tuple of what it holds:
positions, or channels by their number. So a convolution written in 2-D over one axis is 1-D, and a reshape
is read as long as it keeps positions in one piece.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from operator import index
from typing import Any, cast

from receptive.errors import ReceptiveError, UsageError
from receptive.theory.fields import windows
from receptive.theory.layers import INPUT, Graph, Layer, Node

POSITIONS = 0
"""What stands for positions where an axis lists the numbers of channels that it holds."""
STAND_IN = 1_000_003
"""A prime, which stands for an open number of positions, so that no reshape by constants can divide it."""

Shape = tuple[int | None, ...]
Axes = tuple[tuple[int | None, ...], ...]
"""What each axis but the batch's holds, the last changing fastest; ``None`` is an unknown number."""

NOTHING_SLIDES = "has no convolution or pooling over positions"
STRETCHED = "it stretches the sequence, so that neighbouring neurons no longer move by a whole position"
MIXED = "it combines all positions, so that every neuron sees all of them"
MOVED = "it moves values between positions"
TURNED = "it turns the sequence around"


@dataclass(frozen=True)
class Tensor:
    """A tensor: the layer that it comes from, and what its axes hold.

    Attributes:
        place: a node of our graph; None once positions are mixed for good, or were lost.
        axes: without the batch's.
        aside: whether it comes from other inputs alone, which know nothing of the sequence.
        merged: whether the first axis holds the sequences of a batch, too, one behind the other.
    """

    place: str | None
    axes: Axes = ()
    aside: bool = False
    merged: bool = False

    @property
    def flat(self) -> bool:
        """Whether positions share an axis with channels."""
        return any(POSITIONS in axis and len(axis) > 1 for axis in self.axes)

    @property
    def along(self) -> int | None:
        """The axis that holds positions; None if there is none, as after global pooling."""
        return next((i for i, axis in enumerate(self.axes) if POSITIONS in axis), None)


ASIDE = Tensor(None, aside=True)
LOST = Tensor(None)


class Stop(ReceptiveError):
    """A layer cannot be followed: its branch ends here."""


class Sideways(Stop):
    """A layer slides over an axis that does not hold the positions."""


class Declared(UsageError):
    """What was declared of a model is not so: that a layer is harmless, or that it has an input."""


@dataclass
class Trail:
    """The nodes, ends, notes and filters met so far in following a model's layers; as in `Graph`."""

    passthrough: Sequence[str]
    lengths: dict[str, int | None]
    nodes: list[Node] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    filters: dict[str, int] = field(default_factory=dict)
    stopped: str = ""

    def end(self, tensors: Sequence[Tensor]) -> None:
        """Note what is read by dense or recurrent layers."""
        self.ends += [tensor.place for tensor in tensors if tensor.place not in (None, INPUT)]

    def add(self, layer: Layer, sources: Sequence[Tensor], filters: int | None = None) -> str:
        """Append a node, a convolution with its number of filters; return its name."""
        if filters is not None:
            self.filters[layer.name] = filters
        below = tuple(source.place for source in sources if source.place is not None)
        lengths = [self.lengths[place] for place in below]
        if len(below) > 1:
            longest = None if None in lengths else max(cast(list[int], lengths))
        else:
            longest = None if lengths[0] is None else windows(layer, lengths[0])
        self.lengths[layer.name] = 1 if layer.kind == "global" else longest
        self.nodes.append(Node(layer, below))
        return layer.name


def beside(what: str, layer: Layer, axis: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """Return what another axis holds after a layer, which has to leave or to combine all of it.

    Args:
        what: what to call it in errors.
        layer: what it does along this axis.
        axis: what the axis holds before it.

    Raises:
        Sideways: it slides over the axis.
    """
    if layer.kind == "global":
        return ()
    if (layer.size, layer.stride) == (1, 1) and layer.padding in ("same", "valid", (0, 0)):
        return axis
    size = prod(axis) if None not in axis else None  # type: ignore[arg-type]
    if size is not None and windows(layer, size) == 1:
        return ()
    raise Sideways(f"{what}: slides over two axes; expected one over positions alone")


def flatten(axes: Axes) -> Axes:
    """Return all that axes hold, in one."""
    return (tuple(atom for axis in axes for atom in axis),)


def reshape(name: str, target: Sequence[int], source: Tensor, trail: Trail) -> Tensor | None:
    """Share what axes hold among axes of other sizes; None if positions would be torn apart.

    Windows of positions may get an axis of their own, as in attention pooling: these hold a pooling's window.
    """
    length, windowed = trail.lengths[cast(str, source.place)], list[int]()
    stands_for = STAND_IN if length is None else length
    atoms = [atom for axis in source.axes for atom in axis if not (atom == POSITIONS and length == 1)]
    if None in atoms:
        return None
    sizes = [stands_for if atom == POSITIONS else cast(int, atom) for atom in atoms]
    wanted = fill_sizes(target, prod(sizes))
    if prod(wanted) != prod(sizes):
        return None
    made = []
    for left in wanted:
        axis: list[int | None] = []
        while left > 1:
            if left % sizes[0] == 0:
                left //= sizes.pop(0)
                axis.append(atoms.pop(0))
            elif sizes[0] % left == 0 and (atoms[0] != POSITIONS or not axis):
                axis.append(POSITIONS if atoms[0] == POSITIONS else left)
                windowed += [sizes[0] // left] if atoms[0] == POSITIONS else []
                sizes[0] = atoms[0] = sizes[0] // left
                left = 1
            else:
                return None
        made.append(tuple(axis))
    place = source.place
    for window in windowed:
        place = trail.add(Layer("mean", window, window, name=name), [source])
    return Tensor(place, tuple(made))


def repeat(times: Sequence[int], source: Tensor) -> Axes | None:
    """Return what axes hold that are repeated so many times; None if positions are."""
    if len(times) != len(source.axes) or any(
        n != 1 and POSITIONS in axis for n, axis in zip(times, source.axes, strict=True)
    ):
        return None
    return tuple(axis if n == 1 else (n, *axis) for n, axis in zip(times, source.axes, strict=True))


def fill_sizes(target: Sequence[int], total: int) -> list[int]:
    """Return the sizes that a reshape asks for, with its -1 worked out."""
    rest = prod(size for size in target if size != -1)
    return [index(total // rest if size == -1 and rest else size) for size in target]


def part(axis: tuple[int | None, ...], bounds: slice) -> tuple[int | None, ...]:
    """Return what a slice leaves of channels."""
    return (None,) if None in axis else (len(range(prod(cast(tuple[int, ...], axis)))[bounds]),)


def crop(what: str, name: str, key: int | slice, source: Tensor, trail: Trail) -> str | None:
    """Append what a slice, or the choice of one position, does; return the place of its output.

    Args:
        what: what to call the layer in errors.
        name: what to call the node.
        key: the slice, or the position.
        source: what it reads.
        trail: what to append to.

    Raises:
        Stop: it turns positions around, or what it leaves depends on an open length.
    """
    bounds = slice(key, key + 1 or None) if isinstance(key, int) else key
    start, stop, step = bounds.start, bounds.stop, bounds.step
    length = trail.lengths[cast(str, source.place)]
    if any(not isinstance(bound, int | None) for bound in (start, stop, step)):
        raise Stop(f"{what}: its slice is not made of constants")
    if (step or 1) < 1:
        raise Stop(f"{what}: {TURNED}")
    if (start or 0) >= 0 and (stop is None or stop < 0):
        left, right = start or 0, -(stop or 0)
    elif length is not None:
        first, last, _ = slice(start, stop).indices(length)
        left, right = first, length - last
        trail.notes.append(f"the slice {name} is read as it is of {length} positions")
    else:
        raise Stop(f"{what}: what it leaves depends on the length of the sequence, which is open")
    place = source.place
    if left or right:
        place = trail.add(Layer("crop", padding=(left, right), name=name), [source])
    if step is not None and step > 1:
        every = Layer("mean", 1, step, name=f"{name} every {step}" if place == name else name)
        place = trail.add(every, [replace(source, place=place)])
    return place


def pad_axes(
    what: str, name: str, ends: Mapping[int, tuple[int, int]], mode: str, source: Tensor, trail: Trail
) -> Tensor:
    """Append what a padding adds at the ends of the sequence, or, of negative numbers, removes.

    Args:
        what: what to call the layer in errors.
        name: what to call the node.
        ends: axis, without the batch, to what is added at its left and right end.
        mode: ``constant``, or how the ends are filled with values of other positions.
        source: what it reads.
        trail: what to append to.

    Raises:
        Stop: it pads the batch, or positions that share an axis with channels.
    """
    axes, place = list(source.axes), source.place
    for at, (left, right) in ends.items():
        if (left, right) == (0, 0):
            continue
        if at < 0 or (source.flat and source.along == at):
            raise Stop(f"{what}: {MOVED}")
        if at != source.along:
            size = None if None in axes[at] else prod(cast(tuple[int, ...], axes[at]))
            axes[at] = (None if size is None else size + left + right,)
            continue
        if min(left, right) < 0:
            called = f"{name} cropped" if max(left, right) > 0 else name
            edges = Layer("crop", padding=(max(-left, 0), max(-right, 0)), name=called)
            place = trail.add(edges, [replace(source, place=place)])
        if max(left, right) > 0:
            if mode != "constant":
                trail.notes.append(
                    f"{name} fills the ends with values of other positions ({mode}), which the fields of "
                    "neurons there leave out"
                )
            edges = Layer("pad", padding=(max(left, 0), max(right, 0)), name=name)
            place = trail.add(edges, [replace(source, place=place)])
    return Tensor(place, tuple(axes))


def split_axis(
    what: str, name: str, at: int, sizes: Sequence[int], source: Tensor, trail: Trail
) -> list[Tensor]:
    """Follow the parts of a tensor that is split into such sizes, along channels or along positions.

    Raises:
        Stop: it splits the batch, or positions that share an axis with channels.
    """
    if at < 0 or (at == source.along and (source.flat or {*sizes} == {1})):
        raise Stop(f"{what}: {MOVED}")
    made, start = [], 0
    for i, size in enumerate(sizes, start=1):
        if at == source.along:
            bounds = slice(start, start + size)
            made.append(replace(source, place=crop(what, f"{name} part {i}", bounds, source, trail)))
        else:
            made.append(replace(source, axes=(*source.axes[:at], (size,), *source.axes[at + 1 :])))
        start += size
    return made


def note_groups(
    name: str, groups: int, channels: tuple[int | None, ...], source: Tensor, trail: Trail
) -> None:
    """Note that a convolution of the sequence itself sees its letters apart, if it does."""
    below = next((node.layer.kind for node in trail.nodes if node.layer.name == source.place), "")
    letters = prod(cast(tuple[int, ...], channels)) // groups if None not in channels else 4 // groups
    if letters < 4 and groups > 1 and (source.place == INPUT or below in ("pad", "crop")):
        trail.notes.append(
            f"{name} reads the letters in {groups} groups: a filter of it sees {letters} of the four, "
            "and is no whole motif; --layer reads a later convolution"
        )


def length_of(axes: Axes, shape: Shape | None) -> int | None:
    """Return the number of positions of an input that holds this; None if that is open."""
    if shape is None:
        return None
    if len(axes) == 1:
        channels = [atom for atom in axes[0] if atom != POSITIONS]
        return (
            None
            if shape[1] is None or None in channels
            else index(shape[1] // prod(cast(list[int], channels)))
        )
    length = shape[1 + axes.index((POSITIONS,))]
    return None if length is None else index(length)


# --- the input -----------------------------------------------------------------------------------------


def sequence(inputs: Sequence[tuple[str, Shape | None]], what: str, named: str = "") -> int:
    """Find a model's input that is the sequence: the only one, or the first of one shape with an axis of 4.

    Args:
        inputs: their names and shapes, with the batch.
        what: what to call the model in errors.
        named: the input's name, if the user says which it is.

    Raises:
        Declared: no input has that name.
        ReceptiveError: none may be, or several of different shapes.
    """
    listed = ", ".join(f"{name} {shape[1:] if shape else '()'}" for name, shape in inputs)
    if named:
        if named not in (names := [name for name, _ in inputs]):
            raise Declared(f"--sequence-input {named}: expected an input of {what}: {listed}")
        return names.index(named)
    likely = [i for i, (_, shape) in enumerate(inputs) if shape and len(shape) in (3, 4) and 4 in shape[1:]]
    if len(inputs) == 1 or (likely and len({inputs[i][1] for i in likely}) == 1):
        return 0 if len(inputs) == 1 else likely[0]
    which, way = (f"{len(likely)}", "; --sequence-input NAME says which") if likely else ("none", "")
    raise ReceptiveError(
        f"{what}: expected one input of one-hot DNA, found {which} of {len(inputs)}: {listed}{way}"
    )


def candidates(sizes: Shape) -> list[Axes]:
    """List what the axes of an input may hold, the likeliest first; ``sizes`` is without the batch."""
    if len(sizes) == 1:
        return [((POSITIONS,),)]
    order = sorted(range(len(sizes)), key=lambda i: (sizes[i] == 1, len(sizes) == 3 and sizes[i] == 4))
    if len(sizes) not in (2, 3) or (len(sizes) == 3 and 1 not in sizes):
        return []
    return [
        tuple((POSITIONS,) if i == at else () if size == 1 else (size,) for i, size in enumerate(sizes))
        for at in (range(2) if len(sizes) == 2 else order)
    ]


def trace(
    inputs: Sequence[tuple[str, Shape | None]],
    chosen: int,
    likely: Sequence[Axes],
    passthrough: Sequence[str],
    what: str,
    follow: Callable[[Tensor, Trail], list[Tensor]],
) -> Graph:
    """Follow the sequence through a model, by the first of the ways to read its axes that does.

    Args:
        inputs: the names and shapes of the model's inputs.
        chosen: which of them is the sequence.
        likely: what its axes may hold.
        passthrough: what was declared to leave positions as they are.
        what: what to call the model in errors.
        follow: follows the sequence, and returns the model's outputs.

    Raises:
        ReceptiveError: nothing over positions can be followed.
    """
    name, shape = inputs[chosen]
    sideways = None
    if not likely:
        raise ReceptiveError(f"{what}: expected an input of (batch, positions, channels), found {shape}")
    for axes in likely:
        length = length_of(axes, shape)
        trail = Trail(passthrough, {INPUT: length})
        try:
            outputs = follow(Tensor(INPUT, axes), trail)
        except Sideways as error:
            sideways = sideways or error
            continue
        trail.end([output for output in outputs if output.flat])
        if not trail.nodes:
            strands = trail.stopped.endswith(TURNED)
            way = "; what the network does with one strand, saved by itself, can be read" if strands else ""
            raise ReceptiveError(f"{what}: {trail.stopped or NOTHING_SLIDES}{way}")
        atoms = [atom for axis in axes for atom in axis]
        if len(inputs) > 1 and shape:
            same = sum(other == shape for _, other in inputs) > 1
            way = "; --sequence-input names another" if same else ""
            trail.notes.append(f"of {len(inputs)} inputs {name}, {shape[1:]}, is followed{way}")
        if trail.stopped:
            trail.notes.append(f"followed up to {trail.stopped}; what comes after it counts as a dense layer")
        ends = tuple(dict.fromkeys(trail.ends))
        notes = tuple(trail.notes)
        turned = POSITIONS in atoms[1:]
        return Graph(tuple(trail.nodes), length, ends, turned, notes, filters=trail.filters)
    raise ReceptiveError(f"{what}: {sideways}")


# --- what any framework does ---------------------------------------------------------------------------


def reduce_axes(name: str, over: set[int], keepdims: bool, source: Tensor, trail: Trail) -> Tensor:
    """Follow a maximum, mean or sum over axes without the batch: over positions it is global pooling."""
    if source.along is None or source.flat:
        return LOST
    kept = tuple(() if i in over else axis for i, axis in enumerate(source.axes))
    if not keepdims:
        kept = tuple(axis for i, axis in enumerate(kept) if i not in over)
    if source.along not in over:
        return replace(source, axes=kept)
    return Tensor(trail.add(Layer("global", name=name), [source]), kept)


def join(what: str, name: str, axis: int | None, sources: list[Tensor], aside: bool, trail: Trail) -> Tensor:
    """Append a sum, product or concatenation of branches; what comes from other inputs does not count.

    Args:
        what: what to call the layer in errors.
        name: what to call the node.
        axis: of a concatenation, counted with the batch.
        sources: what it reads.
        aside: whether it also reads what comes from other inputs.
        trail: what to append to.

    Raises:
        Stop: the branches have their positions elsewhere, or are put one behind the other.
    """
    widest = max(sources, key=lambda source: (source.along is not None, len(source.axes)))
    if len({(len(source.axes), source.along) for source in sources if source.along is not None}) > 1:
        raise Stop(f"{what}: joins branches that have their positions in different axes")
    axes = list(widest.axes)
    if axis is not None:
        at = without_batch(axis, widest)
        if widest.along == at:
            if widest.flat:
                return LOST
            raise Stop(f"{what}: joins along positions; only channels can be joined")
        sizes = [None if None in source.axes[at] else prod(cast(Any, source.axes[at])) for source in sources]
        axes[at] = (None if aside or None in sizes else sum(cast(list[int], sizes)),)
    if len(sources) == 1:
        return replace(widest, axes=tuple(axes))
    layer = Layer("add" if axis is None else "concat", name=name)
    return Tensor(trail.add(layer, sources), tuple(axes))


def without_batch(number: int, source: Tensor) -> int:
    """Return an axis by its index without the batch, counted from the front."""
    return index(number) - 1 if index(number) > 0 else index(number) + len(source.axes)
