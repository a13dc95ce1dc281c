"""Pictures and tables as a notebook shows them: HTML with words for those who cannot see a picture."""

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from receptive.errors import ReceptiveError

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
