"""Pictures and tables as a notebook shows them: HTML with words for those who cannot see a picture."""

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

RASTER = 150
"""Dots per inch of a PNG."""


@dataclass(frozen=True)
class Html:
    """A piece of a page, which Jupyter and the specification show as such."""

    text: str

    def _repr_html_(self) -> str:
        return self.text


def picture(figure: Figure, alt: str, caption: str = "", raster: bool = False) -> Html:
    """Show a figure inside the page.

    Args:
        figure: what to draw.
        alt: what it shows, for those who cannot see it.
        caption: what to see in it; may hold HTML.
        raster: whether to draw it as PNG, which is smaller for sheets of many logos, instead of SVG.
    """
    drawn = io.BytesIO()
    kind, mime = ("png", "image/png") if raster else ("svg", "image/svg+xml")
    figure.savefig(drawn, format=kind, dpi=RASTER, metadata={} if raster else {"Date": None})
    source = base64.b64encode(drawn.getvalue()).decode()
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
