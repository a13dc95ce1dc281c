"""A Keras model, loaded from its file with its weights, whichever Keras wrote it.

The description is read first, as data (`saved`): a file that holds code is refused before Keras sees it.
"""

import io
import json
import re
import shutil
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import h5py

from receptive.errors import ReceptiveError, reason
from receptive.files import check_archive
from receptive.models import saved
from receptive.models.keras import Keras, check_connected
from receptive.models.keras_layers import references
from receptive.networks import backend


def load(path: Path, threads: int | None = None) -> Any:
    """Load a Keras model from its file, and the loss that it was compiled with, if that can be had.

    Of a file by Keras 1 or 2 a copy is loaded whose description is in the terms of Keras 3. Where a layer
    cannot be loaded, as it needs code or is of TensorFlow, what lies below is, as a `Keras` that says so.

    Args:
        path: the file.
        threads: most threads that Keras may use; None: its own choice.

    Raises:
        UsageError: an extra is missing.
        ReceptiveError: the file is missing or no model, needs code that the file does not hold, or is of an
            old Keras and cannot be converted; the message says what can be done.
    """
    file = saved.read(path)
    try:
        why = _explain_code(path, file)
        file = replace(file, model=saved.modern(file.model))
    except saved.MALFORMED:
        raise ReceptiveError(f"{path}: {saved.NO_MODEL}") from None
    check_connected(file.model, str(path))
    if file.form == "json":
        raise ReceptiveError(
            f"{path}: describes a model without its weights: in Python, keras.models.model_from_json, then "
            "load_weights and save as .keras"
        )
    if file.backend == "theano":
        raise ReceptiveError(
            f"{path}: trained on Theano, which turns kernels around, and Keras 3 would read them backwards; "
            "load it with Keras 2.2 on TensorFlow, which turns them, and save it anew"
        )
    check_archive(path)
    backend.configure(threads)
    import keras

    if not why:
        try:
            model = _load_keras(path, file)
        except Exception as error:  # Keras raises whatever its readers and the layers' own code do
            why = _explain_failure(path, file, error)
    if why:
        return _load_part(path, file, why)
    try:
        model.compile(loss=keras.losses.get(_loss(file.loss)))
    except Exception:  # a loss of the user's own: one is chosen by the outputs then
        model.loss = None
    return model


def _loss(described: Any) -> Any:
    """Return the description of the loss of a model's only output, as Keras 3 reads it.

    Raises:
        ValueError: there are several.
    """
    if isinstance(described, dict) and "class_name" not in described:  # by outputs
        described = [*described.values()]
    if isinstance(described, list):
        (described,) = described
    if isinstance(described, dict) and isinstance(config := described.get("config"), dict):
        kept = {name: value for name, value in config.items() if name != "reduction"}
        return described | {"config": kept}
    return described


def _explain_code(path: Path, file: saved.Saved) -> str:
    """Say which code, or operations of TensorFlow, a file needs; "" if it needs none."""
    if operations := sorted({*saved.layer_classes(file.model)} & {*saved.OPERATIONS}):
        return (
            f"made by Keras {file.version} with {' and '.join(operations)}, which Keras 3 does not "
            f"have; convert it: {saved.conversion_lines(path)}; `receptive field` reads it as it is"
        )
    if own := sorted({f'the code of Lambda "{name}"' for name in saved.code(file.model)}):
        return (
            f"needs {', '.join(own)}, which is not run; in Python, if you trust it, load the model "
            "with safe_mode=False and pass it to receptive.audit"
        )
    return ""


_OWN = (
    "which Keras cannot load without your code; in Python, load the model with custom_objects and pass it to "
    "receptive.audit"
)


def _load_part(path: Path, file: saved.Saved, why: str) -> Keras:
    """Load the part of a model that Keras has layers for, if there is a convolution in it.

    Raises:
        ReceptiveError: there is none, or it cannot be loaded either; it says why the whole cannot be.
    """
    with suppress(Exception):  # as above; what keeps the whole from being loaded says more
        part, whole = _cut(file)
        tried = whole and file.model["class_name"] in saved.MODELS
        if any("Conv" in kind for kind in saved.layer_classes(part)) and not (tried or [*saved.code(part)]):
            lost = "" if whole else f"the model is read up to what Keras cannot load: {why}"
            return Keras(_load_keras(path, replace(file, model=part), file.model), left_out=lost)
    raise ReceptiveError(f"{path}: {why}")


def _cut(file: saved.Saved) -> tuple[saved.Entry, bool]:
    """Return a model without the layers that Keras cannot make, and those above them; and if it is whole.

    Its outputs are what the part that is left out reads. A convolution whose activation alone is unknown is
    kept without it, and nothing above it. Of a layer's calls the first are kept.
    """
    config, kept = file.model["config"], dict[str, saved.Entry]()
    layers = {layer["config"]["name"]: layer for layer in config["layers"]}
    known = {name: _plain_entry(layer, file) for name, layer in layers.items()}
    if "input_layers" in config:
        place, kind = "keras.src.models.functional", "Functional"
        made, before = set[tuple[str, int]](), -1
        while before != len(made):  # again, as a layer may be called later than it is listed
            before = len(made)
            for name, entry in known.items():
                calls = layers[name]["inbound_nodes"]
                ready = _ready(calls, made)
                if entry and (ready or not calls):
                    kept[name] = {**entry, "inbound_nodes": ready}
                    made.update((name, i) for i in range(max(len(ready), 1)) if entry is layers[name])
        read = {tensor[:2] for entry in kept.values() for tensor in references(entry["inbound_nodes"])}
        calls = [(name, i) for name in kept for i in range(max(len(kept[name]["inbound_nodes"]), 1))]
        ends = {"output_layers": [[*call, 0] for call in calls if call not in read]}
    else:
        place, kind, ends = "keras", "Sequential", {}
        for name, entry in known.items():
            if entry:
                kept[name] = entry
            if entry is not layers[name]:
                break
    part = {**config, **ends, "layers": [kept[name] for name in layers if name in kept]}
    whole = part["layers"] == config["layers"]
    made_of = {"config": config if whole else part, "registered_name": None}
    return {"module": place, "class_name": kind, **made_of}, whole


def _ready(calls: Iterable[Any], made: Set[tuple[str, int]]) -> list[Any]:
    """Return the calls of a layer before the first one that reads what is not made."""
    return [*takewhile(lambda call: made >= {tensor[:2] for tensor in references(call)}, calls)]


def _plain_entry(layer: saved.Entry, file: saved.Saved) -> saved.Entry | None:
    """Return a layer that Keras can make without code, a convolution perhaps without its activation."""
    kinds = {layer["class_name"], *saved.layer_classes(layer)}
    operation = file.form == "hdf5" and not file.old and not {"trainable", "dtype"} & {*layer["config"]}
    if operation or "function" in layer["config"] or (file.old and "MultiHeadAttention" in kinds):
        return None
    bare = {**layer, "config": {**layer["config"], "activation": "linear"}}
    for entry in (layer, bare) if "Conv" in layer["class_name"] else (layer,):
        if not [*saved.code(entry), *saved.own_classes(entry)]:
            with suppress(Exception):  # of whatever kind its arguments make the layer raise
                _make(entry, file)
                return entry
    return None


def _make(entry: saved.Entry, file: saved.Saved) -> Any:
    """Return the layer or model that Keras makes of a description, without weights."""
    import keras

    # HDF5 and Keras 2 leave out the module, by which Keras looks classes up.
    named = entry if file.form == "keras" and not file.old else saved.loadable(entry, True)
    return keras.saving.deserialize_keras_object(deepcopy(named))  # which it changes


def _load_keras(path: Path, file: saved.Saved, whole: saved.Entry | None = None) -> Any:
    """Return the model of a file, as Keras 3 loads it; of ``whole``, if given, the part that ``file`` has."""
    import keras

    endings = (".h5", ".hdf5") if file.form == "hdf5" else (".keras",)  # by which Keras goes
    same = not file.old and whole is None
    if same and (path.suffix in endings or path.is_dir()):
        return keras.models.load_model(path, compile=False, safe_mode=True)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"model{endings[0]}"
        described = saved.loadable(file.model, file.form == "keras") if file.old else file.model
        if same:
            shutil.copyfile(path, copy)
        elif file.form == "hdf5":
            shutil.copyfile(path, copy)
            with h5py.File(copy, "r+") as opened:
                opened.attrs["model_config"] = json.dumps(described).encode()
                listed = opened["model_weights"].attrs["layer_names"]
                there = {name.decode() if isinstance(name, bytes) else name for name in listed}
                # Keras goes by the order, which is another one if a part is left out.
                order = [layer.name for layer in _make(file.model, file).layers if layer.name in there]
                opened["model_weights"].attrs["layer_names"] = order
        else:
            with zipfile.ZipFile(path) as given, zipfile.ZipFile(copy, "w") as made:
                for name in given.namelist():
                    content = json.dumps(described).encode() if name == "config.json" else given.read(name)
                    if name == "model.weights.h5" and whole is not None:
                        content = _renumber(content, whole, _make(file.model, file))
                    made.writestr(name, content)
        model = keras.models.load_model(copy, compile=False, safe_mode=True)
    for layer in _layers(model) if file.old else ():
        for name in ("activation", "recurrent_activation"):
            if vars(layer).get(name) is keras.activations.hard_sigmoid:
                setattr(layer, name, _old_hard_sigmoid)
    return model


def _renumber(weights: bytes, whole: saved.Entry, part: Any) -> bytes:
    """Return the weights of a part of a model as Keras asks for them: by class, and number among its layers.

    Raises:
        ValueError: the file calls the layers otherwise, or keeps them elsewhere.
    """
    layers = {layer["config"]["name"]: layer for layer in whole["config"]["layers"]}
    kinds = {name: layer["class_name"].split(">")[-1] for name, layer in layers.items()}
    before = _number([name for name in layers if ".ops." not in str(layers[name].get("module"))], kinds)
    after = _number([layer.name for layer in part.layers], kinds)
    content = io.BytesIO(weights)
    with h5py.File(content, "r+") as file:
        file.move("layers", "every")
        for name, place in after.items():
            if (old := f"every/{before[name]}") in file:
                own = f"{old}/vars" if f"{old}/vars" in file else old
                links = {type(file.get(part, getlink=True)) for part in (old, own)}
                if links != {h5py.HardLink} or file[own].attrs.get("name", name) != name:
                    raise ValueError(f"{old} is elsewhere, or is not {name}")
                file.copy(old, f"layers/{place}")
        del file["every"]
    return content.getvalue()


def _number(names: Iterable[str], kinds: Mapping[str, str]) -> dict[str, str]:
    """Return where Keras keeps the weights of layers, by their names and classes."""
    count, places = Counter[str](), dict[str, str]()
    for name in names:
        kind = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", kinds[name])
        kind = re.sub(r"([a-z])([A-Z])", r"\1_\2", kind).lower()
        places[name] = f"{kind}_{count[kind]}" if count[kind] else kind
        count[kind] += 1
    return places


def _layers(layer: Any) -> Iterator[Any]:
    """Return a model's layers, those within models and wrappers, and the cells of recurrent ones."""
    yield layer
    for inner in (
        *getattr(layer, "layers", ()),
        *(getattr(layer, name, None) for name in ("layer", "forward_layer", "backward_layer", "cell")),
    ):
        if inner is not None:
            yield from _layers(inner)


def _old_hard_sigmoid(x: Any) -> Any:
    """Return the hard sigmoid as it was until Keras 2, of slope 1/5; today's is of slope 1/6."""
    from keras import ops

    return ops.clip(0.2 * x + 0.5, 0, 1)


def _explain_failure(path: Path, file: saved.Saved, error: Exception) -> str:
    """Say why Keras cannot load a file, and what can be done."""
    import keras

    missing = {
        name
        for name in saved.layer_classes(file.model)
        if name not in saved.MODELS and not hasattr(keras.layers, name)
    }
    first = reason(error).split(". ")[0]
    anew = 'where it was made, model.save("model.keras") keeps all of it; `receptive field` reads it as it is'
    of_tensors = {
        name for name in missing if hasattr(keras.ops, re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower())
    }
    if missing and missing == of_tensors:
        named = ", ".join(sorted(missing))
        return f"holds operations on tensors ({named}), which Keras cannot load from .h5: {anew}"
    functions = re.findall(r"^Could not interpret .*identifier: (\w+)$", first)
    if own := sorted({*saved.own_classes(file.model)} or missing - set(saved.GONE) or functions):
        return f"needs {', '.join(own)}, {_OWN}"
    if file.version.startswith("1."):
        return (
            f"written by Keras {file.version}, whose weights Keras {keras.__version__} cannot load; load it "
            "with Keras 2.2 (Python 3.6, pip install keras==2.2.4 tensorflow==1.12) and save it anew; "
            "`receptive field` and `predict` read it as it is"
        )
    if file.old:
        return (
            f"written by Keras {file.version or '1 or 2'}, and Keras {keras.__version__} cannot load it "
            f"({first}); convert it: {saved.conversion_lines(path)}"
        )
    if file.form == "hdf5":
        return f"Keras cannot load this model from .h5 ({first}): {anew}"
    return f"Keras cannot load this model: {first}"
