"""The figures of predictions show the numbers that the functions compute."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.patches import Rectangle

from receptive.evidence import predictions
from receptive.figures import assembly as figures
from receptive.motifs.jaspar import embedded_motifs
from receptive.theory import prediction
from receptive.theory.assembly import View

SIZES, TAPS = (1, 2, 4, 8), (1, 5, 9)


@pytest.fixture(scope="module")
def design():
    return figures.design_map(sizes=SIZES, taps=TAPS)


def panels(design):
    return [axes for axes in design.axes if axes.images and axes.get_title()]


def test_the_map_shows_the_share_of_every_design_that_was_tested_and_greys_the_others(design):
    known, seen = prediction.outcomes(), set()
    assert [axes.get_title() for axes in panels(design)] == [f"second filter of {taps}" for taps in TAPS]
    for axes, taps in zip(panels(design), TAPS, strict=True):
        shares, grey = (image.get_array() for image in axes.images)
        for row, stride in enumerate(SIZES):
            for column, pool in enumerate(SIZES):
                if stride > pool:
                    assert np.ma.is_masked(shares[row, column])
                    assert np.ma.is_masked(grey[row, column])
                    continue
                view = View("conv1", "conv2", pool, stride, taps, 1, 1)
                untested = bool(prediction.outside(view, 19, "relu", known.layers))
                seen.add(untested)
                assert np.ma.is_masked(shares[row, column]) == untested
                assert np.ma.is_masked(grey[row, column]) == (not untested)
                if not untested:
                    assert shares[row, column] == known.curve.fraction(view.bits)
    assert seen == {True, False}


def test_the_line_parts_designs_at_a_half(design):
    known = prediction.outcomes()
    for axes, taps in zip(panels(design), TAPS, strict=True):

        def share(column, row, taps=taps):
            view = View("conv1", "conv2", SIZES[round(column)], SIZES[round(row)], taps, 1, 1)
            return known.curve.fraction(view.bits)

        (line,) = (collection for collection in axes.collections if isinstance(collection, LineCollection))
        assert line.get_segments() or taps == 1
        for (x0, y0), (x1, y1) in (np.asarray(edge).tolist() for edge in line.get_segments()):
            x, y = (x0 + x1) / 2, (y0 + y1) / 2
            first, other = [(x - 0.5, y), (x + 0.5, y)] if x0 == x1 else [(x, y - 0.5), (x, y + 0.5)]
            assert (share(*first) > 0.5) != (share(*other) > 0.5)


def test_trained_networks_have_the_colour_of_what_came_out(design):
    _, five, _ = panels(design)
    discs = {
        tuple(disc.get_offsets()[0].tolist()): float(disc.get_array()[0])
        for disc in five.collections
        if isinstance(disc, PathCollection)
    }
    came = {layer.network: layer.mean for layer in prediction.outcomes().layers if layer.view.name == "conv1"}
    assert discs[1, 1] == pytest.approx(came["cnn-2"])
    assert discs[3, 2] == pytest.approx(came["cnn-pool8s4"])


@pytest.mark.parametrize(("columns", "offset"), [((3, 8), 3), ((0, 8), 0), ((5, 10), 3), ((2, 11), -1)])
def test_the_offset_is_where_the_filters_fire(columns, offset):
    """SRF has 16 columns: in line, its second half begins eight columns after the first."""
    (srf,) = (motif for motif in embedded_motifs() if motif.name == "SRF")
    (axes,) = figures.parts(srf, columns, pool=4).axes
    (a,), (b,) = (line.get_xdata() for line in axes.lines if line.get_marker() == "o")
    assert b - a == offset
    assert f"δ = {offset:+d}".replace("-", "−") in [text.get_text() for text in axes.texts]
    boxes = [patch for patch in axes.patches if isinstance(patch, Rectangle) and patch.get_width() == 4]
    lit = [box.get_x() for box in boxes if box.get_facecolor()[:3] != (1, 1, 1)]
    assert sorted(lit) == sorted([a // 4 * 4, b // 4 * 4])


def test_forecasts_stand_against_what_came_of_them(committed):
    known = prediction.outcomes()
    left, right = figures.forecast_and_measured(known, committed["synthetic"]).axes
    spread = prediction.width(known.layers)
    registered = [layer for layer in known.layers if layer.registered and layer.view.name == "conv1"]
    outcomes = predictions.score(committed["synthetic"]).outcomes
    expected = {
        left: [(outcome.predicted.fraction, outcome.measured.mean) for outcome in outcomes],
        right: [(outcome.forecast, outcome.mean) for outcome in registered],
    }
    for axes, points in expected.items():
        discs = [line.get_xydata()[0] for line in axes.lines if line.get_marker() == "o"]
        np.testing.assert_allclose(discs, points, atol=1e-5)
    far = set()
    for outcome in registered:
        low, high = prediction.interval(outcome.forecast, spread)
        far |= set() if low <= outcome.mean <= high else {outcome.network}
    assert {text.get_text() for text in right.texts} == far
    assert {text.get_text() for text in left.texts} == {
        outcome.network for outcome in outcomes if not outcome.hit
    }
    band = right.collections[0].get_paths()[0].vertices
    middle = band[np.isclose(band[:, 0], 0.5)][:, 1]
    np.testing.assert_allclose([middle.min(), middle.max()], prediction.interval(0.5, spread))
