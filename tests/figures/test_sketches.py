"""Small pictures show what they are given, by the library's own arithmetic."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from receptive.figures import sketches
from receptive.figures.fields import compare_fields
from receptive.motifs.jaspar import embedded_motifs
from receptive.motifs.motif import Motif, reverse_complement
from receptive.motifs.tomtom import compare
from receptive.networks.variants import VARIANTS
from receptive.theory.fields import receptive_fields
from receptive.theory.layers import parse_layers

words = st.text("ACGT", min_size=4, max_size=8)


@given(words, words, words)
def test_the_window_of_the_highest_activation_is_black(before, word, after):
    sequence = before + word + after
    (axes,) = sketches.field_of_filter(sequence, word).axes
    letters = [text for text in axes.texts if len(text.get_text()) == 1]
    assert "".join(text.get_text() for text in letters) == sequence
    black = [i for i, text in enumerate(letters) if text.get_color() == "black"]
    assert sequence[black[0] : black[-1] + 1] == word
    assert len(black) == len(word)


@pytest.mark.parametrize("places", [(0, 4), (6, 8)])
def test_what_pooling_hands_on_does_not_depend_on_the_place_in_a_window(places):
    figure = sketches.window_of_pool(5, places)
    pooled = []
    for axes, place in zip(figure.axes, places, strict=True):
        low = [bar.get_height() for bar in axes.patches if bar.get_y() == 0]
        assert int(np.argmax(low)) == place
        pooled.append([bar.get_height() for bar in axes.patches if bar.get_y() == 1.4])
    assert pooled[0] == pooled[1]
    assert len(pooled[0]) == 3


def test_neighbours_share_what_the_arithmetic_says():
    pools = {f"pool {p}": receptive_fields(parse_layers(f"conv19 pool{p}"), 200) for p in (2, 25)}
    (axes,) = sketches.shared_fields(pools).axes
    assert {text.get_text() for text in axes.texts} == {*pools, "18 of 20 shared", "18 of 43 shared"}


def test_a_site_is_boxed_where_it_lies():
    sequences, sites = ["CCGATA", "GATACC"], [(0, 2), (1, 0)]
    figure = sketches.site_stack(sequences, sites, np.eye(4))
    left, middle, _ = figure.axes
    assert [(box.get_x() + 0.5, round(-box.get_y() - 0.42)) for box in left.patches] == [(2, 0), (0, 1)]
    assert "".join(text.get_text() for text in middle.texts) == "GATAGATA"


@pytest.mark.parametrize("turned", [False, True])
def test_the_best_offset_of_a_sliding_motif_is_tomtoms(turned):
    (motif,) = (motif for motif in embedded_motifs() if motif.name == "SRF")
    part = motif.pwm[3:12]
    query = Motif("q", "", reverse_complement(part) if turned else part, 9)
    lines = {line.get_label(): line for line in sketches.tomtom_offsets(query, motif).axes[1].lines}
    comparison = compare([query], [motif])
    assert lines["best"].get_xdata().tolist() == [comparison.offset[0, 0]]
    strand = lines["strand −" if comparison.reverse[0, 0] else "strand +"]
    totals = dict(zip(strand.get_xdata(), strand.get_ydata(), strict=True))
    assert max(totals.values()) == pytest.approx(lines["best"].get_ydata()[0])


def test_networks_are_compared_over_one_axis():
    both = {name: receptive_fields(VARIANTS[name].layers, 200) for name in ("cnn-2", "cnn-25")}
    figure = compare_fields(both, 11)
    first, other = figure.axes
    assert first.get_xlim() == other.get_xlim()
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["cnn-2", "cnn-25"]
    labels = [label.get_text().partition(":")[0] for label in first.get_yticklabels()]
    assert labels == ["conv1", "pool1", "conv2"]
