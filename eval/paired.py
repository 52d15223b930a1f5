"""Two models on the same items: how far they are apart, and whether that is more than chance."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

RESAMPLES = 5_000
FLIPS = 20_000
"""Draws of the randomisation test: the smallest p is 1 / 20,001, enough for a thousand legs at 95%."""
MOST_UNITS = 5_000
"""Above this many items they are drawn in bundles, which bounds time and memory."""
BLOCK = 1 << 22
"""Most numbers drawn at once, which take 32 MiB."""

Statistic = Callable[[np.ndarray, np.ndarray, int], np.ndarray]
"""(sum of the values before, sum after, number of items) to the gain: positive where the second model is better. The
sums are arrays, one entry a draw."""


def less(before: np.ndarray, after: np.ndarray, items: int) -> np.ndarray:  # noqa: ARG001
    """Relative drop, of what had better be small in proportion: a loss."""
    return (before - after) / np.maximum(before, 1e-12)


def more(before: np.ndarray, after: np.ndarray, items: int) -> np.ndarray:
    """Rise of the mean, of what had better be large: a share of right answers."""
    return (after - before) / items


def fewer(before: np.ndarray, after: np.ndarray, items: int) -> np.ndarray:
    """Drop of the mean, of what had better be small: a share of empty replies."""
    return (before - after) / items


def change(before: np.ndarray, after: np.ndarray, items: int) -> np.ndarray:
    """Relative rise, of what had better stay as it is: a length."""
    return -less(before, after, items)


def nearer_half(before: np.ndarray, after: np.ndarray, items: int) -> np.ndarray:
    """Drop of the mean's distance from one half, of what had better be even: a preference between two sides."""
    return np.abs(before / items - 0.5) - np.abs(after / items - 0.5)


@dataclass(frozen=True)
class Difference:
    """gain: as the statistic defines it. low, high: its bounds, each at the confidence asked for, so that together
    they hold it with twice that doubt. worse, better: p of a gain so small, and so large, by chance alone.
    """

    gain: float
    low: float
    high: float
    worse: float
    better: float


def difference(
    before_N: np.ndarray, after_N: np.ndarray, statistic: Statistic, confidence: float, seed: int = 0
) -> Difference:
    """The gain between two models' values of the same items, in the same order.

    Bounds: percentiles of the paired bootstrap. Whole items are drawn with replacement, because the tokens of one
    conversation are not independent (Efron 1979; of two systems on one test set Koehn 2004, "Statistical Significance
    Tests for Machine Translation Evaluation"). p: the paired randomisation test. If the models are alike, each item's
    two values may as well change places, in all 2^N ways (Fisher 1935; of two systems on one test set Noreen 1989);
    these are drawn, and the observed one counts among them, so that p is never too small (Phipson and Smyth 2010).

    Where values are 0 and 1 both are known without drawing: the test is then McNemar's exact one, a sign test of the
    items that changed (McNemar 1947), and the bounds are those of Agresti and Min 2005, "Simple improved confidence
    intervals for comparing matched proportions", which are no point where nothing changed.
    """
    assert len(before_N) == len(after_N) > 0
    before_N, after_N = np.asarray(before_N, np.float64), np.asarray(after_N, np.float64)
    if statistic in (more, fewer) and _binary(before_N) and _binary(after_N):
        return _of_shares(before_N, after_N, 1 if statistic is more else -1, confidence)
    items = len(before_N)
    rows_2N = _bundle(np.stack([before_N, after_N]), seed)
    (before,), (after,) = rows_2N.sum(axis=1, keepdims=True)
    gain = float(statistic(before[None], after[None], items)[0])
    drawn = _resampled(rows_2N, items, statistic, seed)
    swapped = _swapped(rows_2N, items, statistic, seed)
    slack = 1e-9 * (float(np.abs(swapped).max()) + abs(gain))
    return Difference(
        gain=gain,
        low=float(np.quantile(drawn, 1 - confidence)),
        high=float(np.quantile(drawn, confidence)),
        worse=(1 + int((swapped <= gain + slack).sum())) / (1 + FLIPS),
        better=(1 + int((swapped >= gain - slack).sum())) / (1 + FLIPS),
    )


def holm(ps: list[float]) -> list[float]:
    """p of each of several tests, corrected so that the chance of any false finding stays below the one level.

    Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure"; holds however the tests depend on each other.
    """
    corrected, largest = [0.0] * len(ps), 0.0
    for rank, i in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[i]))
        corrected[i] = largest
    return corrected


def sign_test(falls: int, rises: int) -> float:
    """Chance of at least so many falls among the items that changed, if each fell or rose alike: McNemar's exact p."""
    changed = falls + rises
    return sum(math.comb(changed, k) for k in range(falls, changed + 1)) / 2**changed


def _of_shares(before_N: np.ndarray, after_N: np.ndarray, better: int, confidence: float) -> Difference:
    """better: 1 where ones are good, -1 where they are bad."""
    rises, falls = int(((after_N - before_N) * better > 0).sum()), int(((after_N - before_N) * better < 0).sum())
    items, up, down = len(before_N) + 2, rises + 0.5, falls + 0.5
    middle = (up - down) / items
    error = math.sqrt(up + down - (up - down) ** 2 / items) / items
    reach = _normal_quantile(confidence) * error
    return Difference(
        gain=(rises - falls) / len(before_N),
        low=max(-1.0, middle - reach),
        high=min(1.0, middle + reach),
        worse=sign_test(falls, rises),
        better=sign_test(rises, falls),
    )


def _normal_quantile(probability: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(probability)


def _binary(values_N: np.ndarray) -> bool:
    return bool(np.isin(values_N, (0.0, 1.0)).all())


def _resampled(rows_2N: np.ndarray, items: int, statistic: Statistic, seed: int) -> np.ndarray:
    """The gain in each of RESAMPLES draws of as many units."""
    generator = np.random.default_rng(seed)
    before_N, after_N = rows_2N
    gains = []
    for size in _blocks(RESAMPLES, len(before_N)):
        drawn = generator.integers(0, len(before_N), (size, len(before_N)))
        gains.append(statistic(before_N[drawn].sum(axis=1), after_N[drawn].sum(axis=1), items))
    return np.concatenate(gains)


def _swapped(rows_2N: np.ndarray, items: int, statistic: Statistic, seed: int) -> np.ndarray:
    """The gain in each of FLIPS draws in which about half of the units have changed sides."""
    generator = np.random.default_rng(seed)
    before_N, after_N = rows_2N
    gains = []
    for size in _blocks(FLIPS, len(before_N)):
        moved = (generator.random((size, len(before_N)), np.float32) < 0.5) @ (after_N - before_N)
        gains.append(statistic(before_N.sum() + moved, after_N.sum() - moved, items))
    return np.concatenate(gains)


def _blocks(draws: int, units: int) -> list[int]:
    step = max(1, BLOCK // units)
    return [min(step, draws - start) for start in range(0, draws, step)]


def _bundle(rows_2N: np.ndarray, seed: int) -> np.ndarray:
    """At most MOST_UNITS sums over random, equally sized bundles; their bootstrap has the same variance."""
    count = rows_2N.shape[1]
    if count <= MOST_UNITS:
        return rows_2N
    bundle_N = np.random.default_rng(seed).permutation(count) % MOST_UNITS
    return np.stack([np.bincount(bundle_N, row, MOST_UNITS) for row in rows_2N])
