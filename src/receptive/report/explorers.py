"""Figures that can be moved: their controls, and the numbers behind them for every position of these.

The script ``explorers.js`` of the documentation draws them. What it says is looked up in the data; it
computes nothing but where to draw.
"""

import json
from bisect import bisect_left
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from receptive.motifs import tomtom
from receptive.motifs.jaspar import jaspar_2016, relevant_ids
from receptive.motifs.meme import read_meme
from receptive.motifs.motif import Motif
from receptive.networks.variants import LARGE, SMALL
from receptive.pages import Html, letters, piece
from receptive.replication import runs
from receptive.report.trials import address, heights
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


@dataclass(frozen=True)
class Choice:
    """A control with one of some words; its value is the place of the word."""

    name: str
    label: str
    words: tuple[str, ...]
    value: int = 0


@dataclass(frozen=True)
class Explorer:
    """A figure that can be moved.

    Attributes:
        name: of its drawing function.
        title: what it is, for those who cannot see it.
        about: what to do, and what to see.
        controls: in the order in which they stand.
        data: what the drawing function looks up, as JSON has it.
        logos: whether it draws logos.
    """

    name: str
    title: str
    about: str
    controls: tuple[Slider | Choice, ...]
    data: dict[str, Any]
    logos: bool = False

    def html(self) -> Html:
        """Return it as a hidden form, which its script shows in place of the figure before it."""
        data = json.dumps(self.data, separators=(",", ":")).replace("<", "\\u003c")
        return piece("explorer", self, Html(data), letters() if self.logos else "")


# The toy model


POOLS = 20
DISTANCES = (4, 5, 6, 7, 8)
WIDTHS = (1, 2, 3, 4, 5, 6, None)
"""Bins of the second filter; ``None``: as many as the map has."""


def three(distance: int) -> tuple[toy.Pattern, ...]:
    """Fig 1's patterns, the third with its parts so far apart; at a distance of 5 they are Fig 1's."""
    names = ("CACGTG", "GTGCAC", f"CAC{'N' * (distance - 3)}GTG")
    return tuple(toy.parse_pattern(name) for name in names)


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
    called = [[pattern.name for pattern in three(distance)] for distance in DISTANCES]
    data = {
        "names": called,
        "settings": settings,
        "texts": list(texts),
        "features": features,
        "parts": toy.PARTS,
    }
    return Explorer(
        "toy",
        "The toy model, to be moved",
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


# Filters

STEPS = (1e-6, 1e-4, 1e-3, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 1.0)
"""Greatest E-values of a match."""
SHOWN = tuple(
    (f"{name.upper()}{', second layer' if layer == 'conv2' else ''}", name, layer)
    for name in (*SMALL, *LARGE, "cnn9-4", "cnn9-25")
    for layer in (("conv1", "conv2") if name == "cnn-1" else ("conv1",))
)
"""Layers: in words, the network and the layer."""
TRIALS = 3


def filters(store: Path | str) -> Explorer | None:
    """The filters of some networks, and how many match by what E-value; ``None`` where no run is stored.

    Data: for every layer and trial the address of the run's ``page``, relative to a page beside the store's;
    ``shares`` of filters that match, by E-value: any motif, one other than Gmeb1, a relevant one; and its
    ``filters``: the heights of the letters, where the trimmed part begins and how wide it is, the first of
    :data:`STEPS` at which it matches, likewise for a relevant match, its best hit, and its factor.
    """
    layers = []
    for words, name, layer in SHOWN:
        places = [Path("synthetic", name, "released", f"trial-{trial}") for trial in range(TRIALS)]
        found = [_layer(Path(store), place, layer) for place in places if (Path(store) / place).exists()]
        if len(found) == TRIALS:
            layers.append((words, found))
    if not layers:
        return None
    names = tuple(words for words, _ in layers)
    return Explorer(
        "filters",
        "Filters and what they match",
        "Grey: no motif of JASPAR is as like as that. Bold: a motif of a factor of the task is. Which share "
        "moves more with the E-value, and in which network?",
        (
            Choice("layer", "network", names, names.index("CNN-2") if "CNN-2" in names else 0),
            Slider("trial", "trial", 0, TRIALS - 1, 0),
            Slider("step", "E-value at most", 0, len(STEPS) - 1, 6, tuple(f"{step:g}" for step in STEPS)),
            Choice("whole", "filters", ("trimmed, as compared", "whole")),
        ),
        {"layers": [found for _, found in layers]},
        logos=True,
    )


def _layer(store: Path, place: Path, layer: str) -> dict[str, Any]:
    whole = read_meme(store / place / f"{layer}.untrimmed.meme")
    kept = read_meme(store / place / f"{layer}.meme")
    matches = tomtom.match(kept, jaspar_2016(), STEPS[-1])
    classes = runs.load(store / place).plan.classes
    factors = tomtom.best_factors(matches, relevant_ids(classes))
    shares = []
    for step in STEPS:
        below = [
            replace(match, hits=tuple(hit for hit in match.hits if hit.evalue <= step)) for match in matches
        ]
        found = runs.summary(below, classes)
        shares.append([round(each, 4) for each in (found.jaspar, found.jaspar_without_gmeb1, found.relevant)])
    ids = {id for ids in relevant_ids(classes).values() for id in ids}
    rows = []
    for motif, part, match, factor in zip(whole, kept, matches, factors, strict=True):
        best, relevant = match.hits[:1], [hit for hit in match.hits if hit.target in ids][:1]
        rows.append(
            [
                heights(motif.pwm),
                _begin(motif, part),
                part.width,
                *(bisect_left(STEPS, hits[0].evalue) if hits else len(STEPS) for hits in (best, relevant)),
                f"{best[0].name}, E {best[0].evalue:.1g}" if best else "",
                factor,
            ]
        )
    return {"page": f"../results/{address(place)}", "shares": shares, "filters": rows}


def _begin(whole: Motif, part: Motif) -> int:
    """Where in a motif its trimmed part begins."""
    starts = range(whole.width - part.width + 1)
    return next(at for at in starts if np.array_equal(whole.pwm[at : at + part.width], part.pwm))


def explorer(name: str, store: Path | str) -> Html:
    """Return an explorer by its name; empty where its runs are missing."""
    made = toys() if name == "toy" else filters(store)
    return made.html() if made else Html("")
