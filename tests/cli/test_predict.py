"""``receptive predict``: for any network, and for those predicted before their training."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from receptive.evidence import forecasts, measured, predictions
from receptive.networks.variants import REGISTERED, SECOND, VARIANTS
from receptive.theory.assembly import kind_of
from receptive.theory.fields import receptive_fields
from receptive.theory.layers import parse_layers
from receptive.theory.prediction import document, predict

RESULTS = Path(__file__).parents[2] / "results"
CHAINS = {
    "conv19 pool4 conv1 pool25": "conv1",
    "conv19 conv1 pool100": "conv2",
    "conv19 conv5 conv5 pool100": "conv3",
    "conv19 pool2 conv5": None,
    "conv3 pool50 conv5 pool2": None,
}


def answer(command, *arguments):
    code, out, err = command("predict", *arguments, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


@pytest.mark.parametrize("name", [*VARIANTS, *REGISTERED])
def test_json_for_every_network_by_name_and_as_text(command, name):
    network = (VARIANTS | REGISTERED)[name]
    record = answer(command, name)
    assert record == answer(command, str(network)) == document(predict(receptive_fields(network.layers, 200)))
    for layer in record["layers"]:
        assert {"name", "assembly_bits", "prediction"} <= set(layer)


@pytest.mark.parametrize(("text", "whole"), CHAINS.items())
def test_a_chain_of_layers_on_another_length(command, text, whole):
    record = answer(command, text, "--input", 1000)
    assert record == document(predict(receptive_fields(parse_layers(text), 1000)))
    assert record["whole_motifs_in"] == whole


def test_the_table(command):
    code, out, _ = command("predict", "cnn-2")
    lines = out.splitlines()
    assert code == 0
    assert lines[1].split()[:7] == ["conv1", "conv2", "2", "2", "5", "0.193", "0.00"]
    assert lines[1].endswith("]  distributed")
    assert lines[2].split()[:2] == ["conv2", "dense"]
    assert lines[2].endswith("–  localist; cannot be read: pool1 pools before it")
    assert lines[3].startswith("whole motifs in conv2, where they cannot be read (pool1 pools before it);")
    assert "cannot be said" in command("predict", "conv19 pool2 conv5")[1]
    assert "5 dilated by 4" in command("predict", "conv19 pool2 conv5d4 pool50")[1]


def test_a_network_known_to_fail_gets_no_number(command):
    """CNN3-50: the curve says 0.98, five runs have 0.00."""
    document = answer(command, "conv3 pool50 conv5 pool2")
    assert {layer["relevant"] for layer in document["layers"]} == {None}
    out = command("predict", "conv3 pool50 conv5 pool2")[1]
    assert "0.98" not in out
    assert "outside what was tested: its filters see 3 letters" in out
    assert "which convolution holds whole motifs, if any, cannot be said" in out


def test_suggestions(command):
    document = answer(command, "cnn-2", "--suggest")
    assert document["network"] == "conv19 pool2 conv5 pool50"
    needed = {"network", "change", "relevant", "low", "high", "parameters", "positions"}
    assert all(needed <= suggestion.keys() for suggestion in document["suggestions"])
    code, out, _ = command("predict", "cnn-2", "--suggest")
    lines = out.splitlines()
    assert code == 0
    assert lines[1].startswith("as it is")
    for line, entry in zip(lines[2:], document["suggestions"], strict=False):
        assert line.startswith(entry["change"])
        assert entry["network"] in line
        assert f"{entry['auroc']['mean']:.3f} ± " in line
    assert "predicted localist as it is" in command("predict", "cnn-25", "--suggest")[1]
    parts = answer(command, "cnn-25", "--suggest", "--towards", "parts")["suggestions"]
    assert {part["prediction"] for part in parts} == {"distributed"}


def test_the_exponential_is_suggested_where_it_was_measured_to_help(command):
    assert "receptive claims DISC-1" in answer(command, "cnn-2", "--suggest")["activation"]
    assert "exponential" in command("predict", "cnn-2", "--suggest")[1]
    for arguments in (["cnn-25"], ["cnn-25", "--towards", "parts"], ["conv3 pool2 conv5 pool50"]):
        assert answer(command, *arguments, "--suggest")["activation"] is None


def test_the_activation_of_a_model_is_read(command, tmp_path):
    import keras

    for activation in ("relu", "exponential"):
        layers = [
            keras.Input((200, 4)),
            keras.layers.Conv1D(4, 19, padding="same", name="first"),
            keras.layers.BatchNormalization(),
            keras.layers.Activation(activation),
            keras.layers.MaxPooling1D(25),
            keras.layers.Conv1D(4, 5, padding="same", activation="relu", name="second"),
            keras.layers.MaxPooling1D(4),
        ]
        keras.Sequential(layers).save(tmp_path / f"{activation}.keras")
    relu, exponential = (answer(command, tmp_path / f"{name}.keras") for name in ("relu", "exponential"))
    for layer, same in zip(relu["layers"], answer(command, "cnn-25")["layers"], strict=True):
        names = ("name", "read_by", "unreadable")
        assert {**layer, **dict.fromkeys(names)} == {**same, **dict.fromkeys(names)}
    assert relu["whole_motifs_in"] == "first"
    said = exponential["layers"][0]["outside"]
    assert said.startswith("its activation is exponential, and the forecast is made for ReLU; cnn-")
    assert exponential["whole_motifs_in"] is None
    code, out, _ = command("predict", tmp_path / "exponential.keras")
    assert (code, "cannot be said" in out) == (0, True)


def test_a_keras_model_has_its_own_length(command, tmp_path):
    import keras

    path = tmp_path / "model.keras"
    layers = [keras.Input((90, 4)), keras.layers.Conv1D(2, 7, name="only"), keras.layers.GlobalMaxPooling1D()]
    keras.Sequential(layers).save(path)
    (layer,) = answer(command, path)["layers"]
    assert (layer["name"], layer["pool"], layer["taps"]) == ("only", 84, 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["cnn-pool77"], 'no network is called "cnn-pool77"; did you mean cnn-pool7?'),
        (["cnn2"], 'no network is called "cnn2"; did you mean cnn-2?'),
        (["pool3 mean2"], '"pool3 mean2" has no convolution'),
        (["conv7 pol3"], 'character 7: expected one of conv, pool, mean, pad, crop, global, found "pol3"'),
        (["cnn-pol3"], "did you mean cnn-pool3?"),
        ([], "expected either a network"),
        (["cnn-2", "--registered"], "expected either a network"),
        (["cnn-2", "--store", "results"], "--store is for --registered"),
        (["--registered", "--input", 5], "are for a network, not for --registered"),
        (["--registered", "--passthrough", "Mine"], "are for a network, not for --registered"),
        (["--registered", "--sequence-input", "dna"], "are for a network, not for --registered"),
        (["--registered", "--suggest"], "are for a network, not for --registered"),
        (["cnn-2", "--towards", "parts"], "--towards is for --suggest"),
        (["cnn-2", "--suggest", "--towards", "peace"], "--towards peace: expected motifs or parts"),
    ],
)
def test_what_cannot_be_meant(command, arguments, words):
    code, out, err = command("predict", *arguments)
    assert (code, out) == (2, "")
    assert words in err


def test_no_prediction_that_is_given_was_refuted(committed):
    """Of every network measured: where a number is given, none is off by two classes."""
    from receptive.networks.variants import SECOND

    every = forecasts.outcomes((VARIANTS | REGISTERED | SECOND).values(), committed["synthetic"])
    assert len(every) > 30
    for outcome in every:
        first = predict(receptive_fields((VARIANTS | REGISTERED | SECOND)[outcome.network].layers, 200))[0]
        kinds = {first.kind, kind_of(outcome.measured.mean)}
        assert first.outside or outcome.measured.n < 3 or kinds != {"localist", "distributed"}, (
            outcome.network
        )


def test_the_registered_predictions(command, monkeypatch):
    """The first registration stands in the document as it was put down; both have their scores."""
    monkeypatch.chdir(RESULTS.parent)
    document = answer(command, "--registered")
    assert {name: document[name] for name in predictions.registration()} == predictions.registration()
    assert document == answer(command, "--registered", "--store", RESULTS)
    code, out, _ = command("predict", "--registered")
    assert code == 0
    assert all(name in out for name in (*REGISTERED, *SECOND))


def test_their_score(command):
    document = answer(command, "--registered", "--store", RESULTS)
    registered, fitted = document["registered"], document["fitted"]
    assert registered["measured"] + len(registered["waits_for"]) == len(REGISTERED)
    assert {"cnn-2", "cnn-25"} <= set(fitted["networks"])
    code, out, _ = command("predict", "--registered", "--store", RESULTS)
    assert code == 0
    assert f"registered: {registered['hits']} of {registered['measured']} networks" in out
    assert f"fitted: {fitted['hits']} of {fitted['measured']} networks" in out
    alone = registered["pool_alone"]
    assert (
        f"Spearman's rho {alone['rho']:.2f}, {alone['error']:.3f} off on average, {alone['hits']} in" in out
    )


def test_the_score_of_the_second_registration(command):
    second = answer(command, "--registered", "--store", RESULTS)["second"]
    assert list(second) == list(forecasts.NETWORKS)
    code, out, _ = command("predict", "--registered", "--store", RESULTS)
    assert code == 0
    for part, (networks, task, trials) in forecasts.NETWORKS.items():
        score = second[part]
        assert (score["planned"], score["trials"]) == (len(networks), trials)
        assert score["measured"] + len(score["waits_for"]) == len(networks)
        assert {row["network"] for row in score["layers"]} | set(score["waits_for"]) == {
            network.name for network in networks
        }
        for row in score["layers"]:
            folders = measured.folders(RESULTS, task, "released")
            runs = [folder for folder in folders if folder.parts[-3] == row["network"]]
            assert row["n"] == len(runs) >= 3
            assert f"{row['network']} {row['layer']}" in out
        assert f"second, {part}: {score['measured']} of {score['planned']} networks" in out
        if score["layers"]:
            assert score["reaches"][str(forecasts.REACH)] == pytest.approx(score["distance"])
        for reach, distance in (score["reaches"] or {}).items():
            assert f"R = {reach} {distance:.3f} off" in out


def test_an_empty_store_has_nothing_to_score_by(command, tmp_path):
    code, _, err = command("predict", "--registered", "--store", tmp_path)
    assert code == 1
    assert "has no full run" in err


@pytest.mark.parametrize("network", ["cnn-25", "conv7 pool3 conv3"])
def test_an_answer_needs_no_framework(network):
    """Nor scipy or matplotlib: that is what keeps the command quick."""
    code = (
        "import sys; from receptive.cli.predict import predict; predict(sys.argv[1]);"
        "sys.exit(any(name in sys.modules for name in ('keras', 'tensorflow', 'matplotlib', 'scipy')))"
    )
    subprocess.run([sys.executable, "-c", code, network], capture_output=True, check=True)
