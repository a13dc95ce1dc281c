"""Figures that can be moved: their controls, and the numbers behind them for every position of these.

The script ``explorers.js`` draws them. What it says is looked up in the data; it computes where to draw,
and adds up what layers add to a field.
"""

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from trials import TEMPLATES, address, heights

from receptive.evidence.labels import label
from receptive.evidence.studies import Epochs, read_pwms, read_record
from receptive.figures.discussion import ACTIVATIONS, activation_name
from receptive.motifs import tomtom
from receptive.motifs.jaspar import jaspar_2016, relevant_ids
from receptive.motifs.meme import read_meme
from receptive.motifs.motif import Motif
from receptive.networks.variants import LARGE, REGISTERED, SECOND, SMALL, VARIANTS
from receptive.pages import Html, letters
from receptive.replication import runs
from receptive.theory import prediction, toy
from receptive.theory.fields import LayerField, receptive_fields
from receptive.theory.layers import format_layers, parse_layers


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
class Entry:
    """A control to type into."""

    name: str
    label: str
    value: str


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
        replaces: whether it takes the place of the figure before it, on a screen.
    """

    name: str
    title: str
    about: str
    controls: tuple[Slider | Choice | Entry, ...]
    data: dict[str, Any]
    logos: bool = False
    replaces: bool = False

    def html(self) -> Html:
        """Return it as a hidden form, which its script shows in place of the figure before it."""
        data = json.dumps(self.data, separators=(",", ":")).replace("<", "\\u003c")
        outlines = letters() if self.logos else ""
        return Html(
            TEMPLATES.get_template("explorer.html").render(it=self, data=Html(data), letters=outlines)
        )


# The toy model


POOLS = 20
DISTANCES = (4, 5, 6, 7, 8)
WIDTHS = (1, 2, 3, 4, 5, 6, None)
"""Bins of the second filter; ``None``: as many as the map has."""


def three(distance: int) -> tuple[toy.Pattern, ...]:
    """Return Fig 1's patterns, the third with its parts ``distance`` apart; 5 is Fig 1's own."""
    names = ("CACGTG", "GTGCAC", f"CAC{'N' * (distance - 3)}GTG")
    return tuple(toy.parse_pattern(name) for name in names)


def toys() -> Explorer:
    """Return the toy model for every pool to 20, every stride up to the pool, and every phase.

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
                        toy.views(toy.signature(pattern, phase, pool, stride), width)
                        for phase in range(stride)
                    ]
                    for name, pattern in patterns.items()
                }
                possible = {name: Counter(views) for name, views in seen.items()}
                for distance in DISTANCES:
                    names = [pattern.name for pattern in three(distance)]
                    bits.append(round(toy.information_of_counts([possible[name] for name in names]), 2))
                    for name in names:
                        masks = (
                            sum(2**n for n, other in enumerate(names) if view in possible[other])
                            for view in seen[name]
                        )
                        like.append(texts.setdefault("".join(map(str, masks)), len(texts)))
            bins = [end for lights in lit for end in (lights.start, lights.stop - 1)]
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
        replaces=True,
    )


# Filters

STEPS = (1e-6, 1e-4, 1e-3, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 1.0)
"""Greatest E-values of a match."""
SHOWN = tuple(
    (f"{label(name)}{', second layer' if layer == 'conv2' else ''}", name, layer)
    for name in (*SMALL, *LARGE, "cnn9-4", "cnn9-25")
    for layer in (("conv1", "conv2") if name == "cnn-1" else ("conv1",))
)
"""Layers: in words, the network and the layer."""
TRIALS = 3


def filters(store: Path | str) -> Explorer | None:
    """Return the filters of networks and how many match at each E-value; ``None`` without a run.

    Data: for every layer and trial the address of the run's ``page``, relative to a page beside the store's;
    ``shares`` of filters that match, as text, by E-value: any motif, one other than Gmeb1, a relevant one;
    and its ``filters``: the heights of the letters, where the trimmed part begins and how wide it is, the
    first of :data:`STEPS` at which it matches, likewise for a relevant match, its best hit, and its factor.
    """
    layers = []
    for words, name, layer in SHOWN:
        places = [Path("synthetic", name, "released", f"trial-{trial}") for trial in range(TRIALS)]
        read_layers = [
            filters_of(Path(store) / place, layer) for place in places if (Path(store) / place).exists()
        ]
        if len(read_layers) == TRIALS:
            layers.append((words, read_layers))
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
        {"layers": [layer for _, layer in layers]},
        logos=True,
        replaces=True,
    )


def filters_of(folder: Path, layer: str) -> dict[str, Any]:
    """Return the filters of a layer of a stored run, as the data of `filters` have them."""
    whole = read_meme(folder / f"{layer}.untrimmed.meme")
    kept = read_meme(folder / f"{layer}.meme")
    matches = tomtom.match(kept, jaspar_2016(), STEPS[-1])
    classes = runs.load(folder).plan.classes
    factors = tomtom.best_factors(matches, relevant_ids(classes))
    shares = []
    for step in STEPS:
        below = [
            replace(match, hits=tuple(hit for hit in match.hits if hit.evalue <= step)) for match in matches
        ]
        fractions = runs.summary(below, classes)
        shares.append(
            [
                f"{share:.3f}"
                for share in (fractions.jaspar, fractions.jaspar_without_gmeb1, fractions.relevant)
            ]
        )
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
    page = f"../results/{address(Path(*folder.parts[-4:]))}"
    return {"page": page, "shares": shares, "filters": rows}


def _begin(whole: Motif, part: Motif) -> int:
    """Return the position of a motif at which its trimmed part begins."""
    starts = range(whole.width - part.width + 1)
    return next(at for at in starts if np.array_equal(whole.pwm[at : at + part.width], part.pwm))


# Filters over epochs


def epochs(store: Path | str) -> Explorer | None:
    """Return CNN-2's and CNN-25's filters after some epochs, by activation; ``None`` if none were kept.

    Of each network the first trial whose epochs were kept. Data: ``runs``, in the order of the names, with
    the address of a run's ``page``; the ``epoch`` numbers, and for each of them the ``loss``, the
    ``shares`` that match any motif and a relevant one, the mean ``bits``, and of the ``filters`` the heights
    of letters, the factor, and whether it matches.
    """
    learned = {}
    for name, switch in product(("cnn-2", "cnn-25"), ACTIVATIONS):
        trials = (Path(store) / "synthetic" / name / f"released{switch}").glob("trial-*")
        for folder in sorted(trials, key=lambda path: int(path.name.removeprefix("trial-"))):
            if over := read_record(folder, Epochs):
                learned[f"{label(name)}, {activation_name(switch)}"] = epochs_of(folder, over)
                break
    if not learned:
        return None
    last = max(len(run["epoch"]) for run in learned.values()) - 1
    return Explorer(
        "epochs",
        "Filters over epochs",
        "Choose a network and move the epoch. Blue: share of relevant filters; orange: loss; grey: "
        "the other networks' share. In which network do filters grow, and in which do they stop?",
        (
            Choice("network", "network", tuple(learned)),
            Slider("step", "epoch", 0, last, last),
        ),
        {"runs": list(learned.values())},
        logos=True,
    )


def epochs_of(folder: Path, over: Epochs) -> dict[str, Any]:
    """Return the first layer of a stored run over epochs, as the data of `epochs` have it."""
    return {
        "page": f"../results/{address(Path(*folder.parts[-4:]))}",
        "epoch": over.epoch,
        "loss": [f"{loss:.3f}" for loss in over.loss],
        "shares": [
            (f"{fmean(matches):.3f}", f"{over.relevant(place):.3f}")
            for place, matches in enumerate(over.matches)
        ],
        "bits": [f"{fmean(bits):.1f}" for bits in over.bits],
        "filters": [
            list(zip(map(heights, pwms), factors, map(int, matches), strict=True))
            for pwms, factors, matches in zip(read_pwms(folder), over.factor, over.matches, strict=True)
        ],
    }


# Architectures

LENGTH = 200
FILTER = (3, 9, 19)
POOL = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 25, 50, 100)
TAPS = (1, 2, 3, 5, 9)
DILATION = (1, 2, 4, 5, 9)
POOL_2 = (1, 2, 4, 5, 10, 20, 25, 50, 100)
"""Sizes of a second pool; 1: there is none."""
TAPS_3 = (0, *TAPS)
"""Taps of a third filter; 0: there is none."""
MOTIFS = (6, 16)
"""Positions of a short motif and of a long one, to compare fields with."""


def strides(pool: int) -> tuple[int, ...]:
    """List the strides of a pool to choose from: 1 and 2, a fifth, a quarter, a half and all of it."""
    return tuple(
        sorted({stride for stride in (1, 2, pool // 5, pool // 4, pool // 2, pool) if 0 < stride <= pool})
    )


def layers_of(
    filter: int,
    pool: int,
    stride: int,
    taps: int,
    dilation: int,
    pool_2: int = 1,
    taps_3: int = 0,
    dilation_3: int = 1,
) -> str:
    """Write a network of two or three convolutions; windows that overlap are padded, as in those trained."""
    layers = [f"conv{filter}", _pool(pool, stride), _conv(taps, dilation)]
    if pool_2 > 1:
        layers.append(_pool(pool_2, pool_2))
    if taps_3:
        layers.append(_conv(taps_3, dilation_3))
    return " ".join(layers)


def _pool(size: int, stride: int) -> str:
    return f"pool{size}s{stride}same" if stride < size else f"pool{size}"


def _conv(taps: int, dilation: int) -> str:
    return f"conv{taps}d{dilation}" if dilation > 1 and taps > 1 else f"conv{taps}"


def _shapes() -> Iterator[tuple[int, int, int, int]]:
    """List pool, stride, taps and dilation, all that differ."""
    for pool, taps in product(POOL, TAPS):
        for stride, dilation in product(strides(pool), DILATION if taps > 1 else (1,)):
            yield pool, stride, taps, dilation


@cache
def steps() -> dict[str, tuple[int, ...]]:
    """Return what a layer adds to the fields of the one below it.

    Returns:
        By ``conv``, jump below, taps and dilation: what it adds to size and start. By ``pool``, neurons and
        jump below, size and stride: the same, then its jump, its neurons and what it adds to the uncertainty.
    """
    added: dict[str, tuple[int, ...]] = {}
    with_jump: dict[int, str] = {}  # of every jump, a network whose last layer has it

    def add(layers: str, size: int, step: int) -> LayerField:
        below, row = receptive_fields(parse_layers(layers), LENGTH).rows[-2:]
        grown = (row.size - below.size, row.start - below.start)
        if row.kind == "pool":
            key = f"pool {below.length} {below.jump} {size} {step}"
            added[key] = (*grown, row.jump, row.length, row.uncertainty - below.uncertainty)
            with_jump.setdefault(row.jump, layers)
        else:
            added[f"conv {below.jump} {size} {step}"] = grown
        return row

    for pool in POOL:
        for stride in strides(pool):
            pooled = f"conv{FILTER[-1]} {_pool(pool, stride)}"
            neurons = add(pooled, pool, stride).length
            for size in POOL_2[1:]:
                if size <= neurons:
                    add(f"{pooled} {_pool(size, size)}", size, size)
    for layers, taps in product(list(with_jump.values()), TAPS):
        for dilation in DILATION if taps > 1 else (1,):
            add(f"{layers} {_conv(taps, dilation)}", taps, dilation)
    return added


def fields() -> Explorer:
    """Return the fields of neurons in networks of two convolutions, or three.

    Data: ``first``, by filter the fields of conv1: size, jump, start, neurons, uncertainty; ``steps``, as
    `steps` has them; the ``values`` that controls stand for, and of ``networks``.
    """
    first = {}
    for filter in FILTER:
        (row,) = receptive_fields(parse_layers(f"conv{filter}"), LENGTH).rows
        first[filter] = (row.size, row.jump, row.start, row.length, row.uncertainty)
    networks: dict[tuple[int, ...], str] = {}
    shapes = set(_shapes())
    for name, network in (VARIANTS | REGISTERED | SECOND).items():
        conv1, pool1, conv2, pool2 = network.layers
        shape = (pool1.size, pool1.stride, conv2.size, conv2.dilation)
        if shape in shapes and layers_of(conv1.size, *shape) == format_layers(network.layers[:3]):
            networks.setdefault((conv1.size, *shape, pool2.size), name)
    names = tuple(map(label, networks.values()))
    return Explorer(
        "fields",
        "What neurons see",
        "Choose a network, or move its numbers. Bars: fields of three neighbouring neurons; orange: how many "
        "places the middle one leaves open; shaded: a sequence of 200.",
        (
            Choice("network", "network", ("another", *names), 1 + names.index("CNN-2")),
            _slider("filter", "first filter", FILTER, 19),
            _slider("pool", "pool", POOL, 2),
            _slider("stride", "its stride", strides(2), 2),
            _slider("taps", "second filter", TAPS, 5),
            _slider("dilation", "its dilation", DILATION, 1),
            _slider("pool_2", "second pool", POOL_2, 1, none=1),
            _slider("taps_3", "third filter", TAPS_3, 0, none=0),
            _slider("dilation_3", "dilation of the third", DILATION, 1),
            Entry("layers", "or type its layers", layers_of(19, 2, 2, 5, 1)),
        ),
        {
            "first": first,
            "steps": steps(),
            "values": {
                "filter": FILTER,
                "pool": POOL,
                "taps": TAPS,
                "dilation": DILATION,
                "pool_2": POOL_2,
                "taps_3": TAPS_3,
                "dilation_3": DILATION,
            },
            "strides": [strides(pool) for pool in POOL],
            "networks": list(networks),
            "length": LENGTH,
            "motifs": MOTIFS,
        },
    )


def _slider(name: str, label: str, values: Sequence[int], value: int, none: int = -1) -> Slider:
    """A control for one of some numbers, one of which may stand for none."""
    words = tuple("none" if number == none else str(number) for number in values)
    return Slider(name, label, 0, len(values) - 1, values.index(value), words)


def architecture(store: Path | str) -> Explorer:
    """Return the fields of neurons and, besides, what to expect of the first filters.

    Data, beside those of `fields`: ``expected``, the bits, the relevant fraction by the curve and its
    interval, the place of the most alike network that was trained, or -1, and why the fraction is not to be
    trusted, for each of :data:`FILTER`, as places in ``why``; ``curve``, points of it; ``trained``, in
    words, bits, mean, address of the runs' page, whether its filters are short.
    """
    seen, known = fields(), prediction.outcomes()
    trained = [layer for layer in known.layers if layer.view.name == "conv1"]
    expected: dict[str, list[object]] = {}
    why = {"": 0}
    for shape in _shapes():
        layers = parse_layers(layers_of(FILTER[-1], *shape))
        long = prediction.predict(receptive_fields(layers, LENGTH))[0]
        reasons = [
            prediction.outside(long, filter, "relu", ()) if filter < prediction.SHORTEST else long.outside
            for filter in FILTER
        ]
        near = prediction.nearest(long, trained)
        expected[" ".join(map(str, shape))] = [
            f"{long.bits:.3f}",
            *(f"{share:.2f}" for share in (long.curve, long.low, long.high)),
            trained.index(near) if near else -1,
            *(why.setdefault(reason, len(why)) for reason in reasons),
        ]
    most = max(layer.view.bits for layer in trained)
    places = [most * step / 60 for step in range(61)]
    return replace(
        seen,
        name="architecture",
        title="What to expect of an architecture",
        about=f"{seen.about} Dots: networks that were trained, hollow if their filters are shorter than "
        "motifs; each leads to its runs. Diamond: what the curve, fitted to the published table alone, says "
        "of this one, with an interval for four trainings of five.",
        data={
            **seen.data,
            "expected": expected,
            "why": list(why),
            "most": round(most, 3),
            "curve": [(round(bits, 3), round(known.curve.fraction(bits), 3)) for bits in places],
            "trained": [_trained_shares(Path(store), layer) for layer in trained],
        },
    )


def _trained_shares(store: Path, outcome: prediction.Outcome) -> list[object]:
    place = Path("synthetic", outcome.network, "released")
    page = f"../results/{address(place)}" if (store / place).exists() else ""
    short = outcome.letters < prediction.SHORTEST
    bits, mean = outcome.view.bits, outcome.mean
    words = f"{label(outcome.network)}: {bits:.3f} bits, {mean:.2f} relevant"
    return [words, round(bits, 3), round(mean, 3), page, int(short)]


def explorer(name: str, store: Path | str) -> Html:
    """Return an explorer by its name; empty where its runs are missing."""
    makers: dict[str, Callable[[], Explorer | None]] = {
        "toy": toys,
        "filters": lambda: filters(store),
        "epochs": lambda: epochs(store),
        "fields": fields,
        "architecture": lambda: architecture(store),
    }
    made = makers[name]()
    return made.html() if made else Html("")
