"""Reading filters, against the definitions of the two protocols written one site at a time."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tests.made import read_layer, scan_layer

from receptive.motifs.motif import Motif
from receptive.networks import filters
from receptive.networks.filters import Window
from receptive.networks.variants import VARIANTS, build, variant
from receptive.protocols import PAPER, PROTOCOLS, RELEASED


def slow_released(maps, X, threshold, width):
    """D-7 as released: every position above the threshold, weighted by its activation, ends padded."""
    left = width // 2
    counts = np.zeros((maps.shape[2], width, 4))
    sites = np.zeros(maps.shape[2], int)
    for f in range(maps.shape[2]):
        for n in range(len(maps)):
            for i in range(maps.shape[1]):
                if maps[n, i, f] > np.float32(threshold * float(maps[:, :, f].max())):
                    sites[f] += 1
                    for j in range(width):
                        if 0 <= i - left + j < X.shape[1]:
                            counts[f, j] += float(maps[n, i, f]) * X[n, i - left + j]
    return counts, sites


def slow_paper(maps, X, threshold, width, left, jump=1):
    """VIS-1: the best position of a sequence, if high enough and its window inside; each site counts once."""
    counts = np.zeros((maps.shape[2], width, 4))
    sites = np.zeros(maps.shape[2], int)
    for f in range(maps.shape[2]):
        top = maps[:, :, f].max()
        for n in range(len(maps)):
            best = max(range(maps.shape[1]), key=lambda i: maps[n, i, f])
            high = maps[n, best, f]
            start = best * jump - left
            if top > 0 and high >= np.float32(threshold * float(top)) and 0 <= start <= X.shape[1] - width:
                counts[f] += X[n, start : start + width]
                sites[f] += 1
    return counts, sites


@st.composite
def scans(draw):
    """Sequences with unknown nucleotides, and maps with ties, zeros and dead filters."""
    rows, length, number = draw(st.integers(1, 7)), draw(st.integers(1, 12)), draw(st.integers(1, 3))
    base = draw(arrays.arrays(np.int64, (rows, length), elements=st.integers(0, 4)))
    levels = st.sampled_from([0, 0, 0, 0.25, 0.5, 0.7, 1, 1.5])
    maps = draw(arrays.arrays(np.float32, (rows, length, number), elements=levels))
    return np.eye(5, 4, dtype=np.uint8)[base], maps


def batches(maps, size):
    return lambda: [(first, maps[first : first + size]) for first in range(0, len(maps), size)]


@pytest.mark.claim("D-7")
@given(
    scan=scans(),
    threshold=st.sampled_from([0, 0.3, 0.5, 0.7, 1]),
    width=st.integers(1, 9),
    size=st.integers(1, 7),
)
def test_released_reading_site_by_site(scan, threshold, width, size):
    X, maps = scan
    protocol = replace(RELEASED, threshold=threshold)
    counts, sites, maxima = filters.count(batches(maps, size), X, protocol, Window(width, width // 2))
    slow_counts, slow_sites = slow_released(maps, X, threshold, width)
    np.testing.assert_allclose(counts, slow_counts, rtol=1e-12)
    np.testing.assert_array_equal(sites, slow_sites)
    np.testing.assert_array_equal(maxima, maps.max((0, 1)))


@pytest.mark.claim("VIS-1", "D-7")
@given(
    scan=scans(),
    threshold=st.sampled_from([0, 0.3, 0.5, 0.7, 1]),
    width=st.integers(1, 9),
    left=st.integers(0, 8),
    size=st.integers(1, 7),
)
def test_paper_reading_site_by_site(scan, threshold, width, left, size):
    X, maps = scan
    # A threshold of 0 would let a filter's silence be a site; the slow version asks for a live filter alone.
    maps = maps if threshold else maps + np.float32(0.125)
    protocol = replace(PAPER, threshold=threshold)
    counts, sites, _ = filters.count(batches(maps, size), X, protocol, Window(width, left))
    slow_counts, slow_sites = slow_paper(maps, X, threshold, width, left)
    np.testing.assert_array_equal(counts, slow_counts)
    np.testing.assert_array_equal(sites, slow_sites)


@given(counts=arrays.arrays(np.float64, (3, 4, 4), elements=st.sampled_from([0, 0, 1, 2.5])))
def test_normalised_counts_are_pwms_or_dead(counts):
    for pwm, raw in zip(filters.normalise(counts), counts, strict=True):
        if not raw.any():
            assert not pwm.any()
            continue
        np.testing.assert_allclose(pwm.sum(1), 1)
        for column, tally in zip(pwm, raw, strict=True):
            expected = tally / tally.sum() if tally.any() else np.full(4, 0.25)
            np.testing.assert_allclose(column, expected)


@pytest.mark.claim("DEEP-2", "DEEP-3")
def test_layers_that_pooling_leaves_readable():
    expected = {
        name: {"conv1": Window(network.layers[0].size, network.layers[0].size // 2)}
        for name, network in VARIANTS.items()
    }
    expected["cnn-1"]["conv2"] = Window(23, 11)
    expected["cnn-1-1-100"] |= {"conv2": Window(23, 11), "conv3": Window(27, 13)}
    assert {name: filters.readable(network, 200) for name, network in VARIANTS.items()} == expected
    assert list(filters.readable(variant("conv19 pool2s1 conv5"), 200)) == ["conv1"]
    strided = filters.readable(variant("conv19 conv5s2 conv5"), 200)
    assert strided == {"conv1": Window(19, 9), "conv2": Window(23, 10, 2)}


@pytest.fixture(scope="module")
def model():
    import keras

    keras.utils.set_random_seed(0)
    return build(VARIANTS["cnn-1"], 200, 12, PAPER)


@pytest.mark.claim("VIS-1")
@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_reading_a_keras_model(model, small, protocol):
    """The whole way, on a random network, against its own maps and the slow definitions."""
    X = small.test.X[:12]
    maps = np.concatenate([m for _, m in scan_layer(model, "conv1", X)()])
    kernel = np.asarray(model.get_layer("conv1").kernel)
    padded = np.pad(X.astype(float), ((0, 0), (9, 9), (0, 0)))
    scanned = np.stack([np.tensordot(padded[:, i : i + 19], kernel, axes=2) for i in range(200)], axis=1)
    np.testing.assert_allclose(maps, np.maximum(scanned / np.sqrt(1 + PAPER.bn_epsilon), 0), atol=1e-4)

    reading = read_layer(model, "conv1", X, protocol, filters.readable(VARIANTS["cnn-1"], 200)["conv1"])
    slow = slow_released(maps, X, 0.5, 19) if protocol is RELEASED else slow_paper(maps, X, 0.7, 19, 9)
    np.testing.assert_allclose([m.pwm for m in reading.motifs], filters.normalise(slow[0]), rtol=1e-6)
    np.testing.assert_array_equal(reading.sites, slow[1])
    assert [motif.id for motif in reading.motifs[:2]] == ["filter0", "filter1"]


@pytest.mark.claim("VIS-1")
def test_a_planted_motif_is_read_back():
    """A filter whose weights are a word fires on that word alone, and is read as it."""
    import keras

    keras.utils.set_random_seed(0)
    model = build(VARIANTS["cnn3-2"], 200, 12, PAPER)
    kernel = np.zeros((3, 4, 30), np.float32)
    for position, base in enumerate((1, 0, 1)):
        kernel[position, :, 0] = -5
        kernel[position, base, 0] = 1
    model.get_layer("conv1").set_weights([kernel])
    X = np.eye(4, dtype=np.uint8)[np.random.default_rng(0).integers(4, size=(50, 200))]
    for protocol, first in ((PAPER, 0), (RELEASED, 8)):
        reading = read_layer(model, "conv1", X, protocol, Window(3, 1))
        word = reading.motifs[0].pwm[first : first + 3]
        np.testing.assert_array_equal(word, np.eye(4)[[1, 0, 1]])
        assert reading.sites[0] > 0
        assert reading.motifs[1].dead
        assert reading.sites[1] == 0


@pytest.mark.claim("D-8")
def test_trimming_follows_the_protocol():
    pwm = np.full((19, 4), 0.25)
    pwm[8:11] = np.eye(4)[[0, 1, 2]]
    motifs = (Motif("filter0", "", pwm, 19), Motif("filter1", "", np.zeros((19, 4)), 19))
    assert filters.trim_all(motifs, PAPER) == motifs
    kept, dead = filters.trim_all(motifs, RELEASED)
    np.testing.assert_array_equal(kept.pwm, pwm[5:14])
    assert (kept.nsites, dead.width, dead.dead) == (9, 19, True)


@pytest.mark.claim("VIS-1", "D-7")
@pytest.mark.parametrize(("left", "jump"), [(0, 1), (1, 1), (0, 2), (1, 2)])
def test_every_small_map_is_read_as_the_definition_says(left, jump):
    """All maps of two sequences, two positions and three levels, silent filters and ties among them."""
    X = np.eye(4, dtype=np.uint8)[[[0, 1, 2, 1], [2, 3, 0, 0]]][:, : 2 * jump]
    maps = np.array(list(product([0, 0.5, 1], repeat=4)), np.float32)
    maps = np.moveaxis(maps.reshape(-1, 2, 2), 0, -1)  # each a filter of its own
    for width, threshold in product((1, 2), (0.3, 0.5, 1)):
        protocol = replace(PAPER, threshold=threshold)
        counts, sites, _ = filters.count(batches(maps, 1), X, protocol, Window(width, left, jump))
        slow_counts, slow_sites = slow_paper(maps, X, threshold, width, left, jump)
        np.testing.assert_array_equal(counts, slow_counts)
        np.testing.assert_array_equal(sites, slow_sites)
        assert sites[0] == 0
