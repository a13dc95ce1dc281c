"""What is read from a store: trials by their numbers, classes without a score, and what can be measured."""

from dataclasses import replace
from itertools import chain, repeat

import pytest
from tests.made import make_run, put_run

from receptive.errors import UsageError
from receptive.evidence import measured
from receptive.evidence.claims import Quantity
from receptive.evidence.measured import Results, name_quantity
from receptive.evidence.rules import key
from receptive.evidence.statistics import contrast, sample
from receptive.networks.variants import NUMBERS
from receptive.report import report


def put(store, variant, trial, mean, *, task="chipseq", relevant=0.2, **changes):
    """Store a made-up run."""
    put_run(store, make_run(variant, trial, mean, relevant, relevant, task=task, **changes))


def test_trials_keep_their_numbers(tmp_path):
    for variant, trial in (*zip(repeat("cnn-2"), (9, 0, 2)), *zip(repeat("cnn-4"), (9, 0))):
        put(tmp_path, variant, trial, 0.5 + trial / 100, task="synthetic")
    results = measured.require_results(tmp_path)
    assert dict(results.trials) == {"cnn-2": (0, 2, 9), "cnn-4": (0, 9)}
    assert results.by_number("cnn-2", results.of(key("cnn-2", "auroc"))) == {0: 0.5, 2: 0.52, 9: 0.59}


def test_by_trial_a_claim_pairs_trials_by_their_numbers(tmp_path):
    """VIVO-4's slope of AU-ROC: CNN-25 lacks trial 1, so that by place its second would meet another."""
    numbers = {"cnn-25": (0, 2, 3, 4)} | dict.fromkeys(NUMBERS[1:], (0, 1, 2, 3, 4))
    scores = {}
    for place, variant in enumerate(NUMBERS):
        for trial in numbers[variant]:
            scores[variant, trial] = 0.5 + place * (0.004 + trial / 1000) + trial**2 / 50
            put(tmp_path, variant, trial, scores[variant, trial], relevant=0.3)
    others = measured.read_others(tmp_path)
    judged = {claim.id: claim for claim in report.judge_results(others).claims}
    assert (judged["VIVO-4"].verdict, judged["VIVO-4"].by_trial) == ("undecided", "trend only")
    weights = dict(zip(NUMBERS, (-0.3, -0.1, 0.1, 0.3), strict=True))
    slopes = [sum(weights[v] * scores[v, trial] for v in NUMBERS) for trial in (0, 2, 3, 4)]
    assert contrast((1, sample(slopes))).low > 0


def test_a_class_without_a_score_is_left_out(tmp_path):
    run = make_run("cnn-2", task="chipseq", classes=["SP1", "MAX"])
    put_run(tmp_path, replace(run, auroc=(0.8, None)))
    (trial,) = measured.require_results(tmp_path, task="chipseq").auroc["cnn-2"]
    assert trial == {"SP1": 0.8}


CANNOT_BE = [
    ("cnn-2", "auprc", "conv1", "no column 'auprc'; there are auroc, aupr, jaspar"),
    ("cnn-2", "", "conv1", "no column ''"),
    ("cnn-2", "relevant", "", "no layer '' of cnn-2 has a share of matches; expected conv1, conv2"),
    ("cnn-2", "relevant", "conv3", "no layer 'conv3' of cnn-2 has a share of matches; expected conv1, conv2"),
    ("cnn-2", "relevant", "conv0", "no layer 'conv0'"),
    ("cnn-2", "jaspar", "pool1", "no layer 'pool1'"),
    ("cnn-1-1-100", "jaspar", "conv4", "expected conv1, conv2, conv3"),
    ("cnn-pool3", "jaspar", "conv3", "no layer 'conv3' of cnn-pool3"),
    ("mine", "jaspar", "dense", "no layer 'dense' of mine"),
]


@pytest.mark.parametrize(("variant", "column", "layer", "message"), CANNOT_BE)
def test_what_cannot_be_measured_is_an_error(variant, column, layer, message):
    for ask in (
        lambda: key(variant, column, layer),
        lambda: Results({}, {}).of(Quantity(variant, layer, column)),
    ):
        with pytest.raises(UsageError) as error:
            ask()
        assert message in str(error.value)


def test_a_score_is_of_no_layer():
    with pytest.raises(UsageError, match="auroc is of a network, not of a layer"):
        Results({}, {}).of(Quantity("cnn-2", "conv1", "auroc"))


def test_what_can_be_measured_and_was_not_has_no_values():
    scores = ((variant, "", column) for variant in ("cnn-2", "mine") for column in measured.SCORES)
    shares = (("cnn-1-1-100", f"conv{n}", column) for n in (1, 2, 3) for column in measured.FRACTIONS)
    for quantity in chain(scores, shares, [("mine", "conv7", "jaspar")]):
        assert name_quantity(*quantity) == quantity
        assert Results({}, {}).of(quantity) == ()
    assert key("cnn-2", "jaspar_without_gmeb1") == ("cnn-2", "conv1", "jaspar_without_gmeb1")
