"""A saved model of any framework, from a file or live."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from receptive.models import keras, keras_file, onnx, torch
from receptive.models.probe import Model
from receptive.theory.layers import Graph

OPENED = {".onnx": onnx.open_file, ".pt2": torch.open_program}
"""How to open what is not a file of Keras, by how its name ends."""


def read_model(
    model: Any, length: int = 200, passthrough: Sequence[str] = (), sequence_input: str = ""
) -> Graph:
    """Read the layers of a model, of whichever framework, as a graph.

    >>> from receptive import read_model, receptive_fields
    >>> fields = receptive_fields(read_model("model.onnx"), 1000)  # doctest: +SKIP

    Args:
        model: the path of a file (.keras, .h5, .json, .onnx or .pt2), or a model that is loaded: of Keras, a
            ``torch.nn.Module`` or an ``onnx.ModelProto``.
        length: of the sequences that a ``torch.nn.Module`` is tried on; others tell their own.
        passthrough: names or classes of further layers that leave positions as they are.
        sequence_input: the name of the input that is the sequence, of several that may be.

    Raises:
        UsageError: an extra is missing, ``passthrough`` names a layer that moves positions, or no input is
            called ``sequence_input``.
        ReceptiveError: it is no model that can be read; the message says what it is, and what to do.
    """
    if not isinstance(model, str | Path):
        return live(model, length, passthrough, sequence_input).graph
    if opened := OPENED.get(Path(model).suffix):
        return live(opened(model), length, passthrough, sequence_input).graph
    return keras.read(model, passthrough, sequence_input)


def load(path: Path | str, threads: int | None = None) -> Any:
    """Load a model from its file, with its weights; one of Keras also with the loss it was compiled with.

    Args:
        path: the file.
        threads: most threads that the framework may use; None: its own choice.

    Raises:
        UsageError: an extra is missing.
        ReceptiveError: the file is missing, no model or cannot be loaded; the message says what can be done.
    """
    path = Path(path)
    if opened := OPENED.get(path.suffix):
        return opened(path, threads)
    return keras_file.load(path, threads)


def live(model: Any, length: int, passthrough: Sequence[str] = (), sequence_input: str = "") -> Model:
    """Return a model as an audit asks for it: of Keras or PyTorch, or an ``onnx.ModelProto``.

    Args:
        model: the model.
        length: of the sequences that it will be given.
        passthrough: layers of an unknown kind that leave positions as they are.
        sequence_input: the name of the input that is the sequence, of several that may be.
    """
    said: dict[str, Any] = {"passthrough": tuple(passthrough), "sequence_input": sequence_input}
    if isinstance(model, onnx.Onnx | keras.Keras):
        return replace(model, **said)
    origins = {base.__module__.split(".")[0] for base in type(model).__mro__}
    if "onnx" in origins:
        return onnx.Onnx(model, **said)
    if "torch" in origins and "keras" not in origins:  # Keras on PyTorch is both
        return replace(torch.export(model, length), **said)
    return keras.Keras(model, **said)
