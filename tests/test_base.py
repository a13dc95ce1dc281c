"""The base installation, which has no framework: what it answers, and what it says of the rest.

``tox -e base`` runs these tests in such an installation, made from the wheel.
"""

import json
import re
import shlex
import tomllib
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"

pytestmark = pytest.mark.base

ABSENT = (
    *("dask", "distributed", "jax", "joblib", "keras", "onnx", "onnxruntime", "onnxscript", "pyjaspar"),
    *("modiscolite", "pyfaidx", "sklearn", "tensorflow", "torch"),
)


def test_this_environment_has_no_framework():
    assert [name for name in ABSENT if find_spec(name)] == []


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A ``.keras`` file as Keras 3 writes it, but for the weights: reading layers needs none."""

    def layer(kind, name, **config):
        return {"class_name": kind, "config": {"name": name, **config}}

    layers = [
        layer("InputLayer", "x", batch_shape=[None, 60, 4]),
        layer("Conv1D", "conv", kernel_size=[19], strides=[1], dilation_rate=[1], padding="same"),
        layer("MaxPooling1D", "pool", pool_size=[25], strides=[25], padding="valid"),
        layer("Flatten", "flat"),
        layer("Dense", "out", units=1),
    ]
    described = {"class_name": "Sequential", "config": {"name": "net", "layers": layers}}
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    with ZipFile(path, "w") as file:
        file.writestr("metadata.json", json.dumps({"keras_version": "3.15.1"}))
        file.writestr("config.json", json.dumps(described))
    return path


def test_a_wheel_reports_the_numbers_of_the_runs_it_was_released_with(command, tmp_path, monkeypatch):
    """In an empty folder: what `report` says of the repository's runs."""
    monkeypatch.chdir(tmp_path)
    code, here, err = command("report", "--json")
    assert (code, err) == (0, "numbers of the runs that this version was released with\n")
    code, there, err = command("report", "--json", "--store", RESULTS)
    assert (code, err) == (0, "")
    assert json.loads(here) == json.loads(there)
    code, out, err = command("report", "--out", "out")
    assert code == 0
    drawn = {path.name for path in (tmp_path / "out").iterdir()}
    assert {
        "report.json",
        "table.csv",
        "pools.svg",
        "fig2-cnn-25-conv1.svg",
        "s1-cnn-1-conv2.svg",
    } <= drawn, drawn
    code, out, err = command("report", "--store", "nowhere")
    assert (code, out) == (1, "")
    assert "nowhere" in err


def test_fields_and_predictions_of_saved_models_need_no_framework(command, saved):
    code, out, err = command("field", saved, "--json")
    assert (code, err) == (0, "")
    document = {row["name"]: row for row in json.loads(out)["layers"]}
    assert (document["conv"]["size"], document["pool"]["size"], document["pool"]["jump"]) == (19, 43, 25)
    code, out, err = command("predict", saved, "--json")
    assert (code, err) == (0, "")
    assert [row["name"] for row in json.loads(out)["layers"]] == ["conv"]


@pytest.mark.parametrize(
    "line",
    [
        "variants",
        "field cnn-25",
        'field "conv19 pool25 conv5 pool4"',
        "predict cnn-2",
        "predict --registered",
        "toy --pool 3 --stride 3 --width 3",
        "report --store {results}",
        "claims --store {results}",
        "match {filters}",
        "data synthetic --out {folder}/small.h5 --seed 0",
        "--version",
    ],
)
def test_what_trains_and_runs_nothing_needs_no_framework(command, tmp_path, line):
    filters = next(RESULTS.rglob("conv1.meme"))
    code, out, err = command(*shlex.split(line.format(results=RESULTS, filters=filters, folder=tmp_path)))
    assert code == 0, err
    assert out


def brought_by(extra):
    """The packages that an extra installs, as pyproject.toml says."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    names = set()
    for line in extras[extra]:
        own = re.match(r"receptive\[(.+)\]", line)
        names |= brought_by(own[1]) if own else {re.split(r"[\[<>=]", line)[0]}
    return names


@pytest.mark.parametrize(
    ("line", "what", "extra", "backend"),
    [
        ("train cnn-25", "receptive train", "tensorflow", "tensorflow"),
        ("train cnn-25", "receptive train", "jax", "jax"),
        ("replicate cnn-25", "receptive replicate", "tensorflow", "tensorflow"),
        ("replicate cnn-25 --scheduler tcp://127.0.0.1:9", "--scheduler", "cluster", "tensorflow"),
        ("demo --out {folder}/demo", "receptive demo", "tensorflow", "tensorflow"),
        ("audit {saved} --data {fasta} --out {folder}/a", "Keras", "tensorflow", "tensorflow"),
        ("audit {folder}/m.onnx --data {fasta} --out {folder}/a", "{folder}/m.onnx", "onnx", "tensorflow"),
        ("field {folder}/m.onnx", "{folder}/m.onnx", "onnx", "tensorflow"),
        ("predict {folder}/m.pt2", "{folder}/m.pt2", "torch", "tensorflow"),
        ("match {filters} --database JASPAR2026", "database JASPAR2026", "jaspar", "tensorflow"),
    ],
)
def test_what_is_missing_is_said_in_a_line(command, tmp_path, monkeypatch, saved, line, what, extra, backend):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.fa").write_text(">a\n" + "ACGT" * 15 + "\n")
    for name in ("m.onnx", "m.pt2"):
        (tmp_path / name).write_bytes(b"")
    places = {
        "folder": tmp_path,
        "saved": saved,
        "fasta": tmp_path / "x.fa",
        "filters": next(RESULTS.rglob("conv1.meme")),
    }
    before = sorted(tmp_path.iterdir())
    code, out, err = command(*shlex.split(line.format(**places)))
    assert (code, out) == (2, "")
    last = err.splitlines()[-1]
    said = re.fullmatch(
        rf"receptive: {re.escape(what.format(**places))}: needs (.+), not installed: "
        rf'pip install "receptive\[{extra}\]"',
        last,
    )
    assert said, err
    missing = {"Dask": "dask"}
    assert {missing.get(package, package) for package in said[1].split(" and ")} <= brought_by(extra)
    assert sorted(path for path in tmp_path.iterdir() if path.name not in ("results", "a")) == before
