"""What a whole motif gains over its halves, against laws that hold for every function of a kind."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from receptive.protocols import ACTIVATIONS
from receptive.theory.activation import FUNCTIONS, gain

halves = st.floats(0.05, 6)


def test_every_activation_of_the_protocol_has_a_function():
    assert tuple(FUNCTIONS) == ACTIVATIONS


@given(halves)
def test_a_power_gains_two_to_its_exponent_less_one(half):
    for power, name in enumerate(("relu", "squared_relu", "cubed_relu"), 1):
        assert gain(name, half) == pytest.approx(2 ** (power - 1))


@given(halves)
def test_what_is_curved_upwards_gains_and_what_is_curved_downwards_loses(half):
    assert gain("sigmoid", half) < 1 < gain("softplus", half) < gain("exponential", half)


@given(halves)
def test_the_exponential_gains_the_mean_of_its_half_and_one(half):
    assert gain("exponential", half) == pytest.approx((np.exp(half) + 1) / 2)


@given(st.floats(1.5, 6))
def test_smooth_forms_of_relu_gain_little_where_they_are_nearly_straight(half):
    for name in ("gelu", "silu"):
        assert 1 <= gain(name, half) < 1.3


def test_functions_are_those_of_the_framework():
    import keras

    x = np.linspace(-4, 4, 33, dtype=np.float32)
    for name in ("exponential", "softplus", "sigmoid", "gelu", "silu", "relu"):
        theirs = keras.ops.convert_to_numpy(keras.activations.get(name)(x))
        np.testing.assert_allclose(FUNCTIONS[name](x), theirs, rtol=1e-4, atol=1e-6)
