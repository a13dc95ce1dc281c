import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from receptive.errors import ReceptiveError, ReceptiveWarning, UsageError
from receptive.protocols import RELEASED
from receptive.tasks import synthetic
from receptive.tasks.dataset import Dataset, Split, read, read_split, write


@st.composite
def datasets(draw):
    """A data set of any shape, with unknown nucleotides and labels that were not measured."""
    length, classes = draw(st.integers(1, 12)), draw(st.integers(1, 4))

    def split(rows):
        base = draw(arrays.arrays(np.int64, (rows, length), elements=st.integers(0, 4)))
        labels = draw(arrays.arrays(np.int8, (rows, classes), elements=st.integers(-1, 1)))
        return Split(np.eye(5, 4, dtype=np.uint8)[base], labels)

    train, valid, test = (split(draw(st.integers(1, 5))) for _ in range(3))
    names = tuple(f"factor {index}" for index in range(classes))
    return Dataset("any", names, train, valid, test, {"seed": draw(st.integers(0, 9)), "source": "a test"})


@given(data=datasets())
def test_a_file_gives_the_data_set_back(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "any.h5"
    write(data, path)
    again = read(path)
    assert (again.task, again.classes, again.sha256) == (data.task, data.classes, data.sha256)
    assert {key: again.attributes[key] for key in data.attributes} == data.attributes
    for name, split in data.splits.items():
        np.testing.assert_array_equal(again.splits[name].X, split.X)
        np.testing.assert_array_equal(again.splits[name].Y, split.Y)


def test_truth_goes_into_the_file_and_back(tmp_path):
    data = synthetic.generate(0, RELEASED, 30)
    write(synthetic.with_models(data), tmp_path / "s.h5")
    with h5py.File(tmp_path / "s.h5") as file:
        assert file["X_train"].shape == file["model_train"].shape == (21, 4, 200)
        assert file["Y_test"].shape == (6, 12)
        assert (file.attrs["seed"], file.attrs["protocol"]) == (0, "released")
        assert file.attrs["version"]
    for key, array in read(tmp_path / "s.h5").valid.truth.items():
        np.testing.assert_array_equal(array, data.valid.truth[key])


def test_the_released_layouts_are_read(tmp_path):
    """The authors' files hold floats, without class names; the in vivo one has a fourth axis of one."""
    data = synthetic.generate(0, RELEASED, 30)
    for name, axes in (("synthetic", ()), ("invivo", (1,))):
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            for part, split in data.splits.items():
                X = split.X.transpose(0, 2, 1)
                file[f"X_{part}"] = X.reshape(X.shape + axes).astype(float)
                file[f"Y_{part}"] = split.Y.astype(float)
        with pytest.raises(UsageError, match="does not say which task it holds"):
            read(tmp_path / f"{name}.h5")
        content = read(tmp_path / f"{name}.h5", name)
        assert (content.task, content.sha256) == (name, data.sha256)
        assert content.classes[11] == "class 11"


@pytest.mark.parametrize("axes", ["n l 4", "n 4 l", "n l 4 1", "n 1 4 l", "n l 1 4"])
def test_the_letters_may_be_on_any_axis(tmp_path, axes):
    """As networks in Keras and PyTorch, in one or two dimensions, take their sequences."""
    data = synthetic.generate(0, RELEASED, 30)
    X = data.test.X.transpose(0, 2, 1) if axes.index("4") < axes.index("l") else data.test.X
    with h5py.File(tmp_path / "x.h5", "w") as file:
        sizes = {"n": len(X), "l": 200, "4": 4, "1": 1}
        file["X_test"] = X.reshape([sizes[axis] for axis in axes.split()]).astype("f2")
        file["Y_test"] = data.test.Y.astype(bool)
    split, _ = read_split(tmp_path / "x.h5")
    np.testing.assert_array_equal(split.X, data.test.X)
    np.testing.assert_array_equal(split.Y, data.test.Y)


def test_the_labels_of_one_class_need_no_axis_of_their_own(tmp_path):
    data = synthetic.generate(0, RELEASED, 30)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["X_test"], file["Y_test"] = data.test.X, data.test.Y[:, 0]
    split, classes = read_split(tmp_path / "x.h5")
    assert (split.Y.tolist(), classes) == (data.test.Y[:, :1].tolist(), ("class 0",))


@pytest.mark.parametrize("form", ["n l 4", "n 4 l"])
def test_quarters_for_all_letters_are_unknown(tmp_path, form):
    """Many write N so; letters that are not as likely as one another are no N."""
    data = synthetic.generate(0, RELEASED, 30)
    X = data.test.X.astype("f4")
    X[1, 7] = X[2, 199] = 0.25
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["X_test"] = X if form == "n l 4" else X.transpose(0, 2, 1)
    with pytest.warns(ReceptiveWarning, match=r"2 positions of X_test that are 0.25 .* read as unknown"):
        split, classes = read_split(tmp_path / "x.h5")
    assert (split.Y.shape, classes) == ((len(X), 0), ())
    X[1, 7] = X[2, 199] = 0
    np.testing.assert_array_equal(split.X, X)
    X[3, 3] = (0.25, 0.25, 0.5, 0)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["X_test"] = X
    with pytest.raises(ReceptiveError, match=r"not one-hot: sequence 3, position 3 is \[0.25, 0.25, 0.5, 0"):
        read_split(tmp_path / "x.h5")


def _spoil(path: Path, how: str) -> None:
    with h5py.File(path, "r+") as file:
        X, Y = file["X_valid"][:], file["Y_valid"][:]
        if how == "missing key":
            del file["Y_valid"]
        elif how == "a group":
            del file["X_valid"]
            file.create_group("X_valid")
        elif how == "five letters":
            del file["X_valid"]
            file["X_valid"] = np.zeros((3, 200, 5))
        elif how == "rows differ":
            del file["Y_valid"]
            file["Y_valid"] = Y[:-1]
        elif how == "two bases at once":
            X[1, :, 7] = 1
            file["X_valid"][...] = X
        elif how == "labels":
            Y[0, 0] = 2
            file["Y_valid"][...] = Y
        elif how == "lengths differ":
            del file["X_valid"]
            file["X_valid"] = X[:, :, :100]
        elif how == "class names":
            file.attrs["classes"] = ["one"]
        elif how == "class number":
            file.attrs["classes"] = 3
        elif how == "a path as task":
            file.attrs["task"] = "../other"
        elif how in ("two axes", "five axes", "a wide axis"):
            del file["X_valid"]
            shape = {"two axes": (3, 4), "five axes": (3, 4, 200, 1, 1), "a wide axis": (3, 4, 200, 2)}[how]
            file["X_valid"] = np.zeros(shape)
        elif how == "text":
            del file["X_valid"]
            file["X_valid"] = np.full(X.shape, b"A")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("missing key", "no array 'Y_valid'; found .*X_train"),
        ("a group", "no array 'X_valid'"),
        ("five letters", r"X_valid has shape \(3, 200, 5\), expected \(N, 4, L\) or \(N, L, 4\)"),
        ("two axes", r"X_valid has shape \(3, 4\), expected \(N, 4, L\)"),
        ("five axes", r"X_valid has shape \(3, 4, 200, 1, 1\), expected \(N, 4, L\)"),
        ("a wide axis", r"X_valid has shape \(3, 4, 200, 2\), expected \(N, 4, L\)"),
        ("rows differ", r"Y_valid has shape \(2, 12\), expected \(3, C\)"),
        ("two bases at once", r"X_valid is not one-hot: sequence 1, position 7 is \[1, 1, 1, 1\]"),
        ("labels", "Y_valid holds values besides 0, 1 and -1"),
        ("lengths differ", "splits disagree"),
        ("class names", r"'classes' is \['one'\], expected 12 names"),
        ("class number", "'classes' is 3, expected 12 names"),
        ("a path as task", "task '../other': expected a word"),
        ("text", "X_valid holds text, expected numbers"),
    ],
)
def test_a_wrong_file_is_refused_by_field(tmp_path, how, message):
    path = tmp_path / "data.h5"
    write(synthetic.generate(0, RELEASED, 30), path)
    _spoil(path, how)
    with pytest.raises(ReceptiveError, match=message) as error:
        read(path)
    assert str(path) in str(error.value)


def test_whatever_a_file_says_of_itself_json_can_hold(tmp_path):
    path = tmp_path / "data.h5"
    write(synthetic.generate(0, RELEASED, 30), path)
    with h5py.File(path, "r+") as file:
        file.attrs["source"] = np.bytes_(b"lab")
        file.attrs["latin"] = np.bytes_(b"M\xfcller")
        file.attrs["nothing"] = h5py.Empty("f")
        file.attrs["number"] = np.nan
        file.attrs["classes"] = np.array([b"factor"] * 12)
        del file["motif_train"]
        file.create_group("motif_train")
    data = read(path)
    assert json.loads(json.dumps(data.attributes, allow_nan=False))["source"] == "lab"
    assert data.attributes["latin"] == "M\ufffdller"
    assert data.classes == ("factor",) * 12
    assert set(data.train.truth) == {"strand", "start"}


def test_the_task_asked_for_is_the_task_of_the_file(tmp_path):
    write(synthetic.generate(0, RELEASED, 30), tmp_path / "data.h5")
    with pytest.raises(UsageError, match=r"--task chipseq: .* holds the task 'synthetic'"):
        read(tmp_path / "data.h5", "chipseq")


def test_what_is_no_hdf5_file_is_refused(tmp_path):
    path = tmp_path / "data.h5"
    with pytest.raises(ReceptiveError, match="no such file"):
        read(path)
    write(synthetic.generate(0, RELEASED, 300), path)
    for content in (b"", b"not HDF5", path.read_bytes()[:3000]):
        path.write_bytes(content)
        with pytest.raises(ReceptiveError, match="not a readable HDF5 file"):
            read(path)
    with pytest.raises(ReceptiveError, match="expected an HDF5 file, found a folder"):
        read(tmp_path)


def test_nothing_half_written_is_left(tmp_path):
    data = synthetic.generate(0, RELEASED, 30)
    (tmp_path / "file").touch()
    with pytest.raises(ReceptiveError, match="cannot write"):
        write(data, tmp_path / "file" / "data.h5")
    broken = Dataset("any", ("a",), data.train, data.valid, data.test, {"bad": object()})
    with pytest.raises(TypeError):
        write(broken, tmp_path / "data.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_is_read_block_by_block(tmp_path, monkeypatch):
    monkeypatch.setattr("receptive.tasks.dataset.ROWS_READ", 4)
    data, path = synthetic.generate(0, RELEASED, 30), tmp_path / "s.h5"
    write(data, path)
    assert read(path).sha256 == data.sha256
    with h5py.File(path, "a") as file:
        file["X_train"][9, :, 5] = 1
    with pytest.raises(
        ReceptiveError, match=r"X_train is not one-hot: sequence 9, position 5 is \[1, 1, 1, 1\]"
    ):
        read(path)
