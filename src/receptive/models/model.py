"""A saved model of any framework, from a file or live."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from receptive.models.probe import Model
from receptive.theory.layers import Graph


def graph(path: Path | str, passthrough: Sequence[str] = ()) -> Graph:
    """Read the graph of the model in a file, of whichever framework.

    Raises:
        UsageError: an extra is missing, or ``passthrough`` names a layer that moves positions.
        ReceptiveError: the file holds no model that can be read.
    """
    if Path(path).suffix == ".onnx":
        from receptive.models import onnx

        return onnx.opened(path, passthrough).graph
    from receptive.models import keras

    return keras.read(path, passthrough)


def live(model: Any, length: int, passthrough: Sequence[str] = ()) -> Model:
    """Return a model as an audit asks for it: of Keras, or an ``onnx.ModelProto``.

    Args:
        model: the model.
        length: of the sequences that it will be given.
        passthrough: layers of an unknown kind that leave positions as they are.
    """
    from receptive.models import keras, onnx

    if isinstance(model, onnx.Onnx):
        return replace(model, passthrough=tuple(passthrough))
    if type(model).__module__.startswith("onnx"):
        return onnx.Onnx(model, passthrough=tuple(passthrough))
    return keras.Keras(model, passthrough)
