"""Layers of 1-D networks, their text form, and graphs of them."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from receptive.errors import UsageError, printable

Kind = Literal["conv", "pool", "mean", "pad", "crop", "global", "add", "concat"]
Padding = Literal["same", "valid"] | tuple[int, int]

INPUT = "input"
"""The name by which the nodes of a graph refer to the sequence itself."""

POOLING = ("pool", "mean")
_EDGES = ("pad", "crop")
JOINS = ("add", "concat")


@dataclass(frozen=True)
class Layer:
    """One layer that moves or widens receptive fields; ``str(layer)`` is its text form.

    `parse_layers` fills in what the text form leaves out; here every value is taken as it stands.

    >>> str(Layer("conv", 19, dilation=2, padding="same"))
    'conv19d2'

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
        if self.kind in POOLING and self.dilation != 1:
            raise UsageError(f"layer {self.label}: a pooling window has no dilation, found {self.dilation}")
        if self.kind not in ("conv", *POOLING) and (self.size, self.stride, self.dilation) != (1, 1, 1):
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
        if self.kind in ("global", *JOINS) and self.padding != "valid":
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
        if self.kind in ("global", *JOINS):
            return self.kind
        stride, padding = _defaults(self.kind, self.size)
        text = f"{self.kind}{self.size}"
        text += f"s{self.stride}" if self.stride != stride else ""
        text += f"d{self.dilation}" if self.dilation != 1 else ""
        return text + ("" if self.padding == padding else f"p{ends}" if ends else str(self.padding))


def _defaults(kind: str, size: int) -> tuple[int, Padding]:
    """Return stride and padding that the text form leaves out: the paper's, or Keras's for pooling."""
    return (1, "same") if kind == "conv" else (size, "valid")


_SHOWN = 60
"""Letters on either side of a mistake that are shown."""
_HEAD = re.compile(r"conv|pool|mean|pad|crop|global")
_NUMBER = re.compile(r"[0-9]{1,6}(?![0-9])")
_ENDS = re.compile(r"([0-9]{1,6})(?:,([0-9]{1,6}))?(?![0-9,])")
_SUFFIX = re.compile(r"same|valid|s(?=[0-9])|d(?=[0-9])|p(?=[0-9])")


def parse_layers(text: str) -> tuple[Layer, ...]:
    """Read a chain of layers from its text form, such as ``conv19 pool25 conv5 pool4``.

    White space separates layers. A layer is its kind and its size, then suffixes in any order::

        network  = layer { space layer }
        layer    = ("conv" | "pool" | "mean") size { suffix } | ("pad" | "crop") ends | "global"
        suffix   = "s" stride | "d" dilation | "same" | "valid" | "p" ends
        ends     = number [ "," number ]      both ends, or left and right

    Left out, a convolution has stride 1 and ``same`` padding, as in the paper (ARCH-1), and pooling moves by
    its size without padding, as in Keras: ``conv19s2d4same``, ``pool50s2``, ``pool50s2same``, ``conv5p4,0``.
    `format_layers` is the inverse.

    >>> [layer.size for layer in parse_layers("conv19 pool25 conv5 pool4")]
    [19, 25, 5, 4]

    Raises:
        UsageError: the text is not of this form, or a layer is impossible; a caret shows where.
    """
    layers = tuple(_parse_layer(text, word.start(), word.end()) for word in re.finditer(r"\S+", text))
    if not layers:
        raise UsageError('the network has no layers; expected a text such as "conv19 pool25 conv5 pool4"')
    return layers


def _parse_layer(text: str, begin: int, end: int) -> Layer:
    """Return the layer that is written at ``text[begin:end]``."""
    head = _HEAD.match(text, begin, end)
    if head is None:
        kinds = _HEAD.pattern.replace("|", ", ")
        raise _misread(text, begin, f'expected one of {kinds}, found "{text[begin:end]}"')
    kind, at = head.group(), head.end()
    size, settings = 1, dict[str, int | Padding]()
    if kind in _EDGES:
        settings["padding"], at = _read_ends(text, at, end)
    elif kind != "global":
        size, at = _read_number(text, at, end, f"the size of {kind}")
        stride, padding = _defaults(kind, size)
        while suffix := _SUFFIX.match(text, at, end):
            what = {"s": "stride", "d": "dilation"}.get(suffix.group(), "padding")
            if what in settings:
                raise _misread(text, at, f"the {what} is given twice")
            at = suffix.end()
            if what != "padding":
                settings[what], at = _read_number(text, at, end, f"the {what}")
            elif suffix.group() == "p":
                settings[what], at = _read_ends(text, at, end)
            else:
                settings[what] = "same" if suffix.group() == "same" else "valid"
        settings = {"stride": stride, "padding": padding} | settings
    if at != end:
        rest = "the end of the layer" if kind in (*_EDGES, "global") else "s1, d1, p1, p1,0, same or valid"
        raise _misread(text, at, f'expected {rest}, found "{text[at:end]}"')
    try:
        return Layer(kind, size, **settings)  # type: ignore[arg-type]
    except UsageError as error:
        raise _misread(text, begin, str(error)) from None


def _read_number(text: str, at: int, end: int, what: str) -> tuple[int, int]:
    """Return the number at ``at`` and where it stops."""
    number = _NUMBER.match(text, at, end)
    if number is None:
        raise _misread(text, at, f'expected {what}, a number of up to six digits, found "{text[at:end]}"')
    return int(number.group()), number.end()


def _read_ends(text: str, at: int, end: int) -> tuple[tuple[int, int], int]:
    """Return one or two numbers at ``at``, as (left, right), and where they stop."""
    ends = _ENDS.match(text, at, end)
    if ends is None:
        raise _misread(text, at, f'expected a number, or left,right, found "{text[at:end]}"')
    return (int(ends.group(1)), int(ends.group(2) or ends.group(1))), ends.end()


def _misread(text: str, at: int, why: str) -> UsageError:
    """Return an error that shows the text with a caret under character ``at``."""
    before, after = (printable(re.sub(r"\s", " ", part)) for part in (text[:at], text[at:]))
    before = before if len(before) <= _SHOWN else f"…{before[-_SHOWN:]}"
    after = after if len(after) <= _SHOWN else f"{after[:_SHOWN]}…"
    return UsageError(
        f"cannot read the network at character {at + 1}: {why}\n  {before}{after}\n  {' ' * len(before)}^"
    )


def format_layers(layers: Sequence[Layer]) -> str:
    """Write a chain of layers as text: the inverse of `parse`, with defaults and names left out."""
    return " ".join(map(str, layers))


@dataclass(frozen=True)
class Node:
    """A layer in a graph, and the names of the nodes it reads (`INPUT` for the sequence)."""

    layer: Layer
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class Graph:
    """A network with branches: nodes in an order in which each reads only earlier ones.

    >>> first = Node(Layer("conv", 5, padding="same", name="first"), (INPUT,))
    >>> beside = Node(Layer("conv", 9, padding="same", name="beside"), (INPUT,))
    >>> both = Graph((first, beside, Node(Layer("add", name="sum"), ("first", "beside"))))
    >>> both.nodes[-1].inputs
    ('first', 'beside')

    Attributes:
        nodes: layers whose names are all different.
        input_length: the length of sequence it was built for, if that is known.
        ends: nodes that dense or recurrent layers read, whatever else reads them.
        turned: whether channels come before positions in its input.
        notes: what should be known of how it was read, a sentence each.
        activations: what follows a convolution, by its name, such as ``relu``; those that are known.
        filters: how many filters a convolution has, by its name; those that are known.

    Raises:
        UsageError: no nodes, a name that is missing or used twice, an input that comes later or not at all,
            or several inputs to a layer that joins nothing.
    """

    nodes: tuple[Node, ...]
    input_length: int | None = None
    ends: tuple[str, ...] = ()
    turned: bool = False
    notes: tuple[str, ...] = ()
    activations: Mapping[str, str] = field(default_factory=dict, compare=False)
    filters: Mapping[str, int] = field(default_factory=dict, compare=False)

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
            if len(node.inputs) > 1 and node.layer.kind not in JOINS:
                raise UsageError(f"layer {node.layer.label}: {node.layer.kind} reads one layer, not several")
            known.add(node.layer.name)


def first_convolutions(graph: Graph) -> list[str]:
    """List the convolutions that read the sequence itself, or what padding and cropping leave of it."""
    found, sequence = list[str](), {INPUT}
    for node in graph.nodes:
        if sequence >= {*node.inputs}:
            found += [node.layer.name] if node.layer.kind == "conv" else []
            sequence |= {node.layer.name} if node.layer.kind in _EDGES else set()
    return found


def chain(layers: Sequence[Layer]) -> Graph:
    """Chain layers into a graph, each reading the one before; nameless ones become conv1, pool1, ..."""
    count, below, nodes = Counter[str](), INPUT, list[Node]()
    for layer in layers:
        count[layer.kind] += 1
        named = replace(layer, name=layer.name or f"{layer.kind}{count[layer.kind]}")
        nodes.append(Node(named, (below,)))
        below = named.name
    return Graph(tuple(nodes))
