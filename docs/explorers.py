"""Figures that can be moved: controls, and the numbers behind them, which the library computes at build time.

A directive ``{explorer} name`` stands behind the still figure that it takes the place of where scripts run.
What the script (``explorers.js``) says is looked up in the data of :data:`EXPLORERS`; it computes nothing
but where to draw.
"""

import json
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive

from receptive.theory import toy


@dataclass(frozen=True)
class Slider:
    """A control with a whole number from ``least`` to ``most``, which may stand for one of some words."""

    name: str
    label: str
    least: int
    most: int
    value: int
    words: tuple[str, ...] = ()

    def html(self) -> str:
        words = f' data-words="{escape(json.dumps(self.words))}"' if self.words else ""
        span = f'min="{self.least}" max="{self.most}" value="{self.value}"{words}'
        return f'<label>{self.label} <input type="range" name="{self.name}" {span}><output></output></label>'


@dataclass(frozen=True)
class Choice:
    """A control with one of some words; its value is the place of the word."""

    name: str
    label: str
    words: tuple[str, ...]
    value: int = 0

    def html(self) -> str:
        options = "".join(
            f'<option value="{place}"{" selected" if place == self.value else ""}>{escape(word)}</option>'
            for place, word in enumerate(self.words)
        )
        return f'<label>{self.label} <select name="{self.name}">{options}</select></label>'


@dataclass(frozen=True)
class Explorer:
    """What an explorer is called, what it asks to do, its controls and its data."""

    title: str
    caption: str
    controls: tuple[Slider | Choice, ...]
    data: dict[str, Any]


POOLS = 20
DISTANCES = (4, 5, 6, 7, 8)
WIDTHS = (1, 2, 3, 4, 5, 6, None)
"""Bins of the second filter; ``None``: as many as the map has."""


def three(distance: int) -> tuple[toy.Pattern, ...]:
    """Fig 1's patterns, the third with its parts so far apart; at a distance of 5 they are Fig 1's."""
    names = ("CACGTG", "GTGCAC", f"CAC{'N' * (distance - 3)}GTG")
    return tuple(toy.parse_pattern(name) for name in names)


@cache
def toys() -> Explorer:
    """The toy model for every pool to 20, every stride up to the pool, and every phase.

    Data: ``bins``, for a pool and a stride the first and the last bin that a part lights, by its position;
    ``bits``, by width and distance; ``like``, by width, distance and pattern, which of the three the second
    filter may take it for in each phase: a text with a digit for each phase, the sum of 1, 2 and 4 for
    CACGTG, GTGCAC and the third.
    """
    patterns = {pattern.name: pattern for distance in DISTANCES for pattern in three(distance)}
    furthest = max(offset for pattern in patterns.values() for _, offset in pattern.features)
    texts: dict[str, int] = {}
    settings = {}
    for pool in range(1, POOLS + 1):
        for stride in range(1, pool + 1):
            lit = [toy.lit_bins(position, pool, stride) for position in range(stride + furthest)]
            bits, like = [], []
            for width in WIDTHS:
                seen = {
                    name: [
                        toy.views(toy.signature(each, phase, pool, stride), width) for phase in range(stride)
                    ]
                    for name, each in patterns.items()
                }
                possible = {name: set(views) for name, views in seen.items()}
                for distance in DISTANCES:
                    names = [pattern.name for pattern in three(distance)]
                    bits.append(round(toy.information(three(distance), pool, stride, width), 2))
                    for name in names:
                        masks = (
                            sum(2**n for n, other in enumerate(names) if view in possible[other])
                            for view in seen[name]
                        )
                        like.append(texts.setdefault("".join(map(str, masks)), len(texts)))
            bins = [end for each in lit for end in (each.start, each.stop - 1)]
            settings[f"{pool} {stride}"] = {"bins": bins, "bits": bits, "like": like}
    features = {name: pattern.features for name, pattern in patterns.items()}
    data = {"settings": settings, "texts": list(texts), "features": features, "parts": toy.PARTS}
    data |= {"names": [[pattern.name for pattern in three(distance)] for distance in DISTANCES]}
    return Explorer(
        "The toy, moved",
        "Drag the pattern, or move a control. Blue: GTG; orange: CAC; frame: what a second filter sees from "
        "the first lit bin on. Is the pattern known in every phase?",
        (
            Choice("pattern", "pattern", ("CACGTG", "GTGCAC", "the third"), 2),
            Slider(
                "distance", "parts of the third apart", 0, len(DISTANCES) - 1, 1, tuple(map(str, DISTANCES))
            ),
            Slider("pool", "pool", 1, POOLS, 3),
            Slider("stride", "stride of the pool", 1, 3, 3),
            Slider(
                "width", "second filter, bins", 0, len(WIDTHS) - 1, 2, (*map(str, WIDTHS[:-1]), "the map")
            ),
            Slider("phase", "phase", 0, 2, 0),
        ),
        data,
    )


EXPLORERS = {"toy": toys}


def html(name: str) -> str:
    """An explorer as a hidden form, which its script shows in place of the figure before it."""
    made = EXPLORERS[name]()
    data = json.dumps(made.data, separators=(",", ":")).replace("<", "\\u003c")
    controls = "".join(control.html() for control in made.controls)
    return (
        f'<form class="explorer" data-explorer="{name}" aria-label="{escape(made.title)}" hidden>'
        f'<div class="controls">{controls}</div>'
        '<svg role="img"></svg><p class="said" role="status"></p>'
        f'<p class="about">{made.caption}</p>'
        f'<script type="application/json">{data}</script></form>'
    )


class ExplorerDirective(Directive):
    """``{explorer} name``: a figure to move, behind the still one."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        return [nodes.raw("", html(self.arguments[0]), format="html")]
