"""The base installation, which has no framework: what it answers, and what it says of the rest.

Here frameworks are hidden; ``tox -e base`` runs the same tests where there are none.
"""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

DATA = Path(__file__).parent / "data"
RESULTS = Path(__file__).parents[1] / "results"
ABSENT = (
    *("dask", "distributed", "jax", "joblib", "keras", "onnx", "onnxruntime", "onnxscript", "pyjaspar"),
    *("sklearn", "tensorflow", "torch"),
)


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    """An interpreter that has nothing an extra brings."""
    for name in ABSENT:
        monkeypatch.setitem(__import__("sys").modules, name, None)


@pytest.mark.base
def test_this_environment_is_bare(monkeypatch):
    monkeypatch.undo()
    assert [name for name in ABSENT if find_spec(name)] == []


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A ``.keras`` file as Keras 3 writes it, but for the weights: reading layers needs none."""
    from zipfile import ZipFile

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


def test_fields_and_predictions_of_saved_models_need_no_framework(command, saved):
    code, out, err = command("field", saved, "--json")
    assert (code, err) == (0, "")
    found = {row["name"]: row for row in json.loads(out)["layers"]}
    assert (found["conv"]["size"], found["pool"]["size"], found["pool"]["jump"]) == (19, 43, 25)
    code, out, err = command("predict", saved, "--json")
    assert (code, err, json.loads(out)["whole_motifs_in"]) == (0, "", "conv")


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
    words = [word.strip('"') for word in __import__("shlex").split(line)]
    code, out, err = command(
        *(word.format(results=RESULTS, filters=filters, folder=tmp_path) for word in words)
    )
    assert code == 0, err
    assert out
