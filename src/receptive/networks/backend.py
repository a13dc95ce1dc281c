"""The one place that knows which framework Keras runs on."""

import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from receptive.errors import ReceptiveError
from receptive.extras import need

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Without it TensorFlow refuses convolutions of channels first on processors that have no AVX-512.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


Examples = tuple[NDArray[np.uint8], NDArray[np.int8]]
"""Sequences and their labels."""


def require(what: str, *more: str) -> None:
    """Make sure that Keras and its backend are installed, and ``more`` packages that their extras bring.

    Raises:
        UsageError: one is missing; the message begins with ``what`` and names the extra.
    """
    backend = os.environ["KERAS_BACKEND"]
    extra, packages = ("jax", ["jax"]) if backend == "jax" else ("tensorflow", ["tensorflow"])
    known = backend in ("jax", "tensorflow")  # of others Keras itself says what is wrong
    need(what, extra, "keras", *(packages if known else ()), *more)


def require_training(what: str) -> None:
    """Make sure that all is installed that training takes, before data are drawn for it.

    Raises:
        UsageError: a package is missing.
    """
    require(what, "sklearn", "joblib")


def configure(threads: int | None = None) -> None:
    """Prepare the framework before it first computes anything.

    On TensorFlow: use at most ``threads`` threads (``None``: its own choice) and let GPU memory grow with
    need, so that several processes share a card. Other backends take what their own environment variables
    say.

    Raises:
        UsageError: Keras or its backend is not installed.
        ReceptiveError: Keras knows no such backend, or cannot load it.
    """
    require("Keras")
    try:
        with _silent_stderr():
            import keras
    except (ImportError, ValueError) as error:
        raise ReceptiveError(
            f"Keras does not run on KERAS_BACKEND={os.environ['KERAS_BACKEND']}: {error}; expected a backend "
            "that is installed, such as tensorflow"
        ) from None

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

        card = jax.devices()[0]
        device = "CPU" if card.platform == "cpu" else card.device_kind
    else:
        device = "unknown"
    packages = ("receptive", "keras", name, "numpy", "scikit-learn")
    return {
        "backend": name,
        "device": device,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "versions": {package: version(package) for package in packages},
    }


def fit_arguments(train: Examples, valid: Examples, batch_size: int, seed: int) -> dict[str, Any]:
    """Return what Keras' ``fit`` takes the data by: arrays, or on TensorFlow pipelines of our own.

    Of arrays Keras would make a pipeline that tunes itself from a thread of its own, and at the end of every
    epoch TensorFlow (2.21) waits until that thread looks up, which may be seconds. Ours tunes nothing.

    Args:
        train, valid: sequences uint8 (N, L, 4) and labels int8 (N, C).
        batch_size: sequences of a batch.
        seed: reaches the order of the training sequences, another in every epoch.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        x, y, *validation = (part.astype("float32") for part in (*train, *valid))
        return {"x": x, "y": y, "validation_data": tuple(validation), "batch_size": batch_size}
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False

    def pipeline(order: Any, examples: Examples) -> Any:
        with tf.device("CPU"):  # where pipelines run, also beside a graphics card
            parts = [tf.constant(part) for part in examples]
        batches = order.batch(batch_size).map(
            lambda chosen: tuple(tf.cast(tf.gather(part, chosen), tf.float32) for part in parts)
        )
        return batches.with_options(options)

    numbers = [tf.data.Dataset.range(len(examples[0])) for examples in (train, valid)]
    shuffled = numbers[0].shuffle(len(train[0]), seed)
    return {"x": pipeline(shuffled, train), "validation_data": pipeline(numbers[1], valid), "shuffle": False}


def gradient_at(
    model: Any, variable: Any, loss: Callable[[Any, Any], Any], X: NDArray[np.float32], Y: NDArray[np.float32]
) -> tuple[float, NDArray[np.float32]]:
    """Compute a loss, averaged over sequences, and its gradient at one variable, as the model predicts.

    Args:
        model: a Keras model.
        variable: one of its trainable variables.
        loss: from labels and predictions to one number a sequence.
        X: sequences (N, L, 4).
        Y: labels (N, C).

    Returns:
        The mean loss, and an array of the variable's shape.

    Raises:
        ReceptiveError: Keras runs on a backend other than TensorFlow and JAX.
    """
    import keras

    name = keras.backend.backend()
    if name == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            mean = tf.reduce_mean(loss(Y, model(X, training=False)))
        return float(mean), tape.gradient(mean, variable.value).numpy()
    if name == "jax":
        import jax

        index = next(i for i, weights in enumerate(model.trainable_variables) if weights is variable)
        values = [weights.value for weights in model.trainable_variables]
        rest = [weights.value for weights in model.non_trainable_variables]

        def at(value: Any) -> Any:
            changed = [*values[:index], value, *values[index + 1 :]]
            return loss(Y, model.stateless_call(changed, rest, X, training=False)[0]).mean()

        mean, gradient = jax.value_and_grad(at)(values[index])
        return float(mean), np.asarray(gradient)
    raise ReceptiveError(f"the first layer over epochs needs TensorFlow or JAX, found KERAS_BACKEND={name}")


def compile_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function of arrays where the framework can, so that unused values are not computed."""
    import keras

    name = keras.backend.backend()
    if name == "tensorflow":
        import tensorflow as tf

        return cast(Callable[..., Any], tf.function(function, autograph=False))
    if name == "jax":
        import jax

        return cast(Callable[..., Any], jax.jit(function))
    return function


def save(model: Any, path: Path) -> None:
    """Save a model's layers and weights, without what its training left behind, in the format ``.keras``."""
    import keras

    keras.Model(model.inputs, model.outputs, name=model.name).save(path)


def jit() -> bool | str:
    """Return Keras' ``jit_compile``: TensorFlow is several times faster on a CPU without XLA."""
    import keras

    return False if keras.backend.backend() == "tensorflow" else "auto"


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Silence standard error: TensorFlow's C++ greets on import whatever its log level is."""
    sys.stderr.flush()
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
