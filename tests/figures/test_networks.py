import pytest

from receptive.figures.networks import plan
from receptive.networks.variants import VARIANTS, shapes


@pytest.mark.claim("ARCH-1")
@pytest.mark.parametrize("name", ["cnn-1", "cnn-25", "cnn-50-2", "cnn-1-1-100"])
def test_the_plan_shows_every_map_with_its_shape(name):
    (axes,) = plan([VARIANTS[name]]).axes
    maps = shapes(VARIANTS[name], 200)
    words = [text.get_text() for text in axes.texts]
    numbers = [word for word in words if word.replace(" × ", "").isdigit()]
    assert numbers == [*(f"{positions} × {channels}" for _, positions, channels in maps), "512", "12"]
    cells = [len(bars.get_paths()) for bars in axes.collections]
    # Of every map its positions and the one that stands out; above them the probabilities.
    assert cells == [n for _, positions, _ in maps for n in (positions, 1)] + [12]


@pytest.mark.parametrize("name", VARIANTS)
def test_what_stands_out_stands_in_the_window_below(name):
    (axes,) = plan([VARIANTS[name]]).axes
    lit = [bars.get_paths()[0].get_extents() for bars in axes.collections[1:-1:2]]
    windows = [patch.get_path().get_extents() for patch in axes.patches]
    for below, window in zip(lit, windows, strict=False):
        assert window.x0 - 1e-9 <= below.x0
        assert below.x1 <= window.x1 + 1e-9


@pytest.mark.parametrize("name", VARIANTS)
def test_windows_are_as_wide_as_layers_see_unless_the_sequence_ends(name):
    (axes,) = plan([VARIANTS[name]]).axes
    maps = shapes(VARIANTS[name], 200)
    windows = [patch.get_path().get_extents() for patch in axes.patches]
    for layer, below, window in zip(VARIANTS[name].layers, maps, windows, strict=False):
        cut = window.x0 == 0 or window.x1 == 200
        seen = layer.size * 200 / below.positions
        assert window.width <= seen + 1e-9 if cut else window.width == pytest.approx(seen)


def test_strides_that_are_not_the_window_are_said():
    words = {name: {text.get_text() for text in plan([VARIANTS[name]]).axes[0].texts} for name in VARIANTS}
    assert "max of 50, stride 2" in words["cnn-50-2"]
    assert {"max of 25", "max of 4"} <= words["cnn-25"]


def test_networks_stand_side_by_side():
    figure = plan([VARIANTS["cnn-2"], VARIANTS["cnn-25"]])
    assert [axes.get_title() for axes in figure.axes] == ["CNN-2", "CNN-25"]
