"""Two corpora against each other, tested by drawing their conversations anew.

p: a permutation test (Fisher; Phipson and Smyth 2010 for the 1 that is added). Conversations of one corpus alone change
sides at random, those of both stay: under the hypothesis that what was added is like what went, every such exchange is
as likely as what was seen. Samples lie further apart than their corpora: what the permutations show is taken off as
variances are, since E d² = δ² + σ² for two means that differ by δ and chance by σ. The interval is a basic bootstrap
over conversations (Davison and Hinkley 1997, section 5.2) with Poisson weights (Hanley and MacGibbon 2006); a
conversation of both corpora has one weight.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

AT_ONCE = 50
"""Draws that are in memory together: 50 of 20,000 rows are 4 MB."""
TAIL = 0.025

Statistic = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Weights of N rows in the new and the old corpus, each [P, N], to P distances between 0 and 1."""


@dataclass(frozen=True)
class Sides:
    """N rows of two corpora. unit_N: what is drawn as one, by its number. new_N: whether it is the new corpus's row; a
    row that both hold is there twice.
    """

    unit_N: np.ndarray
    new_N: np.ndarray

    def observed(self) -> tuple[np.ndarray, np.ndarray]:
        new_N = self.new_N.astype(np.float32)[None]
        return new_N, 1 - new_N

    def permuted(self, draws: int, draw: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Weights of the rows when the units of one side alone change sides."""
        units = int(self.unit_N.max()) + 1
        counts_2U = np.stack([np.bincount(self.unit_N[self.new_N == side], minlength=units) for side in (0, 1)])
        moving = np.flatnonzero((counts_2U > 0).sum(axis=0) == 1)
        moves_N = np.isin(self.unit_N, moving)
        of_moving_U = np.zeros(units, np.int64)
        of_moving_U[moving] = np.arange(len(moving))
        side_M = (counts_2U[1, moving] > 0).astype(np.float32)
        for count in _chunks(draws):
            side_PM = draw.permuted(np.tile(side_M, (count, 1)), axis=1)
            new_PN = np.tile(self.new_N.astype(np.float32), (count, 1))
            new_PN[:, moves_N] = side_PM[:, of_moving_U[self.unit_N[moves_N]]]
            yield new_PN, 1 - new_PN

    def bootstrapped(self, draws: int, draw: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Weights of the rows when units are drawn with replacement."""
        units = int(self.unit_N.max()) + 1
        for count in _chunks(draws):
            weight_PN = draw.poisson(1.0, (count, units)).astype(np.float32)[:, self.unit_N]
            yield weight_PN * self.new_N, weight_PN * ~self.new_N


@dataclass(frozen=True)
class Moved:
    """distance: as seen. effect: less what samples of one corpus lie apart. low, high: its 95% interval."""

    distance: float
    effect: float
    low: float
    high: float
    p: float


def moved(statistic: Statistic, sides: Sides, draws: int, seed: int = 0) -> Moved:
    """How far a statistic says that the two sides lie apart, and how sure that is."""
    draw = np.random.default_rng(seed)
    seen = float(statistic(*sides.observed())[0])
    by_chance_P = np.concatenate([statistic(*weights) for weights in sides.permuted(draws, draw)])
    drawn_P = np.concatenate([statistic(*weights) for weights in sides.bootstrapped(draws, draw)])
    effect = max(0.0, seen**2 - float((by_chance_P**2).mean())) ** 0.5
    lower, upper = np.quantile(drawn_P, [TAIL, 1 - TAIL]) - drawn_P.mean()
    p = (1 + int((by_chance_P >= seen - 1e-9).sum())) / (1 + len(by_chance_P))
    low, high = (float(np.clip(effect - by, 0, 1)) for by in (upper, lower))
    return Moved(seen, effect, low, high, p)


def _chunks(draws: int) -> Iterator[int]:
    for start in range(0, draws, AT_ONCE):
        yield min(AT_ONCE, draws - start)
