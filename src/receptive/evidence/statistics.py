"""Means, intervals and differences of trials, by Welch."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, sqrt

import numpy as np
from scipy.special import stdtrit

LEAST_TRIALS = 3
"""For a number: two give next to no idea of their spread, and an interval that nearly anything falls in."""
EQUIVALENCE = 0.90
"""Confidence of the interval that stands for two one-sided tests at 5%."""
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Sample:
    """Independent trials in three numbers; ``sd`` with n - 1 in its denominator, NaN for a single trial."""

    mean: float
    sd: float
    n: int

    @property
    def deviation(self) -> float | None:
        """The standard deviation, ``None`` for a single trial."""
        return None if isnan(self.sd) else self.sd


def sample(values: Sequence[float]) -> Sample:
    """Summarise at least one trial.

    >>> sample([0.5, 1.0])
    Sample(mean=0.75, sd=0.3535533905932738, n=2)
    """
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
    return Sample(float(np.mean(values)), sd, len(values))


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95% interval."""

    estimate: float
    low: float
    high: float


def contrast(*terms: tuple[float, Sample], confidence: float = CONFIDENCE) -> Interval:
    """Estimate a weighted sum of means with its interval, by Welch and Satterthwaite.

    ``contrast((1, a), (-1, b))`` is Welch's interval of a difference. Samples without any spread give an
    interval without width; with a sample of one trial there is none, and its ends are NaN.

    Args:
        terms: weights and samples.
        confidence: of the interval.

    >>> a, b = sample([0.9, 1.0, 1.1]), sample([0.4, 0.5, 0.6])
    >>> difference = contrast((1, a), (-1, b))
    >>> f"{difference.estimate:.2f} [{difference.low:.2f}, {difference.high:.2f}]"
    '0.50 [0.27, 0.73]'
    """
    estimate = sum(weight * trials.mean for weight, trials in terms)
    if any(trials.n < 2 for _, trials in terms):
        return Interval(estimate, float("nan"), float("nan"))
    variances = [(weight * trials.sd) ** 2 / trials.n for weight, trials in terms]
    total = sum(variances)
    if total == 0:
        return Interval(estimate, estimate, estimate)
    shares = [
        (variance / total) ** 2 / (trials.n - 1)
        for variance, (_, trials) in zip(variances, terms, strict=True)
    ]
    half = float(stdtrit(1 / sum(shares), (1 + confidence) / 2)) * sqrt(total)
    return Interval(estimate, estimate - half, estimate + half)
