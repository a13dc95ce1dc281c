"""HTML pages, tables and pictures that need nothing but themselves."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil, inf
from typing import Any

import numpy as np
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, StrictUndefined
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.textpath import TextPath
from numpy.typing import NDArray

from receptive.errors import ReceptiveError
from receptive.motifs.motif import ALPHABET, information_content

RASTER = 150
"""Dots per inch of a PNG."""
SMALLEST = 9
"""Pixels of the smallest text in a picture."""


@dataclass(frozen=True)
class Html:
    """A piece of a page, which Jupyter and the specification show as such."""

    text: str

    def _repr_html_(self) -> str:
        return self.text

    __html__ = _repr_html_


def encode_figure(figure: Figure, format: str) -> bytes:
    """Draw a figure as ``svg``, ``png`` or ``pdf``: the same figure as the same bytes, whenever and wherever.

    Raises:
        ReceptiveError: it is too large for the format.
    """
    undated: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(format, {})
    file = io.BytesIO()
    with rc_context({"svg.hashsalt": "receptive"}):  # without a salt the ids in SVG are random
        try:
            figure.savefig(file, format=format, dpi=RASTER, metadata=undated)
        except ValueError as error:
            raise ReceptiveError(f"this figure cannot be drawn as {format.upper()}: {error}") from None
    return file.getvalue()


def picture(figure: Figure, alt: str, caption: str = "", raster: bool = False) -> Html:
    """Show a figure inside the page.

    >>> figure = Figure(figsize=(2, 1))
    >>> picture(figure, "An empty figure").text.partition(";base64")[0]
    '<figure class="picture"><img src="data:image/svg+xml'

    Args:
        figure: what to draw.
        alt: what it shows, for those who cannot see it.
        caption: what to see in it; may hold HTML.
        raster: whether to draw it as PNG, which is smaller for sheets of many logos, instead of SVG.
    """
    kind, mime = ("png", "image/png") if raster else ("svg", "image/svg+xml")
    source = base64.b64encode(encode_figure(figure, kind)).decode()
    return piece("picture", f"data:{mime};base64,{source}", alt, Html(caption), legible(figure))


def legible(figure: Figure) -> int:
    """Return how many pixels wide a figure that was drawn has to be shown for its text to be read."""
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text)]
    sizes = [float(text.get_fontsize()) for text in texts if text.get_visible() and text.get_text().strip()]
    return ceil(SMALLEST * 72 * figure.get_figwidth() / min(sizes, default=inf))


def table(header: Sequence[str], rows: Sequence[Sequence[object]], caption: str = "") -> Html:
    """Show a table of text or :class:`Html`, which the caption may be, too."""
    return piece("table", header, rows, Html(caption) if caption else "")


def render(name: str, **values: object) -> str:
    """Fill in the template of a page, a file of ``data``; all but :class:`Html` is escaped."""
    return environment().get_template(name).render(values)


def piece(name: str, *values: object) -> Html:
    """Fill in a macro of ``pieces.html``; all but :class:`Html` is escaped."""
    return Html(str(getattr(environment().get_template("pieces.html").module, name)(*values)))


@cache
def environment(*folders: str) -> Environment:
    """Return the templates of some folders and of ``data``; all values but :class:`Html` are escaped."""
    templates = Environment(
        loader=ChoiceLoader([*map(FileSystemLoader, folders), PackageLoader("receptive", "data")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters |= {"number": format, "signed": format_change, "thousandths": thousandths}
    return templates


def format_change(value: float) -> str:
    """Format a change to four decimals, with a proper minus sign.

    >>> format_change(-0.25)
    '−0.2500'
    """
    return f"{value:+.4f}".replace("-", "−")


def thousandths(value: float) -> str:
    """Format a number in thousandths, with a proper minus sign.

    >>> thousandths(-0.0123)
    '−12'
    """
    return f"{1000 * value:.0f}".replace("-", "−")


COLUMN, HEIGHT = 10, 40
"""Units of a logo's drawing: width of a column, height of 2 bits."""
LEAST = 0.04
"""Height in bits of the smallest letter drawn: a unit or so of the screen."""


@cache
def outline(letter: str) -> Path:
    """Return the outline of a letter, stretched to fill a box of 1 by 1."""
    drawn = TextPath((0, 0), letter, prop=FontProperties(family="DejaVu Sans", weight="bold"))
    low, high = drawn.get_extents().get_points()
    return Path((drawn.vertices - low) / (high - low), drawn.codes)


@cache
def letters() -> Html:
    """Return the outlines of the four letters, once for all logos of a page."""
    pens = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C", Path.CLOSEPOLY: "Z"}
    outlines = {}
    for letter in ALPHABET:
        steps = []
        for points, code in outline(letter).iter_segments():
            xy = points.reshape(-1, 2) * (1, -1) + (0, 1)  # downwards, as in SVG
            steps.append(
                pens[code] + ("" if code == Path.CLOSEPOLY else " ".join(f"{v:.3g}" for v in xy.ravel()))
            )
        outlines[letter] = "".join(steps)
    return piece("letters", outlines)


def logo(pwm: NDArray[np.float64], text: str) -> Html:
    """Draw a PWM (w, 4) as in VIS-2, letters from :func:`letters`; ``text`` is read where it is not seen."""
    bits = pwm * information_content(pwm)[:, None]
    stacked = []
    for column, heights in enumerate(bits):
        top = float(HEIGHT)
        for base in np.argsort(heights):
            if heights[base] < LEAST:
                continue
            tall = heights[base] * HEIGHT / 2
            top -= tall
            stacked.append((ALPHABET[base], column * COLUMN + 0.3, top, COLUMN - 0.6, tall))
    return piece("logo", stacked, len(pwm) * COLUMN, HEIGHT, text)


def consensus(pwm: NDArray[np.float64]) -> str:
    """Spell a PWM (w, 4): the likeliest letter where it is certain by half a bit, otherwise a dot."""
    bits = information_content(pwm)
    return "".join(ALPHABET[row.argmax()] if bit > 0.5 else "." for row, bit in zip(pwm, bits, strict=True))
