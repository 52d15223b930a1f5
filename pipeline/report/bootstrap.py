"""How sure a mean over a test set is, and how far runs are apart on the same items."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

RESAMPLES = 2_000
MOST_UNITS = 4_000
"""Above this many items they are drawn in bundles, which bounds time and memory (a matrix of 32 MB)."""


class Interval(NamedTuple):
    """An estimate and the 95% interval that holds it."""

    value: float
    low: float
    high: float


def intervals(
    values_RN: Sequence[Sequence[float]], sizes_N: Sequence[float], seed: int = 0
) -> tuple[list[Interval], list[Interval]]:
    """Of R runs on the same N items: each run's mean (sum of values over sum of sizes), and each run's mean less that
    of the first.

    Percentiles of the bootstrap over items, the same draws for all runs, so that what makes an item hard for all does
    not blur how they differ (Efron 1979; of two systems on one test set Koehn 2004, "Statistical Significance Tests for
    Machine Translation Evaluation").
    """
    rows_SN = np.vstack([np.asarray(values_RN, np.float64), np.asarray(sizes_N, np.float64)])
    count = rows_SN.shape[1]
    generator = np.random.default_rng(seed)
    if count > MOST_UNITS:
        bundle_N = generator.permutation(count) % MOST_UNITS
        rows_SN = np.stack([np.bincount(bundle_N, row, MOST_UNITS) for row in rows_SN])
        count = MOST_UNITS
    times_BN = generator.multinomial(count, np.full(count, 1 / count), RESAMPLES)
    sums_BS = times_BN @ rows_SN.T
    means_BR, at_R = sums_BS[:, :-1] / sums_BS[:, -1:], rows_SN[:-1].sum(axis=1) / rows_SN[-1].sum()
    own = [_interval(at, drawn) for at, drawn in zip(at_R, means_BR.T, strict=True)]
    apart_BR = means_BR - means_BR[:, :1]
    return own, [_interval(at - at_R[0], drawn) for at, drawn in zip(at_R, apart_BR.T, strict=True)]


def _interval(value: float, drawn_B: np.ndarray) -> Interval:
    low, high = np.quantile(drawn_B, (0.025, 0.975))
    return Interval(float(value), float(low), float(high))
