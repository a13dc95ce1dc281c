"""PyTorch: the same network in three frameworks is one network, and nothing in a file of it is run.

The tests are marked `models`: they run in an environment of their own (tox -e models); fast has no PyTorch.
"""

import json
import pickle
import warnings
import zipfile
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from receptive.audits.audit import audit
from receptive.audits.inputs import Sequences
from receptive.errors import ReceptiveError
from receptive.models.model import read_model
from receptive.motifs.jaspar import embedded_motifs
from receptive.theory.fields import receptive_fields

pytestmark = pytest.mark.models

LENGTH = 120


def dna(count=300, length=LENGTH, seed=0):
    """Random sequences with two labels that depend on them."""
    rng = np.random.default_rng(seed)
    X = np.eye(4, dtype=np.uint8)[rng.integers(4, size=(count, length))]
    Y = np.stack([X[:, :60, 0].sum(1) > 15, X[:, :, 2].sum(1) > 30], axis=1).astype(np.int8)
    return Sequences(X, Y, ("a", "b"))


# --- the same network, three ways -----------------------------------------------------------------------


def basset():
    """Convolution, normalisation, activation and pooling, and dense layers, in Keras."""
    x = dna_input = keras.Input((LENGTH, 4))
    for i, (filters, size) in enumerate(((12, 19), (16, 7)), start=1):
        x = layers.Conv1D(filters, size, padding="same", name=f"conv{i}")(x)
        x = layers.BatchNormalization(name=f"norm{i}")(x)
        x = layers.ReLU(name=f"relu{i}")(x)
        x = layers.MaxPooling1D(4, name=f"pool{i}")(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.3)(layers.Dense(20, activation="relu", name="dense1")(x))
    return keras.Model(dna_input, layers.Dense(2, activation="sigmoid", name="dense2")(x))


def bpnet():
    """A convolution and residual, dilated ones, in Keras."""
    x = dna_input = keras.Input((LENGTH, 4))
    x = layers.Conv1D(12, 21, padding="same", activation="relu", name="conv1")(x)
    for i in (1, 2, 3):
        y = layers.Conv1D(12, 3, dilation_rate=2**i, padding="same", activation="relu", name=f"conv{i + 1}")(
            x
        )
        x = layers.Add()([x, y])
    x = layers.Conv1D(8, 15, name="conv5")(x)
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(dna_input, layers.Dense(2, activation="sigmoid", name="dense1")(x))


def in_torch(name):
    """The same in PyTorch, with the same names, where it has layers to name."""
    from torch import nn

    class Basset(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv2 = nn.Conv1d(4, 12, 19, padding=9), nn.Conv1d(12, 16, 7, padding="same")
            self.norm1, self.norm2 = nn.BatchNorm1d(12, eps=1e-3), nn.BatchNorm1d(16, eps=1e-3)
            self.relu1, self.relu2, self.pool = nn.ReLU(), nn.ReLU(), nn.MaxPool1d(4)
            self.dense1, self.dense2 = nn.Linear(16 * (LENGTH // 16), 20), nn.Linear(20, 2)
            self.drop = nn.Dropout(0.3)

        def forward(self, x):
            x = self.pool(self.relu1(self.norm1(self.conv1(x))))
            x = self.pool(self.relu2(self.norm2(self.conv2(x)))).flatten(1)
            return self.dense2(self.drop(self.dense1(x).relu())).sigmoid()

    class BPNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv5 = nn.Conv1d(4, 12, 21, padding=10), nn.Conv1d(12, 8, 15)
            for i in (1, 2, 3):
                setattr(self, f"conv{i + 1}", nn.Conv1d(12, 12, 3, padding=2**i, dilation=2**i))
            self.dense1 = nn.Linear(8, 2)

        def forward(self, x):
            x = self.conv1(x).relu()
            for conv in (self.conv2, self.conv3, self.conv4):
                x = x + conv(x).relu()
            return self.dense1(self.conv5(x).mean(2)).sigmoid()

    return {"basset": Basset, "bpnet": BPNet}[name]()


def copied(model, module):
    """Give a module the weights of the Keras model with layers of the same names."""
    import torch

    def give(parameter, values):
        parameter.data = torch.tensor(np.ascontiguousarray(values))

    for layer in model.layers:
        weights, mine = layer.get_weights(), getattr(module, layer.name, None)
        if layer.name.startswith("conv"):
            give(mine.weight, weights[0].transpose(2, 1, 0))
            give(mine.bias, weights[1])
        elif layer.name.startswith("norm"):
            for name, values in zip(("weight", "bias", "running_mean", "running_var"), weights, strict=True):
                give(getattr(mine, name), values)
        elif layer.name.startswith("dense"):
            kernel = weights[0]
            if len(kernel) > 20:  # flattened with positions first; PyTorch has channels first
                kernel = kernel.reshape(-1, 16, 20).swapaxes(0, 1).reshape(-1, 20)
            give(mine.weight, kernel.T)
            give(mine.bias, weights[1])
    return module


@pytest.fixture(scope="module", params=["basset", "bpnet"])
def three(request, tmp_path_factory):
    """One network with random weights: in Keras, in an ONNX file, in PyTorch and in a .pt2 file."""
    import torch

    keras.utils.set_random_seed(1)
    model = {"basset": basset, "bpnet": bpnet}[request.param]()
    rng = np.random.default_rng(0)
    for layer in model.layers:  # normalisation that does something
        if layer.name.startswith("norm"):
            layer.set_weights([rng.uniform(0.5, 1.5, weights.shape) for weights in layer.get_weights()])
    model(np.zeros((2, LENGTH, 4)))
    folder = tmp_path_factory.mktemp(request.param)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of tf2onnx
        model.export(folder / "model.onnx", format="onnx", verbose=False)
    module = copied(model, in_torch(request.param)).eval()
    batch = {0: torch.export.Dim("batch")}
    program = torch.export.export(module, (torch.zeros(2, 4, LENGTH),), dynamic_shapes=(batch,))
    torch.export.save(program, folder / "model.pt2")
    return model, folder, module


def test_one_network_has_the_same_fields_in_every_framework(three):
    model, folder, module = three
    ways = (model, module, folder / "model.onnx", folder / "model.pt2")
    graphs = [read_model(way, LENGTH) for way in ways]
    layer_rows = [receptive_fields(graph, LENGTH).rows for graph in graphs]
    expected, *others = ([replace(row, name="") for row in rows] for rows in layer_rows)
    assert len(expected) >= 4
    for other in others:
        assert other == expected


def test_one_network_has_the_same_filters_and_importances_in_every_framework(three):
    import onnx

    model, folder, module = three
    data = dna()
    expected = audit(model, data)
    assert any(match.hits for match in expected.matches)
    for form in (onnx.load(folder / "model.onnx"), module):
        audited = audit(form, data)
        np.testing.assert_array_equal(audited.reading.sites, expected.reading.sites)
        for mine, other in zip(audited.reading.motifs, expected.reading.motifs, strict=True):
            np.testing.assert_allclose(mine.pwm, other.pwm, atol=1e-5)
        for ours, theirs in zip(audited.matches, expected.matches, strict=True):
            assert [hit.target for hit in ours.hits] == [hit.target for hit in theirs.hits]
            np.testing.assert_allclose(
                [hit.evalue for hit in ours.hits], [hit.evalue for hit in theirs.hits], 1e-3
            )
        assert audited.activation == expected.activation == "relu"
        np.testing.assert_allclose(audited.importance.loss_change, expected.importance.loss_change, atol=1e-5)
        changes: list[Any] = [audited_.importance.auroc_change for audited_ in (audited, expected)]
        np.testing.assert_allclose(*changes, atol=1e-3)


# --- modules ----------------------------------------------------------------------------------------------


def sequential(*more):
    """A small module with random weights."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    first = (nn.Conv1d(4, 6, 9, padding=4), nn.BatchNorm1d(6), nn.ReLU())
    rest = more or (nn.MaxPool1d(4), nn.Flatten(), nn.Linear(6 * (LENGTH // 4), 2), nn.Sigmoid())
    return nn.Sequential(*first, *rest)


def wrapped(before, module):
    """A module that arranges its input before another one reads it."""
    from torch import nn

    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = module

        def forward(self, x):
            return self.body(before(x))

    return Wrapped()


FORMS = {
    "L 4": lambda x: x.transpose(1, 2),
    "4 1 L": lambda x: x[:, :, 0],
    "1 4 L": lambda x: x[:, 0],
    "L 1 4": lambda x: x[:, :, 0].mT,
    "1 L 4": lambda x: x[:, 0].mT,
}


FEW = embedded_motifs()[:20]


@pytest.fixture(scope="module")
def as_is():
    """The audit of a module that takes (N, 4, L)."""
    return audit(sequential(), dna(60), targets=FEW)


@pytest.mark.parametrize("form", FORMS)
def test_whichever_way_a_module_wants_its_axes_its_filters_are_the_same(form, as_is):
    expected, audited = as_is, audit(wrapped(FORMS[form], sequential()), dna(60), targets=FEW)
    assert (expected.layer, audited.layer) == ("0", "body.0")
    assert (audited.read_from, audited.activation) == ("body.2", "relu")
    for mine, other in zip(audited.reading.motifs, expected.reading.motifs, strict=True):
        np.testing.assert_array_equal(mine.pwm, other.pwm)
    np.testing.assert_allclose(audited.importance.loss_change, expected.importance.loss_change, atol=1e-6)


def test_a_module_stays_in_the_mode_that_it_was_in():
    module = sequential()
    module[0].eval()
    before = [module.training for module in module.modules()]
    assert len({*before}) == 2
    read_model(module, LENGTH)
    assert [module.training for module in module.modules()] == before


def test_layers_are_called_by_the_path_of_their_module():
    from torch import nn

    module = sequential(
        nn.Sequential(nn.MaxPool1d(2), nn.Conv1d(6, 6, 3), nn.GELU()), nn.AdaptiveAvgPool1d(1)
    )
    names = [row.name for row in receptive_fields(read_model(module, LENGTH), LENGTH).rows]
    assert names == ["0", "3.0", "3.1", "4"]


def test_an_exported_program_is_a_model_as_well():
    import torch

    module = sequential().eval()
    batch = {0: torch.export.Dim("batch")}
    program = torch.export.export(module, (torch.zeros(2, 4, LENGTH),), dynamic_shapes=(batch,))
    expected = receptive_fields(read_model(module, LENGTH), LENGTH)
    for each in (program, program.module()):
        assert receptive_fields(read_model(each, LENGTH), LENGTH) == expected


def test_a_module_may_take_its_argument_by_any_name_and_attend():
    import torch

    class Attending(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv1d(4, 8, 9)
            self.attend = torch.nn.MultiheadAttention(8, 2, batch_first=True)
            self.dense = torch.nn.Linear(8, 2)

        def forward(self, *given):
            x = torch.relu(self.conv(given[0])).transpose(1, 2)
            return self.dense(self.attend(x, x, x)[0].mean(1))

    graph = read_model(Attending(), 60)
    assert ([node.layer.name for node in graph.nodes], graph.ends, graph.notes) == (["conv"], ("conv",), ())


def test_what_pytorch_cannot_write_is_named_with_a_way_out():
    import torch

    class Attending(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv1d(4, 8, 9)

        def forward(self, x):
            x = torch.relu(self.conv(x)).transpose(1, 2)
            return torch.nn.functional.scaled_dot_product_attention(x, x, x)

    why = "cannot write aten.scaled_dot_product_attention.default as ONNX: only 4D .* supported; a module"
    with pytest.raises(ReceptiveError, match=why):
        read_model(Attending(), 60)


def test_what_is_no_module_of_one_hot_dna_alone_is_refused():
    from torch import nn

    class Two(nn.Module):
        def forward(self, x, control):
            return x + control

    class Depends(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    cases = (
        (Two(), "can be wrapped"),
        (nn.Linear(7, 2), "takes neither"),
        (Depends(), "torch.export cannot follow"),
    )
    for module, why in cases:
        with pytest.raises(ReceptiveError, match=why) as caught:
            read_model(module, LENGTH)
        assert str(caught.value).startswith(f"{type(module).__name__}: ")
        assert "\n" not in str(caught.value)


def test_a_module_of_double_precision_is_read_and_its_audit_says_what_to_do():
    module = sequential().double()
    assert read_model(module, LENGTH) == read_model(sequential(), LENGTH)
    with pytest.raises(ReceptiveError, match=r"in PyTorch as module\.float\(\)"):
        audit(module, dna(20))


def test_what_cannot_be_followed_ends_its_branch_with_a_note():
    from torch import nn

    module = sequential(nn.Upsample(scale_factor=2), nn.Conv1d(6, 2, 3))
    graph = read_model(module, LENGTH)
    assert [node.layer.name for node in graph.nodes] == ["0"]
    (note,) = graph.notes
    assert "node 3 (Resize of " in note
    assert "stretches" in note


# --- files ------------------------------------------------------------------------------------------------

MARK = "ran"
CODE = f"__import__('pathlib').Path('{MARK}').touch()"


class Evil:
    """What touches a file when it is unpickled."""

    def __reduce__(self):
        return exec, (CODE,)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    import torch

    path = tmp_path_factory.mktemp("program") / "model.pt2"
    batch = {0: torch.export.Dim("batch")}
    made = torch.export.export(sequential().eval(), (torch.zeros(2, 4, LENGTH),), dynamic_shapes=(batch,))
    torch.export.save(made, path, extra_files={"notes.txt": CODE})
    return path


def rewritten(program, path, changes):
    """Write a program anew, with some of its parts changed, or added; None leaves one out."""
    with zipfile.ZipFile(program) as given, zipfile.ZipFile(path, "w") as made:
        parts = {name.partition("/")[2]: given.read(name) for name in given.namelist()} | changes
        for name, content in parts.items():
            if content is not None:
                made.writestr(f"model/{name}", content)
    return path


def part(program, name):
    with zipfile.ZipFile(program) as given:
        return json.loads(given.read(f"model/{name}"))


def places(described, path=()):
    """Yield where a description has texts, numbers and names, one of each kind of place."""
    pairs = described.items() if isinstance(described, dict) else enumerate(described)
    for key, below in pairs:
        yield (*path, key)
        if isinstance(below, dict | list):
            yield from places(below, (*path, key))


def changed(described, path, text):
    """A description with what stands at a place, or its name, put otherwise."""
    described = json.loads(json.dumps(described))
    at = described
    for key in path[:-1]:
        at = at[key]
    yield_key = isinstance(path[-1], str)
    before = at[path[-1]]
    at[path[-1]] = text
    other = json.loads(json.dumps(described))
    if yield_key:
        at[text] = before
        del at[path[-1]]
        return other, described
    return (other,)


@pytest.mark.parametrize("name", ["models/model.json", "data/weights/model_weights_config.json"])
def test_no_text_in_a_program_is_ever_run(program, name, tmp_path, monkeypatch):
    import torch

    monkeypatch.chdir(tmp_path)
    described = part(program, name)
    kinds = {tuple(key for key in place if isinstance(key, str)): place for place in places(described)}
    assert len(kinds) > 20
    for dropped in ("stack_trace", "torch_fn"):  # which take seconds each, as they are left out
        kinds = {kind: place for kind, place in kinds.items() if dropped not in kind}
    refused = 0
    for place in kinds.values():
        for other in changed(described, place, CODE):
            path = rewritten(program, tmp_path / "m.pt2", {name: json.dumps(other)})
            try:
                read_model(path)
            except ReceptiveError as error:
                refused += "\n" not in str(error)
            assert not (tmp_path / MARK).exists(), place
    assert refused > len(kinds) / 2
    if name.startswith("models"):  # PyTorch itself runs one of them
        (size,) = (
            place for kind, place in kinds.items() if kind[-2:] == ("as_expr", "expr_str") and "input" in kind
        )
        (other,) = changed(described, size, CODE)[:1]
        with pytest.raises(Exception, match=r"."):
            torch.export.load(rewritten(program, tmp_path / "m.pt2", {name: json.dumps(other)}))
        assert (tmp_path / MARK).exists()


TREE = '[1, {"type": "builtins.dict", "context": %s, "children_spec": []}]'
ENUM = json.dumps(json.dumps([{"__enum__": True, "fqn": "antigravity:x", "name": "y"}]))


@pytest.mark.parametrize(
    ("kind", "text", "why"),
    [
        ("target", "torch.load", "torch.load, an operator that does more than compute"),
        ("target", "torch.ops.aten.save.item", "an operator that does more than compute"),
        ("target", "torch.ops.aten.from_file.default", "an operator that does more than compute"),
        ("target", "torch.ops.mine.own.default", "or is not PyTorch's own"),
        ("target", "_operator.attrgetter", "an operator that does more than compute"),
        (
            "expr_str",
            "Pow(Integer(9), Pow(Integer(9), Pow(Integer(9), Pow(Integer(9), Integer(9)))))",
            "the size",
        ),
        ("expr_str", "9**9**9**9", "the size"),
        ("in_spec", TREE % ENUM, "inputs or outputs of a class of its own"),
        ("in_spec", '[1, {"type" : "mine", "context": null, "children_spec": []}]', "of a class of its own"),
        (
            "in_spec",
            '[1, {"ty\\u0070e" : "mine", "context": null, "children_spec": []}]',
            "of a class of its own",
        ),
    ],
)
def test_what_more_than_computes_is_named_and_refused(program, kind, text, why, tmp_path):
    described = part(program, "models/model.json")
    place = next(place for place in places(described) if place[-1] == kind)
    other = changed(described, place, text)[0]
    path = rewritten(program, tmp_path / "m.pt2", {"models/model.json": json.dumps(other)})
    with pytest.raises(ReceptiveError, match="code in a file is never run") as caught:
        read_model(path)
    assert why in str(caught.value)


def pickled(described):
    """The list of weights, with one that says it is pickled."""
    config = described["config"]
    config[next(iter(config))]["use_pickle"] = True
    return json.dumps(described)


@pytest.mark.parametrize("how", ["weights", "constants", "compiled", "object"])
def test_pickles_and_compiled_code_in_a_program_are_refused(program, how, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evil = pickle.dumps(Evil())
    weights = part(program, "data/weights/model_weights_config.json")
    custom = {"path_name": "custom_obj_0", "is_param": False, "use_pickle": False, "tensor_meta": None}
    changes = {
        "weights": {
            "data/weights/model_weights_config.json": pickled(weights),
            "data/weights/weight_0": evil,
        },
        "constants": {"data/constants/model_constants_config.json": pickled({"config": {"c": dict(custom)}})},
        "compiled": {"data/aotinductor/model/model.so": b"\x7fELF"},
        "object": {
            "data/constants/model_constants_config.json": json.dumps({"config": {"c": custom}}),
            "data/constants/custom_obj_0": evil,
        },
    }
    with pytest.raises(ReceptiveError, match="code in a file is never run"):
        read_model(rewritten(program, tmp_path / "m.pt2", changes[how]))
    assert not (tmp_path / MARK).exists()


def test_the_inputs_that_a_program_was_exported_with_are_not_unpickled(program, tmp_path, monkeypatch):
    import torch

    monkeypatch.chdir(tmp_path)
    path = rewritten(program, tmp_path / "m.pt2", {"data/sample_inputs/model.pt": pickle.dumps(Evil())})
    assert read_model(path) == read_model(program)
    assert not (tmp_path / MARK).exists()
    with pytest.raises(Exception, match=r"."):
        torch.export.load(path)  # PyTorch itself does
    assert (tmp_path / MARK).exists()


@pytest.mark.parametrize("how", ["module", "state", "script"])
def test_pickled_modules_are_left_alone_with_a_way_out(how, tmp_path, command):
    import torch

    path, module = tmp_path / "model.pt", sequential()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if how == "script":
            torch.jit.save(torch.jit.script(module), path)
        else:
            torch.save(module if how == "module" else module.state_dict(), path)
    code, out, err = command("field", path)
    assert (code, out) == (1, "")
    assert "it is left alone" in err
    assert "torch.export.save(" in err


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04", bytes(1000)])
def test_files_that_are_no_programs(content, tmp_path, command):
    path = tmp_path / "m.pt2"
    path.write_bytes(content)
    code, out, err = command("field", path)
    assert (code, out) == (1, "")
    assert "not a program that PyTorch exported" in err


def test_programs_cut_short_or_with_parts_missing_are_refused(program, tmp_path):
    whole = program.read_bytes()
    path = tmp_path / "m.pt2"
    for size in range(0, len(whole), len(whole) // 20):
        path.write_bytes(whole[:size])
        with pytest.raises(ReceptiveError, match=r"m\.pt2: "):
            read_model(path)
    for missing in ("models/model.json", "data/weights/weight_0", "data/weights/model_weights_config.json"):
        with pytest.raises(ReceptiveError, match=r"m\.pt2: "):
            read_model(rewritten(program, path, {missing: None}))
