"""Hypothesis strategies shared by the tests."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from numpy.typing import NDArray

from receptive.motifs import Motif


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
