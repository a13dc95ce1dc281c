"""A Keras model, loaded from its file with its weights, whichever Keras wrote it.

The description is read first, as data (`saved`): a file that holds code is refused before Keras sees it.
"""

import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py

from receptive.errors import ReceptiveError
from receptive.files import check_archive
from receptive.models import saved
from receptive.models.keras import Keras, check_connected
from receptive.models.keras_layers import references
from receptive.networks import backend


def load(path: Path, threads: int | None = None) -> Any:
    """Load a Keras model from its file, and the loss that it was compiled with, if that can be had.

    Of a file by Keras 1 or 2 a copy is loaded whose description is in the terms of Keras 3. Where Keras 3
    lacks layers of an old .h5, what lies below them is loaded, as a `Keras` that says so.

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
        operations = sorted({*saved.layer_classes(file.model)} & {*saved.OPERATIONS})
        file = replace(file, model=saved.modern(file.model))
    except saved.MALFORMED:
        raise ReceptiveError(f"{path}: {saved.NO_MODEL}") from None
    if operations:
        raise ReceptiveError(
            f"{path}: made by Keras {file.version} with {' and '.join(operations)}, which Keras 3 does not "
            f"have; convert it: {saved.conversion_lines(path)}; `receptive field` reads it as it is"
        )
    check_connected(file.model, str(path))
    if own := sorted({f'the code of Lambda "{name}"' for name in saved.code(file.model)}):
        raise ReceptiveError(
            f"{path}: needs {', '.join(own)}, which is not run; in Python, if you trust it, load the model "
            "with safe_mode=False and pass it to receptive.audit"
        )
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

    try:
        model = _load_keras(path, file)
    except Exception as error:  # Keras raises whatever its readers and the layers' own code do
        why = _explain_failure(path, file, error)
        with suppress(Exception):
            if part := _cut(file):
                lost = f"the model is read up to what Keras cannot load: {why}"
                return Keras(_load_keras(path, replace(file, model=part)), left_out=lost)
        raise ReceptiveError(f"{path}: {why}") from None
    try:
        model.compile(loss=keras.losses.get(keras.saving.deserialize_keras_object(file.loss)))
    except Exception:  # a loss of the user's own: one is chosen by the outputs then
        model.loss = None
    return model


_OWN = (
    "which Keras cannot load without your code; in Python, load the model with custom_objects and pass it to "
    "receptive.audit"
)


def _cut(file: saved.Saved) -> saved.Entry | None:
    """Return the part of an old model that Keras 3 has layers for, if there is a convolution in it.

    Its outputs are what the part that is left out reads.
    """
    import keras

    config, lost = file.model["config"], set[str]()
    if not file.old or file.form != "hdf5":
        return None
    for _ in config["layers"]:  # once for each step that the loss may travel
        for layer in config["layers"]:
            kinds = {layer["class_name"], *saved.layer_classes(layer)} - {*saved.MODELS}
            reads = (
                references(layer["inbound_nodes"]) if "input_layers" in config else ((name,) for name in lost)
            )
            strange = "MultiHeadAttention" in kinds or not all(hasattr(keras.layers, kind) for kind in kinds)
            if strange or any(name in lost for name, *_ in reads):
                lost.add(layer["config"]["name"])
    kept = [layer for layer in config["layers"] if layer["config"]["name"] not in lost]
    if not lost or not any("Conv" in layer["class_name"] for layer in kept):
        return None
    part = {**config, "layers": kept}
    if "input_layers" in config:
        read = {name for layer in kept for name, *_ in references(layer["inbound_nodes"])}
        part["output_layers"] = [[layer["name"], 0, 0] for layer in kept if layer["name"] not in read]
    return {**file.model, "config": part}


def _load_keras(path: Path, file: saved.Saved) -> Any:
    """Return the model of a file, as Keras 3 loads it."""
    import keras

    if not file.old:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"model{'.h5' if file.form == 'hdf5' else '.keras'}"
        description = json.dumps(saved.loadable(file.model, file.form == "keras")).encode()
        if file.form == "hdf5":
            shutil.copyfile(path, copy)
            with h5py.File(copy, "r+") as opened:
                opened.attrs["model_config"] = description
                names = {layer["config"]["name"] for layer in file.model["config"]["layers"]}
                listed = opened["model_weights"].attrs["layer_names"]
                opened["model_weights"].attrs["layer_names"] = [
                    name for name in listed if (name.decode() if isinstance(name, bytes) else name) in names
                ]
        else:
            with zipfile.ZipFile(path) as given, zipfile.ZipFile(copy, "w") as made:
                for name in given.namelist():
                    made.writestr(name, description if name == "config.json" else given.read(name))
        model = keras.models.load_model(copy, compile=False, safe_mode=True)
    for layer in _layers(model):
        for name in ("activation", "recurrent_activation"):
            if vars(layer).get(name) is keras.activations.hard_sigmoid:
                setattr(layer, name, _old_hard_sigmoid)
    return model


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
    first = next(iter(str(error).splitlines()), "").split(". ")[0] or type(error).__name__
    anew = 'where it was made, model.save("model.keras") keeps all of it; `receptive field` reads it as it is'
    of_tensors = {
        name for name in missing if hasattr(keras.ops, re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower())
    }
    if missing and missing == of_tensors:
        named = ", ".join(sorted(missing))
        return f"holds operations on tensors ({named}), which Keras cannot load from .h5: {anew}"
    if own := sorted({*saved.own_classes(file.model)} or missing - set(saved.GONE)):
        return f"needs {', '.join(own)}, {_OWN}"
    if file.version.startswith("1."):
        return (
            f"written by Keras {file.version}, whose weights Keras {keras.__version__} cannot load; load it "
            "with Keras 2.2 (Python 3.6, pip install keras==2.2.4 tensorflow==1.12) and save it anew; "
            "`receptive field` and `predict` read it as it is"
        )
    if file.old:
        return (
            f"written by Keras {file.version}, and Keras {keras.__version__} cannot load it ({first}); "
            f"convert it: {saved.conversion_lines(path)}"
        )
    if file.form == "hdf5" and path.suffix not in (".h5", ".hdf5"):
        return "an HDF5 file, which Keras loads if its name ends in .h5: rename it"
    if file.form == "hdf5":
        return f"Keras cannot load this model from .h5 ({first}): {anew}"
    return f"Keras cannot load this model: {first}"
