"""Shared by the figures: colours that the colour-blind can tell apart, and saving whole or not at all."""

from pathlib import Path

from matplotlib.figure import Figure

from receptive.errors import UsageError
from receptive.files import atomic_write
from receptive.pages import encode_figure

BLUE, SKY, VERMILLION, GREEN = "#0072B2", "#56B4E9", "#D55E00", "#009E73"
ORANGE, PURPLE, GREY = "#E69F00", "#CC79A7", "#7F7F7F"
"""Okabe and Ito's colours."""

FORMATS = (".svg", ".png", ".pdf")


def save(figure: Figure, path: Path) -> None:
    """Write a figure in the format that the path ends in: SVG, PNG or PDF.

    Raises:
        UsageError: the path has another ending.
        ReceptiveError: the figure is too large for its format, or the file cannot be written.
    """
    if path.suffix.lower() not in FORMATS:
        raise UsageError(
            f'figure {path}: expected a name ending in {", ".join(FORMATS)}, found "{path.suffix}"'
        )
    picture = encode_figure(figure, path.suffix.lower()[1:])
    with atomic_write(path) as part:
        part.write_bytes(picture)
