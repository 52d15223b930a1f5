"""A group's statements against the rest's: differences of means within strata, with intervals by bootstrap.

Statements of a group are compared with those of the rest in their stratum (the same source, topic and length), and the
differences are averaged over the group: standardisation to the group's own mix, the effect on the treated of exact
matching (Rosenbaum and Rubin 1983; Iacus, King and Porro 2012). Where a stratum has fewer than LEAST_REST of the rest,
the next coarser one is taken.

Intervals come of a bootstrap over clusters, which are conversations, since the sentences of one resemble each other
(Cameron, Gelbach and Miller 2008), and sentences that many conversations repeat word by word. Poisson weights of mean 1
(Hanley and MacGibbon 2006; Chamandy et al. 2012) are drawn for all at once by one matrix product. The group's mean is
resampled as the ratio that it is, the strata's means of the rest by their influence (linearised, which needs the
LEAST_REST). Beyond BAGS clusters, clusters are drawn in BAGS bags by number.

p-values: Student's t of the effect over its bootstrap standard error, with the group's clusters less one as
degrees of freedom, since percentiles of REPLICATES replicates end at 1 in REPLICATES and many comparisons need less.
"""

from dataclasses import dataclass
from functools import cache
from math import erfc, log, sqrt

import numpy as np
from scipy.sparse import csr_array

from pipeline.audit.sample import distinct

LEAST_REST = 10
REPLICATES = 1000
BAGS = 2000
SEED = 20


@dataclass(frozen=True)
class Compared:
    """Of K outcomes: the group's and the rest's standardised mean, their difference and its 95% interval, both also in
    pooled standard deviations (Cohen 1988), and the p-value of no difference."""

    mean_K: np.ndarray
    rest_K: np.ndarray
    gap_K: np.ndarray
    low_K: np.ndarray
    high_K: np.ndarray
    deviation_K: np.ndarray
    p_K: np.ndarray
    rows: int
    matched: float


def compare(
    outcome_NK: np.ndarray,
    group: np.ndarray,
    rest: np.ndarray,
    strata: list[np.ndarray],
    cluster_N: np.ndarray,
    conversation_N: np.ndarray,
) -> Compared:
    """group, rest: numbers of statements, none of them in both; the others do not count.

    Rest.compared says what the other arguments are.
    """
    used = np.sort(np.concatenate([group, rest]))
    their = np.searchsorted(used, rest)
    of = Rest(outcome_NK[used], their, [level[used] for level in strata], cluster_N[used], conversation_N[used])
    return of.compared(np.searchsorted(used, group), their[:0])


class Rest:
    """What groups are compared with, K outcomes of N statements, added up once; of each group only what is its own is
    taken off."""

    def __init__(
        self,
        outcome_NK: np.ndarray,
        rest: np.ndarray,
        strata: list[np.ndarray],
        cluster_N: np.ndarray,
        conversation_N: np.ndarray,
    ) -> None:
        """rest: numbers of statements. strata: [N] numbers of strata from 0 on, the finest first, the last with one for
        all. cluster_N: [N] what is drawn as one."""
        self._outcome_NK, self._cluster_N, self._conversation_N = outcome_NK, cluster_N, conversation_N
        self._bag_N, self._bags = _bags(cluster_N)
        self._levels = [_Level(stratum_N, outcome_NK, rest, self._bag_N, self._bags) for stratum_N in strata]
        self._is_rest_N = np.zeros(len(outcome_NK), bool)
        self._is_rest_N[rest] = True
        self._centre_K = outcome_NK[rest[0]] if len(rest) else np.zeros(outcome_NK.shape[1])
        self._moments_3K = self._moments(rest)

    def compared(self, group: np.ndarray, inside: np.ndarray) -> Compared:
        """group: numbers of statements. inside: those that are not the rest's for it.

        matched: the share of the group's statements that have found their like in the finest strata.
        """
        group_y, own = self._outcome_NK[group], inside[self._is_rest_N[inside]]
        expected = np.zeros_like(group_y)  # the rest's mean in the stratum of each of the group's statements
        rest_BK = np.zeros((self._bags, group_y.shape[1]))
        left = np.ones(len(group), bool)
        matched = 0.0
        for number, level in enumerate(self._levels):
            least = LEAST_REST if number < len(self._levels) - 1 else 1
            taken, expected[taken], influence_BK = level.match(group, own, left, least)
            rest_BK += influence_BK
            left &= ~taken
            if not number:
                matched = float(taken.mean()) if len(taken) else 0.0
            if not left.any():
                break
        bag_n = self._bag_N[group]
        above_BK = _by(bag_n, group_y - expected, self._bags)
        count_B = np.bincount(bag_n, minlength=self._bags)[:, None]
        drawn = _weights()[:, : self._bags] @ np.hstack([above_BK, rest_BK, count_B])
        above_RK, rest_RK, counts_R = np.split(drawn, [above_BK.shape[1], 2 * above_BK.shape[1]], axis=1)
        gaps_RK = above_RK / np.maximum(counts_R, 1e-9) - (rest_RK - rest_BK.sum(axis=0))
        gaps_RK = gaps_RK[counts_R[:, 0] > 0.5]
        rows, clusters = distinct(self._conversation_N[group]), distinct(self._cluster_N[group])
        gap_K = (group_y - expected).mean(axis=0)
        mine_3K, theirs_3K = self._moments(group), self._moments_3K - self._moments(own)
        deviation_K = np.sqrt((_variance(mine_3K) + _variance(theirs_3K)) / 2)
        spread_K = np.sqrt(_variance(mine_3K + theirs_3K))
        error_K = np.maximum(gaps_RK.std(axis=0), spread_K / clusters)  # which is not 0 where all are alike
        low_K, high_K = np.quantile(gaps_RK, (0.025, 0.975), axis=0)
        low_K, high_K = np.minimum(low_K, gap_K - 1.96 * error_K), np.maximum(high_K, gap_K + 1.96 * error_K)
        p_K = np.array([p_value(t, clusters - 1) for t in np.abs(gap_K) / np.maximum(error_K, 1e-12)])
        return Compared(
            group_y.mean(axis=0), expected.mean(axis=0), gap_K, low_K, high_K, deviation_K, p_K, rows, round(matched, 4)
        )

    def _moments(self, statements: np.ndarray) -> np.ndarray:
        """How many, and the sums of their outcomes and of the squares, about one of the outcomes."""
        above = self._outcome_NK[statements] - self._centre_K
        return np.stack([np.full(above.shape[1], len(above)), above.sum(axis=0), np.einsum("nk,nk->k", above, above)])


class _Level:
    """Sums over the rest by stratum, and by bag and stratum."""

    def __init__(
        self, stratum_N: np.ndarray, outcome_NK: np.ndarray, rest: np.ndarray, bag_N: np.ndarray, bags: int
    ) -> None:
        self._stratum_N, self._outcome_NK, self._bag_N = stratum_N, outcome_NK, bag_N
        size = int(stratum_N.max(initial=-1)) + 1
        rest_s, rest_y = stratum_N[rest], outcome_NK[rest]
        self._rows_S, self._sum_SK = np.bincount(rest_s, minlength=size), _by(rest_s, rest_y, size)
        cells, cell, rows = np.unique(bag_N[rest] * size + rest_s, return_inverse=True, return_counts=True)
        bag, stratum = np.divmod(cells, max(size, 1))
        ends = np.concatenate([[0], np.cumsum(np.bincount(bag, minlength=bags))])

        def by_bag(values: np.ndarray) -> csr_array:
            return csr_array((values, stratum, ends), shape=(bags, size))

        self._rows_BS = by_bag(rows.astype(float))
        self._sums_BS = [by_bag(np.bincount(cell, rest_y[:, k], len(cells))) for k in range(rest_y.shape[1])]

    def match(
        self, group: np.ndarray, own: np.ndarray, left: np.ndarray, least: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Which of the group's statements that are `left` lie in a stratum with so many of the rest, its own aside; the
        mean [of them, K] of these; and what each bag [B, K] has to do with the group's mean of that."""
        group_s, own_s, own_y = self._stratum_N[group], self._stratum_N[own], self._outcome_NK[own]
        size = len(self._rows_S)
        rows_S = self._rows_S - np.bincount(own_s, minlength=size)
        taken = left & (rows_S >= least)[group_s]
        mean_SK = (self._sum_SK - _by(own_s, own_y, size)) / np.maximum(rows_S, 1)[:, None]
        share_S = np.bincount(group_s[taken], minlength=size) / len(group)
        small_S = np.sqrt(rows_S / np.maximum(rows_S - 1, 1))  # of a variance, which few rows underestimate
        weight_S = share_S * small_S / np.maximum(rows_S, 1)
        mine = weight_S[own_s][:, None] * (own_y - mean_SK[own_s])
        sums_BK = np.stack([sums_BS @ weight_S for sums_BS in self._sums_BS], axis=1)
        means_BK = self._rows_BS @ (weight_S[:, None] * mean_SK)
        return taken, mean_SK[group_s[taken]], sums_BK - means_BK - _by(self._bag_N[own], mine, len(sums_BK))


def p_value(t: float, freedom: int) -> float:
    """Two-sided, of Student's t by Wallace's approximation (1959), whose z is right to 1% from 3 degrees of freedom."""
    if freedom < 3:
        return 1.0
    z = (8 * freedom + 1) / (8 * freedom + 3) * sqrt(freedom * log(1 + t * t / freedom))
    return erfc(z / sqrt(2))


@cache
def _weights() -> np.ndarray:
    """[REPLICATES, BAGS]: how often each is drawn."""
    return np.random.default_rng(SEED).poisson(1.0, (REPLICATES, BAGS)).astype(np.float64)


def _by(codes: np.ndarray, values: np.ndarray, size: int) -> np.ndarray:
    """[size, K] sums of the rows of values by code."""
    return np.stack([np.bincount(codes, values[:, k], minlength=size) for k in range(values.shape[1])], axis=1)


def _bags(cluster_N: np.ndarray) -> tuple[np.ndarray, int]:
    """The bag of each statement, and how many there are: a cluster each, or BAGS of many."""
    used = np.bincount(cluster_N) > 0
    number = np.cumsum(used) - 1
    return number[cluster_N] % BAGS, min(int(used.sum()), BAGS)


def _variance(moments_3K: np.ndarray) -> np.ndarray:
    """Of outcomes that never vary 0, or next to it."""
    rows, total, squares = moments_3K
    return np.maximum(squares / np.maximum(rows, 1) - (total / np.maximum(rows, 1)) ** 2, 0.0)
