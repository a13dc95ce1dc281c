"""A saved model of any framework, from a file or live."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from receptive.models import keras, onnx, torch
from receptive.models.probe import Model
from receptive.theory.layers import Graph

OPENED = {".onnx": onnx.opened, ".pt2": torch.opened}
"""How to open what is not a file of Keras, by how its name ends."""


def graph(path: Path | str, passthrough: Sequence[str] = ()) -> Graph:
    """Read the graph of the model in a file, of whichever framework.

    Raises:
        UsageError: an extra is missing, or ``passthrough`` names a layer that moves positions.
        ReceptiveError: the file holds no model that can be read.
    """
    if opened := OPENED.get(Path(path).suffix):
        return opened(path, passthrough).graph
    return keras.read(path, passthrough)


def live(model: Any, length: int, passthrough: Sequence[str] = ()) -> Model:
    """Return a model as an audit asks for it: of Keras or PyTorch, or an ``onnx.ModelProto``.

    Args:
        model: the model.
        length: of the sequences that it will be given.
        passthrough: layers of an unknown kind that leave positions as they are.
    """
    if isinstance(model, onnx.Onnx):
        return replace(model, passthrough=tuple(passthrough))
    origins = {each.__module__.split(".")[0] for each in type(model).__mro__}
    if "onnx" in origins:
        return onnx.Onnx(model, passthrough=tuple(passthrough))
    if "torch" in origins and "keras" not in origins:  # Keras on PyTorch is both
        return torch.exported(model, length, passthrough)
    return keras.Keras(model, passthrough)
