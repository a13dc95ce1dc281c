"""The figures of assembly information show the numbers that the functions compute."""

from math import log2

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex

from receptive.evidence import predictions
from receptive.evidence.measured import Results
from receptive.evidence.rules import key
from receptive.figures import assembly as figures
from receptive.figures.canvas import BLUE
from receptive.networks.variants import REGISTERED
from receptive.theory import assembly
from receptive.theory.assembly import bits

SHAPES = ["cnn-1", "cnn-2", "cnn-4", "cnn19-1-2", "cnn-50-2", "cnn-10", "cnn-25", "cnn-50", "cnn-100"]


@pytest.fixture(scope="module")
def design():
    return figures.design_map((1, 2, 4, 8), (1, 5, 9))


def texts(axes):
    return {text.get_text() for text in axes.texts}


def test_the_map_shows_the_bits_of_every_design_that_skips_nothing(design):
    panels = [axes for axes in design.axes if axes.images]
    assert [axes.get_title() for axes in panels] == [f"second filter of {taps}" for taps in (1, 5, 9)]
    for axes, taps in zip(panels, (1, 5, 9), strict=True):
        shown = axes.images[0].get_array()
        for row, stride in enumerate((1, 2, 4, 8)):
            for column, pool in enumerate((1, 2, 4, 8)):
                if stride > pool:
                    assert np.ma.is_masked(shown[row, column])
                else:
                    assert shown[row, column] == bits(pool, stride, taps, chance=assembly.fitted().chance)


def test_the_map_names_the_papers_networks_where_they_stand(design):
    one, five, nine = (axes for axes in design.axes if axes.images)
    assert texts(one) == {"cnn19-1-2"}
    assert texts(five) == {"cnn-1", "cnn-2", "cnn-4"}
    assert texts(nine) == set()
    dots = [line.get_xydata().tolist() for line in nine.lines]
    assert dots == [[[1, 1]], [[2, 2]]]


def test_the_line_parts_designs_at_the_midpoint(design):
    middle = assembly.fitted().midpoint
    panel = [axes for axes in design.axes if axes.images][1]
    table = panel.images[0].get_array().filled(np.nan)
    (line,) = (each for each in panel.collections if isinstance(each, LineCollection))
    assert line.get_segments()
    for (x0, y0), (x1, y1) in (np.asarray(edge).tolist() for edge in line.get_segments()):
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        across = [(x - 0.5, y), (x + 0.5, y)] if x0 == x1 else [(x, y - 0.5), (x, y + 0.5)]
        one, other = (table[round(row), round(column)] for column, row in across)
        assert (one > middle) != (other > middle)


def test_sensitivity_has_a_curve_for_each_shape_of_the_paper():
    drawn = figures.sensitivity((3, 4), (1 / 16, 1 / 64))
    left, right = drawn.axes
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == SHAPES
    curve = assembly.fitted()
    np.testing.assert_allclose(left.lines[1].get_ydata(), [bits(2, 2, 5, 1, curve.chance, r) for r in (3, 4)])
    np.testing.assert_allclose(right.lines[1].get_ydata(), [bits(2, 2, 5, 1, q) for q in (1 / 16, 1 / 64)])
    np.testing.assert_allclose(left.lines[len(SHAPES)].get_ydata(), [log2(7), log2(9)])


def test_before_any_run_the_registered_networks_stand_on_the_curve():
    drawn = figures.predicted_and_measured()
    left, right = drawn.axes
    labels = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert labels == ["the fitted curve", "published, fitted to", "registered, not measured yet"]
    ticks = next(line for line in left.lines if line.get_label() == labels[2])
    expected = [predictions.first_layer(network) for network in REGISTERED.values()]
    np.testing.assert_allclose(ticks.get_xydata(), [(each.bits, each.fraction) for each in expected])
    published = [cell.mean for cell in predictions.fitted_to()]
    assert all(list(axes.lines[1].get_ydata()) == published for axes in (left, right))


def test_measured_networks_show_their_mean_and_trials():
    measured = {key(name, "relevant"): (0.2, 0.4, 0.9) for name in REGISTERED}
    drawn = figures.predicted_and_measured(Results(measured, {}))
    left, right = drawn.axes
    assert "registered, not measured yet" not in [text.get_text() for text in drawn.legends[0].get_texts()]
    for axes, value in ((left, "bits"), (right, "fraction")):
        discs = [line for line in axes.lines if line.get_marker() == "o"]
        assert {to_hex(line.get_color()).upper() for line in discs} == {BLUE}
        expected = [
            (getattr(predictions.first_layer(network), value), 0.5) for network in REGISTERED.values()
        ]
        np.testing.assert_allclose([line.get_xydata()[0] for line in discs], expected)
        trials = [line for line in axes.lines if line.get_marker() == "."]
        assert [list(line.get_ydata()) for line in trials] == [[0.2, 0.4, 0.9]] * len(REGISTERED)
    missed = [
        name for name, network in REGISTERED.items() if predictions.first_layer(network).kind != "mixed"
    ]
    named = {f"cnn-{text.get_text()}" for text in left.texts} & {*REGISTERED}
    assert named == {*missed} != {*REGISTERED}
