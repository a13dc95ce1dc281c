"""The one place that knows which framework Keras runs on."""

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def configure(threads: int | None = None) -> None:
    """Prepare the framework before it first computes anything.

    On TensorFlow: use at most ``threads`` threads (``None``: its own choice) and let GPU memory grow with
    need, so that several processes share a card. Other backends take what their own environment variables
    say.
    """
    with _silent_stderr():
        import keras

    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    if threads is not None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    for card in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(card, True)


def describe() -> dict[str, Any]:
    """Say what a training runs on: backend, device, machine, and the versions that matter."""
    import keras

    name = keras.backend.backend()
    if name == "tensorflow":
        import tensorflow as tf

        cards = tf.config.list_physical_devices("GPU")
        device = tf.config.experimental.get_device_details(cards[0])["device_name"] if cards else "CPU"
    elif name == "jax":
        import jax

        found = jax.devices()[0]
        device = "CPU" if found.platform == "cpu" else found.device_kind
    else:
        device = "unknown"
    packages = ("receptive", "keras", name, "numpy", "scikit-learn")
    return {
        "backend": name,
        "device": device,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "versions": {package: version(package) for package in packages},
    }


def jit() -> bool | str:
    """Return Keras' ``jit_compile``: TensorFlow is several times faster on a CPU without XLA."""
    import keras

    return False if keras.backend.backend() == "tensorflow" else "auto"


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Drop what is written to standard error: TensorFlow's C++ greets on import whatever its log level is."""
    sys.stderr.flush()
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
