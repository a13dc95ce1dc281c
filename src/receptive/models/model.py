"""A saved model of any framework, as a graph of layers."""

from collections.abc import Sequence
from pathlib import Path

from receptive.theory.layers import Graph


def graph(path: Path | str, passthrough: Sequence[str] = ()) -> Graph:
    """Read the graph of the model in a file, of whichever framework.

    Raises:
        UsageError: an extra is missing, or ``passthrough`` names a layer that moves positions.
        ReceptiveError: the file holds no model that can be read.
    """
    if Path(path).suffix == ".onnx":
        from receptive.models import onnx

        return onnx.Onnx(onnx.load(path), str(path), Path(path).parent).graph(passthrough)
    from receptive.models import keras

    return keras.read(path, passthrough)
