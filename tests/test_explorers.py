"""What the explorers of the pages look up, against the library."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receptive.theory import toy

sys.path.append(str(Path(__file__).parent.parent / "docs"))
explorers = pytest.importorskip("explorers", reason="needs docutils, which the docs bring")


@given(pool=st.integers(1, explorers.POOLS), of=st.data())
def test_the_toy_says_for_each_phase_what_a_pattern_may_be_taken_for(pool, of):
    """Counted over the phases this is the library's confusion; and bits and bins are the library's."""
    stride = of.draw(st.integers(1, pool))
    at_width = of.draw(st.integers(0, len(explorers.WIDTHS) - 1))
    at_distance = of.draw(st.integers(0, len(explorers.DISTANCES) - 1))
    width, patterns = explorers.WIDTHS[at_width], explorers.three(explorers.DISTANCES[at_distance])
    data = explorers.toys().data
    found = data["settings"][f"{pool} {stride}"]
    place = at_width * len(explorers.DISTANCES) + at_distance
    assert found["bits"][place] == round(toy.information(patterns, pool, stride, width), 2)
    for row, pattern in enumerate(patterns):
        masks = data["texts"][found["like"][3 * place + row]]
        assert len(masks) == stride
        for column, other in enumerate(patterns):
            phases = sum(int(mask) >> column & 1 for mask in masks)
            assert phases == toy.confusion(other, pattern, pool, stride, width) * stride
        for phase in range(stride):
            lit = toy.lit_units(pattern, phase, pool, stride)
            for channel, offset in pattern.features:
                first, last = found["bins"][2 * (phase + offset) :][:2]
                assert {(bin, channel) for bin in range(first, last + 1)} <= lit
