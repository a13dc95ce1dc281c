"""The seventeen networks of the paper, as data, and the Keras models made from it (ARCH-1 to ARCH-3).

A network is a tuple of :class:`~receptive.theory.layers.Layer` (its convolutions and poolings) with the
number of filters of each convolution and the number of hidden units. Everything else is common to all of
them: every convolution is followed by batch normalisation, ReLU, its pooling if it has one, and dropout 0.1;
then come a dense layer (batch normalisation, ReLU, dropout 0.5) and one sigmoid per class. Only the output
layer has a bias.
"""

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, NamedTuple

from receptive.errors import UsageError
from receptive.networks.backend import jit
from receptive.protocols import PAPER, Protocol
from receptive.theory.fields import receptive_fields
from receptive.theory.layers import Layer, format_layers, parse_layers

ADAM_EPSILON = 1e-8
STEPS = 25
"""Training steps between two returns to Python. The weights are the same; CNN-25 takes a fifth less time."""
POWERS = {"squared_relu": 2, "cubed_relu": 3}
"""Activations that are powers of ReLU, with their exponents."""


@dataclass(frozen=True)
class Variant:
    """One architecture, of the paper or of ours.

    Attributes:
        name: as on the command line, e.g. ``cnn-25``.
        layers: convolutions and poolings in order.
        filters: filters of each convolution.
        units: hidden units of the dense layer.
        claim: the row of Table 1 (claim id) it gives, if it has one.
    """

    name: str
    layers: tuple[Layer, ...]
    filters: tuple[int, ...] = (30, 128)
    units: int = 512
    claim: str = field(default="", compare=False)

    def __str__(self) -> str:
        """Return the layers as text, e.g. ``conv19 pool25 conv5 pool4``."""
        return format_layers(self.layers)


def _variant(name: str, layers: str, claim: str = "", **sizes: Any) -> Variant:
    return Variant(name, parse_layers(layers), claim=claim, **sizes)


def _by_name(*networks: Variant) -> dict[str, Variant]:
    return {network.name: network for network in networks}


VARIANTS = _by_name(
    _variant("cnn-1", "conv19 pool1 conv5 pool100", "T1-1"),
    _variant("cnn-2", "conv19 pool2 conv5 pool50", "T1-2"),
    _variant("cnn-4", "conv19 pool4 conv5 pool25", "T1-3"),
    _variant("cnn-10", "conv19 pool10 conv5 pool10", "T1-4"),
    _variant("cnn-25", "conv19 pool25 conv5 pool4", "T1-5"),
    _variant("cnn-50", "conv19 pool50 conv5 pool2", "T1-6"),
    _variant("cnn-100", "conv19 pool100 conv5 pool1", "T1-7"),
    _variant("cnn9-4", "conv9 pool4 conv5 pool25", "T1-8"),
    _variant("cnn9-25", "conv9 pool25 conv5 pool4", "T1-9"),
    _variant("cnn3-50", "conv3 pool50 conv5 pool2", "T1-10"),
    _variant("cnn3-2", "conv3 pool2 conv5 pool50", "T1-11"),
    _variant("cnn-50-2", "conv19 pool50s2same conv5 pool50", "T1-12"),
    _variant("cnn19-1-2", "conv19 pool2 conv1 pool50", "T1-13"),
    _variant("cnn-25-60", "conv19 pool25 conv5 pool4", "T1-14", filters=(60, 128)),
    _variant("cnn-25-90", "conv19 pool25 conv5 pool4", "T1-15", filters=(90, 128)),
    _variant("cnn-25-120", "conv19 pool25 conv5 pool4", "T1-16", filters=(120, 128)),
    _variant("cnn-1-1-100", "conv19 conv5 conv5 pool100", filters=(30, 128, 128)),
)
"""The variants by name, as the paper describes them.

The released files differ in two points: CNN-50-2 is smaller (D-5), and CNN-25 with 60, 90 and 120 filters are
CNN-25 itself (D-6).
"""

SMALL = ("cnn-1", "cnn-2", "cnn-4")
"""The variants with small first pools."""
LARGE = ("cnn-10", "cnn-25", "cnn-50", "cnn-100")
"""Those with large ones; all of these differ in the sizes of their pools alone."""
NUMBERS = ("cnn-25", "cnn-25-60", "cnn-25-90", "cnn-25-120")
"""Those that differ in the number of first-layer filters alone."""

SMALL_CNN_50_2 = _variant("cnn-50-2", "conv19 pool50s2same conv5 pool50", "T1-12", filters=(30, 64), units=96)
"""CNN-50-2 as released: a sixth of the parameters the paper says it has (D-5)."""


REGISTERED = _by_name(
    _variant("cnn-pool3", "conv19 pool3 conv5 pool33"),
    _variant("cnn-pool5", "conv19 pool5 conv5 pool20"),
    _variant("cnn-pool12", "conv19 pool12 conv5 pool8"),
    _variant("cnn-pool20", "conv19 pool20 conv5 pool5"),
    _variant("cnn-pool6s3", "conv19 pool6s3same conv5 pool33"),
    _variant("cnn-pool8s4", "conv19 pool8s4same conv5 pool25"),
    _variant("cnn-pool8s2", "conv19 pool8s2same conv5 pool50"),
    _variant("cnn-pool25s5", "conv19 pool25s5same conv5 pool20"),
    _variant("cnn-pool1-conv1", "conv19 pool1 conv1 pool100"),
    _variant("cnn-pool1-conv2", "conv19 pool1 conv2 pool100"),
    _variant("cnn-pool1-conv3", "conv19 pool1 conv3 pool100"),
    _variant("cnn-pool2-conv2", "conv19 pool2 conv2 pool50"),
    _variant("cnn-pool2-conv9", "conv19 pool2 conv9 pool50"),
    _variant("cnn-pool4-conv1", "conv19 pool4 conv1 pool25"),
    _variant("cnn-pool4-conv3", "conv19 pool4 conv3 pool25"),
    _variant("cnn-pool4-conv9", "conv19 pool4 conv9 pool25"),
    _variant("cnn-pool10-conv9", "conv19 pool10 conv9 pool10"),
    _variant("cnn-pool2-conv5d4", "conv19 pool2 conv5d4 pool50"),
)
"""Networks of our own, by name, whose filters were predicted before any was trained (`predictions`).

Named by the first pool, its stride if it is another, and the second filter if its size is not 5. The second
pool leaves two positions of 200 nt; pools that overlap are padded to "same", as in CNN-50-2.
"""


SECOND = _by_name(
    _variant("cnn-pool1-conv5d5", "conv19 pool1 conv5d5 pool100"),
    _variant("cnn-pool1-conv5d9", "conv19 pool1 conv5d9 pool100"),
    _variant("cnn-pool2-conv5d5", "conv19 pool2 conv5d5 pool50"),
    _variant("cnn-pool2-conv5d3", "conv19 pool2 conv5d3 pool50"),
    _variant("cnn-pool3-conv1", "conv19 pool3 conv1 pool33"),
    _variant("cnn-pool5-conv1", "conv19 pool5 conv1 pool20"),
    _variant("cnn-pool6s1", "conv19 pool6s1same conv5 pool100"),
    _variant("cnn-pool8s1", "conv19 pool8s1same conv5 pool100"),
    _variant("cnn-pool1-conv3d4", "conv19 pool1 conv3d4 pool100"),
    _variant("cnn-pool7", "conv19 pool7 conv5 pool14"),
    _variant("cnn-pool3-conv2", "conv19 pool3 conv2 pool33"),
    _variant("cnn-pool3-conv3", "conv19 pool3 conv3 pool33"),
    _variant("cnn-pool5-conv9", "conv19 pool5 conv9 pool20"),
    _variant("cnn-pool6s3-conv9", "conv19 pool6s3same conv9 pool33"),
    _variant("cnn-pool16s2", "conv19 pool16s2same conv5 pool50"),
    _variant("cnn-pool12s6", "conv19 pool12s6same conv5 pool17"),
)
"""The networks of the second registration whose first layer is predicted (`forecasts`)."""

DEPTH = _by_name(
    _variant("cnn-conv5-pool25", "conv19 conv5 pool25 conv5 pool4", filters=(30, 128, 128)),
    _variant("cnn-conv5-pool4", "conv19 conv5 pool4 conv5 pool25", filters=(30, 128, 128)),
    _variant("cnn-conv1-conv5", "conv19 conv1 conv5 pool100", filters=(30, 128, 128)),
)
"""Those whose bottleneck lies above a second or third convolution."""

SISTERS = _by_name(
    _variant("cnn-pool6", "conv19 pool6 conv5 pool16"),
    _variant("cnn-basset", "conv19 pool3 conv11 pool33", filters=(300, 128)),
    _variant("cnn-deepsea", "conv8 pool4 conv8 pool25", filters=(320, 128)),
)
"""Those of the second registration that are trained on other tasks. The last two have the first stage of
Basset and of DeepSEA, with its filters, and the second filter's size; what follows is the paper's."""

OWN = REGISTERED | SECOND | DEPTH | SISTERS
"""All networks of ours."""


def variant(name: str, protocol: Protocol = PAPER, label: str | None = None) -> Variant:
    """Look a network of the paper or of ours up, or read one from its layers.

    The protocols differ in CNN-50-2 alone (D-5). A network read from layers, such as ``conv19 pool6 conv5
    pool16``, has 30 filters in its first convolution, 128 in the others and 512 hidden units.

    Args:
        name: a name, or layers.
        protocol: how it is to be trained.
        label: what to call a network that is given by its layers; by default the layers with dashes.

    Raises:
        UsageError: there is no such network (the nearest name is suggested), the layers cannot be read or are
            not convolutions and poolings alone, or the label is taken or cannot be the name of a folder.
    """
    known = VARIANTS | OWN
    if name in known:
        if label is not None:
            raise UsageError(f"--name is for a network given by its layers, {name} has a name")
        small = name == SMALL_CNN_50_2.name and protocol.cnn_50_2 == "small"
        return SMALL_CNN_50_2 if small else known[name]
    if " " not in name.strip() and label is None:
        hint = "".join(f"; did you mean {near}?" for near in get_close_matches(name.lower(), known, 1, 0.5))
        raise UsageError(
            f"unknown variant {name!r}{hint or '; `receptive variants` lists them'}, or give its layers"
        )
    layers = parse_layers(name)
    kinds = " ".join(layer.kind for layer in layers)
    if not re.fullmatch(r"conv( pool)?( conv( pool)?)*", kinds):
        raise UsageError(f"{name}: expected convolutions, each with at most one max-pooling after it")
    for layer in layers:
        if isinstance(layer.padding, tuple) or (layer.stride > 1 and layer.dilation > 1):
            raise UsageError(f"{name}: {layer}: padding is same or valid here, and not both s and d above 1")
    number = sum(layer.kind == "conv" for layer in layers)
    label = format_layers(layers).replace(" ", "-") if label is None else label
    if label in known or not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,99}", label):
        raise UsageError(
            f"--name {label}: expected a new name for this network, at most 100 of a-z, 0-9, - and _"
        )
    return Variant(label, layers, (30, *[128] * (number - 1)))


class Shape(NamedTuple):
    """The positions and channels that a layer gives."""

    name: str
    positions: int
    channels: int


def shapes(network: Variant, length: int) -> tuple[Shape, ...]:
    """Return the shape of the sequence, of ``length`` nt, and of every convolution and pooling above it."""
    stages, filters = [Shape("sequence", length, 4)], iter(network.filters)
    for row in receptive_fields(network.layers, length).rows:
        channels = next(filters) if row.kind == "conv" else stages[-1].channels
        stages.append(Shape(row.name, row.length, channels))
    return tuple(stages)


def parameters(network: Variant, length: int, classes: int = 12, batch_norm: bool = True) -> int:
    """Count the trainable parameters by arithmetic alone, for sequences of ``length`` nt.

    A convolution of size k from a to b channels has k·a·b weights, batch normalisation 2 parameters per
    channel, and the output layer alone a bias; without normalisation every layer has one.
    """
    maps, own = shapes(network, length), 2 if batch_norm else 1
    total = sum(
        layer.size * below.channels * here.channels + own * here.channels
        for layer, below, here in zip(network.layers, maps, maps[1:], strict=False)
        if layer.kind == "conv"
    )
    total += maps[-1].positions * maps[-1].channels * network.units + own * network.units
    return total + (network.units + 1) * classes


def cross_entropy(labels: Any, probabilities: Any) -> Any:
    """Return the mean binary cross-entropy of each sequence over its measured labels (those not -1).

    Args:
        labels: tensor (N, C) of 0, 1 and -1.
        probabilities: tensor (N, C), clipped to 1e-7 … 1 - 1e-7 as in the released code.
    """
    from keras import ops

    known = ops.cast(labels >= 0, probabilities.dtype)
    probabilities = ops.clip(probabilities, 1e-7, 1 - 1e-7)
    terms = -ops.log(ops.where(labels > 0, probabilities, 1 - probabilities))
    return ops.sum(known * terms, axis=-1) / ops.maximum(ops.sum(known, axis=-1), 1)


def map_name(convolution: str) -> str:
    """Return the name, in a model of `build`, of the layer whose output is the map of a convolution.

    >>> map_name("conv1")
    'active1'
    """
    return convolution.replace("conv", "active")


def build(network: Variant, length: int, classes: int, protocol: Protocol) -> Any:
    """Make the Keras model of a network, compiled for training by the protocol.

    Layers are named ``conv1``, ``norm1``, ``active1`` (the rectified map that filters are read from),
    ``pool1``, ``drop1``, ``conv2``, … Initial weights come from Keras' global seed.

    Returns:
        A ``keras.Model`` from (N, length, 4) to (N, classes) probabilities.
    """
    import keras
    from keras import layers

    weights = {
        "kernel_initializer": protocol.initializer,
        "kernel_regularizer": keras.regularizers.L2(protocol.l2) if protocol.l2 else None,
    }

    def active(x: Any, stage: str, first: bool = False) -> Any:
        if protocol.batch_norm:
            x = layers.BatchNormalization(
                momentum=protocol.bn_momentum, epsilon=protocol.bn_epsilon, name=f"norm{stage}"
            )(x)
        if not first or protocol.activation == "relu":
            return layers.ReLU(name=f"active{stage}")(x)
        if power := POWERS.get(protocol.activation):
            x = layers.ReLU(name="rectified")(x)
            return layers.Multiply(name=f"active{stage}")([x] * power)
        return layers.Activation(protocol.activation, name=f"active{stage}")(x)

    first_drop, later_drop, dense_drop = protocol.dropout
    bias = not protocol.batch_norm
    x = inputs = keras.Input((length, 4), name="sequence")
    filters = iter(network.filters)
    stage = 0
    for here, following in zip(network.layers, (*network.layers[1:], None), strict=True):
        if here.kind == "conv":
            stage += 1
            x = layers.Conv1D(
                next(filters),
                here.size,
                strides=here.stride,
                dilation_rate=here.dilation,
                padding=here.padding,
                use_bias=bias,
                name=f"conv{stage}",
                **weights,
            )(x)
            x = active(x, str(stage), first=stage == 1)
        elif here.size > 1:
            x = layers.MaxPooling1D(here.size, here.stride, here.padding, name=f"pool{stage}")(x)
        if following is None or following.kind == "conv":
            x = layers.Dropout(first_drop if stage == 1 else later_drop, name=f"drop{stage}")(x)
    x = layers.Dense(network.units, use_bias=bias, name="dense", **weights)(layers.Flatten(name="flat")(x))
    x = layers.Dropout(dense_drop, name="drop")(active(x, ""))
    x = layers.Dense(classes, activation="sigmoid", name="output", **weights)(x)
    model = keras.Model(inputs, x, name=network.name)
    rate, momentum = float(protocol.learning_rate), protocol.beta_1
    optimizer = (
        keras.optimizers.Adam(rate, momentum, epsilon=ADAM_EPSILON)
        if protocol.optimizer == "adam"
        else keras.optimizers.SGD(rate, momentum)
    )
    model.compile(optimizer=optimizer, loss=cross_entropy, jit_compile=jit(), steps_per_execution=STEPS)
    return model
