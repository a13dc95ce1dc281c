"""Predictions put down before training: the curve from bits to fractions, and networks to test it on."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares, minimize_scalar

from receptive import arithmetic, claims
from receptive.assembly import Curve, predict
from receptive.networks import VARIANTS, Variant

LENGTH = 200
"""Length of the synthetic sequences, in nt."""
FILTER_SIZE = 19
"""First-layer filters of the variants that the curve is fitted to; shorter ones cannot hold the motifs."""


START = (0.6, 6.0)
"""Midpoint and slope to start the fit from."""


def layer_bits(network: Variant, chance: float) -> float:
    """The assembly information of a network's first convolution."""
    fields = arithmetic.field(network.layers, LENGTH)
    return predict(fields, Curve(chance, 0, 0))[0].bits


def fit() -> Curve:
    """Fit the curve to the published relevant fractions of Table 1's variants with filters of 19, alone.

    Least squares, every variant with the same weight: the chance (from 2**-16 to 1/2) whose best midpoint and
    slope leave the least. Deterministic.
    """
    cells = [
        cell
        for cell in claims.published()
        if cell.task == "synthetic" and cell.id.startswith("T1-") and cell.column == "relevant"
    ]
    fitted = [cell for cell in cells if VARIANTS[cell.variant].layers[0].size == FILTER_SIZE]
    published = np.array([cell.mean for cell in fitted])

    def best(log_chance: float) -> tuple[float, Curve]:
        chance = float(2.0**log_chance)
        bits = [layer_bits(VARIANTS[cell.variant], chance) for cell in fitted]

        def misses(shape: NDArray[np.float64]) -> NDArray[np.float64]:
            curve = Curve(chance, *shape.tolist())
            return np.subtract([curve.fraction(each) for each in bits], published)

        found = least_squares(misses, START, xtol=1e-12, ftol=1e-12, gtol=1e-12)
        return found.cost, Curve(chance, *found.x.tolist())

    search = minimize_scalar(
        lambda log_chance: best(log_chance)[0], bounds=(-16, -1), method="bounded", options={"xatol": 1e-6}
    )
    return best(search.x)[1]
