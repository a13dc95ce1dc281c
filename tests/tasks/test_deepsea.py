"""The DeepSEA bundle in small: files of its layouts and orientations, against rows picked one by one."""

import json
import time
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
from hypothesis import given
from hypothesis import strategies as st

from receptive.errors import ReceptiveError
from receptive.motifs.jaspar import FACTORS
from receptive.tasks import dataset, deepsea

INDICES = (592, 602, 344, 345, 635, 636, 349, 642, 359, 361, 661, 369)
POSITIVES = (27652, 85354, 19724, 34194, 43528, 87290, 9792, 22758, 17450, 7528, 4516, 31146)
SPLITS = ("train", "valid", "test")


def made_up(seed, rows, positive=0.5):
    """Sequences as text over ACGTN, and labels of all 919 classes, mostly of others than the twelve."""
    rng = np.random.default_rng(seed)
    texts = ["".join(rng.choice(list("ACGTN"), 1000, p=(0.3, 0.2, 0.2, 0.2, 0.1))) for _ in range(rows)]
    labels = (rng.random((rows, 919)) < 0.3).astype(np.uint8)
    labels[:, INDICES] = 0
    labels[0, 592] = 1
    for row in range(rows):
        if rng.random() < positive:
            labels[row, rng.choice(INDICES, 2)] = 1
    return texts, labels


def columns(texts, order):
    """One-hot (N, 4, 1000), a channel for each letter of ``order``."""
    letters = np.array([list(text) for text in texts])
    return np.stack([letters == letter for letter in order], axis=1).astype(np.uint8)


def put(folder, bundle, chunks=None, dtype=np.uint8, compressed=True):
    """Write a bundle as DeepSEA did."""
    folder.mkdir(exist_ok=True)
    for split, (texts, labels) in bundle.items():
        X = columns(texts, "AGCT").astype(dtype)
        if split == "train":
            with h5py.File(folder / "train.mat", "w", userblock_size=512) as file:
                shape = chunks and tuple(map(min, chunks, (1000, 4, len(X))))
                flat = chunks and tuple(map(min, (chunks[0], chunks[2]), (919, len(X))))
                file.create_dataset("trainxdata", data=X.transpose(2, 1, 0), chunks=shape)
                file.create_dataset("traindata", data=labels.T.astype(dtype), chunks=flat)
        else:
            fields = {f"{split}xdata": X, f"{split}data": labels.astype(dtype)}
            scipy.io.savemat(folder / f"{split}.mat", fields, do_compression=compressed)
    return folder


@pytest.fixture(scope="module")
def bundle():
    return {
        split: made_up(seed, rows) for seed, (split, rows) in enumerate(zip(SPLITS, (9, 4, 5), strict=True))
    }


@pytest.fixture
def source(bundle, tmp_path):
    return put(tmp_path / "bundle", bundle)


def test_the_twelve_tracks():
    tracks = deepsea.tracks()
    assert tuple(track.factor for track in tracks) == tuple(FACTORS)
    assert {track.cell for track in tracks} == {"K562"}
    assert [track.factor for track in tracks if track.treatment != "none"] == ["STAT1"]


@pytest.mark.claim("D-13")
def test_the_tracks_are_the_released_ones():
    assert tuple(track.index for track in deepsea.tracks()) == INDICES
    assert tuple(track.train_positives for track in deepsea.tracks()) == POSITIVES
    counts = [(track.train_positives, track.test_positives) for track in deepsea.tracks()]
    assert not np.any(np.array(counts) % 2), "every row is there on both strands"


def test_the_guide_has_the_table_of_the_tracks():
    lines = (Path(__file__).parents[2] / "docs" / "deepsea.md").read_text("utf-8").splitlines()
    for track in deepsea.tracks():
        cells = track.cell if track.treatment == "none" else f"{track.cell}, {track.treatment}"
        counts = f"{track.train_positives:,} | {track.test_positives:,}"
        assert f"| {track.index} | {track.factor} | {cells} | {counts} | `{track.file}` |" in lines


@given(
    seed=st.integers(0, 999),
    rows=st.tuples(*[st.integers(1, 12)] * 3),
    positive=st.sampled_from([0, 0.3, 1]),
    chunks=st.none() | st.tuples(st.sampled_from([1, 7, 1000]), st.integers(1, 4), st.integers(1, 12)),
    block=st.sampled_from([1, 4000, 9000, 2**27]),
    dtype=st.sampled_from([np.uint8, np.float64]),
)
def test_rows_channels_and_labels(seed, rows, positive, chunks, block, dtype, tmp_path_factory):
    """Whatever the chunks of the file, the block and the share of rows kept."""
    made = {split: made_up(seed + i, rows[i], positive) for i, split in enumerate(SPLITS)}
    folder = tmp_path_factory.mktemp("deepsea")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deepsea, "BLOCK", block)
        patch.setattr(deepsea, "ROWS_WRITTEN", 3)
        conversion = deepsea.convert(put(folder / "bundle", made, chunks, dtype), folder / "invivo.h5")
    data = dataset.read(folder / "invivo.h5")
    assert (data.task, data.classes, data.length) == ("invivo", tuple(FACTORS), 1000)
    assert conversion.data_sha256 == data.sha256
    for split, (texts, labels) in made.items():
        kept = [row for row in range(len(texts)) if any(labels[row, index] for index in INDICES)]
        expected = [[int(labels[row, index]) for index in INDICES] for row in kept]
        X = data.splits[split].X
        letters = np.array(list("ACGTN"))[np.where(X.any(-1), X.argmax(-1), 4)]
        assert ["".join(sequence) for sequence in letters] == [texts[row] for row in kept]
        assert data.splits[split].Y.tolist() == expected
        assert conversion.rows[split] == len(texts)
        assert conversion.sequences[split] == len(kept)
        assert conversion.positives[split] == tuple(map(sum, zip(*expected, strict=True)))
    training = [made["train"][0][row] for row in np.flatnonzero(made["train"][1][:, INDICES].any(1))]
    assert conversion.cg == sum(text.count("CG") for text in training)
    assert conversion.gc == sum(text.count("GC") for text in training)


@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 4), st.integers(1, 20)),
    chunks=st.none() | st.tuples(st.integers(1, 9), st.integers(1, 4), st.integers(1, 20)),
    block=st.integers(1, 600),
)
def test_tiles_cover_an_array_once_in_whole_chunks(shape, chunks, block):
    chunks = chunks and tuple(map(min, chunks, shape))
    steps = []
    with h5py.File("none.h5", "w", driver="core", backing_store=False) as file:
        array = file.create_dataset("x", shape, np.uint8, chunks=chunks)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(deepsea, "BLOCK", block)
            tiles = list(deepsea._tiles(array, lambda what, done, of: steps.append(done / of), "x"))
    seen = np.zeros(shape, int)
    smallest = (chunks[0], chunks[2]) if chunks else (1, 1)
    for first, last in tiles:
        part = seen[first, :, last]
        part += 1
        assert part.size <= max(block, smallest[0] * shape[1] * smallest[1])
        for cut, size, end in zip((first, last), smallest, (shape[0], shape[2]), strict=True):
            assert cut.start % size == 0
            assert cut.stop % size == 0 or cut.stop == end
    assert (seen == 1).all()
    assert steps == sorted(steps)
    assert (steps[0], steps[-1]) == (0, 1)


def published(valid=490):
    """What the real bundle should give."""
    return deepsea.Conversion(
        rows=dict(deepsea.BUNDLE_ROWS),
        sequences={"train": 270_382, "valid": valid, "test": 23_768},
        positives={
            "train": POSITIVES,
            "valid": (10,) * 12,
            "test": tuple(track.test_positives for track in deepsea.tracks()),
        },
        cg=1,
        gc=2,
        sha256="",
        data_sha256="",
    )


def test_the_papers_own_numbers_differ_in_nothing():
    assert deepsea.differences(published()) == ()


@pytest.mark.parametrize(
    ("train", "test", "validation"),
    [
        (270_382, 23_768, "neither"),
        (269_892, 23_768, "train"),
        (270_382, 23_278, "test"),
        (270_380, 23_768, None),
        (269_892, 23_278, None),
    ],
)
def test_where_the_validation_rows_are_counted(train, test, validation):
    changed = replace(published(), sequences={"train": train, "valid": 490, "test": test})
    assert changed.validation == validation
    lines = deepsea.differences(changed)
    assert len(lines) == (validation is None)
    assert all(f"{count:,}" in line for line in lines for count in (train, test, 490, 270_382, 23_768))


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("place", range(12))
def test_a_class_with_another_count_is_named(split, place):
    counts = list(published().positives[split])
    counts[place] += 2
    changed = replace(published(), positives={**published().positives, split: tuple(counts)})
    (line,) = deepsea.differences(changed)
    expected = published().positives[split][place]
    for part in (
        f"{split}.mat",
        list(FACTORS)[place],
        f"{INDICES[place]}",
        f"{expected:,}",
        f"{expected + 2:,}",
    ):
        assert part in line


@pytest.mark.parametrize("split", SPLITS)
def test_other_numbers_of_rows_are_named(split):
    changed = replace(published(), rows={**deepsea.BUNDLE_ROWS, split: 7})
    (line,) = deepsea.differences(changed)
    assert f"{split}.mat has 7 rows" in line
    assert f"{deepsea.BUNDLE_ROWS[split]:,}" in line


def test_channels_in_another_order_are_suspected():
    (line,) = deepsea.differences(replace(published(), cg=2, gc=1))
    assert "A, G, C, T" in line


def spoilt(source, bundle, how):
    """Spoil a bundle; returns the file that is to be named."""
    train, valid, test = (source / f"{split}.mat" for split in SPLITS)
    texts, labels = bundle["valid"]
    X = columns(texts, "AGCT")
    if how == "missing":
        test.unlink()
        return test
    if how == "a folder":
        test.unlink()
        test.mkdir()
        return test
    if how == "valid as train":
        train.write_bytes(valid.read_bytes())
        return train
    if how == "train as valid":
        valid.write_bytes(train.read_bytes())
        return valid
    if how == "valid and test swapped":
        valid.rename(source / "x")
        test.rename(valid)
        (source / "x").rename(test)
        return valid
    if how == "text":
        train.write_text("a page that says: not found")
        return train
    if how == "empty":
        valid.write_bytes(b"")
        return valid
    fields = {
        "too few classes": {"validxdata": X, "validdata": labels[:, :918]},
        "labels of other rows": {"validxdata": X, "validdata": labels[:-1]},
        "axes swapped": {"validxdata": X.transpose(0, 2, 1), "validdata": labels},
        "too short": {"validxdata": X[:, :, :999], "validdata": labels},
        "no labels": {"validxdata": X},
        "labels of text": {"validxdata": X, "validdata": "none"},
        "a label of 2": {"validxdata": X, "validdata": labels * 2},
        "a label of NaN": {"validxdata": X, "validdata": np.where(labels, np.nan, 0.0)},
        "two nucleotides": {"validxdata": np.maximum(X, X[:, ::-1]), "validdata": labels},
        "a half nucleotide": {"validxdata": X * 0.5, "validdata": labels},
        "no peak": {"validxdata": X, "validdata": labels * 0},
    }
    scipy.io.savemat(valid, fields[how])
    return valid


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("missing", "no such file"),
        ("a folder", "expected a MATLAB file, found a folder"),
        ("valid as train", "expected MATLAB v7.3, as DeepSEA's train.mat is, found MATLAB v5"),
        ("train as valid", "expected MATLAB v5, as DeepSEA's valid.mat is, found MATLAB v7.3"),
        ("valid and test swapped", "no array of numbers 'validxdata'; found testxdata, testdata"),
        ("text", "found no MATLAB file"),
        ("empty", "found no MATLAB file"),
        ("too few classes", "validdata has shape (4, 918), expected (N, 919) with N = 4"),
        ("labels of other rows", "validdata has shape (3, 919), expected (N, 919) with N = 4"),
        ("axes swapped", "validxdata has shape (4, 1000, 4), expected (N, 4, 1000)"),
        ("too short", "validxdata has shape (4, 4, 999), expected (N, 4, 1000)"),
        ("no labels", "no array of numbers 'validdata'; found validxdata"),
        ("labels of text", "no array of numbers 'validdata'; found validxdata"),
        ("a label of 2", "validdata holds values besides 0 and 1"),
        ("a label of NaN", "validdata holds values besides 0 and 1"),
        ("two nucleotides", "validxdata is not one-hot: a position has 2 nucleotides"),
        ("a half nucleotide", "validxdata holds values besides 0 and 1"),
        ("no peak", "validdata: no row has a peak of the twelve factors"),
    ],
)
def test_a_bad_bundle_is_named_and_nothing_is_written(command, source, bundle, tmp_path, how, message):
    path = spoilt(source, bundle, how)
    code, out, err = command("data", "deepsea", "--source", source, "--out", tmp_path / "out" / "invivo.h5")
    assert (code, out) == (1, "")
    assert f"{path}: " in err
    assert message in err
    assert not list(tmp_path.glob("out/*"))


@pytest.mark.parametrize(
    ("key", "array", "message"),
    [
        ("trainxdata", np.zeros((9, 4, 1000), np.uint8), "trainxdata has shape (9, 4, 1000)"),
        ("trainxdata", np.uint8(1), "trainxdata has shape ()"),
        ("trainxdata", np.zeros((1000, 4, 0), np.uint8), "trainxdata has shape (1000, 4, 0)"),
        ("traindata", np.zeros((9, 919), np.uint8), "traindata has shape (9, 919), expected (919, N)"),
        ("traindata", np.zeros((919, 8), np.uint8), "traindata has shape (919, 8), expected (919, N)"),
        ("traindata", None, "no array of numbers 'traindata'; found trainxdata"),
        ("traindata", np.full((919, 9), 3, np.uint8), "traindata holds values besides 0 and 1"),
        ("trainxdata", np.ones((1000, 4, 9), np.uint8), "not one-hot: a position has 4 nucleotides"),
    ],
)
def test_a_bad_training_file_is_named(source, tmp_path, key, array, message):
    with h5py.File(source / "train.mat", "a") as file:
        del file[key]
        if array is not None:
            file[key] = array
    with pytest.raises(ReceptiveError) as caught:
        deepsea.convert(source, tmp_path / "out" / "invivo.h5")
    assert f"{source / 'train.mat'}: " in str(caught.value)
    assert message in str(caught.value)
    assert not list(tmp_path.glob("out/*"))


@given(split=st.sampled_from(SPLITS), share=st.floats(0, 0.999), compressed=st.booleans())
def test_truncated_files_are_named(split, share, compressed, bundle, tmp_path_factory):
    chunks = (1000, 4, 2) if compressed else None
    source = put(tmp_path_factory.mktemp("bundle"), bundle, chunks, compressed=compressed)
    path = source / f"{split}.mat"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ReceptiveError) as caught:
        deepsea.convert(source, source / "out" / "invivo.h5")
    assert f"{path}: " in str(caught.value)
    assert not list(source.glob("out/*"))


def test_a_damaged_chunk_is_named(source, bundle, tmp_path):
    """Found only when the block is read, after the labels have been."""
    with h5py.File(source / "train.mat", "a") as file:
        X = file["trainxdata"][:]
        del file["trainxdata"]
        file.create_dataset("trainxdata", data=X, chunks=(1000, 4, 9), fletcher32=True)
        at = file["trainxdata"].id.get_chunk_info(0).byte_offset
    raw = bytearray((source / "train.mat").read_bytes())
    raw[at + 512 + 100] ^= 1
    (source / "train.mat").write_bytes(raw)
    with pytest.raises(ReceptiveError, match=r"train\.mat: cannot read trainxdata"):
        deepsea.convert(source, tmp_path / "out" / "invivo.h5")
    assert not list(tmp_path.glob("out/*"))


def test_an_interrupted_conversion_leaves_the_older_file(source, tmp_path):
    out = tmp_path / "out" / "invivo.h5"
    deepsea.convert(source, out)
    before = out.read_bytes()

    def stop(what, done, of):
        if what == "test written":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deepsea.convert(source, out, stop)
    assert out.read_bytes() == before
    assert list(out.parent.iterdir()) == [out]


def test_the_same_bundle_gives_the_same_bytes(source, tmp_path):
    hashes = {deepsea.convert(source, tmp_path / name).sha256 for name in ("a.h5", "b.h5")}
    assert len(hashes) == 1
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_the_command(command, source, bundle, tmp_path):
    out = tmp_path / "invivo.h5"
    code, text, err = command("data", "deepsea", "--source", source, "--out", out, "--json")
    assert code == 0
    document = json.loads(text)
    data = dataset.read(out)
    assert document["path"] == str(out)
    assert document["sequences"] == {name: len(split.Y) for name, split in data.splits.items()}
    assert document["rows"] == {"train": 9, "valid": 4, "test": 5}
    assert document["data_sha256"] == data.sha256
    assert document["validation_in"] is None
    for name, split in data.splits.items():
        assert document["positives"][name] == dict(zip(FACTORS, split.Y.sum(0).tolist(), strict=True))
    assert any(
        "train.mat has 9 rows, the bundle of DeepSEA 4,400,000" in line for line in document["differences"]
    )
    assert all(line in " ".join(err.split()) for line in document["differences"])

    time.sleep(1.1)  # HDF5 would keep the time in seconds
    code, text, err = command("data", "deepsea", "--source", source, "--out", out)
    assert code == 0
    assert document["sha256"] in text
    assert "not the data that the paper used" in err
