"""Predictions before training: parts or whole motifs in every convolution, and how surely.

Coincidence information (`assembly.coincidence`) is turned into a share of relevant filters by a curve that
was fitted to the paper's published Table 1 alone. What came of such forecasts, network by network, ships with
the package (`outcomes`). From it come the interval around a prediction, and where none is made at all: where
no network like this one was trained, and where the curve was wrong about those that were.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import chain
from math import inf, sqrt
from statistics import fmean
from typing import Any

from receptive.files import read_packaged
from receptive.theory.assembly import FEATURES, REACH, Kind, Logistic, View, kind_of, letters_covered, views
from receptive.theory.fields import ReceptiveFields, unreadable

SHORTEST = 11
"""Letters that a filter has to see for a prediction: nine of the twelve embedded motifs are as long. Among
shorter filters, 9 and 3, are networks for which the curve, fitted to filters of 19, is known to fail."""
LIKE = 1.5
"""Networks are alike whose windows, spacings and taps (as far as two parts can reach) differ by no more than
this factor each."""
WRONG = 0.15
"""The curve is wrong about networks whose fractions it misses by more than this on average: the limit of
ASM-6 and ASM-7."""
LEVEL = 0.8
"""Share of trainings whose fraction an interval is to hold."""
FILTERS = 30
"""First-layer filters of the paper's networks: the least that a share of them can change is one of these."""


@dataclass(frozen=True)
class Outcome:
    """A layer that was forecast and trained.

    Attributes:
        network: its name.
        view: the layer, and what reads it.
        letters: that one of its filters sees.
        registered: 1 or 2, the registration that its first layer was forecast in; 0: none.
        forecast: the relevant fraction by the curve.
        trials: the measured ones.
        auroc: of the network, mean and standard deviation over these trials.
        activation: behind the layer.
    """

    network: str
    view: View
    letters: int
    registered: int
    forecast: float
    trials: tuple[float, ...]
    auroc: tuple[float, float]
    activation: str = "relu"

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> "Outcome":
        """Return the outcome that a row of the JSON document has."""
        view = View(**{**row["view"], "features": frozenset(row["view"]["features"])})
        return cls(**{**row, "view": view, "trials": tuple(row["trials"]), "auroc": tuple(row["auroc"])})

    @property
    def mean(self) -> float:
        """The mean of the trials."""
        return fmean(self.trials)


@dataclass(frozen=True)
class Outcomes:
    """The curve, what came of it, and the most that was to be had on real sequences.

    Attributes:
        curve: from bits to a relevant fraction.
        ceiling: the mean relevant fraction of networks with large pools on the ChIP-seq task.
        layers: every layer that was measured three times or more on the synthetic task.
        switched: first layers with other activations than ReLU, of which the curve says nothing; likewise.
    """

    curve: Logistic
    ceiling: float
    layers: tuple[Outcome, ...]
    switched: tuple[Outcome, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return them as JSON has them; `read` is the inverse."""
        rows = {name: [asdict(outcome) for outcome in getattr(self, name)] for name in ("layers", "switched")}
        for row in chain.from_iterable(rows.values()):
            row["view"]["features"] = sorted(row["view"]["features"])
        return {"curve": asdict(self.curve), "ceiling": self.ceiling, **rows}

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Outcomes":
        """Return the outcomes of a JSON document."""
        layers, switched = (tuple(map(Outcome.read, document[name])) for name in ("layers", "switched"))
        return cls(Logistic(**document["curve"]), document["ceiling"], layers, switched)


@cache
def outcomes() -> Outcomes:
    """Return what came of the forecasts in the runs that this version was released with."""
    return Outcomes.read(json.loads(read_packaged("outcomes.json")))


@dataclass(frozen=True)
class Prediction(View):
    """The prediction for the filters of one convolution, with the view that its reader has.

    Attributes:
        curve: the share of filters that are relevant motifs by the curve, whether or not it can be trusted.
        low: the least of the interval around it, which is to hold four of five trainings.
        high: the greatest.
        outside: why the curve is not to be trusted here; empty if it is.
        unreadable: why the filters could not be read anyway; empty if they can.
    """

    curve: float = 0.0
    low: float = 0.0
    high: float = 1.0
    outside: str = ""
    unreadable: str = ""

    @property
    def relevant(self) -> float | None:
        """The share of filters expected to be relevant motifs, where one can be given and measured."""
        return None if self.outside or self.unreadable else self.curve

    @property
    def kind(self) -> Kind | None:
        """Its class; None outside of what was tested."""
        return None if self.outside else kind_of(self.curve)

    @property
    def share(self) -> str:
        """The share and its interval as text; a dash where there is none."""
        return "–" if self.relevant is None else f"{self.curve:.2f} [{self.low:.2f}, {self.high:.2f}]"

    @property
    def in_words(self) -> str:
        """The class as text, or why there is none, and why the filters cannot be read if they cannot."""
        said = f"outside what was tested: {self.outside}" if self.outside else str(self.kind)
        why = self.unreadable.partition(",")[0]
        return said + (f"; cannot be read: {why}" if why else "")

    def record(self) -> dict[str, Any]:
        """Return it as the commands' JSON has it."""
        number = self.relevant is not None
        return {
            "assembly_bits": self.bits,
            "relevant": self.relevant,
            "low": self.low if number else None,
            "high": self.high if number else None,
            "prediction": self.kind,
            "outside": self.outside or None,
            "unreadable": self.unreadable or None,
        }


NOTHING: dict[str, Any] = dict.fromkeys(
    ("assembly_bits", "relevant", "low", "high", "prediction", "outside", "unreadable")
)
"""The record of a layer that is no convolution."""


def predict(fields: ReceptiveFields, known: Outcomes | None = None) -> tuple[Prediction, ...]:
    """Predict for every convolution whether its filters will be parts or whole motifs.

    A convolution is judged by what reads it; if several layers do, by the one that can learn the most. The
    layers after the last convolution are taken for dense ones, which see all its neurons at once.

    >>> from receptive import parse_layers, receptive_fields
    >>> networks = ("conv19 pool2 conv5 pool50", "conv19 pool25 conv5 pool4", "conv3 pool50 conv5 pool2")
    >>> [predict(receptive_fields(parse_layers(layers), 200))[0].kind for layers in networks]
    ['distributed', 'localist', None]

    Args:
        fields: the network's receptive fields.
        known: the curve and what came of it; by default what ships.

    Returns:
        One prediction for each convolution, in the order of the network.
    """
    known = known or outcomes()
    letters, spread, blurred = letters_covered(fields), width(known.layers), unreadable(fields)

    @cache
    def why(view: View, letters: int, activation: str) -> str:
        return outside(view, letters, activation, known.layers, known.switched)

    predictions = []
    for view in views(fields):
        fraction = known.curve.fraction(view.bits)
        low, high = interval(fraction, spread)
        activation = fields.graph.activations.get(view.name, "relu")
        reason = why(replace(view, name="", read_by=""), min(letters[view.name], SHORTEST), activation)
        said = Prediction(**vars(view), curve=fraction, low=low, high=high, outside=reason)
        predictions.append(replace(said, unreadable=blurred[view.name]))
    return tuple(predictions)


# --- how surely ----------------------------------------------------------------------------------------


def scale(fraction: float) -> float:
    """Return how far outcomes scatter around a forecast, up to a factor: as shares of so many filters do.

    It is the standard deviation of such a share, and at least what one filter in thirty makes.
    """
    return sqrt(fraction * (1 - fraction) + FILTERS**-2)


def width(layers: Iterable[Outcome], level: float = LEVEL) -> float:
    """Return how many scales an interval reaches to either side, to hold a training of another network.

    Of the first layers that were registered: the least multiple of `scale` within which lie the trials of
    ``level`` of them, and of one more, which is counted as beyond all. Every network has the same weight. If
    networks to come are like those registered, an interval holds at least this share of their trainings
    (Lee, Barber and Willett 2023, "Distribution-free inference with hierarchical data").

    Returns:
        The multiple; infinite with too few networks.
    """
    first = [outcome for outcome in layers if outcome.registered and outcome.view.name == "conv1"]
    misses = sorted(
        (abs(trial - outcome.forecast) / scale(outcome.forecast), 1 / len(outcome.trials))
        for outcome in first
        for trial in outcome.trials
    )
    held = 0.0
    for miss, weight in misses:
        held += weight
        if held >= level * (len(first) + 1) - 1e-9:
            return miss
    return inf


def interval(fraction: float, spread: float) -> tuple[float, float]:
    """Return the ends of the interval around a fraction, for a `width`."""
    half = min(spread, 1e9) * scale(fraction)
    return max(0.0, fraction - half), min(1.0, fraction + half)


# --- where -----------------------------------------------------------------------------------------------


def alike(view: View, other: View) -> bool:
    """Tell whether two layers are read alike, with windows, spacings and taps that differ little."""
    return view.features == other.features and all(
        max(x, y) <= LIKE * min(x, y) for x, y in zip(_shape(view), _shape(other), strict=True)
    )


def _shape(view: View) -> tuple[int, int, int]:
    """Return the window, the distance of neighbouring taps, and the taps that two parts can reach."""
    apart = view.stride * view.dilation
    return view.pool, apart, min(view.taps, (view.pool + REACH) // apart + 1)


def nearest(view: View, layers: Iterable[Outcome]) -> Outcome | None:
    """Return the measured layer most alike to another, if any is alike: least by the product of factors."""
    near = [outcome for outcome in layers if outcome.letters >= SHORTEST and alike(view, outcome.view)]
    return min(near, key=lambda outcome: _apart(view, outcome.view)) if near else None


def _apart(view: View, other: View) -> float:
    apart = 1.0
    for x, y in zip(_shape(view), _shape(other), strict=True):
        apart *= max(x, y) / min(x, y)
    return apart


def outside(
    view: View,
    letters: int,
    activation: str,
    layers: Iterable[Outcome],
    switched: Iterable[Outcome] = (),
) -> str:
    """Say why the curve is not to be trusted of a layer; "" if it is.

    That is so where no network like it was trained, and where the curve was wrong about those that were, or
    about those of just its numbers if there are any.

    Args:
        view: the layer, and what reads it.
        letters: that one of its filters sees.
        activation: behind it, ``relu`` if nothing else is known.
        layers: those measured.
        switched: those measured with other activations.
    """
    if letters < SHORTEST:
        return (
            f"its filters see {letters} letter{'s' * (letters > 1)}, and most motifs have {SHORTEST} or more"
        )
    if activation == "linear":
        return "no activation follows it at once, and the forecast is made for ReLU"
    if activation != "relu":
        trained = [outcome for outcome in switched if outcome.activation == activation]
        said = f"its activation is {activation}, and the forecast is made for ReLU"
        if not trained:
            return said
        closest = min(trained, key=lambda outcome: _apart(view, outcome.view))
        return f"{said}; {closest.network} with {activation} came out at {closest.mean:.2f}"
    tested = [outcome for outcome in layers if outcome.letters >= SHORTEST]
    near = [outcome for outcome in tested if alike(view, outcome.view)]
    if not near:
        return _say_new(view, tested)
    same = [outcome for outcome in near if _shape(outcome.view) == _shape(view)]
    if fmean(abs(outcome.mean - outcome.forecast) for outcome in same or near) > WRONG:
        worst = max(same or near, key=lambda outcome: abs(outcome.mean - outcome.forecast))
        return (
            f"{worst.network}, which is like it, came out at {worst.mean:.2f} where the curve says "
            f"{worst.forecast:.2f}"
        )
    return ""


def _say_new(view: View, tested: Iterable[Outcome]) -> str:
    """Say how a layer differs from all that were tested."""
    same = [outcome for outcome in tested if outcome.view.features == view.features]
    if not same:
        said = [words for name, words in FEATURES.items() if name in view.features]
        return f"no network like it was trained, as {' and '.join(said)}"
    closest = min(same, key=lambda outcome: _apart(view, outcome.view))
    return f"no network like it was trained; the nearest is {closest.network} with {_words(closest.view)}"


def _words(view: View) -> str:
    return f"a window of {view.pool}, {view.stride * view.dilation} apart, {view.taps} taps"


def whole_motifs_in(predictions: Iterable[Prediction]) -> str | None:
    """Return the first convolution that is expected to hold whole motifs.

    ``None`` if none is, or if one before it is outside what was tested: whether that one does is then open.
    """
    first = next(
        (prediction for prediction in predictions if prediction.outside or prediction.kind == "localist"),
        None,
    )
    return first.name if first and not first.outside else None


def document(predictions: Iterable[Prediction]) -> dict[str, Any]:
    """Return predictions as the JSON document of ``receptive predict --json``."""
    every = tuple(predictions)
    names = ("read_by", "pool", "stride", "taps", "dilation", "step")
    layers = [
        {
            "name": prediction.name,
            **prediction.record(),
            **{name: getattr(prediction, name) for name in names},
        }
        for prediction in every
    ]
    return {"layers": layers, "whole_motifs_in": whole_motifs_in(every), "level": LEVEL}
