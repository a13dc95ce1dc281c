"""HTML pages, tables and pictures that need nothing but themselves."""

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from string import Template
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from numpy.typing import NDArray

from receptive.errors import ReceptiveError
from receptive.files import packaged
from receptive.motifs.motif import ALPHABET, information_content

RASTER = 150
"""Dots per inch of a PNG."""


@dataclass(frozen=True)
class Html:
    """A piece of a page, which Jupyter and the specification show as such."""

    text: str

    def _repr_html_(self) -> str:
        return self.text


def drawn(figure: Figure, format: str) -> bytes:
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

    Args:
        figure: what to draw.
        alt: what it shows, for those who cannot see it.
        caption: what to see in it; may hold HTML.
        raster: whether to draw it as PNG, which is smaller for sheets of many logos, instead of SVG.
    """
    kind, mime = ("png", "image/png") if raster else ("svg", "image/svg+xml")
    source = base64.b64encode(drawn(figure, kind)).decode()
    image = f'<img src="data:{mime};base64,{source}" alt="{html.escape(alt)}">'
    return Html(f'<figure class="picture">{image}<figcaption>{caption}</figcaption></figure>')


def table(header: Sequence[str], rows: Sequence[Sequence[object]], caption: str = "") -> Html:
    """Show a table; what it holds is text, or :class:`Html`."""

    def line(tag: str, cells: Sequence[object]) -> str:
        texts = [cell.text if isinstance(cell, Html) else html.escape(str(cell)) for cell in cells]
        return f"<tr>{''.join(f'<{tag}>{text}</{tag}>' for text in texts)}</tr>"

    body = "".join(line("td", cells) for cells in rows)
    above = f"<caption>{caption}</caption>" if caption else ""
    return Html(
        f'<div class="table-wrapper"><table class="docutils">{above}<thead>{line("th", header)}</thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


COLUMN, HEIGHT = 10, 40
"""Units of a logo's drawing: width of a column, height of 2 bits."""
LEAST = 0.04
"""Height in bits of the smallest letter drawn: a unit or so of the screen."""


def frame(title: str, body: str) -> str:
    """Return an HTML page, light or dark as its reader's screen is, with ``body`` (HTML) under ``title``."""
    template = Template(packaged("page.html").decode())
    return template.substitute(title=html.escape(title), body=body)


@cache
def letters() -> str:
    """Return the outlines of the four letters, once for all logos of a page; each fills a box of 1 by 1."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.path import Path
    from matplotlib.textpath import TextPath

    pens = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C", Path.CLOSEPOLY: "Z"}
    symbols = []
    for letter in ALPHABET:
        outline = TextPath((0, 0), letter, prop=FontProperties(family="DejaVu Sans", weight="bold"))
        low, high = outline.get_extents().get_points()
        steps = []
        for points, code in outline.iter_segments():
            xy = (points.reshape(-1, 2) - low) / (high - low)
            xy[:, 1] = 1 - xy[:, 1]
            steps.append(
                pens[code] + ("" if code == Path.CLOSEPOLY else " ".join(f"{v:.3g}" for v in xy.ravel()))
            )
        symbols.append(f'<path id="{letter}" class="{letter}" d="{"".join(steps)}"/>')
    hidden = 'width="0" height="0" style="position:absolute" aria-hidden="true"'
    return f"<svg {hidden}><defs>{''.join(symbols)}</defs></svg>"


def logo(pwm: NDArray[np.float64], text: str) -> str:
    """Draw a PWM (w, 4) as in VIS-2, letters from :func:`letters`; ``text`` is read where it is not seen."""
    bits = pwm * information_content(pwm)[:, None]
    shapes = []
    for column, heights in enumerate(bits):
        top = HEIGHT
        for base in np.argsort(heights):
            if heights[base] < LEAST:
                continue
            tall = heights[base] * HEIGHT / 2
            top -= tall
            shapes.append(
                f'<use href="#{ALPHABET[base]}" transform="translate({column * COLUMN + 0.3:g} {top:.4g})'
                f'scale({COLUMN - 0.6:g} {tall:.3g})"/>'
            )
    width = len(pwm) * COLUMN
    return (
        f'<svg viewBox="0 0 {width} {HEIGHT + 1}" role="img" aria-label="{html.escape(text)}">'
        f'{"".join(shapes)}<path class="axis" d="M0 {HEIGHT + 0.5}H{width}"/></svg>'
    )


def consensus(pwm: NDArray[np.float64]) -> str:
    """Spell a PWM (w, 4): the likeliest letter where it is certain by half a bit, otherwise a dot."""
    bits = information_content(pwm)
    return "".join(ALPHABET[row.argmax()] if bit > 0.5 else "." for row, bit in zip(pwm, bits, strict=True))
