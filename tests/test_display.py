import base64
import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from receptive import pages as display


@pytest.mark.parametrize(
    ("raster", "mime", "start"), [(False, "svg+xml", b"<?xml"), (True, "png", b"\x89PNG")]
)
def test_a_picture_is_inside_the_page_and_in_words(raster, mime, start):
    page = display.picture(Figure(), 'two "motifs"', "See <b>this</b>.", raster).text
    source = re.search(rf"data:image/{re.escape(mime)};base64,([^\"]+)\" alt=\"(.*?)\" ", page)
    assert base64.b64decode(source[1]).startswith(start)
    assert html.unescape(source[2]) == 'two "motifs"'
    assert "<figcaption>See <b>this</b>.</figcaption>" in page


@given(st.lists(st.floats(3, 40), max_size=4), st.floats(2, 15), st.booleans())
def test_a_picture_is_wide_enough_for_its_smallest_text(sizes, wide, raster):
    """Shown as wide as it asks for, its text has 9 pixels or more; a pixel less would be too little."""
    figure = Figure(figsize=(wide, 3))
    for size in sizes:
        figure.text(0.5, 0.5, "words", fontsize=size)
    figure.text(0.5, 0.5, " ", fontsize=1)
    figure.text(0.5, 0.5, "unseen", fontsize=1).set_visible(False)
    least = int(re.search(r"--legible: (\d+)px", display.picture(figure, "", raster=raster).text)[1])
    assert (least > 0) == bool(sizes)
    for size in sizes:
        assert size / 72 / wide * least >= 9 - 1e-9
    if sizes:
        assert min(sizes) / 72 / wide * (least - 1) < 9


def test_a_table_shows_text_as_it_is_and_html_as_html():
    page = display.table(["a<b"], [["x & y"], [display.Html("<i>z</i>")]]).text
    assert "<th>a&lt;b</th>" in page
    assert "<td>x &amp; y</td>" in page
    assert "<td><i>z</i></td>" in page
