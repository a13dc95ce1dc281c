from dataclasses import asdict, fields

import pytest

from receptive.errors import UsageError
from receptive.protocols import (
    ABLATED,
    ADDED,
    CONTROL_READING,
    PAPER,
    POSSIBLE,
    PROTOCOLS,
    READING,
    RELEASED,
    Protocol,
    ablations,
    protocol,
    with_other_reading,
)


@pytest.mark.claim("D-7", "D-8", "D-10", "D-11", "D-14", "D-15", "D-16", "D-17", "TRAIN-1")
def test_the_two_readings_differ_where_the_discrepancies_say():
    differing = {name for name, value in asdict(PAPER).items() if asdict(RELEASED)[name] != value}
    same = {field.name for field in fields(Protocol)} - differing
    assert same == {"bn_momentum", "batch_size", *ADDED}
    assert (PAPER.learning_rate, PAPER.beta_1, PAPER.batch_size, PAPER.patience) == (3e-4, 0.9, 100, None)
    assert (RELEASED.learning_rate, RELEASED.beta_1, RELEASED.patience) == (1e-3, 0.95, 20)


def test_one_switch_changes_one_field_and_the_name():
    switched = protocol("released", beta_1=0.9)
    changed = {name for name, value in asdict(switched).items() if asdict(RELEASED)[name] != value}
    assert changed == {"name", "beta_1"}
    assert switched.name == "released+beta_1=0.9"


@pytest.mark.parametrize("name", PROTOCOLS)
def test_switching_a_field_to_its_own_value_changes_nothing(name):
    base = PROTOCOLS[name]
    assert protocol(name, learning_rate=base.learning_rate) == base


def test_motif_counts_are_probabilities():
    for chosen in PROTOCOLS.values():
        assert sum(chosen.motif_counts) == pytest.approx(1, abs=1e-12)


def test_unknown_names_are_refused():
    with pytest.raises(UsageError, match=r"unknown protocol 'published'.*released, paper"):
        protocol("published")
    with pytest.raises(UsageError, match=r"no field 'beta1'.*did you mean beta_1"):
        protocol("paper", beta1=0.9)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sites", "all"),
        ("learning_rate", "fast"),
        ("patience", -1),
        ("motif_counts", [0.5, 0.4]),
        ("motif_counts", 3),
        ("motif_counts", ["a"]),
        ("window", 0),
    ],
)
def test_impossible_values_are_refused(field, value):
    with pytest.raises(UsageError, match=f"{field} cannot be .*: expected {POSSIBLE[field][1][:9]}"):
        protocol("released", **{field: value})


def test_every_field_says_what_it_can_be():
    assert POSSIBLE.keys() == vars(RELEASED).keys() - {"name"}
    with pytest.raises(
        UsageError, match=r"activation cannot be 'tanh': expected relu, exponential, .* or cubed_relu"
    ):
        protocol("released", activation="tanh")


def test_an_ablation_switches_one_field_to_the_papers_value():
    base, *single, whole = ablations()
    assert (base, base.name) == (CONTROL_READING, "released+again")
    assert {**vars(CONTROL_READING), "name": "released"} == vars(RELEASED)
    for name, switched in zip(ABLATED, single, strict=True):
        assert switched == protocol("released", **{name: getattr(PAPER, name)}) != RELEASED
    reading = {name for name in READING if getattr(PAPER, name) != getattr(RELEASED, name)}
    assert reading - set(ABLATED) == {"window", "trim_pad"}
    assert {name for name, value in vars(whole).items() if getattr(RELEASED, name) != value} == {
        "name",
        *reading,
    }


@pytest.mark.parametrize("chosen", [*PROTOCOLS.values(), protocol("released", beta_1=0.9, threshold=0.7)])
def test_the_other_reading_keeps_the_training(chosen):
    other = PAPER if chosen.name.startswith("released") else RELEASED
    for name, value in vars(with_other_reading(chosen)).items():
        assert name == "name" or value == getattr(other if name in READING else chosen, name)
