"""Four small networks for the ChIP-seq task: basset, bpnet, basset-pool25 and bpnet-plain.

    python chipseq_networks.py NAME OUT.keras

Each has the plan of a published network, made small for 100 nt and one core: Basset (Kelley et al. 2016) is
convolutions, each pooled, and dense layers; BPNet (Avsec et al. 2021) is one wide convolution and then
dilated ones on a residual path, with nothing pooled until the end.
"""

import sys
import time

import keras
import numpy as np
from keras import layers

from receptive.networks.training import metrics, predict
from receptive.networks.variants import cross_entropy
from receptive.tasks import chipseq

EPOCHS, BATCH, SEED = 5, 128, 0


def convolution(x, filters, size, number, dilation=1):
    x = layers.Conv1D(filters, size, dilation_rate=dilation, padding="same", name=f"conv{number}")(x)
    return layers.ReLU()(layers.BatchNormalization()(x))


def basset(sequence, classes, first_pool=3, second_filter=11):
    x = layers.MaxPooling1D(first_pool, name="pool1")(convolution(sequence, 60, 19, 1))
    x = convolution(x, 80, second_filter, 2)
    if first_pool == 3:
        x = layers.MaxPooling1D(4, name="pool2")(x)
        x = layers.MaxPooling1D(4, name="pool3")(convolution(x, 80, 7, 3))
    x = layers.Dropout(0.3)(layers.Dense(128, activation="relu")(layers.Flatten()(x)))
    return layers.Dense(classes, activation="sigmoid")(x)


def basset_pool25(sequence, classes):
    """Basset that pools at once what it pools in three steps, with the third convolution left out."""
    return basset(sequence, classes, first_pool=25, second_filter=3)


def bpnet(sequence, classes, residual=True):
    x = layers.Conv1D(32, 25, padding="same", activation="relu", name="conv1")(sequence)
    for number, dilation in enumerate((2, 4, 8, 16), start=2):
        more = layers.Conv1D(
            32, 3, padding="same", dilation_rate=dilation, activation="relu", name=f"conv{number}"
        )(x)
        x = layers.Add(name=f"sum{number}")([x, more]) if residual else more
    return layers.Dense(classes, activation="sigmoid")(layers.GlobalAveragePooling1D(name="mean")(x))


def bpnet_plain(sequence, classes):
    """BPNet without its residual path, so that what is not read by the next layer is lost."""
    return bpnet(sequence, classes, residual=False)


NETWORKS = {
    "basset": (basset, 1e-3),
    "bpnet": (bpnet, 3e-3),
    "basset-pool25": (basset_pool25, 1e-3),
    "bpnet-plain": (bpnet_plain, 3e-3),
}
"""What makes the layers, and Adam's learning rate; without normalisation BPNet needs the larger one."""


def main(name, path):
    keras.utils.set_random_seed(SEED)
    data = chipseq.load()
    make, rate = NETWORKS[name]
    sequence = keras.Input((data.length, 4), name="sequence")
    model = keras.Model(sequence, make(sequence, len(data.classes)), name=name)
    model.compile(keras.optimizers.Adam(rate), cross_entropy, jit_compile=False)
    began = time.monotonic()
    model.fit(
        data.train.X.astype(np.float32),
        data.train.Y.astype(np.float32),
        validation_data=(data.valid.X.astype(np.float32), data.valid.Y.astype(np.float32)),
        batch_size=BATCH,
        epochs=EPOCHS,
        callbacks=[keras.callbacks.EarlyStopping(patience=EPOCHS, restore_best_weights=True)],
        verbose=2,
    )
    model.save(path)
    auroc = metrics(data.test.Y, predict(model, data.test.X))["auroc_mean"]
    print(
        f"{name}: {model.count_params():,} parameters, {EPOCHS} epochs in {time.monotonic() - began:.0f} s, "
        f"AU-ROC {auroc:.3f} on the test set"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
