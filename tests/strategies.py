"""Hypothesis strategies shared by the tests."""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from numpy.typing import NDArray

from receptive.errors import UsageError
from receptive.motifs.motif import Motif
from receptive.theory.fields import receptive_fields
from receptive.theory.layers import INPUT, Graph, Kind, Layer, Node


@st.composite
def pwms(draw: DrawFn, max_width: int = 8) -> NDArray[np.float64]:
    """PWMs of one to ``max_width`` positions, certain and flat columns among them."""
    row = st.lists(st.integers(0, 8), min_size=4, max_size=4).filter(any)
    counts = np.array(draw(st.lists(row, min_size=1, max_size=max_width)), dtype=np.float64)
    return counts / counts.sum(axis=1, keepdims=True)


@st.composite
def motif_sets(draw: DrawFn, max_size: int = 4, max_width: int = 8) -> tuple[Motif, ...]:
    """One to ``max_size`` motifs with ids of their own, any number of sites, with or without a name."""
    label = st.text(st.characters(categories=["L", "N", "P"]), max_size=6)
    return tuple(
        Motif(f"{draw(label)}{number}", draw(label), draw(pwms(max_width)), draw(st.floats(0, 1e6)))
        for number in range(draw(st.integers(1, max_size)))
    )


@st.composite
def layers(draw: DrawFn, gapless: bool = False) -> Layer:
    """One small layer; ``gapless``: its neurons see every position of their clipped intervals.

    For that a window must not be dilated, must not be left out by the stride, and must hold at least one
    neuron that is not padding.
    """
    kinds: list[Kind] = ["conv", "conv", "pool", "mean", "crop", "global"]
    more: list[Kind] = [] if gapless else ["pad"]
    kind: Kind = draw(st.sampled_from([*kinds, *more]))
    if kind == "global":
        return Layer("global")
    if kind in ("pad", "crop"):
        return Layer(kind, padding=draw(st.tuples(st.integers(0, 3), st.integers(0, 3))))
    size = draw(st.integers(1, 5))
    ends = st.integers(0, size - 1 if gapless else size + 1)
    return Layer(
        kind,
        size,
        stride=draw(st.integers(1, size if gapless else 3)),
        dilation=draw(st.integers(1, 3)) if kind == "conv" and not gapless else 1,
        padding=draw(st.one_of(st.sampled_from(["same", "valid"]), st.tuples(ends, ends))),
    )


@st.composite
def networks(draw: DrawFn, gapless: bool = False, max_length: int = 40) -> tuple[tuple[Layer, ...], int]:
    """A chain of one to five layers and an input length on which every layer has an output."""
    length = draw(st.integers(1, max_length))
    chain: tuple[Layer, ...] = ()
    for layer in draw(st.lists(layers(gapless), min_size=1, max_size=5)):
        try:
            receptive_fields((*chain, layer), length)
        except UsageError:
            continue
        chain = (*chain, layer)
    return chain or (Layer("conv", 3, padding="same"),), length


@st.composite
def graphs(draw: Any) -> tuple[Graph, int]:
    """A graph of up to eight nodes with branches that meet, and an input length on which it works."""
    length = draw(st.integers(8, 30))
    graph, lengths = None, {INPUT: length}
    for i in range(draw(st.integers(2, 8))):
        chosen = draw(st.sampled_from(sorted(lengths)))
        fitting = [
            name for name in sorted(lengths) if lengths[name] in (1, lengths[chosen]) and name != chosen
        ]
        if fitting and draw(st.booleans()):
            meeting: list[Kind] = ["add", "concat"]
            kind = draw(st.sampled_from(meeting))
            branches = draw(st.permutations([chosen, draw(st.sampled_from(fitting))]))
            node = Node(Layer(kind, name=f"n{i}"), tuple(branches))
        else:
            node = Node(replace(draw(layers()), name=f"n{i}"), (chosen,))
        try:
            grown = Graph((*(graph.nodes if graph else ()), node))
            lengths[f"n{i}"] = receptive_fields(grown, length).rows[-1].length
        except UsageError:
            continue
        graph = grown
    return graph or Graph((Node(Layer("conv", 3, name="n"), (INPUT,)),)), length
