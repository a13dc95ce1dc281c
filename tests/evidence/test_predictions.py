"""The fit behind predictions, the networks predicted before their training, and the score."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import curve_fit
from scipy.stats import spearmanr

from receptive.evidence import predictions
from receptive.evidence.measured import Results
from receptive.evidence.rules import key
from receptive.evidence.verdicts import judge
from receptive.networks.variants import REGISTERED, VARIANTS, parameters, variant
from receptive.protocols import RELEASED
from receptive.theory import assembly
from receptive.theory.fields import receptive_fields

FILE = Path(__file__).parents[2] / "results" / "predictions.json"


def flat(document, *path):
    """The values of a document by where they stand."""
    if not isinstance(document, Mapping):
        return {path: document}
    return {place: value for name in document for place, value in flat(document[name], *path, name).items()}


def results(fractions):
    """Measured relevant fractions, by network."""
    return Results({key(name, "relevant"): tuple(trials) for name, trials in fractions.items()}, {})


def test_the_stored_curve_is_the_fit():
    assert asdict(assembly.fitted_curve()) == pytest.approx(asdict(predictions.fit()), rel=2e-4)


def test_the_curve_is_fitted_to_filters_of_19_alone():
    names = [cell.variant for cell in predictions.fit_points()]
    assert sorted({*VARIANTS} - {*names}) == ["cnn-1-1-100", "cnn3-2", "cnn3-50", "cnn9-25", "cnn9-4"]


def test_no_neighbour_of_the_fitted_curve_fits_better():
    cells = predictions.fit_points()
    curve = assembly.fitted_curve()

    def left_over(chance, midpoint, slope):
        other = assembly.Curve(chance, midpoint, slope)
        predicted = [predictions.first_layer(VARIANTS[cell.variant], other).fraction for cell in cells]
        return sum((share - cell.mean) ** 2 for share, cell in zip(predicted, cells, strict=True))

    best = left_over(**asdict(curve))
    for name in asdict(curve):
        for factor in (0.97, 1.03):
            assert left_over(**{**asdict(curve), name: getattr(curve, name) * factor}) > best


def test_the_registered_predictions_stand():
    """A later change of the definition fails here rather than moving numbers that were put down before."""
    stored, now = flat(json.loads(FILE.read_text("utf-8"))), flat(predictions.registration())
    assert list(stored) == list(now)
    for place, value in stored.items():
        assert now[place] == (pytest.approx(value, abs=2e-6) if isinstance(value, float) else value), place


def git(*words):
    audited = subprocess.run(["git", "-C", FILE.parent, *words], capture_output=True, text=True, check=False)
    return audited.stdout.split() if audited.returncode == 0 else None


@pytest.mark.claim("ASM-3")
@pytest.mark.skipif(git("rev-parse", "--is-shallow-repository") != ["false"], reason="needs the git history")
def test_the_predictions_are_older_than_every_run_of_their_networks():
    changed = git("log", "--format=%H", "--", FILE.name)
    trained = git("log", "--format=%H", "--", *(f"synthetic/{name}" for name in REGISTERED))
    assert changed[0] != trained[-1]
    assert git("merge-base", "--is-ancestor", changed[0], trained[-1]) == []


def test_eighteen_networks_beside_the_papers():
    assert len(REGISTERED) == 18
    assert not set(REGISTERED) & set(VARIANTS)
    ours = {str(network) for network in REGISTERED.values()}
    assert len(ours) == 18
    assert not ours & {str(network) for network in VARIANTS.values()}


@pytest.mark.parametrize("network", REGISTERED.values(), ids=lambda network: network.name)
def test_a_registered_network_is_cnn_2_but_for_its_name(network):
    """First pool, its stride, the second filter: as named; the second pool leaves two of 200 nt."""
    assert variant(network.name, RELEASED) is network
    first, pool, second, _ = network.layers
    name = f"cnn-pool{pool.size}" + (f"s{pool.stride}" if pool.stride != pool.size else "")
    name += "" if str(second) == "conv5" else f"-{second}"
    assert network.name == name
    assert str(first) == "conv19"
    assert pool.padding == ("same" if pool.stride < pool.size else "valid")
    like = VARIANTS["cnn-2"]
    assert (network.filters, network.units) == (like.filters, like.units)
    assert receptive_fields(network.layers, 200).rows[-1].length == 2
    more = (second.size - 5) * network.filters[0] * network.filters[1]
    assert parameters(network, 200) == parameters(like, 200) + more


@pytest.mark.parametrize("name", ["cnn-pool8s2", "cnn-pool6s3", "cnn-pool1-conv1", "cnn-pool2-conv5d4"])
def test_registered_networks_can_be_built(name):
    from receptive.networks.variants import build

    network = REGISTERED[name]
    model = build(network, 200, 12, RELEASED)
    rows = receptive_fields(network.layers, 200).rows
    assert model.get_layer("conv2").output.shape[1] == rows[2].length
    assert model.get_layer("flat").input.shape[1] == 2
    trainable = sum(int(np.prod(weights.shape)) for weights in model.trainable_weights)
    assert trainable == parameters(network, 200)


@pytest.mark.claim("ASM-1")
def test_one_number_separates_the_papers_networks():
    bits = {cell: predictions.first_layer(VARIANTS[cell.variant]).bits for cell in predictions.fit_points()}
    parts = [bits[cell] for cell in bits if assembly.kind_of(cell.mean) == "distributed"]
    others = [bits[cell] for cell in bits if assembly.kind_of(cell.mean) != "distributed"]
    assert (len(parts), len(others)) == (3, 9)
    assert min(parts) > max(others)


# The score.


def test_nothing_measured_yet():
    score = predictions.score(results({"cnn-pool3": (0.1, 0.2)}))
    assert score.outcomes == ()
    assert score.waits_for == tuple(REGISTERED)
    assert (score.rho, score.bias, score.error, score.baseline) == (None, None, None, None)
    json.dumps(score.document())


@pytest.mark.claim("ASM-3")
def test_predictions_that_all_come_true():
    exact = {name: (predictions.first_layer(network).fraction,) * 3 for name, network in REGISTERED.items()}
    score = predictions.score(results(exact))
    assert score.hits == len(score.outcomes) == 18
    assert score.rho.estimate == pytest.approx(-1)
    assert (score.rho.low, score.rho.high) == pytest.approx((-1, -1))
    assert score.bias == pytest.approx(0)
    assert score.error == pytest.approx(0)
    table = score.document()["classes"]
    assert sum(table[kind][kind] for kind in table) == 18
    assert judge(predictions.CLAIM, results(exact)).verdict == "reproduced"


@pytest.mark.claim("ASM-3")
def test_predictions_that_come_true_backwards_do_not():
    backwards = sorted(REGISTERED, key=lambda name: predictions.first_layer(REGISTERED[name]).bits)
    wrong = {name: (place / 18,) * 3 for place, name in enumerate(backwards)}
    assert judge(predictions.CLAIM, results(wrong)).verdict == "not reproduced"
    assert judge(predictions.CLAIM, results({})).verdict == "not measured"


@pytest.mark.claim("ASM-3")
@pytest.mark.parametrize(
    ("hits", "verdict"), [(9, "undecided"), (13, "undecided"), (14, "reproduced"), (18, "reproduced")]
)
def test_more_than_half_takes_fourteen_of_eighteen(hits, verdict):
    """The fractions fall with the bits in every case, and so many networks lie in the predicted class."""
    ordered = sorted(REGISTERED, key=lambda name: predictions.first_layer(REGISTERED[name]).bits)
    kinds = [predictions.first_layer(REGISTERED[name]).kind for name in ordered]
    missed = [i for i, kind in enumerate(kinds) if kind == "distributed"][: 18 - hits]
    levels = {"localist": 0.9, "mixed": 0.6, "distributed": 0.2}
    fractions = [0.5 if i in missed else levels[kind] for i, kind in enumerate(kinds)]
    judgement = judge(
        predictions.CLAIM, results({n: (f,) * 3 for n, f in zip(ordered, fractions, strict=True)})
    )
    order, share = judgement.evidence
    assert order.holds
    assert share.interval.estimate == pytest.approx(hits / 18)
    assert judgement.verdict == verdict


def test_predictions_that_are_all_too_low():
    wrong = {"cnn-pool3": (0.9, 1.0, 1.0), "cnn-pool8s2": (0.5, 0.5, 0.5), "cnn-pool12": (1.0, 1.0, 1.0)}
    score = predictions.score(results(wrong))
    expected = {
        name: assembly.Curve.fraction(assembly.fitted_curve(), bits) for name, bits in bits_of(wrong).items()
    }
    assert [outcome.hit for outcome in score.outcomes] == [False, True, False]
    assert score.hits == 1
    misses = [np.mean(wrong[name]) - expected[name] for name in expected]
    assert score.bias == score.error == pytest.approx(np.mean(misses))
    assert score.document()["classes"]["distributed"] == {"distributed": 0, "mixed": 1, "localist": 1}
    assert len(score.waits_for) == 15


def test_misses_on_either_side_cancel_in_the_bias_not_in_the_error():
    expected = {
        name: assembly.Curve.fraction(assembly.fitted_curve(), bits)
        for name, bits in bits_of(["cnn-pool3", "cnn-pool8s2"]).items()
    }
    (low, a), (high, b) = expected.items()
    score = predictions.score(results({low: (a + 0.1,) * 3, high: (b - 0.2,) * 3}))
    assert score.bias == pytest.approx(-0.05)
    assert score.error == pytest.approx(0.15)


def bits_of(names):
    return {n: predictions.first_layer(REGISTERED[n]).bits for n in REGISTERED if n in names}


def test_pool_size_alone_does_as_well(committed):
    """Fitted here by scipy's curve_fit, to the same twelve numbers, and scored on the same networks."""
    score = predictions.score(committed["synthetic"])

    def logistic(x, midpoint, slope):
        return 1 / (1 + np.exp(-slope * (x - midpoint)))

    cells = predictions.fit_points()
    pools = [np.log2(VARIANTS[cell.variant].layers[1].size) for cell in cells]
    shape, _ = curve_fit(logistic, pools, [cell.mean for cell in cells], p0=(2.5, 1.5))
    left_over = sum((logistic(x, *shape) - cell.mean) ** 2 for x, cell in zip(pools, cells, strict=True))
    pool = {
        outcome.network: np.log2(REGISTERED[outcome.network].layers[1].size) for outcome in score.outcomes
    }
    expected = {name: logistic(x, *shape) for name, x in pool.items()}
    measured = {outcome.network: outcome.measured.mean for outcome in score.outcomes}
    hits = [assembly.kind_of(expected[name]) == assembly.kind_of(measured[name]) for name in expected]
    assert score.baseline.left_over == pytest.approx(left_over, abs=1e-6)
    assert score.baseline.hits == sum(hits) == 11
    assert score.baseline.error == pytest.approx(
        np.mean([abs(expected[name] - measured[name]) for name in expected]), abs=1e-5
    )
    assert score.baseline.rho == pytest.approx(
        spearmanr(list(pool.values()), list(measured.values())).statistic
    )
    assert score.baseline
    assert score.error
    assert (round(score.baseline.error, 3), round(score.error, 3)) == (0.164, 0.170)
    assert score.document()["pool_alone"] == asdict(score.baseline)


def test_a_rival_that_is_the_number_itself_does_as_the_number(committed):
    """The curve has its chance fixed, and the rest fitted again."""
    score = predictions.score(committed["synthetic"])
    same = predictions.rival(lambda first: first.bits, score.outcomes)
    assert (same.hits, same.rho) == (score.hits, score.rho.estimate)
    assert same.error == pytest.approx(score.error, abs=1e-4)


def test_the_papers_own_networks_are_shown_apart():
    exact = {cell.variant: (cell.mean,) * 3 for cell in predictions.fit_points()}
    measured = results(exact)
    assert predictions.score(measured).outcomes == ()
    score = predictions.score(measured, predictions.paper_networks())
    assert len(score.outcomes) == 12
    assert score.hits == 12


def test_what_is_put_down_has_six_decimals():
    numbers = [v for v in flat(predictions.registration()["networks"]).values() if isinstance(v, float)]
    assert numbers
    assert all(number == round(number, 6) for number in numbers)
    assert any(number != round(number, 5) for number in numbers)
