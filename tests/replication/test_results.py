"""The committed runs: each is whole, is what its key says, and its numbers follow from its stored filters."""

import hashlib
import random
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from receptive.evidence import measured
from receptive.evidence.ablations import BY_THE_PAPER
from receptive.evidence.studies import Epochs, Importance, Truth, read_record
from receptive.motifs import tomtom
from receptive.motifs.jaspar import database, relevant_ids
from receptive.motifs.meme import read_meme
from receptive.networks.variants import parameters, variant
from receptive.protocols import CONTROL_READING, PAPER, PROTOCOLS, READING, RELEASED, Protocol, task_fields
from receptive.replication import runs, targets, workers
from receptive.tasks import registry
from receptive.tasks.dataset import Dataset

RESULTS = Path(__file__).parents[2] / "results"
FOLDERS = measured.folders(RESULTS) if RESULTS.is_dir() else []

THOROUGH = settings.get_current_profile_name() == "thorough"

load, stored_matches = cache(runs.load), cache(runs.stored_matches)
"""Each run is read once for all tests."""


def place(folder: Path) -> str:
    return str(folder.relative_to(RESULTS))


NETWORKS = {name: tuple(group) for name, group in groupby(FOLDERS, lambda folder: place(folder.parents[1]))}
"""The folders of the runs, by task and network."""


def every_run(test: Callable[[Path], None]) -> Callable[..., None]:
    """Make a test of one run a test of all runs of a network that names every one that fails.

    A test for each run would spend more time on being a test than on its run.
    """

    @pytest.mark.parametrize("folders", NETWORKS.values(), ids=NETWORKS.keys())
    def test_all(folders, subtests):
        for folder in folders:
            with subtests.test(place(folder)):
                test(folder)

    test_all.__name__, test_all.__doc__ = test.__name__, test.__doc__
    return test_all


def data_of(task: str, protocol: Protocol) -> Dataset:
    """The data set of seed 0, of any task that needs no file."""
    fields = {field: getattr(protocol, field) for field in task_fields(protocol)}
    return drawn(task, replace(RELEASED, name="", **fields))


@cache
def drawn(task: str, protocol: Protocol) -> Dataset:
    return registry.load(None, task, protocol)


def protocol_of(record) -> Protocol:
    return Protocol.from_record(record["plan"]["protocol"])


def plan_of(record) -> runs.Plan:
    """The plan by the code as it is now: a network is looked up by its name."""
    protocol = protocol_of(record)
    network = variant(record["variant"], protocol)
    data, epochs = record["data"]["sha256"], record["plan"]["epochs"]
    return runs.Plan(record["task"], data, network, protocol, record["trial"], epochs)


# Table 2 needs the sequences of DeepSEA; the others are in training.
ABSENT = {
    "table2",
    "predictions-2",
    "conditions",
    "sizes",
    "more-trials",
}


@pytest.mark.parametrize("target", sorted(targets.TARGETS.keys() - ABSENT))
def test_every_planned_run_is_there(target):
    for task in targets.tasks_of([target]):
        plans = targets.plans([target], None, RELEASED, data_of(task, RELEASED))
        _, missing = workers.split(plans, RESULTS)
        assert [str(plan.folder("")) for plan in missing] == []


def test_every_run_by_the_paper_s_protocol_is_there():
    plans = targets.plans(BY_THE_PAPER, 3, PAPER, data_of("synthetic", PAPER), both_readings=True)
    _, missing = workers.split(plans, RESULTS)
    assert [str(plan.folder("")) for plan in missing] == []


KEPT = {"model.keras", "epochs.npz", "epochs.json", "epochs.pwm.npz", "importance.json", "truth.json"}
"""What a run may have beside: what was kept of it, and what tools/studies.py reads in that."""


@every_run
def test_a_run_is_whole_and_in_its_place(folder):
    record = load(folder).record()
    assert place(folder) == "{task}/{variant}/{protocol}/trial-{trial}".format(**record)
    assert record["complete"] is True
    endings = (".meme", ".untrimmed.meme", ".tomtom.tsv")
    files = {"run.json", *(layer + ending for layer in record["filters"] for ending in endings)}
    assert {path.name for path in folder.iterdir()} - KEPT == files
    assert record["epochs"] == len(record["history"]["loss"]) == len(record["history"]["val_loss"])
    assert record["best_epoch"] == 1 + np.argmin(record["history"]["val_loss"])
    for score in ("auroc", "aupr"):
        assert record["metrics"][f"{score}_mean"] == pytest.approx(np.mean(record["metrics"][score]))


@pytest.mark.parametrize(
    "file", sorted(RESULTS.rglob("epochs.json")), ids=lambda path: "/".join(path.parts[-4:-1])
)
def test_what_was_read_over_epochs_is_of_what_was_kept(file):
    """What takes a second to see; tests/networks/test_snapshots.py has the reading itself."""
    epochs, run = read_record(file.parent, Epochs), load(file.parent)
    with np.load(file.parent / "epochs.npz") as kept:
        assert epochs.epoch == tuple(kept["epoch"].tolist())
        assert epochs.loss == pytest.approx(kept["loss"], rel=1e-5)
        assert np.allclose(epochs.gradient, kept["gradient"], rtol=1e-5)
    assert epochs.epoch[-1] <= run.epochs
    number = run.filters["conv1"].n
    assert {
        len(row) for part in (epochs.bits, epochs.factor, epochs.matches, [epochs.final]) for row in part
    } == {number}
    assert sum(map(bool, epochs.final)) == round(number * run.filters["conv1"].relevant)


@pytest.mark.parametrize(
    "file", sorted(RESULTS.rglob("importance.json")), ids=lambda path: "/".join(path.parts[-4:-1])
)
def test_importance_is_of_the_run_beside_it(file):
    importance, run = read_record(file.parent, Importance), load(file.parent)
    assert importance.auroc == pytest.approx(run.auroc_mean, abs=2e-5)
    assert np.allclose(np.nanmean(importance.by_class, axis=1), importance.auroc_change, atol=1e-5)
    assert sum(map(bool, importance.factor)) == round(run.filters["conv1"].n * run.filters["conv1"].relevant)


@pytest.mark.parametrize(
    "file", sorted(RESULTS.rglob("truth.json")), ids=lambda path: "/".join(path.parts[-4:-1])
)
def test_what_is_found_of_the_truth_is_of_the_run_beside_it(file):
    truth, run = read_record(file.parent, Truth), load(file.parent)
    _, matches = stored_matches(file.parent)
    best = tomtom.best_factors(matches, relevant_ids(run.plan.classes))
    assert {*truth.filter_factors} == {*best} - {""}
    assert truth.filters == sum(not match.dead for match in matches)
    assert truth.filters - truth.filter_spurious == sum(map(bool, best))
    assert {*truth.motif_factors} <= {*run.plan.classes}
    assert len(truth.motif_factors) + truth.motif_spurious <= truth.motifs
    assert 0.03 < truth.chance < truth.aupr <= 1


@every_run
def test_the_key_of_a_run_matches_its_content(folder):
    """The key follows from the recorded plan, and the plan from the code as it is now."""
    record = load(folder).record()
    plan = plan_of(record)
    protocol, network = plan.protocol, plan.network
    assert plan.record() == record["plan"]
    assert runs.Plan.from_record(record["plan"]) == plan
    assert record["key"] == runs.key_of(record["plan"], record["recipe"])
    if record["recipe"] == runs.FIRST_RECIPE:
        assert "begin" not in record
    else:
        assert record["recipe"] <= runs.RECIPE
        assert record["begin"] <= record["end"]
        assert re.fullmatch("[0-9a-f]{40}", record["commit"])
    assert protocol == PROTOCOLS.get(record["protocol"], protocol)
    assert record["protocol"] == protocol.name
    assert record["full_protocol"] == (record["plan"]["epochs"] == 100)
    data = data_of(record["task"], protocol)
    assert record["parameters"] == parameters(network, data.length, len(data.classes))


@every_run
def test_a_run_was_trained_on_the_data_that_the_code_draws(folder):
    record = load(folder).record()
    data = data_of(record["task"], protocol_of(record))
    assert (record["data"]["sha256"], record["metrics"]["classes"]) == (data.sha256, list(data.classes))


@pytest.mark.claim("T1-*")
@every_run
def test_the_numbers_of_a_run_follow_from_its_filters(folder):
    record = load(folder).record()
    for layer in record["filters"]:
        motifs, matches = stored_matches(folder, layer)
        document = dict(record["filters"][layer])
        sites = document.pop("sites")
        assert runs.summary(matches, record["metrics"]["classes"]).record() == {**document, "sites": []}
        assert len(motifs) == len(sites) == document["n"]
        assert [count == 0 for count in sites] == [motif.dead for motif in motifs]
        stored = (folder / f"{layer}.tomtom.tsv").read_text(encoding="utf-8")
        assert stored == tomtom.table(matches)


@every_run
def test_the_stored_matches_of_a_run_are_those_of_its_stored_filters(folder):
    """One filter of each layer, chosen by the hash of its file; all of them in the thorough profile.

    No filter's matches depend on another's (`test_the_order_of_queries_and_targets_is_only_an_order`).
    """
    for layer in load(folder).filters:
        file = folder / f"{layer}.meme"
        filters = read_meme(file)
        draw = random.Random(hashlib.sha256(file.read_bytes()).digest())
        chosen = range(len(filters)) if THOROUGH else [draw.randrange(len(filters))]
        matched = tomtom.match([filters[index] for index in chosen], database())
        _, stored = stored_matches(folder, layer)
        assert tomtom.table(matched) == tomtom.table([stored[index] for index in chosen])


def test_readings_that_are_compared_are_of_the_same_weights():
    """Weights are not stored; the losses of all epochs and the scores tell as well.

    ``released`` has trials of other machines, which round otherwise: ``CONTROL_READING`` stands for it.
    """
    trainings = {}
    for record in (load(folder).record() for folder in FOLDERS):
        if record["protocol"] != RELEASED.name:
            trainings.setdefault(plan_of(record).weights_key, []).append(record)
    for first, *others in trainings.values():
        for other in others:
            assert other["history"] == first["history"], other["protocol"]
            assert other["metrics"] == first["metrics"], other["protocol"]
        group = [first, *others]
        read_otherwise = any(READING & protocol_of(name).differences(RELEASED).keys() for name in group)
        assert not read_otherwise or {CONTROL_READING.name, PAPER.name} & {
            entry["protocol"] for entry in group
        }


def test_the_pinned_packages_are_those_that_made_the_runs():
    lines = (RESULTS / "environment.txt").read_text("utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    for folder in FOLDERS:
        record = load(folder).record()
        made = {name: version for name, version in record["versions"].items() if name != "receptive"}
        assert made.keys() >= {"keras", "numpy", "scikit-learn", "tensorflow"}
        assert made.items() <= pinned.items(), folder
        assert "Python 3.11" in record["machine"]
