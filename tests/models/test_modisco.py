"""TF-MoDISco itself, which the tests of attributions do without (tox -e models)."""

import numpy as np
import pytest

from receptive.audits import attribution


@pytest.mark.models
@pytest.mark.parametrize("noise", [0.02, 0])
def test_tf_modisco_finds_a_word_that_matters(noise):
    """The word is planted, on either strand; its letters alone have effects, others maybe none at all."""
    rng, word = np.random.default_rng(0), [3, 2, 0, 1, 3, 2, 1, 0]
    X = np.eye(4, dtype=np.uint8)[rng.integers(4, size=(300, 100))]
    effects = rng.normal(scale=noise, size=X.shape).astype(np.float32)
    for i, at in enumerate(rng.integers(10, 80, 300)):
        letters = np.array(word) if i % 2 else 3 - np.array(word)[::-1]
        X[i, at : at + 8] = np.eye(4)[letters]
        effects[i, at : at + 8] += np.eye(4)[letters] - 0.25
    first, *_ = attribution.find_patterns(X, effects)
    spelt = "".join("ACGT"[row.argmax()] if row.max() > 0.8 else "." for row in first.pwm)
    assert spelt.strip(".") in ("TGACTGCA", "TGCAGTCA")
    assert first.sign == 1
