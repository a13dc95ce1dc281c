"""Questions of the paper's Discussion as claims: the rules of ``results/experiments*.toml`` as code.

They were put down before any of their runs. `measured.conditions` and `measured.read_kept` make one task of
runs that differ in a switch, in their data, or in what was kept of them.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from math import nan
from statistics import fmean

from receptive.evidence.claims import Quantity
from receptive.evidence.measured import Results
from receptive.evidence.rules import CLEAR, HALF, above, below, closest, exceeds, key
from receptive.evidence.statistics import LEAST_TRIALS, Interval
from receptive.evidence.verdicts import Criterion, Evidence, Rule, explain_failures
from receptive.networks.variants import SMALL
from receptive.replication import targets
from receptive.theory.assembly import MIXED

EXPONENTIAL = "+activation=exponential"
CONTROLS = ("+activation=softplus", "+activation=squared_relu", "+activation=sigmoid")
"""What stands for other activations of the first layer behind the name of a network."""
PLACES = (*SMALL, "cnn-25", "chipseq/cnn-2", "chipseq/cnn-25")
"""Networks with the exponential, on the synthetic task and on real sequences."""
CONDITIONS = tuple(f"+{condition.suffix}" for condition in targets.CONDITIONS)
"""What stands for another regularisation or optimisation."""
LEARNED = 0.9
"""AU-ROC of CNN-25 below which a condition says nothing."""
FEWEST_CONDITIONS = 6
LOSS = -0.01
"""Difference in AU-ROC above which the exponential costs none."""
SIZES = ("quarter", "fourfold")
DRAWS = ("cnn-2", "cnn-4", "cnn-25")


def activation_of(switch: str) -> str:
    """Name the activation that a switch behind a network's name stands for.

    >>> activation_of("+activation=gelu"), activation_of("")
    ('gelu', 'relu')
    """
    return switch.removeprefix("+activation=") or "relu"


def exponential_makes_localist(results: Results) -> Iterator[Evidence]:
    """Judge DISC-1: with the exponential, more relevant filters where pools are small, and CNN-2 localist."""
    for network in (*SMALL, "chipseq/cnn-2"):
        with_it, without = (key(name, "relevant") for name in (network + EXPONENTIAL, network))
        yield exceeds(results, with_it, without, CLEAR)
    yield above(results, key(f"cnn-2{EXPONENTIAL}", "relevant"), MIXED[1])


def exponential_costs_nothing(results: Results) -> Iterator[Evidence]:
    """Judge DISC-2: AU-ROC with the exponential is not lower by 0.01."""
    for network in PLACES:
        yield exceeds(results, key(network + EXPONENTIAL, "auroc"), key(network, "auroc"), LOSS)


def growth_matters(results: Results) -> Iterator[Evidence]:
    """Judge DISC-3: CNN-2 has more relevant filters with the exponential than with each control."""
    exponential = key(f"cnn-2{EXPONENTIAL}", "relevant")
    for control in CONTROLS:
        yield exceeds(results, exponential, key(f"cnn-2{control}", "relevant"), CLEAR)


def judged_conditions(results: Results) -> tuple[str, ...]:
    """Return the conditions under which CNN-25 learns the task, so that they say something (DISC-4)."""
    return tuple(
        condition
        for condition in CONDITIONS
        if (scores := results.of(key(f"cnn-25{condition}", "auroc"))) and fmean(scores) >= LEARNED
    )


def architecture_decides_whatever_else(results: Results) -> Iterator[Evidence]:
    """Judge DISC-4: CNN-25 is ahead of CNN-2 by half of the filters under each telling condition."""
    judged = judged_conditions(results)
    for condition in judged:
        large, small = (key(network + condition, "relevant") for network in ("cnn-25", "cnn-2"))
        yield exceeds(results, large, small, HALF)
    if len(judged) < FEWEST_CONDITIONS:
        what = "conditions under which CNN-25 learns the task"
        yield Evidence(what, Interval(len(judged), nan, nan), "above", FEWEST_CONDITIONS - 1)


def gradients_vanish(results: Results) -> Iterator[Evidence]:
    """Judge DISC-5: gradients fall by half, in CNN-2 with parts alone, and were larger where motifs came."""
    for network in ("cnn-25", "cnn-2"):
        yield below(results, key(network, "gradient_left"), HALF)
    yield below(results, key("cnn-2", "relevant_at_end"), MIXED[0])
    yield above(results, key("cnn-25-120", "gradient_lead"), 0)


def unmatched_matter_less(results: Results) -> Iterator[Evidence]:
    """Judge DISC-6: in CNN-25-120 holding a relevant filter costs more than holding another."""
    yield above(results, key("cnn-25-120", "importance_lead"), 0)


def draw_does_not_decide(results: Results) -> Iterator[Evidence]:
    """Judge DISC-7: relevant shares on other draws differ by less than 0.1."""
    moved = [
        exceeds(results, key(f"draws/{name}", "relevant"), key(name, "relevant"), -CLEAR) for name in DRAWS
    ]
    yield closest(moved)
    yield closest(Evidence(inequality.what, inequality.interval, "below", CLEAR) for inequality in moved)


def distributed_wins_on_pairs(results: Results) -> Iterator[Evidence]:
    """Judge DISC-8: where a label is a pair of motifs as it lies, CNN-2 scores above CNN-25."""
    yield exceeds(results, key("pairs/cnn-2", "auroc"), key("pairs/cnn-25", "auroc"))


def distributed_wins_on_pairs_apart(results: Results) -> Iterator[Evidence]:
    """Judge DISC-11: where no filter can hold a pair, CNN-4 and CNN-2 score above CNN-25."""
    for name in ("cnn-4", "cnn-2"):
        yield exceeds(results, key(f"pairs-apart/{name}", "auroc"), key("pairs-apart/cnn-25", "auroc"))


def size_does_not_decide(results: Results) -> Iterator[Evidence]:
    """Judge DISC-9: CNN-25 is ahead of CNN-2 by half of the filters, with less data and with more."""
    for size in SIZES:
        yield exceeds(results, key(f"{size}/cnn-25", "relevant"), key(f"{size}/cnn-2", "relevant"), HALF)


def gain_tells(results: Results) -> Iterator[Evidence]:
    """Judge DISC-10: of activations put down before their runs, small gains leave CNN-2 distributed."""
    for activation in ("gelu", "silu"):
        yield below(results, key(f"cnn-2+activation={activation}", "relevant"), MIXED[0])
    yield above(results, key("cnn-2+activation=cubed_relu", "relevant"), MIXED[1])


def _keys(column: str, names: Iterable[str], *endings: str) -> tuple[Quantity, ...]:
    return tuple(key(name + ending, column) for name in names for ending in endings or ("",))


def _claim(
    name: str, rule: Rule, *needs: tuple[Quantity, ...], on: str, least: int = LEAST_TRIALS
) -> Criterion:
    return Criterion(name, rule, tuple(chain(*needs)), (on,), least, explain_failures(rule))


CLAIMS = (
    _claim(
        "DISC-1",
        exponential_makes_localist,
        _keys("relevant", (*SMALL, "chipseq/cnn-2"), EXPONENTIAL, ""),
        on="conditions",
    ),
    _claim("DISC-2", exponential_costs_nothing, _keys("auroc", PLACES, EXPONENTIAL, ""), on="conditions"),
    _claim("DISC-3", growth_matters, _keys("relevant", ["cnn-2"], EXPONENTIAL, *CONTROLS), on="conditions"),
    _claim(
        "DISC-4",
        architecture_decides_whatever_else,
        _keys("relevant", ["cnn-2", "cnn-25"], *CONDITIONS),
        _keys("auroc", ["cnn-25"], *CONDITIONS),
        on="conditions",
    ),
    _claim(
        "DISC-5",
        gradients_vanish,
        _keys("gradient_left", ["cnn-25", "cnn-2"]),
        _keys("relevant_at_end", ["cnn-2"]),
        _keys("gradient_lead", ["cnn-25-120"]),
        on="epochs",
    ),
    _claim("DISC-6", unmatched_matter_less, _keys("importance_lead", ["cnn-25-120"]), on="importance"),
    _claim(
        "DISC-7",
        draw_does_not_decide,
        _keys("relevant", DRAWS),
        _keys("relevant", [f"draws/{name}" for name in DRAWS]),
        on="conditions",
        least=4,
    ),
    _claim(
        "DISC-8",
        distributed_wins_on_pairs,
        _keys("auroc", ["pairs/cnn-2", "pairs/cnn-25"]),
        on="conditions",
    ),
    _claim(
        "DISC-9",
        size_does_not_decide,
        _keys("relevant", [f"{size}/{name}" for size in SIZES for name in ("cnn-2", "cnn-25")]),
        on="conditions",
    ),
    _claim(
        "DISC-10",
        gain_tells,
        _keys("relevant", [f"cnn-2+{condition.suffix}" for condition in targets.LATER["cnn-2"]]),
        on="conditions",
    ),
    _claim(
        "DISC-11",
        distributed_wins_on_pairs_apart,
        _keys("auroc", [f"pairs-apart/{name}" for name in ("cnn-4", "cnn-2", "cnn-25")]),
        on="conditions",
    ),
)
"""The claims, with the trials that each number takes: three, or both trials on both draws."""
