import base64
import html
import re

import pytest
from matplotlib.figure import Figure

from receptive import pages as display


@pytest.mark.parametrize(
    ("raster", "mime", "start"), [(False, "svg+xml", b"<?xml"), (True, "png", b"\x89PNG")]
)
def test_a_picture_is_inside_the_page_and_in_words(raster, mime, start):
    page = display.picture(Figure(), 'two "motifs"', "See <b>this</b>.", raster).text
    source = re.search(rf"data:image/{re.escape(mime)};base64,([^\"]+)\" alt=\"(.*?)\">", page)
    assert base64.b64decode(source[1]).startswith(start)
    assert html.unescape(source[2]) == 'two "motifs"'
    assert "<figcaption>See <b>this</b>.</figcaption>" in page


def test_a_table_shows_text_as_it_is_and_html_as_html():
    page = display.table(["a<b"], [["x & y"], [display.Html("<i>z</i>")]]).text
    assert "<th>a&lt;b</th>" in page
    assert "<td>x &amp; y</td>" in page
    assert "<td><i>z</i></td>" in page
