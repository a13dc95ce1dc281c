"""The first layer over epochs, run again in numpy, against the model that it was kept of."""

import numpy as np
import pytest
import snapshots
from tests.made import read_layer, scan_layer

from receptive.errors import ReceptiveError
from receptive.networks import filters, training
from receptive.networks.variants import build, variant
from receptive.protocols import ACTIVATIONS, protocol


@pytest.fixture(scope="module", params=ACTIVATIONS)
def kept(request, small):
    """A network with each activation of its first layer, and a normalisation that is not the first one."""
    chosen = protocol("released", activation=request.param)
    model = build(variant("cnn-2"), small.length, len(small.classes), chosen)
    random = np.random.default_rng(0)
    model.get_layer("norm1").set_weights(
        [random.uniform(low, high, 30) for low, high in ((0.5, 2), (-1, 1), (-0.5, 0.5), (0.05, 0.2))]
    )
    layer_state = training.first_layer(model, small.valid.X, small.valid.Y)
    return model, {name: np.stack([array * 0, array]) for name, array in layer_state.items()}, chosen


def test_the_layer_run_again_gives_the_maps_of_the_model(kept, small):
    model, arrays, chosen = kept
    theirs = dict(scan_layer(model, "conv1", small.test.X)())
    ours = dict(snapshots.maps(arrays, 1, small.test.X, chosen))
    assert ours.keys() == theirs.keys()
    for first, maps in theirs.items():
        np.testing.assert_allclose(ours[first], maps, rtol=1e-4, atol=1e-5)


def test_its_filters_are_read_as_those_of_the_model(kept, small):
    model, arrays, chosen = kept
    window = filters.readable(variant("cnn-2"), small.length)["conv1"]
    theirs = read_layer(model, "conv1", small.test.X, chosen, window).motifs
    ours = snapshots.read(arrays, 1, small.test.X, chosen)
    assert [motif.id for motif in ours] == [motif.id for motif in theirs]
    close = [np.allclose(a.pwm, b.pwm, atol=0.02) for a, b in zip(ours, theirs, strict=True)]
    assert np.mean(close) > 0.9  # a site at the threshold may be lost to rounding


def test_without_normalisation_the_bias_is_missing(small):
    arrays = {"kernel": np.zeros((1, 19, 4, 30), np.float32)}
    with pytest.raises(ReceptiveError, match="without its bias"):
        next(snapshots.maps(arrays, 0, small.test.X, protocol("released")))
