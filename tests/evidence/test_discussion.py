"""The rules of results/experiments.toml on made-up runs, and what they read of a store."""

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.made import make_run, put_run

from receptive.errors import ReceptiveError
from receptive.evidence import claims, discussion, measured
from receptive.evidence.measured import Results
from receptive.evidence.rules import key
from receptive.evidence.studies import EPOCHS, IMPORTANCE, TRUTH, Epochs, Importance, Truth, read_record
from receptive.evidence.verdicts import judge
from receptive.files import to_json
from receptive.networks.variants import SMALL

RESULTS = Path(__file__).parents[2] / "results"
REGISTERED = {
    name: rule
    for file in sorted(RESULTS.glob("experiments*.toml"))
    for name, rule in tomllib.loads(file.read_text("utf-8")).items()
}
BY_ID = {claim.id: claim for claim in discussion.CLAIMS}
EXPONENTIAL = "+activation=exponential"
CONDITIONS = (
    "l2=0.0",
    "l2=0.0001",
    "dropout=0.0,0.0,0.0",
    "dropout=0.5,0.1,0.5",
    "batch_norm=False",
    "learning_rate=0.01+optimizer=sgd",
    "learning_rate=0.01",
    "learning_rate=0.0001",
)
AS_CLAIMED = {
    "DISC-1": {
        ("cnn-1", "relevant"): 0.01,
        ("cnn-2", "relevant"): 0.02,
        ("cnn-4", "relevant"): 0.2,
        ("chipseq/cnn-2", "relevant"): 0.0,
        ("cnn-1" + EXPONENTIAL, "relevant"): 0.95,
        ("cnn-2" + EXPONENTIAL, "relevant"): 0.9,
        ("cnn-4" + EXPONENTIAL, "relevant"): 0.9,
        ("chipseq/cnn-2" + EXPONENTIAL, "relevant"): 0.4,
    },
    "DISC-2": {
        (network + switch, "auroc"): score
        for network in ("cnn-1", "cnn-2", "cnn-4", "cnn-25", "chipseq/cnn-2", "chipseq/cnn-25")
        for switch, score in (("", 0.95), (EXPONENTIAL, 0.96))
    },
    "DISC-3": {("cnn-2" + EXPONENTIAL, "relevant"): 0.9}
    | {(f"cnn-2+activation={a}", "relevant"): 0.3 for a in ("softplus", "squared_relu", "sigmoid")},
    "DISC-4": {(f"cnn-2+{condition}", "relevant"): 0.1 for condition in CONDITIONS}
    | {(f"cnn-25+{condition}", "relevant"): 0.9 for condition in CONDITIONS}
    | {(f"cnn-25+{condition}", "auroc"): 0.96 for condition in CONDITIONS},
    "DISC-5": {
        ("cnn-25", "gradient_left"): 0.2,
        ("cnn-2", "gradient_left"): 0.3,
        ("cnn-2", "relevant_at_end"): 0.05,
        ("cnn-25-120", "gradient_lead"): 0.4,
    },
    "DISC-6": {("cnn-25-120", "importance_lead"): 0.01},
    "DISC-7": {
        (before + name, "relevant"): 0.5 for before in ("", "draws/") for name in ("cnn-2", "cnn-4", "cnn-25")
    },
    "DISC-8": {("pairs/cnn-2", "auroc"): 0.9, ("pairs/cnn-25", "auroc"): 0.8},
    "DISC-9": {
        (f"{size}/{name}", "relevant"): share
        for size in ("quarter", "fourfold")
        for name, share in (("cnn-2", 0.1), ("cnn-25", 0.9))
    },
    "DISC-10": {
        (f"cnn-2+activation={name}", "relevant"): share
        for name, share in (("gelu", 0.1), ("silu", 0.1), ("cubed_relu", 0.9))
    },
    "DISC-11": {
        (f"pairs-apart/{name}", "auroc"): score
        for name, score in (("cnn-4", 0.95), ("cnn-2", 0.95), ("cnn-25", 0.8))
    },
}
"""Means that bear each claim out."""
BESIDE = {
    "DISC-1": [
        {("cnn-1" + EXPONENTIAL, "relevant"): 0.1},
        {("cnn-2" + EXPONENTIAL, "relevant"): 0.65},
        {("cnn-4", "relevant"): 0.85},
        {("chipseq/cnn-2" + EXPONENTIAL, "relevant"): 0.09},
    ],
    "DISC-2": [{(network + EXPONENTIAL, "auroc"): 0.93} for network in ("cnn-25", "chipseq/cnn-2")],
    "DISC-3": [
        {(f"cnn-2+activation={a}", "relevant"): 0.85} for a in ("softplus", "squared_relu", "sigmoid")
    ],
    "DISC-4": [{(f"cnn-2+{condition}", "relevant"): 0.45} for condition in CONDITIONS],
    "DISC-5": [
        {(name, column): mean}
        for (name, column), mean in (
            (("cnn-25", "gradient_left"), 0.6),
            (("cnn-2", "gradient_left"), 0.55),
            (("cnn-2", "relevant_at_end"), 0.4),
            (("cnn-25-120", "gradient_lead"), -0.1),
        )
    ],
    "DISC-6": [{("cnn-25-120", "importance_lead"): -0.01}],
    "DISC-7": [{("draws/cnn-2", "relevant"): 0.65}, {("cnn-25", "relevant"): 0.65}],
    "DISC-8": [{("pairs/cnn-25", "auroc"): 0.95}],
    "DISC-9": [{("quarter/cnn-25", "relevant"): 0.5}, {("fourfold/cnn-2", "relevant"): 0.5}],
    "DISC-10": [
        {(f"cnn-2+activation={name}", "relevant"): share}
        for name, share in (("gelu", 0.4), ("silu", 0.4), ("cubed_relu", 0.6))
    ],
    "DISC-11": [{(f"pairs-apart/{name}", "auroc"): 0.7} for name in ("cnn-4", "cnn-2")],
}
"""What contradicts it: one inequality at a time, on the wrong side of its limit."""
LIMITS = {
    "DISC-1": [("above", 0.1)] * 4 + [("above", 2 / 3)],
    "DISC-2": [("above", -0.01)] * 6,
    "DISC-3": [("above", 0.1)] * 3,
    "DISC-4": [("above", 0.5)] * 8,
    "DISC-5": [("below", 0.5), ("below", 0.5), ("below", 1 / 3), ("above", 0)],
    "DISC-6": [("above", 0)],
    "DISC-7": [("above", -0.1), ("below", 0.1)],
    "DISC-8": [("above", 0)],
    "DISC-9": [("above", 0.5)] * 2,
    "DISC-10": [("below", 1 / 3), ("below", 1 / 3), ("above", 2 / 3)],
    "DISC-11": [("above", 0)] * 2,
}
CASES = [(name, means) for name, every in BESIDE.items() for means in every]
Means = Mapping[tuple[str, str], float]


def made_up(means: Means, sd: float = 0.002, trials: int = 4) -> Results:
    """Results with these means, their trials in even steps with this deviation."""
    steps = np.linspace(-1, 1, trials)
    steps /= np.std(steps, ddof=1)
    return Results(
        {key(name, column): tuple(mean + sd * steps) for (name, column), mean in means.items()}, {}
    )


def evidence(name: str, means: Means, sd: float = 0.002):
    return list(BY_ID[name].rule(made_up(means, sd)))


def test_every_registered_claim_is_there_with_its_title():
    wanted = {name: entry["title"] for name, entry in REGISTERED.items() if name in BY_ID}
    assert wanted == {name: claims.statements()[name].title for name in BY_ID}
    assert set(REGISTERED) - set(wanted) == {"POOL-3-ten"}


@pytest.mark.parametrize("name", BY_ID)
def test_the_limits_are_those_of_the_registration(name):
    assert [(inequality.side, inequality.limit) for inequality in evidence(name, AS_CLAIMED[name])] == LIMITS[
        name
    ]


@pytest.mark.claim("DISC-*")
@pytest.mark.parametrize("name", BY_ID)
def test_runs_as_claimed_bear_a_claim_out_and_scattered_ones_leave_it_open(name):
    assert judge(BY_ID[name], made_up(AS_CLAIMED[name])).verdict == "reproduced"
    assert judge(BY_ID[name], made_up(AS_CLAIMED[name], sd=2)).verdict == "undecided"


@pytest.mark.claim("DISC-*")
@pytest.mark.parametrize(
    ("name", "moved"), CASES, ids=[f"{name}-{next(iter(means))[0]}" for name, means in CASES]
)
def test_one_inequality_on_the_wrong_side_contradicts_a_claim(name, moved):
    assert moved.keys() <= AS_CLAIMED[name].keys()
    judgement = judge(BY_ID[name], made_up({**AS_CLAIMED[name], **moved}))
    assert judgement.verdict == "not reproduced"
    wrong = [inequality.what for inequality in judgement.evidence if inequality.contradicted]
    assert wrong
    assert all(f"rong: {what} was to be " in judgement.explanation for what in wrong)


@pytest.mark.parametrize("name", BY_ID)
def test_a_claim_waits_for_every_number_that_its_rule_takes(name):
    trials = BY_ID[name].least
    for missing in AS_CLAIMED[name]:
        few = made_up(AS_CLAIMED[name])
        short = {key(*missing): few.of(key(*missing))[: trials - 1]}
        judgement = judge(BY_ID[name], replace(few, values={**few.values, **short}))
        assert judgement.verdict == "not measured", missing


@pytest.mark.claim("DISC-4")
def test_a_condition_under_which_cnn_25_fails_is_not_judged_and_six_have_to_be():
    failing: dict[tuple[str, str], float] = {}
    for judged, condition in zip((7, 6), CONDITIONS, strict=False):
        failing |= {(f"cnn-25+{condition}", "auroc"): 0.89, (f"cnn-25+{condition}", "relevant"): 0.0}
        means = {**AS_CLAIMED["DISC-4"], **failing}
        assert len(evidence("DISC-4", means)) == judged
        assert judge(BY_ID["DISC-4"], made_up(means)).verdict == "reproduced"
    failing |= {(f"cnn-25+{CONDITIONS[2]}", "auroc"): 0.89}
    means = {**AS_CLAIMED["DISC-4"], **failing}
    assert judge(BY_ID["DISC-4"], made_up(means)).verdict == "not measured"


# What is read of a store.


def test_runs_of_switches_and_of_other_data_are_named_side_by_side(tmp_path):
    for task, protocol, trial, relevant in (
        ("synthetic", "released", 0, 0.1),
        ("synthetic", 'released+activation="exponential"', 0, 0.2),
        ("chipseq", "released", 1, 0.3),
        ("synthetic-draw1", "released", 0, 0.4),
        ("synthetic-draw1", "released", 1, 0.5),
        ("synthetic-draw2", "released", 0, 0.6),
        ("synthetic-draw2", "released", 1, 0.7),
        ("synthetic", "released+beta_1=0.9", 0, 0.8),
        ("synthetic", "released+threshold=0.7", 0, 0.9),  # read otherwise, and not another network
    ):
        put_run(tmp_path, make_run("cnn-2", trial, relevant=relevant, protocol=protocol, task=task))
    by_condition = measured.conditions(tmp_path)
    shares = {name: by_condition.of(key(name, "relevant")) for name in by_condition.trials}
    assert shares == {
        "cnn-2": (0.1,),
        "cnn-2+activation=exponential": (0.2,),
        "cnn-2+beta_1=0.9": (0.8,),
        "chipseq/cnn-2": (0.3,),
        "draws/cnn-2": (0.4, 0.5, 0.6, 0.7),
    }
    assert by_condition.trials["draws/cnn-2"] == (0, 1, 2, 3)
    assert by_condition.trials["chipseq/cnn-2"] == (1,)
    assert measured.read_others(tmp_path)["conditions"].values == by_condition.values


def kept_epochs(gradient, factors, final) -> Epochs:
    """Made up; loss, bits and matches are not looked at."""
    epochs, filters = np.shape(gradient)
    return Epochs(
        epoch=tuple(range(epochs)),
        loss=(0.5,) * epochs,
        gradient=tuple(map(tuple, gradient)),
        bits=((1.0,) * filters,) * epochs,
        factor=tuple(map(tuple, factors)),
        matches=((True,) * filters,) * epochs,
        final=tuple(final),
    )


norms = st.floats(1e-6, 1)


@st.composite
def made_epochs(draw):
    filters, epochs = draw(st.integers(2, 6)), draw(st.integers(2, 4))
    gradient = draw(
        st.lists(st.lists(norms, min_size=filters, max_size=filters), min_size=epochs, max_size=epochs)
    )
    names = st.lists(st.sampled_from(["", "SP1", "MAX"]), min_size=filters, max_size=filters)
    return kept_epochs(gradient, [draw(names) for _ in range(epochs)], draw(names))


@given(made_epochs())
def test_gradients_over_epochs_are_compared_as_numpy_does(kept):
    gradient, ends = np.array(kept.gradient), np.array([bool(factor) for factor in kept.final])
    assert kept.gradient_left() == pytest.approx(gradient[-1].mean() / gradient[1].mean())
    assert kept.relevant() == np.mean([factor != "" for factor in kept.factor[-1]])
    if 0 < ends.sum() < len(ends):
        logs = np.log(gradient[1])
        assert kept.gradient_lead() == pytest.approx(logs[ends].mean() - logs[~ends].mean())
    else:
        assert kept.gradient_lead() is None


def test_a_filter_without_a_gradient_has_no_logarithm_and_is_left_out():
    kept = kept_epochs([[1, 1, 1], [0.0, 0.2, 0.1]], [["", "", ""]] * 2, ["SP1", "SP1", ""])
    assert kept.gradient_lead() == pytest.approx(np.log(2))
    assert replace(kept, gradient=((1.0, 1.0, 1.0), (0.0, 0.0, 0.1))).gradient_lead() is None


def importance(rises, factors) -> Importance:
    none = (0.0,) * len(rises)
    return Importance(
        0.1, 0.9, tuple(rises), none, ((0.0,),) * len(rises), tuple(factors), (True,) * len(rises), ("SP1",)
    )


def test_importance_is_compared_with_three_filters_of_either_kind_at_least():
    three = importance([4, 5, 6, 1, 2, 3], ["SP1"] * 3 + [""] * 3)
    assert three.lead() == 3
    assert importance([4, 5, 6, 1, 2], ["SP1"] * 3 + [""] * 2).lead() is None
    assert importance([4, 5, 6, 1, 2], [""] * 3 + ["SP1"] * 2).lead() is None


@pytest.mark.claim("DISC-5", "DISC-6")
def test_what_was_kept_counts_in_the_registered_trials(tmp_path):
    kept = kept_epochs([[1, 1], [0.4, 0.2], [0.1, 0.1]], [["", ""], ["", ""], ["SP1", ""]], ["SP1", ""])
    mattering = importance([4, 5, 6, 1, 2, 3], ["SP1"] * 3 + [""] * 3)
    for task, trial in product(("synthetic", "chipseq"), (2, 3, 5, 7, 8)):
        folder = put_run(tmp_path, make_run("cnn-2", trial, task=task))
        (folder / EPOCHS).write_text(to_json(vars(kept)))
        (folder / IMPORTANCE).write_text(to_json(vars(mattering)))
        assert (read_record(folder, Epochs), read_record(folder, Importance)) == (kept, mattering)
    others = measured.read_others(tmp_path)
    assert others["epochs"].trials == others["importance"].trials == {"cnn-2": (5, 7), "chipseq/cnn-2": (3,)}
    assert others["epochs"].of(key("cnn-2", "gradient_left")) == pytest.approx((1 / 3, 1 / 3))
    assert others["epochs"].of(key("cnn-2", "relevant_at_end")) == (0.5, 0.5)
    assert others["epochs"].of(key("cnn-2", "gradient_lead")) == pytest.approx((np.log(2),) * 2)
    assert others["importance"].of(key("chipseq/cnn-2", "importance_lead")) == (3.0,)


def test_a_damaged_file_is_named(tmp_path):
    folder = put_run(tmp_path, make_run("cnn-2", 5))
    assert read_record(folder, Epochs) is None
    (folder / EPOCHS).write_text('{"epoch": [1]}')
    with pytest.raises(ReceptiveError, match=r"epochs\.json: expected the fields epoch, loss, gradient"):
        measured.read_others(tmp_path)


def test_the_networks_of_the_rules_are_those_that_are_trained():
    """Every name that a rule takes is one that `conditions` makes of a planned run."""
    from receptive.replication.targets import TARGETS

    planned = set()
    chosen = ("activation", "activation-2", "conditions", "draws", "pairs", "pairs-apart", "sizes")
    for target in (target for name in chosen for target in TARGETS[name]):
        for network, protocols in target.networks.items():
            names = [f"+{protocol.suffix}" for protocol in protocols] or [""]
            planned |= {f"{measured.SIDE[target.task]}{network}{name}" for name in names}
    asked = {
        what.variant for claim in discussion.CLAIMS if claim.tasks == ("conditions",) for what in claim.needs
    }
    unswitched = {*SMALL, "cnn-25", "chipseq/cnn-2", "chipseq/cnn-25"}
    assert planned <= asked <= planned | unswitched


def test_what_was_found_of_the_truth_is_read_as_it_was_written(tmp_path):
    truth = Truth(30, ("SP1",), 20, 250, 12, ("MAX", "SP1"), 1, 3, 0.5, 0.06)
    assert read_record(tmp_path, Truth) is None
    (tmp_path / TRUTH).write_text(to_json(vars(truth)))
    assert read_record(tmp_path, Truth) == truth
    (tmp_path / TRUTH).write_text("{}")
    with pytest.raises(ReceptiveError, match=r"truth.json: expected the fields filters, filter_factors"):
        read_record(tmp_path, Truth)
