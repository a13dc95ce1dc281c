"""Hostile calls: whatever the files, arguments and streams, a clear sentence and nothing half-done.

Each input is built here. What belongs to one module is tested with it; these are the kinds that any command
may meet.
"""

import gzip
import json
import os
import re
import resource
import subprocess
import sys
import zipfile
from contextlib import suppress
from functools import partial

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import work

from receptive import files
from receptive.errors import MOST, WIDEST, ReceptiveError, printable, shorten
from receptive.models.model import load
from receptive.motifs.jaspar import embedded_motifs
from receptive.motifs.meme import format_meme
from receptive.tasks import dataset, fasta, synthetic
from receptive.theory import fields
from receptive.theory.fields import receptive_fields
from receptive.theory.layers import parse_layers
from receptive.theory.prediction import predict

RECEPTIVE = [sys.executable, "-c", "from receptive.cli import main; main()"]
ESCAPE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


def refused(run, code, *words):
    """Make sure that a call was refused in a few readable lines."""
    exit_code, out, err = run
    assert (exit_code, out) == (code, "")
    assert err.startswith("receptive: ")
    assert not ESCAPE.search(err)
    assert len(err) <= MOST + 500
    assert "Traceback" not in err
    for word in words:
        assert word in err


@pytest.fixture(scope="module")
def ok(tmp_path_factory):
    """A folder with a small data set, a few motifs, sequences and the description of a model."""
    folder = tmp_path_factory.mktemp("ok")
    dataset.write(synthetic.generate(0, sequences=60), folder / "ok.h5")
    (folder / "ok.meme").write_text(format_meme(embedded_motifs()[:2]))
    (folder / "ok.fa").write_text(">a\n" + "ACGT" * 50 + "\n")
    model(folder / "ok.keras", "conv")
    return folder


def model(path, name, packing=zipfile.ZIP_DEFLATED, size=5):
    """Describe a Sequential model of one convolution, as a .keras file does."""
    conv = {
        "name": name,
        "filters": 2,
        "kernel_size": [size],
        "strides": [1],
        "dilation_rate": [1],
        "padding": "same",
    }
    shape = {"batch_shape": [None, 200, 4], "name": "dna"}
    entry = {"class_name": "InputLayer", "module": "keras.layers", "config": shape}
    layer = {"class_name": "Conv1D", "module": "keras.layers", "config": conv}
    config = {"class_name": "Sequential", "config": {"layers": [entry, layer]}}
    with zipfile.ZipFile(path, "w", packing) as archive:
        archive.writestr("config.json", json.dumps(config))


# --- where a file is to be read ------------------------------------------------------------------------

READERS = {
    "match": ("match {}", ""),
    "database": ("match {ok}/ok.meme --database {}", ""),
    "field": ("field {}", ".keras"),
    "predict": ("predict {}", ".keras"),
    "train": ("train cnn-100 --epochs 1 --store {tmp}/s --data {}", ""),
    "replicate": ("replicate cnn-100 --trials 1 --workers 1 --store {tmp}/s --data {}", ""),
    "sequences": ("audit {ok}/ok.keras --out {tmp}/a --data {}", ""),
    "store": ("predict --registered --store {}", ""),
    "report": ("report --store {}", ""),
}


def odd(kind, path):
    """Put something that is no plain file at a path."""
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "ring":
        path.symlink_to(path.name)
    elif kind == "folder":
        path.mkdir()
    elif kind == "broken link":
        path.symlink_to("nowhere")
    elif kind == "text":
        path.write_text("\x1b[31m[{\n")
    elif kind == "zeros":
        path.write_bytes(bytes(2000))


@pytest.mark.parametrize("kind", ["pipe", "ring", "folder", "broken link", "text", "zeros", "long", "escape"])
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_plain_file_is_refused_at_once(command, ok, tmp_path, reader, kind):
    line, ending = READERS[reader]
    names = {"long": "n" * 300, "escape": "\x1b[31mn\x07"}
    path = tmp_path / (names.get(kind, "odd") + ending)
    odd(kind, path)
    words = [word.format(path, ok=ok, tmp=tmp_path) for word in line.split(" ")]
    run = command(*words)
    assert run[0] in (1, 2)
    refused(run, run[0])
    if kind not in names:
        assert "odd" in run[2]
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("reader", READERS)
def test_what_lies_in_a_folder_that_cannot_be_entered_is_said_to(command, ok, tmp_path, monkeypatch, reader):
    """Whoever is root may enter any; so the system's refusal comes from a stand-in."""
    locked = str(tmp_path / "locked")

    def refusing(real, path, *args, **kwargs):
        if str(path).startswith(f"{locked}/"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *args, **kwargs)

    line, ending = READERS[reader]
    words = [word.format(f"{locked}/x{ending}", ok=ok, tmp=tmp_path) for word in line.split(" ")]
    with monkeypatch.context() as patch:
        for name in ("stat", "open", "scandir", "listdir"):
            patch.setattr(os, name, partial(refusing, getattr(os, name)))
        run = command(*words)
    refused(run, 1, "Permission denied", locked)


# --- where something is to be written ------------------------------------------------------------------

WRITERS = {
    "data": "data synthetic --sequences 20 --out {}",
    "field": "field conv3 --figure {}",
    "toy": "toy --figure {}",
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_device_or_a_pipe_is_never_replaced(command, tmp_path, writer):
    """A pipe stands for a device, which only root could make, and lose."""
    target = tmp_path / "pipe.svg"
    os.mkfifo(target)
    (tmp_path / "link.svg").symlink_to(target)
    for path in (target, tmp_path / "link.svg"):
        refused(command(*WRITERS[writer].format(path).split()), 1, "cannot write", "found a pipe or a device")
    assert target.is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.svg", "pipe.svg"]


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("name", ["new/../..", "new/" + "n" * 252 + ".svg", "file/x.svg", "ring.svg"])
def test_what_cannot_be_written_leaves_nothing(command, tmp_path, writer, name):
    (tmp_path / "file").write_text("")
    (tmp_path / "ring.svg").symlink_to("ring.svg")
    before = sorted(tmp_path.rglob("*"))
    run = command(*WRITERS[writer].format(tmp_path / name).split())
    refused(run, run[0])
    assert run[0] in (1, 2)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_name_may_be_as_long_as_the_system_allows(command, tmp_path):
    assert command("field", "conv3", "--figure", tmp_path / ("n" * 251 + ".svg"))[0] == 0


def test_of_a_link_the_target_is_replaced(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    files.write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path):
    """A limit on the size of files stands for it; HDF5 crashed."""
    call = [*RECEPTIVE, "data", "synthetic", "--sequences", "500", "--out", str(tmp_path / "new" / "x.h5")]
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))  # noqa: E731
    ended = subprocess.run(call, preexec_fn=limit, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr == f"receptive: cannot write {tmp_path / 'new' / 'x.h5'}: File too large\n"
    assert list(tmp_path.iterdir()) == []


def test_demo_looks_whether_it_can_write_before_it_draws(command, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(synthetic, "generate", lambda *_, **__: pytest.fail("sequences were drawn"))
    refused(command("demo", "--out", tmp_path / "file" / "d"), 1, "cannot write")


# --- sizes ---------------------------------------------------------------------------------------------


def test_what_unpacks_to_more_than_a_limit_is_not_unpacked(command, ok, tmp_path, monkeypatch):
    monkeypatch.setattr(fasta, "MOST", 2**20)
    monkeypatch.setattr(files.read_text, "__defaults__", ("utf-8-sig", 2**20))
    monkeypatch.setattr(files, "MOST_JSON", 2**20)
    monkeypatch.setattr(files, "MOST", 2**20)
    bomb = tmp_path / "bomb.gz"
    bomb.write_bytes(gzip.compress(b"A" * 3 * 2**20))
    archive = tmp_path / "bomb.keras"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("config.json", " " * 3 * 2**20)
    weights = tmp_path / "weights.keras"
    weights.write_bytes((ok / "ok.keras").read_bytes())
    with zipfile.ZipFile(weights, "a", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("model.weights.h5", bytes(3 * 2**20))
    refused(command("match", bomb), 1, f"{bomb}: expected at most 1 MiB, unpacked")
    refused(command("match", ok / "ok.meme", "--database", bomb), 1, f"{bomb}: expected at most 1 MiB")
    refused(
        command("audit", ok / "ok.keras", "--data", bomb, "--out", tmp_path / "a"), 1, f"{bomb}: expected"
    )
    refused(command("field", archive), 1, f"{archive}: config.json unpacks to 3,145,728 bytes")
    for path, name in ((archive, "config.json"), (weights, "model.weights.h5")):
        with pytest.raises(ReceptiveError, match=f"{path}: {name} unpacks to 3,145,728 bytes"):
            load(path)


@pytest.mark.parametrize("middle", ["", "pool2 conv5 pool2 conv5 pool2 conv5 "])
def test_the_work_of_a_stack_grows_no_faster_than_its_layers(middle):
    def answered(layers):
        text = "conv3 " * (layers // 2) + middle + "conv1 " * (layers // 2)
        seen = receptive_fields(parse_layers(text), 200)
        assert seen.positions_covered == 200
        assert len(predict(seen)) == text.count("conv")
        assert seen.row(f"conv{layers // 2}").name == f"conv{layers // 2}"

    first, two, four = (work.lines(partial(answered, layers)) for layers in (100, 200, 400))
    assert four - two < 2.5 * (two - first)  # 4, if each layer looked at all
    answered(5000)


@pytest.mark.parametrize(
    ("network", "covered"),
    [("conv3 " * 500, 10**7), ("conv3 conv11d7 " * 50, 10**7), ("conv3s5 pool1 conv3 " * 3, 5_999_982)],
)
def test_long_inputs_are_no_more_work(command, network, covered):
    code, out, _ = command("field", network, "--input", 10_000_000, "--json")
    assert code == 0
    assert json.loads(out)["covered"] == covered
    layers = parse_layers(network)
    short, long = (partial(receptive_fields, layers, length) for length in (10**5, 10**7))
    assert work.lines(long) == work.lines(short)
    assert work.peak(long) < 1.1 * work.peak(short)


def test_gaps_are_not_followed_for_ever(command, monkeypatch):
    monkeypatch.setattr(fields, "MOST_FOLLOWED", fields.MOST_FOLLOWED // 10)
    refused(command("field", "conv1 " * 40 + "conv1s5 pool1s7", "--input", 10_000_000), 2, "has gaps")


@pytest.mark.parametrize("nesting", ["[", '{"config":'])
def test_deep_nesting_is_not_followed(command, ok, tmp_path, nesting):
    deep = nesting * 100_000
    folder = tmp_path / "s" / "synthetic" / "cnn-25" / "released" / "trial-0"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(deep)
    train = ("train", "cnn-25", "--data", ok / "ok.h5")
    for call in (("report",), train):
        refused(command(*call, "--store", tmp_path / "s"), 1, f"{folder / 'run.json'}: not JSON")
    with zipfile.ZipFile(tmp_path / "deep.keras", "w") as archive:
        archive.writestr("config.json", deep)
    refused(command("field", tmp_path / "deep.keras"), 1, "deep.keras")
    refused(command(*train, "--set", f"learning_rate={deep}"), 2, "learning_rate cannot be")


HUGE = "1" + "0" * 400


@pytest.mark.parametrize("number", [HUGE, "1" * 5000, "-1", "nan", "1e999", "x" * 100_000, "\x1b[31m", "٣"])
@pytest.mark.parametrize(
    "line",
    [
        "data synthetic --out {tmp}/x.h5 --sequences",
        "data synthetic --out {tmp}/x.h5 --sequences 20 --seed",
        "data chipseq --out {tmp}/x.h5 --seed",
        "train cnn-100 --data {ok}/ok.h5 --store {tmp}/s --trial",
        "train cnn-100 --data {ok}/ok.h5 --store {tmp}/s --threads",
        "train cnn-100 --data {ok}/ok.h5 --store {tmp}/s --set batch_size=",
        "train cnn-100 --data {ok}/ok.h5 --store {tmp}/s --set window=",
        "train cnn-100 --data {ok}/ok.h5 --store {tmp}/s --set beta_1=",
        "train cnn-100 --data {ok}/ok.h5 --store {tmp}/s --set motif_counts=",
        "replicate cnn-100 --data {ok}/ok.h5 --store {tmp}/s --workers",
        "replicate cnn-100 --data {ok}/ok.h5 --store {tmp}/s --workers 1 --trials",
        "field conv3 --input",
        "toy --pool",
        "audit {ok}/ok.keras --data {ok}/ok.fa --out {tmp}/a --threads",
    ],
)
def test_numbers_beyond_reason_are_refused_before_any_work(command, ok, tmp_path, line, number):
    if number == "٣" and not line.endswith(("=", "--workers")):
        return  # Python's int reads it as 3
    *words, last = line.format(ok=ok, tmp=tmp_path).split()
    run = command(*words, *([last + number] if last.endswith("=") else [last, number]))
    refused(run, 2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("threshold", ["inf", "nan", "-inf", "0"])
def test_a_threshold_is_a_number_above_0(command, ok, tmp_path, threshold):
    given = ("audit", ok / "ok.keras", "--data", ok / "ok.fa", "--out", tmp_path / "a")
    for call in (("match", ok / "ok.meme"), given):
        refused(command(*call, "--threshold", threshold), 2, f"--threshold is {float(threshold)}")


def test_a_protocol_has_one_name(command, ok):
    refused(command("train", "cnn-25", "--set", "name=x"), 2, "no field 'name'")


# --- what a terminal is shown --------------------------------------------------------------------------


@given(st.text())
def test_what_is_shown_has_no_control_characters(text):
    assert not ESCAPE.search(printable(text))
    assert printable(printable(text)) == printable(text)
    if text.isprintable() and text.isascii():
        assert printable(text) == text


@given(st.lists(st.text(min_size=1).map(lambda word: word * 99)))
def test_what_is_clipped_is_short_and_the_rest_as_it_was(words):
    text = " ".join(words)
    assert len(shorten(text)) <= MOST
    assert all(len(word) <= WIDEST for word in shorten(text).split())
    if len(text) <= WIDEST:
        assert shorten(text) == text


def test_names_in_files_cannot_steer_the_terminal(command, tmp_path):
    evil = "\x1b]0;x\x07\u202e\x9b31m"
    (tmp_path / "evil.meme").write_text(
        format_meme(embedded_motifs()[:1])
        .replace("Arid3a", f"a{evil}")
        .replace("MOTIF MA0151.1", f"MOTIF b{evil}")
    )
    code, out, err = command("match", tmp_path / "evil.meme", "--database", tmp_path / "evil.meme")
    assert code == 0
    assert "b\\x1b]0;x\\x07\\u202e\\x9b31m" in out
    assert not ESCAPE.search(out + err)
    (tmp_path / "evil.fa").write_text(">\x1b[31mred\x07\nACGJ\n")
    refused(
        command("audit", tmp_path / "m.keras", "--data", tmp_path / "evil.fa", "--out", tmp_path / "a"),
        1,
        "\\x1b[31mred",
    )
    for call in (
        ["--\x1b[31m"],
        ["\x1b[31m"],
        ["train", "\x1b[31m"],
        ["train", "x", "--epochs", "\x1b[31m"],
        ["field", "\x1b[31m"],
        ["field", "conv\x1b"],
        ["claims", "\x1b[31m"],
    ):
        refused(command(*call), 2)


def test_dollars_and_escapes_in_the_names_of_layers_are_drawn_as_they_are(command, tmp_path):
    for name in ("$\\frac$", "a$b$c", "\x1b[31m"):
        model(tmp_path / "m.keras", name)
        code, _, _ = command("field", tmp_path / "m.keras", "--figure", tmp_path / "m.svg")
        assert code == 0
        drawn = (tmp_path / "m.svg").read_text()
        assert not ESCAPE.search(drawn)


@pytest.mark.parametrize("ending", ["svg", "png", "pdf"])
def test_a_figure_has_the_same_bytes_again(command, tmp_path, monkeypatch, ending):
    contents = []
    for number, date in enumerate(("1", "x")):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", date)
        path = tmp_path / f"{number}.{ending}"
        assert command("field", "conv3", "--figure", path)[0] == 0
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]


def test_a_figure_too_large_for_its_format_is_refused(command, tmp_path):
    refused(command("field", "conv3 " * 300, "--figure", tmp_path / "x.png"), 2, "at most 200")
    assert list(tmp_path.iterdir()) == []


# --- streams -------------------------------------------------------------------------------------------


def streamed(shell, **environment):
    """Run `receptive` in a shell, which opens and closes streams."""
    call = f'receptive() {{ "$PYTHON" -c "from receptive.cli import main; main()" "$@"; }}; {shell}'
    given = {**os.environ, "PYTHON": sys.executable, **environment}
    return subprocess.run(["bash", "-c", call], capture_output=True, text=True, check=False, env=given)


@pytest.mark.parametrize(
    ("shell", "code", "err"),
    [
        ("receptive variants >/dev/full", 1, "cannot write the output: No space left on device"),
        ("receptive field --help >/dev/full", 1, "cannot write the output: No space left on device"),
        ("receptive --version >/dev/full", 1, "cannot write the output: No space left on device"),
        ("receptive toy >&-", 0, ""),
        ("receptive field nothing 2>&-", 2, ""),
        (
            "receptive data synthetic --sequences 20 --out /dev/stdout | cat",
            0,
            "cannot write /dev/stdout: expected",
        ),
        ("receptive toy <&- >&- 2>&-", 0, ""),
        (
            "mkdir {tmp}/d; cd {tmp}/d; rmdir ../d; receptive toy --figure x.svg",
            1,
            "the working folder is gone",
        ),
    ],
)
def test_streams_that_are_full_or_closed(tmp_path, shell, code, err):
    ended = streamed(shell.format(tmp=tmp_path))
    assert (ended.returncode, ended.stdout) == (code, "")
    assert err in ended.stderr
    assert ended.stderr.count("\n") == bool(err)


def test_a_terminal_that_knows_no_more_than_ascii(ok):
    ended = streamed(f"receptive match {ok}/ok.meme --threshold 1e-99", PYTHONIOENCODING="ascii")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.isascii()


def test_a_backend_that_there_is_not(ok, tmp_path):
    ended = streamed(
        f"receptive audit {ok}/ok.keras --data {ok}/ok.fa --out {tmp_path}/a", KERAS_BACKEND="\x1b[31m"
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("receptive: Keras does not run on KERAS_BACKEND=")
    assert not ESCAPE.search(ended.stderr)


# --- HDF5 ----------------------------------------------------------------------------------------------


def replaced(name, value):
    def change(file):
        del file[name]
        file[name] = value

    return change


def external(file):
    del file["Y_test"]
    file.create_dataset("Y_test", (12, 12), "i1", external=[(file.filename, 0, 144)])


def enormous(file):
    for name in ("X_train", "Y_train", "motif_train", "strand_train", "start_train"):
        del file[name]
    file.create_dataset("X_train", (10**9, 4, 10**6), "u1", chunks=(1, 4, 1000))
    file.create_dataset("Y_train", (10**9, 12), "i1", chunks=(1000, 12))


def long_name(file):
    file.attrs["task"] = "a" * 5000


ODD = {
    "scalar truth": (replaced("motif_train", 3), "motif_train has shape ()"),
    "empty truth": (replaced("start_test", h5py.Empty("f")), "start_test has shape None"),
    "short truth": (replaced("strand_valid", np.zeros(3)), "strand_valid has shape (3,)"),
    "a link to itself": (replaced("X_train", h5py.SoftLink("/X_train")), "odd.h5"),
    "a link to elsewhere": (replaced("X_train", h5py.SoftLink("/nowhere")), "no array 'X_train'"),
    "another file's": (
        replaced("Y_train", h5py.ExternalLink("ok.h5", "/Y_train")),
        "is kept in another file",
    ),
    "bytes of another file": (external, "is kept in another file"),
    "empty": (replaced("X_test", h5py.Empty("f")), "odd.h5"),
    "compound": (replaced("Y_valid", np.zeros(6, [("a", "i4")])), "Y_valid holds records"),
    "enormous": (enormous, "GiB of memory"),
    "a long task": (long_name, "100 at most"),
}


OF_TRAIN = {"scalar truth", "a link to itself", "another file's", "enormous"}
"""What is odd in the split train; of the others their words tell, or it is in test."""


@pytest.mark.parametrize("what", ODD)
def test_odd_data_sets_are_named(command, ok, tmp_path, what):
    change, words = ODD[what]
    (tmp_path / "ok.h5").write_bytes((ok / "ok.h5").read_bytes())
    path = tmp_path / "odd.h5"
    path.write_bytes((ok / "ok.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        change(file)
    calls: list[tuple[object, ...]] = [("train", "cnn-100", "--store", tmp_path / "s")]
    if what != "a long task":  # which an audit does not ask for
        split = "train" if "train" in words or what in OF_TRAIN else "valid" if "valid" in words else "test"
        calls.append(("audit", "m.keras", "--out", tmp_path / "a", "--split", split))
    for call in calls:
        refused(command(*call, "--data", path), 1, str(path), words)
    assert not (tmp_path / "s").exists()


@given(st.data())
def test_no_cut_or_changed_byte_of_a_data_set_is_a_traceback(ok, tmp_path_factory, data):
    raw = bytearray((ok / "ok.h5").read_bytes())
    cut = data.draw(st.integers(0, len(raw)))
    for place in data.draw(st.lists(st.integers(0, len(raw) - 1), max_size=20)):
        raw[place] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("cut") / "x.h5"
    path.write_bytes(raw[:cut] if data.draw(st.booleans()) else raw)
    with suppress(ReceptiveError):
        dataset.read(path)
