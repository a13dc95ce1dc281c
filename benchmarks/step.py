"""Measure one training step of some networks: ``tox -e bench -- step.py cnn-2 cnn-25``.

Processor time of this process on one thread, for mini-batches of 100 of the synthetic task: of a step within
``model.fit``, taken one by one and 25 at a time as trainings do, and of the step alone on a batch at hand.
The difference is what Python and the feeding of data take. With --operations also the operations that take
most of it, from TensorFlow's profile.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from receptive.networks import backend
from receptive.networks import variants as networks
from receptive.protocols import RELEASED
from receptive.tasks import synthetic

STEPS = 50
TURNS = 5


def milliseconds(job: Callable[[], Any]) -> list[float]:
    """Processor time of a step, from several turns of ``STEPS`` after one that compiles."""
    job()
    times = []
    for _ in range(TURNS):
        began = time.process_time()
        job()
        times.append((time.process_time() - began) / STEPS * 1e3)
    return times


def fitting(name: str, X: Any, Y: Any, together: int) -> list[float]:
    """Time the steps of ``model.fit``, some of them at a time."""
    import keras

    keras.utils.set_random_seed(0)
    networks.STEPS = together
    model = networks.build(networks.variant(name, RELEASED), 200, 12, RELEASED)
    arguments = backend.fit_arguments((X, Y), (X, Y), 100, 0)
    del arguments["validation_data"]
    return milliseconds(lambda: model.fit(**arguments, epochs=1, verbose=0))


def alone(name: str, X: Any, Y: Any) -> list[float]:
    """Time the step itself, again and again on the same batch."""
    import tensorflow as tf

    model = networks.build(networks.variant(name, RELEASED), 200, 12, RELEASED)
    model.fit(X[:100], Y[:100], verbose=0)
    step = tf.function(lambda x, y: model.train_step((x, y)))
    batch = tf.constant(X[:100]), tf.constant(Y[:100])
    return milliseconds(lambda: [step(*batch) for _ in range(STEPS)])


def operations(name: str, X: Any, Y: Any) -> Counter[str]:
    """Profile ``model.fit`` on TensorFlow: ms a step of every kind of operation."""
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    model = networks.build(networks.variant(name, RELEASED), 200, 12, RELEASED)
    model.fit(X, Y, batch_size=100, epochs=1, verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            model.fit(X, Y, batch_size=100, epochs=1, verbose=0)
        (file,) = Path(folder).rglob("*.xplane.pb")
        planes = xplane_pb2.XSpace.FromString(file.read_bytes()).planes
    taken: Counter[str] = Counter()
    for plane in planes:
        for event in (event for line in plane.lines for event in line.events):
            what, colon, kind = plane.event_metadata[event.metadata_id].name.rpartition(":")
            if colon and "/" in what:  # of the graph, not of what runs it
                taken[kind] += event.duration_ps / 1e9 / STEPS
    return taken


def main() -> None:
    """Time every network and print a line for each way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", default=["cnn-25", "cnn-2"])
    parser.add_argument("--operations", action="store_true", help="also profile the operations")
    given = parser.parse_args()
    backend.configure(threads=1)
    data = synthetic.generate(0, sequences=10_000).train
    X, Y = (part[: 100 * STEPS].astype(np.float32) for part in (data.X, data.Y))
    print(f"ms of a step, median of {TURNS} turns of {STEPS} steps (lowest to highest)")
    for name in given.networks:
        for way, times in {
            "fit, one by one": fitting(name, X, Y, 1),
            "fit, 25 at a time": fitting(name, X, Y, 25),
            "the step alone": alone(name, X, Y),
        }.items():
            spread = f"({min(times):.1f} to {max(times):.1f})"
            print(f"{name:12} {way:18} {statistics.median(times):6.1f} {spread}", flush=True)
        if given.operations:
            for kind, time_taken in operations(name, X, Y).most_common(10):
                print(f"{name:12}   {kind:24} {time_taken:6.2f}")


if __name__ == "__main__":
    main()
