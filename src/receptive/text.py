"""Tables as text for a terminal."""

import re
import sys
from collections.abc import Sequence
from shutil import get_terminal_size
from textwrap import fill, wrap

LEAST_ROOM = 24
"""Characters at the end of a row in which text is worth breaking; where fewer are left, it goes below."""
NUMBER = re.compile(r"-?\d|–?$")
"""How a cell with a number begins, or one that has none."""


def terminal_width() -> int:
    """Return how many characters a line of the terminal has; 0 where output goes into a file or a pipe."""
    return get_terminal_size().columns if sys.stdout.isatty() else 0


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Align rows of text under a header; the first column to the left, columns of numbers to the right.

    Text in the last column is broken where a terminal ends; what is no terminal has rows of one line.

    >>> print(table(["layer", "field", "holds"], [["conv1", "19", "motifs"], ["conv2", "123", "more"]]))
    layer  field  holds
    conv1     19  motifs
    conv2    123  more
    """
    columns = list(zip(header, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    numeric = [False, *(all(NUMBER.match(cell) for cell in column[1:]) for column in columns[1:])]
    terminal, before = terminal_width(), sum(widths[:-1]) + 2 * (len(widths) - 1)
    breaks = terminal and not numeric[-1] and before + widths[-1] > terminal

    def line(cells: Sequence[str]) -> str:
        padded = [c.rjust(w) if n else c.ljust(w) for c, w, n in zip(cells, widths, numeric, strict=True)]
        return "  ".join(padded).rstrip()

    def lines(cells: Sequence[str]) -> str:
        *most, last = cells
        if not breaks or not last or before + len(last) <= terminal:
            return line(cells)
        if terminal - before < LEAST_ROOM:
            below = fill(last, terminal, initial_indent="    ", subsequent_indent="    ")
            return f"{line([*most, ''])}\n{below}"
        first, *more = wrap(last, terminal - before)
        return "\n".join([line([*most, first]), *(" " * before + text for text in more)])

    return "\n".join([line(header), *map(lines, rows)])
