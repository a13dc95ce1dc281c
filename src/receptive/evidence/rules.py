"""The rules by which runs decide on the claims, each a function of measured results."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from math import isnan

import numpy as np
from numpy.typing import NDArray

from receptive.evidence import claims
from receptive.evidence.claims import Quantity
from receptive.evidence.measured import SCORES, Results, name_quantity
from receptive.evidence.statistics import LEAST_TRIALS, Interval, combine_trials, contrast, sample
from receptive.evidence.verdicts import Criterion, Evidence, Rule, explain_failures
from receptive.networks.variants import LARGE, NUMBERS, SMALL, VARIANTS
from receptive.tasks.registry import IN_VIVO as REAL

CLEAR = 0.1
"""A difference that counts where the paper says "far" or "about": three filters of thirty, or a fifth of the
way from guessing to certainty in AU-ROC. The number is ours."""
HALF = 0.5
"""Above this fraction of filters a layer holds mostly whole motifs, below it mostly others."""
CHANGING = 0.5
"""Filters by which a factor's number of filters varies between trials if it is no constant (POOL-4)."""


# The inequalities that the rules are made of.


def key(variant: str, column: str, layer: str = "conv1") -> Quantity:
    """Name a quantity; ``layer`` is for match fractions.

    Raises:
        UsageError: there cannot be such a quantity.
    """
    return name_quantity(variant, "" if column in SCORES else layer, column)


def _name(what: Quantity) -> str:
    layer = [what.layer] if what.layer not in ("", "conv1") else []
    return " ".join([what.variant, *layer, what.column])


def above(results: Results, quantity: Quantity, limit: float) -> Evidence:
    """Claim that the mean of a quantity lies above ``limit``."""
    return Evidence(_name(quantity), contrast((1, sample(results.of(quantity)))), "above", limit)


def below(results: Results, quantity: Quantity, limit: float) -> Evidence:
    """Claim that the mean of a quantity lies below ``limit``."""
    return Evidence(_name(quantity), contrast((1, sample(results.of(quantity)))), "below", limit)


def combine(results: Results, *terms: tuple[float, Quantity]) -> Interval:
    """Sum weighted means of quantities: trial by trial if all of them are of one network."""
    numbered = [(weight, results.by_number(what.variant, results.of(what))) for weight, what in terms]
    return combine_trials(results.by_trial or len({what.variant for _, what in terms}) == 1, *numbered)


def exceeds(results: Results, more: Quantity, other: Quantity, by: float = 0.0) -> Evidence:
    """Claim that one quantity is greater than another, by more than ``by``."""
    return Evidence(f"{_name(more)} − {_name(other)}", combine(results, (1, more), (-1, other)), "above", by)


def not_beaten(results: Results, this: Quantity, other: Quantity, by: float) -> Evidence:
    """Claim that the other quantity is not greater by as much as ``by``."""
    return Evidence(f"{_name(other)} − {_name(this)}", combine(results, (1, other), (-1, this)), "below", by)


def _of_groups(results: Results, ones: Sequence[Quantity], others: Sequence[Quantity]) -> Interval:
    """Return the mean of some quantities minus the mean of others, all of different networks."""
    terms = [(1 / len(ones), quantity) for quantity in ones] + [(-1 / len(others), other) for other in others]
    return combine(results, *terms)


def _slope(
    results: Results, quantities: Sequence[Quantity], scale: Sequence[float] = (1, 1, 1, 1)
) -> Interval:
    """Return the least-squares slope of four means, each times its scale, in equal steps."""
    weights = np.multiply((-0.3, -0.1, 0.1, 0.3), scale).tolist()
    return combine(results, *zip(weights, quantities, strict=True))


def closest(evidence: Iterable[Evidence]) -> Evidence:
    """Return the inequality that decides about all: one contradicted, else that which holds by the least."""
    every = list(evidence)
    least = min(
        every,
        key=lambda inequality: (
            not inequality.contradicted,
            inequality.margin if isnan(inequality.clearance) else inequality.clearance,
        ),
    )
    return Evidence(least.what, least.interval, least.side, least.limit, len(every))


# The claims. Every inequality is of measured values alone.

TABLE_1 = tuple(
    dict.fromkeys(cell.variant for cell in claims.published_numbers() if cell.id.startswith("T1-"))
)


def pool_1(results: Results) -> Iterator[Evidence]:
    """Judge POOL-1: no network scores far above another; each far above CNN3-50, built to fail."""
    scores = [key(variant, "auroc") for variant in TABLE_1 if variant != "cnn3-50"]
    yield closest(not_beaten(results, a, b, CLEAR) for a, b in product(scores, scores) if a != b)
    yield closest(exceeds(results, score, key("cnn3-50", "auroc"), CLEAR) for score in scores)


def pool_2(results: Results) -> Iterator[Evidence]:
    """Judge POOL-2: large pools have more matches than small ones; few relevant below, most above."""
    for column in ("jaspar", "relevant"):
        pairs = product(LARGE, SMALL)
        yield closest(exceeds(results, key(a, column), key(b, column)) for a, b in pairs)
    yield closest(below(results, key(variant, "relevant"), HALF) for variant in SMALL)
    yield closest(above(results, key(variant, "relevant"), HALF) for variant in LARGE)
    best, others = key("cnn-25", "relevant"), [v for v in LARGE if v != "cnn-25"]
    yield closest(not_beaten(results, best, key(other, "relevant"), CLEAR) for other in others)


def pool_3(results: Results) -> Iterator[Evidence]:
    """Judge POOL-3: with small pools far more filters match some motif than a relevant one."""
    yield closest(exceeds(results, key(v, "jaspar"), key(v, "relevant"), CLEAR) for v in SMALL)


def pool_4(results: Results) -> Iterator[Evidence]:
    """Judge POOL-4: not every filter is relevant, and how many are on each factor changes between trials."""
    mean = combine(results, *((1 / len(LARGE), key(variant, "relevant")) for variant in LARGE))
    yield Evidence(f"relevant, mean of {', '.join(LARGE)}", mean, "below", 1)
    spread = np.mean([_spread(results, variant) for variant in LARGE], axis=0)
    what = "standard deviation between trials of the number of filters on a factor (interval over factors)"
    yield Evidence(what, contrast((1, sample(spread.tolist()))), "above", CHANGING)


def _spread(results: Results, variant: str) -> NDArray[np.float64]:
    """Return, for every factor, the deviation over trials of the number of first-layer filters on it."""
    shares = np.array([list(trial.values()) for trial in results.factors[variant, "conv1"]])
    spread: NDArray[np.float64] = np.std(shares * VARIANTS[variant].filters[0], axis=0, ddof=1)
    return spread


def num_1(results: Results) -> Iterator[Evidence]:
    """Judge NUM-1: the relevant fraction falls as filters are added."""
    slope = _slope(results, _keys("relevant", *NUMBERS))
    yield Evidence("relevant, least-squares slope per 30 more filters", slope, "below", 0)


def size_1(results: Results) -> Iterator[Evidence]:
    """Judge SIZE-1: most filters of CNN9-25 are relevant, and few of CNN9-4."""
    yield above(results, key("cnn9-25", "relevant"), HALF)
    yield below(results, key("cnn9-4", "relevant"), HALF)


def size_2(results: Results) -> Iterator[Evidence]:
    """Judge SIZE-2: CNN3-2 scores far above CNN3-50 and about as well as CNN-2."""
    good, poor = key("cnn3-2", "auroc"), key("cnn3-50", "auroc")
    yield exceeds(results, good, poor, CLEAR)
    yield not_beaten(results, good, key("cnn-2", "auroc"), CLEAR)


def size_3(results: Results) -> Iterator[Evidence]:
    """Judge SIZE-3: CNN9-25 scores below CNN-25."""
    yield exceeds(results, key("cnn-25", "auroc"), key("cnn9-25", "auroc"))


def whole_although_cnn_2_is_not(variant: str) -> Rule:
    """Return the rule of STRIDE-1 and DEEP-1: most filters are relevant, far more than of CNN-2."""

    def rule(results: Results) -> Iterator[Evidence]:
        yield above(results, key(variant, "relevant"), HALF)
        yield exceeds(results, key(variant, "relevant"), key("cnn-2", "relevant"), CLEAR)

    return rule


def whole_only_in_the_last(variant: str, *layers: str) -> Rule:
    """Return the rule of DEEP-2 and DEEP-3: most filters of the last layer are relevant, few below."""

    def rule(results: Results) -> Iterator[Evidence]:
        *early, last = (key(variant, "relevant", layer) for layer in layers)
        yield above(results, last, HALF)
        yield closest(below(results, layer, HALF) for layer in early)
        yield closest(exceeds(results, last, layer, CLEAR) for layer in early)

    return rule


def vivo_1(results: Results) -> Iterator[Evidence]:
    """Judge VIVO-1: large pools have far more matches than small ones on real sequences, too."""
    for column in ("relevant", "jaspar"):
        yield from _large_pools_lead(results, column)


def _large_pools_lead(results: Results, column: str) -> Iterator[Evidence]:
    """Compare large pools with small ones: by far on average, and with each small pool by itself."""
    large, small = _keys(column, *LARGE), _keys(column, *SMALL)
    what = f"{column}, mean of {', '.join(LARGE)} − "
    whole = _of_groups(results, large, small)
    yield Evidence(f"{what}mean of {', '.join(SMALL)}", whole, "above", CLEAR)
    yield closest(
        Evidence(what + quantity.variant, _of_groups(results, large, [quantity]), "above", 0)
        for quantity in small
    )


def vivo_2(results: Results) -> Iterator[Evidence]:
    """Judge VIVO-2: the second layer of CNN-1 has far more matches than its first."""
    for column in ("relevant", "jaspar"):
        yield exceeds(results, key("cnn-1", column, "conv2"), key("cnn-1", column), CLEAR)


def vivo_3(results: Results) -> Iterator[Evidence]:
    """Judge VIVO-3: small pools score better than large ones, by little."""
    what = f"auroc, mean of {', '.join(SMALL)} − mean of {', '.join(LARGE)}"
    interval = _of_groups(results, _keys("auroc", *SMALL), _keys("auroc", *LARGE))
    yield Evidence(what, interval, "above", 0)
    yield Evidence(what, interval, "below", CLEAR)


def vivo_4(results: Results) -> Iterator[Evidence]:
    """Judge VIVO-4: with more filters the score rises, and so does the number of relevant filters."""
    what = "least-squares slope per 30 more filters"
    yield Evidence(f"auroc, {what}", _slope(results, _keys("auroc", *NUMBERS)), "above", 0)
    filters = [VARIANTS[variant].filters[0] for variant in NUMBERS]
    number = _slope(results, _keys("relevant", *NUMBERS), filters)
    yield Evidence(f"number of relevant filters, {what}", number, "above", 0)


def vivo_5(results: Results) -> Iterator[Evidence]:
    """Judge VIVO-5: with more filters more factors have one."""
    most, least = (results.by_number(v, results.factors_covered(v)) for v in (NUMBERS[-1], NUMBERS[0]))
    what = f"factors with a filter, {NUMBERS[-1]} − {NUMBERS[0]}"
    yield Evidence(what, combine_trials(results.by_trial, (1, most), (-1, least)), "above", 0)


def vivo_6(results: Results) -> Iterator[Evidence]:
    """Judge VIVO-6: large pools have far more relevant filters; VIVO-1 as the paper's sentence has it."""
    yield from _large_pools_lead(results, "relevant")


def vivo_7(results: Results) -> Iterator[Evidence]:
    """Judge VIVO-7: more factors have a filter in CNN-1's second layer than in CNN-25's first."""
    deep = results.by_number("cnn-1", results.factors_covered("cnn-1", "conv2"))
    first = results.by_number("cnn-25", results.factors_covered("cnn-25"))
    what = "factors with a filter, cnn-1 conv2 − cnn-25"
    yield Evidence(what, combine_trials(results.by_trial, (1, deep), (-1, first)), "above", 0)


def vivo_8(results: Results) -> Iterator[Evidence]:
    """Judge VIVO-8: short filters and short strides follow the pool on real sequences, too."""
    for whole, parts in (("cnn9-25", "cnn9-4"), ("cnn-50-2", "cnn-2")):
        yield exceeds(results, key(whole, "relevant"), key(parts, "relevant"), CLEAR)


def _keys(column: str, *variants: str) -> tuple[Quantity, ...]:
    return tuple(key(variant, column) for variant in variants)


def _layers(variant: str, *layers: str) -> tuple[Quantity, ...]:
    return tuple(key(variant, column, layer) for layer in layers for column in ("jaspar", "relevant"))


CLAIMS = (
    Criterion("POOL-1", pool_1, _keys("auroc", *TABLE_1)),
    Criterion("POOL-2", pool_2, _keys("jaspar", *SMALL, *LARGE) + _keys("relevant", *SMALL, *LARGE)),
    Criterion("POOL-3", pool_3, _keys("jaspar", *SMALL) + _keys("relevant", *SMALL)),
    Criterion("POOL-4", pool_4, _keys("relevant", *LARGE)),
    Criterion("NUM-1", num_1, _keys("relevant", *NUMBERS)),
    Criterion(
        "SIZE-1", size_1, _keys("jaspar", "cnn9-4", "cnn9-25") + _keys("relevant", "cnn9-4", "cnn9-25")
    ),
    Criterion("SIZE-2", size_2, _keys("auroc", "cnn3-50", "cnn3-2", "cnn-2")),
    Criterion("SIZE-3", size_3, _keys("auroc", "cnn9-25", "cnn-25"), why=explain_failures(size_3)),
    Criterion(
        "STRIDE-1",
        whole_although_cnn_2_is_not("cnn-50-2"),
        _keys("jaspar", "cnn-50-2", "cnn-2") + _keys("relevant", "cnn-50-2", "cnn-2"),
    ),
    Criterion(
        "DEEP-1",
        whole_although_cnn_2_is_not("cnn19-1-2"),
        _keys("jaspar", "cnn19-1-2", "cnn-2") + _keys("relevant", "cnn19-1-2", "cnn-2"),
    ),
    Criterion(
        "DEEP-2", whole_only_in_the_last("cnn-1", "conv1", "conv2"), _layers("cnn-1", "conv1", "conv2")
    ),
    Criterion(
        "DEEP-3",
        whole_only_in_the_last("cnn-1-1-100", "conv1", "conv2", "conv3"),
        _layers("cnn-1-1-100", "conv1", "conv2", "conv3"),
    ),
)
"""The claims that the synthetic runs decide, in the paper's order."""


def _in_vivo(name: str, rule: Rule, *needs: Quantity, why: bool = False) -> Criterion:
    return Criterion(name, rule, needs, REAL, LEAST_TRIALS, explain_failures(rule) if why else None)


IN_VIVO = (
    _in_vivo("VIVO-1", vivo_1, *_keys("jaspar", *SMALL, *LARGE), *_keys("relevant", *SMALL, *LARGE)),
    _in_vivo("VIVO-2", vivo_2, *_layers("cnn-1", "conv1", "conv2")),
    _in_vivo("VIVO-3", vivo_3, *_keys("auroc", *SMALL, *LARGE)),
    _in_vivo("VIVO-4", vivo_4, *_keys("auroc", *NUMBERS), *_keys("relevant", *NUMBERS)),
    _in_vivo("VIVO-5", vivo_5, *_keys("relevant", "cnn-25", "cnn-25-120")),
    _in_vivo("VIVO-6", vivo_6, *_keys("relevant", *SMALL, *LARGE), why=True),
    _in_vivo("VIVO-7", vivo_7, key("cnn-1", "relevant", "conv2"), key("cnn-25", "relevant"), why=True),
    _in_vivo("VIVO-8", vivo_8, *_keys("relevant", "cnn9-25", "cnn9-4", "cnn-50-2", "cnn-2"), why=True),
)
"""The claims that runs on real sequences decide."""
