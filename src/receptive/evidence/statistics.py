"""Means, intervals and differences of trials, by Welch, and bootstrap intervals.

Welch's interval is written out, as scipy has it for two samples only, and rules weigh up to eight.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, isnan, log10, sqrt
from typing import Any
from warnings import catch_warnings

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

LEAST_TRIALS = 3
"""For a number: two give next to no idea of their spread, and an interval that nearly anything falls in."""
EQUIVALENCE = 0.90
"""Confidence of the interval that stands for two one-sided tests at 5%."""
CONFIDENCE = 0.95
RESAMPLES = 2000
"""Samples for a bootstrap interval."""

FloatArray = NDArray[np.float64]


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
    """An estimate with its 95% interval.

    >>> print(Interval(0.5, 0.27, 0.73), Interval(0.00031, 0.00011, 0.00051))
    0.500 [0.270, 0.730] 0.0003 [0.0001, 0.0005]
    """

    estimate: float
    low: float
    high: float

    def __str__(self) -> str:
        """Write the interval to three decimals, or to as many more as tell its ends apart."""
        width = self.high - self.low
        decimals = min(max(3, ceil(-log10(width))), 9) if width > 0 else 3
        return f"{self.estimate:.{decimals}f} [{self.low:.{decimals}f}, {self.high:.{decimals}f}]"


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


def combine_trials(by_trial: bool, *terms: tuple[float, Mapping[int, float]]) -> Interval:
    """Sum weighted means of numbered trials; trial by trial over those that all have."""
    if not by_trial:
        return contrast(*((weight, sample(list(trials.values()))) for weight, trials in terms))
    shared = set.intersection(*(set(trials) for _, trials in terms))
    if not shared:
        return Interval(float("nan"), float("nan"), float("nan"))
    sums = [sum(weight * trials[number] for weight, trials in terms) for number in sorted(shared)]
    return contrast((1, sample(sums)))


def bootstrap(statistic: Callable[..., Any], *values: FloatArray) -> Interval:
    """Estimate a statistic with its 95% percentile interval over resampled values.

    Args:
        statistic: takes the values, and along which ``axis``; samples that it has no number for are left out.
        values: float (n,); of several arrays those at one place stay together.

    >>> bootstrap(np.mean, np.array([0.0, 0.0, 1.0, 1.0]))
    Interval(estimate=0.5, low=0.0, high=1.0)
    """
    from scipy import stats  # a second to import

    with catch_warnings(action="ignore", category=stats.DegenerateDataWarning):  # of samples without a number
        samples = stats.bootstrap(
            values,
            statistic,
            paired=True,
            method="percentile",
            n_resamples=RESAMPLES,
            rng=np.random.default_rng(0),
        ).bootstrap_distribution
    low, high = np.nanquantile(samples, (0.025, 0.975)).tolist()
    return Interval(float(statistic(*values, axis=-1)), low, high)


def spearman(points: Collection[tuple[float, float]]) -> Interval | None:
    """Estimate Spearman's rank correlation with its bootstrap interval.

    Samples in which all values of one kind are equal have no correlation. ``None`` for fewer than three
    points, or if all values of one kind are equal.
    """
    pairs = np.array(list(points), dtype=np.float64).reshape(-1, 2)
    if len(pairs) < 3 or (pairs == pairs[0]).all(axis=0).any():
        return None
    return bootstrap(_rank_correlation, *pairs.T)


def _rank_correlation(x: FloatArray, y: FloatArray, axis: int) -> FloatArray:
    """Correlate ranks along an axis; NaN if all values of one kind are equal."""
    from scipy import stats

    first, second = (stats.rankdata(values, axis=axis) - (values.shape[axis] + 1) / 2 for values in (x, y))
    spread = np.sqrt((first**2).sum(axis) * (second**2).sum(axis))
    correlations: FloatArray = (first * second).sum(axis) / np.where(spread > 0, spread, np.nan)
    return correlations
