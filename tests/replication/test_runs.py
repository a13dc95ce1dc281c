import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.made import make_run, put_run, read_layer

from receptive.errors import ReceptiveError, UsageError
from receptive.files import to_json
from receptive.motifs import tomtom
from receptive.motifs.jaspar import RELEVANT, jaspar_2016
from receptive.motifs.meme import format_meme, read_meme
from receptive.motifs.motif import Motif, trim
from receptive.networks import filters, training
from receptive.networks.training import metrics, predict, train
from receptive.networks.variants import VARIANTS, variant
from receptive.protocols import (
    ADDED,
    PAPER,
    PROTOCOLS,
    READING,
    RELEASED,
    Protocol,
    protocol,
    with_other_reading,
)
from receptive.replication import runs
from receptive.tasks import dataset

CNN_25 = VARIANTS["cnn-25"]
SMALL = replace(VARIANTS["cnn-100"], filters=(3, 6), units=8)
"""A network that trains in no time; its layers are the paper's."""
BASE = runs.Plan("synthetic", "0" * 64, CNN_25, RELEASED, 0, 100)
CHANGES = {
    "task": st.just("chipseq"),
    "data_sha256": st.just("1" * 64),
    "network": st.sampled_from([VARIANTS["cnn-2"], VARIANTS["cnn-25-60"], replace(CNN_25, units=96)]),
    "protocol": st.sampled_from(
        [name for name in vars(PAPER) if getattr(PAPER, name) != getattr(RELEASED, name)]
    ).map(lambda name: replace(RELEASED, **{name: getattr(PAPER, name)})),
    "trial": st.integers(1, 9),
    "epochs": st.integers(1, 99),
}


@given(st.sampled_from(sorted(CHANGES)).flatmap(lambda name: st.tuples(st.just(name), CHANGES[name])))
def test_whatever_determines_a_run_changes_its_key(change):
    name, value = change
    assert replace(BASE, **{name: value}).key != BASE.key
    assert replace(BASE).key == BASE.key


def test_a_plan_is_found_again_from_its_record():
    record = json.loads(json.dumps(BASE.record()))
    assert record == BASE.record()
    assert record["network"] == {
        "name": "cnn-25",
        "layers": "conv19 pool25 conv5 pool4",
        "filters": [30, 128],
        "units": 512,
    }


@given(
    name=st.sampled_from(["released", "paper"]),
    switches=st.fixed_dictionaries(
        {},
        optional={
            "activation": st.sampled_from(["relu", "exponential", "sigmoid"]),
            "dropout": st.tuples(*[st.floats(0, 0.9)] * 3),
            "batch_norm": st.booleans(),
            "l2": st.floats(0, 1),
            "optimizer": st.sampled_from(["adam", "sgd"]),
            "window": st.one_of(st.none(), st.integers(1, 40)),
        },
    ),
    layers=st.sampled_from(["conv19 pool6 conv5 pool16", "conv9d2 conv5s2 pool4s2same conv1"]),
    trial=st.integers(0, 2**32 - 1),
)
def test_a_plan_comes_back_from_its_record_and_its_key_with_it(name, switches, layers, trial):
    plan = runs.Plan("synthetic", "a" * 64, variant(layers), protocol(name, **switches), trial, 7)
    again = runs.Plan.from_record(json.loads(json.dumps(plan.record())))
    assert again == plan
    assert again.key == plan.key


GOLDEN = Path(__file__).parents[1] / "data" / "run.json"


def test_a_run_is_written_as_its_golden_file_has_it_and_read_back():
    """What changes here changes what every store holds: others read it by these names."""
    run = make_run(
        "cnn-1",
        3,
        protocol=protocol("released", activation="exponential", window=None),
        classes=("Arid3a", "CEBPB"),
        layers=("conv1", "conv2"),
        aupr=(0.5, None),
        versions={"keras": "3.15.1"},
        commit="0123456789abcdef0123456789abcdef01234567+",
        begin="2026-11-27T07:00:00Z",
        end="2026-11-27T07:09:59Z",
    )
    assert to_json(run.record()) == GOLDEN.read_text("utf-8")
    assert runs.Run.from_record(json.loads(GOLDEN.read_text("utf-8")), "golden") == run
    assert runs.Run.from_record(run.record(), "again").record() == run.record()


def test_a_field_that_came_later_leaves_older_records_what_they_are():
    assert not ADDED.keys() & RELEASED.record().keys()
    switched = protocol("released", activation="exponential")
    assert switched.record() == {**RELEASED.record(), "name": switched.name, "activation": "exponential"}
    assert Protocol.from_record(RELEASED.record()) == RELEASED


def test_names_in_a_record_are_those_of_the_first_runs():
    """Keys of stored runs hang on them, whatever the attributes are called."""
    assert sorted(RELEASED.record()) == [
        *("batch_size", "batch_size_in_vivo", "beta_1", "bn_epsilon", "bn_momentum", "buffer", "cnn_50_2"),
        *("ends", "initializer", "learning_rate", "motif_counts", "name", "patience", "sites", "spacing"),
        *("threshold", "trim_bits", "trim_pad", "weighted", "window"),
    ]
    assert runs.key_of(BASE.record(), recipe=1) == "7ebd011653757a84"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"network": {"name": "x"}}, "not a plan of a run: KeyError 'layers'"),
        ({"protocol": {"name": "released"}}, "protocol: no field batch_size"),
        ({"protocol": {**RELEASED.record(), "colour": 1}}, "protocol: no field is called colour"),
        ({"network": 3}, "not a plan of a run: TypeError"),
    ],
)
def test_what_is_no_plan_is_refused(change, says):
    with pytest.raises(ReceptiveError, match=says):
        runs.Plan.from_record({**BASE.record(), **change})


def test_a_run_of_an_older_recipe_is_the_same_trial(tmp_path, store, small):
    """Only its key says that other code made it; a key that fits no recipe is a damaged record."""
    folder = store / "synthetic" / "cnn-25" / "released" / "trial-0"
    record = runs.load(folder).record()
    plan = runs.plan_run(CNN_25, small, RELEASED, 0, 2)
    assert record["recipe"] == runs.RECIPE
    assert record["key"] == plan.key
    assert record["begin"] <= record["end"] <= runs.now()
    older = {name: value for name, value in record.items() if name != "recipe"}
    copy = plan.folder(tmp_path)
    copy.mkdir(parents=True)
    (copy / "run.json").write_text(json.dumps({**older, "key": runs.key_of(plan.record(), 1)}))
    assert runs.find_run(plan, tmp_path).recipe == runs.FIRST_RECIPE
    (copy / "run.json").write_text(json.dumps(older))
    with pytest.raises(ReceptiveError, match="its key is not that of its plan by recipe 1"):
        runs.find_run(plan, tmp_path)


def test_keeping_weights_and_first_layers_changes_nothing_else(eagerly, tmp_path, store, small):
    import keras

    plan = runs.plan_run(CNN_25, small, RELEASED, 0, 2)
    kept = runs.run(plan, small, tmp_path, keep=True).record()
    plain = runs.load(store / "synthetic" / "cnn-25" / "released" / "trial-0").record()
    for part in ("history", "metrics", "filters", "key"):
        assert kept[part] == plain[part]
    folder = plan.folder(tmp_path)
    model = keras.models.load_model(folder / "model.keras")
    scores = metrics(small.test.Y, predict(model, small.test.X))
    assert scores["auroc"] == plain["metrics"]["auroc"]
    layers = dict(np.load(folder / "epochs.npz"))
    assert layers["epoch"].tolist() == [0, 1, 2]
    assert layers["kernel"].shape == (3, 19, 4, 30)
    assert layers["norm"].shape == (3, 4, 30)
    if plain["best_epoch"] == 2:
        np.testing.assert_array_equal(layers["kernel"][-1], model.get_layer("conv1").kernel)
    assert (layers["gradient"] > 0).all()


def test_a_run_folder_is_whole(store, small):
    folder = store / "synthetic" / "cnn-25" / "released" / "trial-0"
    assert sorted(path.name for path in folder.iterdir()) == [
        "conv1.meme",
        "conv1.tomtom.tsv",
        "conv1.untrimmed.meme",
        "run.json",
    ]
    assert [path.name for path in folder.parent.iterdir()] == ["trial-0"]
    record = runs.load(folder).record()
    assert (record["task"], record["variant"], record["trial"], record["protocol"]) == (
        "synthetic",
        "cnn-25",
        0,
        "released",
    )
    assert record["complete"] is True
    assert record["full_protocol"] is False
    assert record["epochs"] == len(record["history"]["val_loss"]) == 2
    assert record["best_epoch"] == 1 + np.argmin(record["history"]["val_loss"])
    assert len(record["metrics"]["auroc"]) == len(record["metrics"]["classes"]) == 12
    assert record["metrics"]["auroc_mean"] == pytest.approx(np.mean(record["metrics"]["auroc"]))
    assert record["data"]["sha256"] == small.sha256
    assert record["parameters"] == 160_048
    assert record["backend"] in record["versions"]
    assert record["plan"]["protocol"]["learning_rate"] == RELEASED.learning_rate
    assert record["filters"]["conv1"]["n"] == len(read_meme(folder / "conv1.meme")) == 30


def test_a_run_is_scored_by_what_it_stored(store):
    folder = store / "synthetic" / "cnn-25" / "released" / "trial-0"
    record = runs.load(folder).filters["conv1"].record()
    untrimmed, matches = runs.stored_matches(folder)
    assert {**record, "sites": []} == runs.summary(matches).record()
    assert {motif.width for motif in untrimmed} == {19}
    assert [count == 0 for count in record["sites"]] == [motif.dead for motif in untrimmed]


@pytest.mark.claim("VIS-1", "D-8", "D-9")
@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_run_holds_what_its_network_gives_on_the_test_set(eagerly, small, tmp_path, monkeypatch, name):
    """Training aside, every step again: predictions, metrics, reading, trimming, matching, relevant ids."""
    trained = []
    train = training.train
    monkeypatch.setattr(training, "train", lambda *args: trained.append(train(*args)) or trained[0])
    wanted = runs.plan_run(replace(CNN_25, filters=(5, 6), units=8), small, PROTOCOLS[name], 0, 1)
    record = runs.run(wanted, small, tmp_path).record()
    model = trained[0].model
    assert record["metrics"] == {
        **metrics(small.test.Y, predict(model, small.test.X)),
        "classes": list(small.classes),
    }
    reading = read_layer(model, "conv1", small.test.X, wanted.protocol, filters.Window(19, 9))
    assert record["filters"]["conv1"]["sites"] == reading.sites.tolist()
    folder = wanted.folder(tmp_path)
    for motif, stored in zip(reading.motifs, read_meme(folder / "conv1.untrimmed.meme"), strict=True):
        np.testing.assert_allclose(stored.pwm, motif.pwm, atol=1e-6)
    kept = read_meme(folder / "conv1.meme")
    for motif, stored in zip(reading.motifs, kept, strict=True):
        core = motif.pwm if name == "paper" or motif.dead else trim(motif.pwm, 0.5, 3)
        np.testing.assert_allclose(stored.pwm, core, atol=1e-6)
        assert stored.nsites == len(core)
    hits = [{hit.target for hit in match.hits} for match in tomtom.match(kept, jaspar_2016(), 0.1)]
    for field, which in (("relevant", "released"), ("relevant_embedded", "embedded")):
        ids = {target for targets in RELEVANT[which].values() for target in targets}
        assert record["filters"]["conv1"][field] == pytest.approx(np.mean([bool(hit & ids) for hit in hits]))


def test_a_finished_run_is_not_repeated(store, small, monkeypatch):
    wanted = runs.plan_run(CNN_25, small, RELEASED, 0, 2)
    first = runs.find_run(wanted, store)
    monkeypatch.setattr(training, "train", lambda *_: pytest.fail("trained again"))
    assert runs.run(wanted, small, store) == first


def test_another_run_in_its_place_is_not_overwritten_unless_asked(eagerly, store, small, tmp_path):
    for wanted, part in (
        (runs.plan_run(CNN_25, small, RELEASED, 0, 3), "epochs"),
        (replace(runs.plan_run(CNN_25, small, RELEASED, 0, 2), data_sha256="0"), "data_sha256"),
        (replace(runs.plan_run(CNN_25, small, RELEASED, 0, 2), classes=("MAX", "SP1")), "classes"),
    ):
        with pytest.raises(ReceptiveError, match=f"holds another run .it differs in {part}."):
            runs.run(wanted, small, store)
    plan = runs.plan_run(SMALL, small, RELEASED, 0, 1)
    put_run(tmp_path, replace(make_run(), plan=plan))
    other = replace(plan, epochs=2)
    record = runs.run(other, small, tmp_path, replace=True)
    assert record.epochs == 2
    assert runs.find_run(other, tmp_path) == record
    assert [path.name for path in other.folder(tmp_path).parent.iterdir()] == ["trial-0"]


def test_a_run_that_somebody_stored_meanwhile_is_taken(eagerly, small, tmp_path):
    plan = runs.plan_run(SMALL, small, RELEASED, 0, 1)
    theirs = []

    def meanwhile(_epoch, _losses):
        put_run(tmp_path, replace(make_run(), plan=plan))
        theirs.append(runs.find_run(plan, tmp_path))

    ours = runs.run_readings(
        [plan, replace(plan, protocol=with_other_reading(RELEASED))], small, tmp_path, meanwhile
    )
    assert ours[0] == theirs[0]
    assert runs.find_run(replace(plan, protocol=with_other_reading(RELEASED)), tmp_path) == ours[1]


def test_a_failed_run_leaves_nothing(eagerly, small, tmp_path, monkeypatch):
    plan = runs.plan_run(SMALL, small, RELEASED, 0, 3)

    def interrupted(epoch, losses):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runs.run(plan, small, tmp_path, interrupted)
    assert list(tmp_path.iterdir()) == []

    def diverged(*_):
        raise ReceptiveError("the loss became NaN")

    monkeypatch.setattr(training, "train", diverged)
    with pytest.raises(ReceptiveError, match="NaN"):
        runs.run(plan, small, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_store_is_refused_before_training(small, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(training, "train", lambda *_: pytest.fail("trained"))
    with pytest.raises(ReceptiveError, match=r"cannot write .*file"):
        runs.run(runs.plan_run(CNN_25, small, RELEASED), small, tmp_path / "file")


@pytest.mark.claim("DEEP-2")
def test_deeper_layers_are_read_where_no_pooling_is_below(eagerly, small, tmp_path):
    network = replace(variant("cnn-1-1-100"), filters=(3, 4, 5), units=8)
    record = runs.run(runs.plan_run(network, small, PAPER, 0, 1), small, tmp_path).record()
    assert {layer: document["n"] for layer, document in record["filters"].items()} == {
        "conv1": 3,
        "conv2": 4,
        "conv3": 5,
    }
    folder = runs.plan_run(network, small, PAPER, 0, 1).folder(tmp_path)
    widths = {layer: runs.stored_matches(folder, layer)[0][0].width for layer in record["filters"]}
    assert widths == {"conv1": 19, "conv2": 23, "conv3": 27}


def blind(protocol, fields):
    """Return a protocol without some of its fields: to ask for one is an error."""
    return SimpleNamespace(**{name: value for name, value in vars(protocol).items() if name not in fields})


@pytest.mark.claim("D-7", "D-8")
def test_how_filters_are_read_has_no_part_in_training_and_all_else_none_in_reading(eagerly, small, tmp_path):
    network = SMALL
    model = train(network, small, blind(RELEASED, READING), 0, 1).model
    again = train(network, small, with_other_reading(RELEASED), 0, 1).model
    for first, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(first, other)
    for whole in PROTOCOLS.values():
        sees = blind(whole, set(vars(whole)) - READING)
        seen_reading = read_layer(model, "conv1", small.test.X, sees, filters.Window(19, 9))
        asked = read_layer(model, "conv1", small.test.X, whole, filters.Window(19, 9))
        for first, other in zip(
            filters.trim_all(seen_reading.motifs, sees), filters.trim_all(asked.motifs, whole), strict=True
        ):
            np.testing.assert_array_equal(first.pwm, other.pwm)


@given(st.sampled_from(sorted(CHANGES)).flatmap(lambda name: st.tuples(st.just(name), CHANGES[name])))
def test_plans_share_a_training_if_they_differ_in_reading_alone(change):
    name, value = change
    if name == "protocol":
        differing = {field for field in vars(value) if getattr(value, field) != getattr(RELEASED, field)}
    else:
        differing = {name}
    other = replace(BASE, **{name: value})
    assert (other.weights_key == BASE.weights_key) == (differing <= {"name", *READING})


@pytest.mark.claim("D-7", "D-8")
def test_one_training_serves_several_readings(eagerly, small, tmp_path, monkeypatch):
    """Each run is, but for its times, what it is when trained alone; what the store has stays as it is.

    As one seed gives one network (`test_training`), whatever its reading (above), that is trained once.
    """
    trained, weights = [], train(SMALL, small, RELEASED, 0, 1)
    monkeypatch.setattr(training, "train", lambda *args: trained.append(args) or weights)
    protocols = [RELEASED, protocol("released", threshold=0.7), with_other_reading(RELEASED)]
    wanted = [runs.plan_run(SMALL, small, protocol, 0, 1) for protocol in protocols]
    runs.run(wanted[0], small, tmp_path / "both")
    kept = (wanted[0].folder(tmp_path / "both") / "run.json").stat().st_mtime_ns
    records = runs.run_readings(wanted, small, tmp_path / "both")
    assert (wanted[0].folder(tmp_path / "both") / "run.json").stat().st_mtime_ns == kept
    assert runs.run_readings(wanted, small, tmp_path / "both") == records
    assert len(trained) == 2
    times = dict.fromkeys(("seconds", "begin", "end"))
    for plan, record in zip(wanted, records, strict=True):
        runs.run(plan, small, tmp_path / "alone")
        for file in plan.folder(tmp_path / "alone").iterdir():
            there = plan.folder(tmp_path / "both") / file.name
            if file.name == "run.json":
                first, other = runs.load(file.parent).record(), runs.load(there.parent).record()
                assert {**first, **times} == {**other, **times}
                assert other == record.record()
            else:
                assert file.read_bytes() == there.read_bytes()
    untrimmed = [(plan.folder(tmp_path / "both") / "conv1.untrimmed.meme").read_bytes() for plan in wanted]
    assert len(set(untrimmed)) == 3
    with pytest.raises(ValueError, match="differ in more than how filters are read"):
        runs.run_readings([wanted[0], replace(wanted[0], trial=1)], small, tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read"),
        ("{", "not JSON"),
        ("{}", "not a run, no field"),
        ("[1]", "not a run, expected an object"),
    ],
)
def test_what_is_no_run_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(ReceptiveError, match=rf"{message}.*"):
        runs.load(tmp_path)


@pytest.mark.parametrize(
    ("values", "message"),
    [((-1, 100), "--trial is -1"), ((2**32, 1), "--trial is 4294967296"), ((0, 0), "--epochs is 0")],
)
def test_impossible_plans_are_refused(small, values, message):
    with pytest.raises(UsageError, match=message):
        runs.plan_run(CNN_25, small, RELEASED, *values)


def test_sequences_too_short_for_the_network_are_refused(small):
    short = replace(small, train=replace(small.train, X=small.train.X[:, :60]))
    with pytest.raises(UsageError, match="pool4"):
        runs.plan_run(CNN_25, short, RELEASED)


def test_best_hits_are_those_of_the_matches(tmp_path):
    dead = Motif("dead", "", np.zeros((19, 4)), 0)
    flat = Motif("flat", "", np.full((7, 4), 0.25), 20)
    queries = (*(replace(motif, pwm=trim(motif.pwm)) for motif in jaspar_2016()[::60]), dead, flat)
    matches = tomtom.match(queries, jaspar_2016())
    (tmp_path / "conv1.tomtom.tsv").write_text(tomtom.table(matches))
    (tmp_path / "conv1.untrimmed.meme").write_text(format_meme(queries))
    (tmp_path / "conv2.untrimmed.meme").write_text(format_meme(queries))
    best = runs.best_hits(tmp_path)
    assert best == {match.id: match.best.target for match in matches if match.best}
    assert "dead" not in best
    with pytest.raises(ReceptiveError, match=r"cannot read .*conv2\.tomtom\.tsv"):
        runs.best_hits(tmp_path, "conv2")


def test_a_stored_run_is_trained_once_more_and_compared(
    eagerly, command, small, store, tmp_path, monkeypatch
):
    trained, train = [], training.train
    monkeypatch.setattr(
        training, "train", lambda *args: (trained or trained.append(train(*args)) or trained)[0]
    )
    folder = store / "synthetic" / "cnn-25" / "released" / "trial-0"
    dataset.write(small, tmp_path / "small.h5")
    code, out, _ = command("train", "--again", folder / "run.json", "--data", tmp_path / "small.h5", "--json")
    assert code == 0
    assert json.loads(out) == {
        "same": True,
        "differs": {},
        "recipe": {"stored": runs.RECIPE, "now": runs.RECIPE},
    }

    other = runs.load(folder).record()
    other["history"]["loss"][1] += 1e-3
    other["filters"]["conv1"]["jaspar"] = 0.123
    other["recipe"], other["key"] = 1, runs.key_of(other["plan"], 1)
    copy = tmp_path / "copy" / "run.json"
    copy.parent.mkdir()
    copy.write_text(json.dumps(other))
    code, out, _ = command("train", "--again", copy, "--data", tmp_path / "small.h5")
    assert code == 0
    assert "not the same" in out
    assert "losses of epoch 2" in out
    assert "losses of epoch 1" not in out
    assert "conv1 jaspar: stored 0.123" in out
    assert "of recipe 1, this code of recipe 2" in out


def test_what_cannot_be_trained_again_is_refused(command, small, store, tmp_path):
    folder = store / "synthetic" / "cnn-25" / "released" / "trial-0"
    code, _, err = command("train", "--again", tmp_path / "run.json")
    assert (code, "cannot read" in err) == (1, True)
    code, _, err = command("train", "cnn-2", "--again", folder / "run.json")
    assert (code, "expected either a network" in err) == (2, True)
    code, _, err = command("train")
    assert (code, "expected either a network" in err) == (2, True)
    code, _, err = command("train", "--again", folder / "run.json")  # without --data: the paper's 25,000
    assert (code, "was trained on data of sha256" in err) == (1, True)


def test_a_clock_that_is_put_back_ends_no_run_before_it_began(monkeypatch):
    class PutBack(datetime):
        @classmethod
        def now(cls, zone=None):
            return datetime.now(zone) - timedelta(hours=2)

    begin = runs.now()
    assert abs(datetime.now(UTC) - datetime.fromisoformat(begin)) < timedelta(seconds=60)
    monkeypatch.setattr(runs, "datetime", PutBack)
    assert runs.now() >= begin
    later = time.monotonic() + 90
    monkeypatch.setattr(runs, "monotonic", lambda: later)
    passed = datetime.fromisoformat(runs.now()) - datetime.fromisoformat(begin)
    assert timedelta(seconds=89) <= passed < timedelta(seconds=150)
