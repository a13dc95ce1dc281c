"""``receptive field``: the networks it understands, what it prints, and its figure."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import typer
from hypothesis import given
from matplotlib.colors import to_hex
from tests import strategies
from typer.testing import CliRunner

from receptive.cli import fields as command
from receptive.errors import ReceptiveError, UsageError
from receptive.figures.canvas import BLUE
from receptive.figures.fields import draw_fields
from receptive.networks.variants import VARIANTS
from receptive.theory.fields import interval, receptive_fields
from receptive.theory.layers import parse_layers
from receptive.theory.prediction import NOTHING, predict

app = typer.Typer()
app.command()(command.field)


def run(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def predictions_of(name):
    return {item.name: item for item in predict(receptive_fields(VARIANTS[name].layers, 200))}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A saved model of 90 positions, with a layer of the user's own."""
    import keras

    class Own(keras.layers.Layer):
        def call(self, x):
            return x

    path = tmp_path_factory.mktemp("model") / "model.keras"
    layers = [keras.Input((90, 4)), keras.layers.Conv1D(2, 7, name="conv"), Own(name="mine")]
    keras.Sequential(layers).save(path)
    return path


def test_json_has_the_promised_fields():
    document = json.loads(run("cnn-25", "--input", 200, "--json"))
    assert document["input_length"] == 200
    promised = ["name", "kind", "size", "jump", "start", "length", "uncertainty", "overlap"]
    layers = [[layer[key] for key in promised] for layer in document["layers"]]
    assert layers[1] == ["pool1", "pool", 43, 25, -9, 8, 25, 18]
    expected = predictions_of("cnn-25")
    for layer in document["layers"]:
        record = {name: layer.pop(name) for name in NOTHING}
        assert record == (expected[layer["name"]].record() if layer["kind"] == "conv" else NOTHING)
    assert document == receptive_fields(VARIANTS["cnn-25"].layers, 200).json()


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_is_understood_by_name_and_as_text(name):
    expected = receptive_fields(VARIANTS[name].layers, 200)
    by_layer, text = predictions_of(name), run(name)
    plain = expected.text({}).splitlines()
    assert text == run(str(VARIANTS[name]))
    for line, bare in zip(text.splitlines(), plain, strict=True):
        assert line.split()[: len(bare.split())] == bare.split()
        if view := by_layer.get(bare.split()[0]):
            assert f"{view.bits:.3f}" in line
            assert line.endswith(f"{view.share}  {view.in_words}")


def test_a_layer_list_may_be_longer_than_the_name_of_a_file():
    text = " ".join(["conv3"] * 60)
    assert [line.split()[0] for line in run(text).splitlines()[1:61]] == [f"conv{i + 1}" for i in range(60)]


def test_a_keras_model_has_its_own_length(model):
    assert json.loads(run(model, "--json", "--passthrough", "mine"))["input_length"] == 90
    assert json.loads(run(model, "--json", "--passthrough", "Own", "--input", 50))["input_length"] == 50
    assert json.loads(run(model, "--json", "--passthrough", "mine"))["notes"] == []


def test_where_a_model_could_not_be_followed_is_one_line_beside_the_table(model, command):
    code, out, err = command("field", model, "--json")
    (note,) = json.loads(out)["notes"]
    assert (code, err) == (0, f"receptive: {note}\n")
    assert re.search(r"followed up to layer mine \(Own\): .*--passthrough mine", note)
    assert command("predict", model)[2] == err
    code, out, err = command("field", model, "--passthrough", "Conv1D")
    assert (code, out) == (2, "")
    assert "layer conv (Conv1D) moves or combines positions" in err


@pytest.mark.parametrize("ending", ["h5", "hdf5"])
def test_hdf5_is_read_like_keras(tmp_path, ending):
    import keras

    layers = [keras.Input((90, 4)), keras.layers.Conv1D(2, 7, name="conv"), keras.layers.MaxPooling1D(5)]
    small = keras.Sequential(layers)
    small.save(tmp_path / f"model.{ending}")
    small.save(tmp_path / "model.keras")
    assert run(tmp_path / f"model.{ending}") == run(tmp_path / "model.keras")


def test_a_length_is_asked_for_where_200_is_too_short(tmp_path, command):
    import keras

    open_ = keras.Sequential(
        [keras.Input((None, 4)), keras.layers.Conv1D(2, 9), keras.layers.Cropping1D(100)]
    )
    open_.save(tmp_path / "model.keras")
    for name in ("field", "predict"):
        code, out, err = command(name, tmp_path / "model.keras")
        assert (code, out) == (2, "")
        assert "on an input of 200, taken as no length is given: give one with --input" in err
        assert command(name, tmp_path / "model.keras", "--input", 300)[0] == 0
        assert "--input" not in command(name, tmp_path / "model.keras", "--input", 100)[2]


def test_a_folder_is_no_layer_list_and_hides_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("conv7", "cnn-25", "saved"):
        (tmp_path / name).mkdir()
    assert run("conv7").splitlines()[1].startswith("conv1 ")
    assert run("cnn-25").splitlines()[1].startswith("conv1 ")
    with pytest.raises(ReceptiveError, match="saved: a folder; expected a model that Keras saved"):
        run("saved")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["cnn25"], 'no network is called "cnn25"; did you mean cnn-25'),
        (["CNN-50-2"], "did you mean cnn-50-2"),
        (["conv7 pol3"], 'character 7: .* found "pol3"\n  conv7 pol3\n        \\^\n.*receptive variants'),
        (["conv7 pool3 conv3", "--input", 2], "pool1"),
        (["conv7", "--passthrough", "x"], "--passthrough is for saved models"),
        (["conv7", "--sequence-input", "x"], "--sequence-input is for saved models"),
        (["conv7", "--figure", "x.doc"], r'expected a name ending in \.svg, \.png, \.pdf, found "\.doc"'),
    ],
)
def test_what_cannot_be_meant(arguments, words):
    with pytest.raises(UsageError, match=words):
        run(*arguments)


def test_files_that_are_not_models(tmp_path):
    with pytest.raises(ReceptiveError, match=r"cannot read none\.keras"):
        run("none.keras")
    (tmp_path / "model.h5").write_text("")
    with pytest.raises(ReceptiveError, match=r"model\.h5: not a model of Keras, ONNX or PyTorch"):
        run(tmp_path / "model.h5")


@pytest.mark.parametrize("network", ["cnn-25", "conv7 pool3 conv3"])
def test_an_answer_needs_no_framework(network):
    """Nor matplotlib: that is what keeps the command quick (benchmarks/run.py measures it)."""
    code = (
        "import sys; from receptive.cli.fields import field; field(sys.argv[1]);"
        "sys.exit(any(name in sys.modules for name in ('keras', 'tensorflow', 'matplotlib')))"
    )
    subprocess.run([sys.executable, "-c", code, network], capture_output=True, check=True)


@pytest.mark.parametrize(("ending", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_figure_is_written_whole(tmp_path, ending, start):
    path = tmp_path / f"fields.{ending}"
    run("cnn-2", "--figure", path)
    assert path.read_bytes().startswith(start)
    assert list(tmp_path.iterdir()) == [path]


@given(strategies.networks())
def test_figure_shows_the_interval_of_the_middle_neuron_of_every_layer(network):
    fields = receptive_fields(*network)
    (axes,) = draw_fields(fields).axes
    filled = [
        bars
        for bars in axes.collections
        if BLUE in [to_hex(c).upper() for c in np.asarray(bars.get_facecolor())]
    ]
    assert len(filled) == len(fields.rows)
    for bars, row in zip(filled, fields.rows, strict=True):
        inside = interval(row, (row.length - 1) // 2)
        corners = bars.get_paths()[0].vertices
        assert (corners[:, 0].min(), corners[:, 0].max()) == (inside.start - 0.5, inside.stop - 0.5)
    assert [label.get_text().split(":")[0] for label in axes.get_yticklabels()] == [
        row.name for row in fields.rows
    ]


def test_figure_draws_a_band_for_ticks_that_could_not_be_told_apart():
    (axes,) = draw_fields(receptive_fields(parse_layers("conv3"), 100_000)).axes
    assert len(axes.collections[0].get_paths()) == 1
