"""One label for a network and its runs, wherever people read."""

from pathlib import Path

import pytest

from receptive.evidence import measured
from receptive.evidence.labels import SWITCHES, TASKS, label, label_networks
from receptive.networks.variants import REGISTERED, SECOND, VARIANTS
from receptive.tasks.registry import TASKS as ALL_TASKS

STORE = Path(__file__).parents[2] / "results"


def test_stored_runs_have_labels_of_their_own_in_words():
    places = {folder.parent.relative_to(STORE).parts for folder in measured.folders(STORE)}
    names = {}
    for task, network, protocol in places:
        base, _, switches = protocol.partition("+")
        if base == "released" and task in TASKS and (not switches or switches in SWITCHES):
            names[task, network, protocol] = label(f"{network}{f'+{switches}' if switches else ''}", task)
    assert len(names) > 70
    assert len(set(names.values())) == len(names)
    assert not [name for name in names.values() if set(name) & set("/+=_")]


def test_every_task_has_words():
    assert set(measured.SIDE) <= set(TASKS)
    assert {name for name in ALL_TASKS if name not in ("invivo",)} <= set(TASKS)


@pytest.mark.parametrize("name", [*VARIANTS, *REGISTERED, *SECOND])
def test_a_network_is_found_in_a_text_and_named(name):
    assert label_networks(f"a, {name} conv2 jaspar − pairs/{name}+l2=0.0, b") == (
        f"a, {label(name)} conv2 jaspar − {label(name)} (no L2) on pairs, b"
    )
    assert label(name).startswith("CNN")
    assert label_networks(label(name)) == label(name)


def test_what_is_no_network_stays():
    for text in ("loss 0.3/0.4 auroc", "my-cnn-2x of mine", "results/synthetic/cnn-2/released"):
        assert label_networks(text) == text
