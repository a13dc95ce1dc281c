"""The command line as a user meets it: results, JSON fields, and what a mistake says."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from typing import Any, cast

import h5py
import numpy as np
import pytest

from receptive.errors import UsageError
from receptive.motifs import tomtom
from receptive.motifs.jaspar import embedded_motifs
from receptive.motifs.meme import format_meme
from receptive.motifs.motif import Motif
from receptive.networks import training
from receptive.networks.variants import VARIANTS
from receptive.protocols import PAPER, RELEASED
from receptive.tasks import dataset, registry


def document(run):
    code, out, _ = run
    assert code == 0
    return json.loads(out)


def mistake(run):
    code, out, err = run
    assert code in (1, 2)
    assert out == ""
    assert "Traceback" not in err
    return code, err


def test_variants(command):
    record = document(command("variants", "--json"))
    assert list(record) == list(VARIANTS)
    assert record["cnn-25"]["layers"] == "conv19 pool25 conv5 pool4"
    assert record["cnn-25"]["parameters"] == {"200": 160048, "1000": 684336}
    code, out, _ = command("variants")
    assert code == 0
    assert all(name in out for name in VARIANTS)


def test_the_package_can_be_run_as_a_module():
    said = subprocess.run(
        [sys.executable, "-m", "receptive", "variants", "--json"], capture_output=True, check=True
    )
    assert json.loads(said.stdout).keys() == VARIANTS.keys()
    wrong = subprocess.run(
        [sys.executable, "-m", "receptive", "fields"], capture_output=True, text=True, check=False
    )
    assert wrong.returncode == 2
    assert "python -m receptive" in wrong.stderr


def test_data_synthetic(command, tmp_path):
    path = tmp_path / "s.h5"
    record = document(command("data", "synthetic", "--out", path, "--seed", 3, "--sequences", 50, "--json"))
    assert record["path"] == str(path)
    assert record["sequences"] == {"train": 35, "valid": 5, "test": 10}
    assert record["data_sha256"] == dataset.read(path).sha256
    again = document(
        command(
            "data",
            "synthetic",
            "--out",
            tmp_path / "t.h5",
            "--seed",
            3,
            "--sequences",
            50,
            "--models",
            "--json",
        )
    )
    assert again["data_sha256"] == record["data_sha256"]
    with h5py.File(tmp_path / "t.h5") as file:
        assert file["model_test"].shape == (10, 4, 200)


@pytest.fixture
def train(command, tmp_path, small):
    """Train CNN-100 for an epoch on the small data set, or as the further arguments say."""
    spoofed = replace(small, attributes={**small.attributes, "sha256": "spoofed"})
    dataset.write(spoofed, tmp_path / "small.h5")
    given = ("train", "cnn-100", "--data", tmp_path / "small.h5", "--store", tmp_path / "runs", "--epochs", 1)
    return lambda *more: command(*given, *more)


def test_train_stores_a_run_and_does_not_repeat_it(train, command, tmp_path, small):
    record = document(train("--task", "synthetic", "--protocol", "released", "--json"))
    assert record["data"]["sha256"] == small.sha256
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["synthetic"]
    folder = tmp_path / "runs" / "synthetic" / "cnn-100" / "released" / "trial-0"
    assert record == json.loads((folder / "run.json").read_text())
    assert {"auroc_mean", "auroc", "aupr_mean", "aupr"} <= set(record["metrics"])
    assert {"n", "jaspar", "relevant"} <= set(record["filters"]["conv1"])
    assert {"task", "variant", "trial", "protocol", "epochs", "best_epoch", "complete"} <= set(record)
    assert {"seconds", "backend", "device", "machine", "versions"} <= set(record)
    code, out, err = train()
    assert code == 0
    assert "AU-ROC" in out
    assert "has this run already" in err
    code, err = mistake(train("--epochs", 2))
    assert code == 1
    assert "differs in epochs" in err
    fractions = document(command("match", folder / "conv1.meme", "--json"))["fractions"]
    for which in ("jaspar", "relevant"):
        assert fractions[which] == record["filters"]["conv1"][which]


def test_tasks_that_need_no_file(monkeypatch):
    def pair(name, protocol):
        return name, protocol

    for name in registry.PACKAGED:
        task = replace(registry.TASKS[name], make=cast(Any, partial(pair, name)))
        monkeypatch.setitem(registry.TASKS, name, task)
    assert set(registry.TASKS) - set(registry.PACKAGED) == {"invivo"}
    for name in registry.PACKAGED:
        assert registry.load(None, name, PAPER) == (name, PAPER)
    assert registry.load(None, None, RELEASED) == ("synthetic", RELEASED)
    for name in ("invivo", "nonsense"):
        with pytest.raises(UsageError, match=f"--task {name} needs --data FILE; synthetic, .* do without"):
            registry.load(None, name, RELEASED)


def test_train_switches_one_field_of_the_protocol(eagerly, train):
    record = document(train("--set", "beta_1=0.9", "--set", "window=null", "--json"))
    assert record["protocol"] == "released+beta_1=0.9+window=None"
    assert (record["plan"]["protocol"]["beta_1"], record["plan"]["protocol"]["window"]) == (0.9, None)


def test_match(command, tmp_path):
    (tmp_path / "twelve.meme").write_text(format_meme(embedded_motifs()))
    record = document(command("match", tmp_path / "twelve.meme", "--relevant", "embedded", "--json"))
    assert [entry["id"] for entry in record["filters"]] == [motif.id for motif in embedded_motifs()]
    assert all(entry["best"]["id"] == entry["id"] for entry in record["filters"])
    assert all(entry["matches"] == len(entry["hits"]) >= 1 for entry in record["filters"])
    assert record["fractions"]["jaspar"] == record["fractions"]["relevant"] == 1
    code, out, _ = command(
        "match", tmp_path / "twelve.meme", "--database", tmp_path / "twelve.meme", "--threshold", 1e-30
    )
    assert code == 0
    assert "MAFK" in out
    assert "–" in out


@pytest.mark.claim("D-19")
def test_match_gives_the_fraction_without_gmeb1(command, tmp_path):
    flat, dead = (Motif(f"{p}", "", np.full((19, 4), p), 19) for p in (0.25, 0))
    (tmp_path / "filters.meme").write_text(format_meme([flat, dead, *embedded_motifs()[:2]]))
    _, out, err = command("match", tmp_path / "filters.meme")
    last = "of 4 filters 0.750 match (0.500 without Gmeb1), 0.500 a relevant motif (released list)"
    assert out.splitlines()[-1] == last
    assert err == ""
    (tmp_path / "other.meme").write_text(format_meme(embedded_motifs()))
    _, out, _ = command("match", tmp_path / "filters.meme", "--database", tmp_path / "other.meme")
    assert "Gmeb1" not in out


@pytest.mark.claim("D-9")
def test_match_takes_other_versions_as_relevant_and_names_factors_without_any(command, tmp_path):
    ten = [motif for motif in embedded_motifs() if motif.name not in ("SP1", "YY1")]
    (tmp_path / "ten.meme").write_text(format_meme(ten))
    (tmp_path / "later.meme").write_text(format_meme([replace(motif, id=f"{motif.id}9") for motif in ten]))
    run = command("match", tmp_path / "ten.meme", "--database", tmp_path / "later.meme", "--json")
    assert document(run)["fractions"]["relevant"] == 1
    assert run[2] == "no motif of the database counts as relevant for SP1, YY1\n"


HELP = ["", "variants", "data", "data synthetic", "train", "match", "demo", "field", "toy"]


@pytest.mark.parametrize(
    "arguments",
    [["predict", ""], ["match", ""], ["report", "--store", ""], ["audit", "", "--out", "here"], [""]],
)
def test_an_empty_argument_is_not_taken_for_this_folder(command, arguments):
    code, out, err = command(*arguments)
    assert (code, out) == (2, "")
    before = arguments[arguments.index("") - 1] if len(arguments) > 1 and arguments[0] else "receptive"
    assert err == f"receptive: the argument after {before} is empty; is a variable of the shell not set?\n"


@pytest.mark.parametrize("words", HELP)
def test_help_teaches_by_example(command, words):
    code, out, _ = command(*words.split(), "--help")
    assert code == 0
    assert f"Example: receptive {words}".strip() in " ".join(out.split())


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("train cnn-26 --epochs 1", 2, "unknown variant 'cnn-26'; did you mean cnn-2"),
        ("train cnn-25 --protocol text", 2, "unknown protocol 'text': expected one of released, paper"),
        ("train cnn-25 --set beta_1", 2, "--set beta_1: expected FIELD=VALUE"),
        ("train cnn-25 --set beta_1=two", 2, "beta_1 cannot be 'two'"),
        ("train cnn-25 --set beta=1", 2, "no field 'beta' (did you mean beta_1?)"),
        ("train cnn-25 --trial -1", 2, "--trial is -1"),
        ("train cnn-25 --epochs 0", 2, "--epochs is 0"),
        (
            "train cnn-25 --task invivo",
            2,
            "--task invivo needs --data FILE; synthetic, synthetic-draw1, synthetic-draw2, "
            "synthetic-quarter, synthetic-fourfold, synthetic-pairs, synthetic-pairs-apart, chipseq, "
            "chipseq-shuffled, chipseq-source, synthetic-others do",
        ),
        ("train cnn-25 --data {tmp}/no.h5", 1, "no.h5: no such file"),
        ("train cnn-25 --data {tmp}/text", 1, "text: not a readable HDF5 file"),
        ("train cnn-25 --data {tmp}/small.h5 --task chipseq", 2, "holds the task 'synthetic'"),
        ("train cnn-25 --data {tmp}/small.h5 --store {tmp}/text", 1, "cannot write"),
        ("train cnn-25 --data {tmp}/small.h5 --protocol paper", 2, "was drawn with motif_counts [0.5, 0.25"),
        ("train cnn-25 --data {tmp}/small.h5 --set buffer=5", 2, "was drawn with buffer 0"),
        ("train cnn-25 --threads 0", 2, "--threads"),
        ("data synthetic", 2, "--out"),
        ("data synthetic --out {tmp}/a.h5 --sequences 3", 2, "--sequences is 3"),
        ("data synthetic --out {tmp}/a.h5 --seed -3", 2, "--seed is -3"),
        ("data synthetic --out {tmp}/text/a.h5 --sequences 20", 1, "cannot write"),
        ("match {tmp}/no.meme", 1, "no.meme"),
        ("match {tmp}/text", 1, "text"),
        ("match {tmp}/twelve.meme --threshold 0", 2, "--threshold is 0"),
        ("match {tmp}/twelve.meme --threshold nan", 2, "--threshold is nan"),
        ("match {tmp}/twelve.meme --relevant all", 2, "--relevant all: expected one of embedded, released"),
        ("match {tmp}/twelve.meme --database nowhere", 2, "nowhere"),
        (f"match {{tmp}}/twelve.meme --database {'a' * 300}", 2, "expected a file of motifs or a release"),
        ("match {tmp}/wide.meme", 1, "motif wide: expected at most 200 positions, found 3000"),
        ("demo --epochs 0", 2, "--epochs"),
        ("nothing", 2, "nothing"),
    ],
)
def test_a_mistake_is_one_clear_sentence(command, tmp_path, small, arguments, code, message):
    (tmp_path / "text").write_text("not a data set, not motifs\n")
    dataset.write(small, tmp_path / "small.h5")
    (tmp_path / "twelve.meme").write_text(format_meme(embedded_motifs()))
    (tmp_path / "wide.meme").write_text(format_meme([Motif("wide", "", np.full((3000, 4), 0.25), 19)]))
    before = sorted(tmp_path.iterdir())
    result, err = mistake(command(*arguments.format(tmp=tmp_path).split()))
    assert message in " ".join(err.replace("│", " ").split())
    assert result == code
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("working", ["after an epoch", "with the run half written"])
def test_ctrl_c_leaves_no_half_run(eagerly, train, tmp_path, monkeypatch, working):
    pressed = []

    def press(*_):
        pressed.extend(path.name for path in (tmp_path / "runs").rglob("*.meme"))
        os.kill(os.getpid(), signal.SIGINT)

    if working == "after an epoch":
        fit = training.train

        def pressed_on(network, data, protocol, seed, epochs, *_):
            return fit(network, data, protocol, seed, epochs, press)

        monkeypatch.setattr(training, "train", pressed_on)
    else:
        monkeypatch.setattr(tomtom, "table", press)
    code, out, err = train()
    assert (code, out) == (130, "")
    assert "Traceback" not in err
    half = {"conv1.untrimmed.meme", "conv1.meme"}
    assert set(pressed) == (half if working == "with the run half written" else set())
    assert [path for path in (tmp_path / "runs").rglob("*") if path.is_file()] == []
