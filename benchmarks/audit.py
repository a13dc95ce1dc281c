"""Measure how fast filters are held: ``tox -e bench -- audit.py``, with the extras tensorflow and onnx.

A network of Basset's plan with 300 filters in its first layer, on sequences of 600 nt, in Keras and as ONNX.
Holding some filters as an audit does is timed in turns against a pass over the whole network for each, by
processor time; the spread is the lowest and the highest ratio over the turns. With --whole an audit of
10,000 sequences is timed as well, in processor time and by the clock on the wall.
"""

import argparse
import os
import platform
import statistics
import time

import numpy as np

from receptive.audits.audit import audit
from receptive.audits.importance import enough
from receptive.audits.inputs import Sequences
from receptive.models.model import live
from receptive.models.probe import Probe

FILTERS, LENGTH, CLASSES = 300, 600, 20
HELD, APART, BATCH, TURNS = 60, 2, 100, 3


def keras_model():
    """Three convolutions, each normalised and pooled, and two dense layers."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((LENGTH, 4))
    for filters, width, pool in ((FILTERS, 19, 3), (200, 11, 4), (200, 7, 4)):
        x = layers.Conv1D(filters, width, padding="same")(x)
        x = layers.MaxPooling1D(pool)(layers.ReLU()(layers.BatchNormalization()(x)))
    x = layers.Flatten()(x)
    for _ in range(2):
        x = layers.Dense(1000, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(CLASSES, activation="sigmoid")(x), name="basset")


def onnx_model():
    """The same plan, with weights of its own."""
    from onnx import TensorProto, helper, numpy_helper

    rng, nodes, constants = np.random.default_rng(0), [], []

    def constant(*shape):
        values = rng.normal(scale=1 / np.sqrt(np.prod(shape[1:])), size=shape).astype(np.float32)
        constants.append(numpy_helper.from_array(values, f"c{len(constants)}"))
        return constants[-1].name

    def add(op, *reads, **attributes):
        nodes.append(helper.make_node(op, reads, [f"t{len(nodes)}"], name=f"{op}-{len(nodes)}", **attributes))
        return nodes[-1].output[0]

    x, channels = "x", 4
    for filters, width, pool in ((FILTERS, 19, 3), (200, 11, 4), (200, 7, 4)):
        x = add("Conv", x, constant(filters, channels, width), pads=[width // 2] * 2)
        x, channels = add("MaxPool", add("Relu", x), kernel_shape=[pool], strides=[pool]), filters
    x, size = add("Flatten", x), 200 * (LENGTH // 3 // 4 // 4)
    for outputs in (1000, 1000):
        x, size = add("Relu", add("Gemm", x, constant(outputs, size), transB=1)), outputs
    add("Sigmoid", add("Gemm", x, constant(CLASSES, size), transB=1))
    ends = [("x", ("N", 4, LENGTH)), (nodes[-1].output[0], ("N", CLASSES))]
    inputs, outputs = (
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)] for name, shape in ends
    )
    graph = helper.make_graph(nodes, "basset", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def dna(count):
    """Random sequences."""
    return np.eye(4, dtype=np.uint8)[np.random.default_rng(0).integers(4, size=(count, LENGTH))]


def holding(model, name):
    """Time some filters held as an audit holds them, and each in a pass of its own."""
    network = live(model, LENGTH)
    first = next(row.layer.name for row in network.graph.nodes if row.layer.kind == "conv")
    place, _, axis = network.activation(first)
    X = dna(BATCH)
    given = X.swapaxes(1, 2) if network.inputs[0][1][1] == 4 else X
    probe, values = Probe(network, place, given, axis), dict.fromkeys(range(HELD), 0.1)

    def shared():
        return [scores for _, scores in probe.hold_each(values, CLASSES, lambda: None)]

    def apart():
        return [probe.scores({index: values[index]}) for index in range(APART)]

    np.testing.assert_allclose(shared()[:APART], apart(), atol=1e-5)
    times = []
    for _ in range(TURNS):
        turn = []
        for job, count in ((apart, APART), (shared, HELD)):
            began = time.process_time()
            job()
            turn.append((time.process_time() - began) / count / BATCH * 1e3)
        times.append(turn)
    ratios = [a / b for a, b in times]
    a, b = (statistics.median(column) for column in zip(*times, strict=True))
    print(
        f"hold a filter on 1,000 sequences, {name:6} {b:7.2f} s   pass for each {a:7.2f} s   "
        f"ratio {statistics.median(ratios):5.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
        flush=True,
    )


def whole(model):
    """Time an audit of 10,000 sequences, and each part of it."""
    X = dna(10_000)
    Y = (np.random.default_rng(1).random((len(X), CLASSES)) < 0.3).astype(np.int8)
    parts: dict[str, tuple[float, float]] = {}
    began = time.process_time(), time.perf_counter()

    def since():
        return time.process_time() - began[0], time.perf_counter() - began[1]

    def note(work, *_):
        parts[work] = since()

    audit(model, Sequences(X, Y), progress=note)
    print(f"audit of 10,000 sequences, filters held on {enough(FILTERS, LENGTH):,}:")
    for work, (busy, elapsed) in {**parts, "all": since()}.items():
        print(f"  until the end of {work:20} {busy:6.0f} s of processor time, {elapsed:6.0f} s", flush=True)


def main():
    """Run the benchmarks and print what they took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--whole", action="store_true", help="also audit 10,000 sequences, for minutes")
    asked = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    holding(keras_model(), "Keras")
    holding(onnx_model(), "ONNX")
    if asked.whole:
        whole(keras_model())


if __name__ == "__main__":
    main()
