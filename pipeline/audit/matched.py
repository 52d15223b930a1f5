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
from functools import lru_cache
from math import erfc, log, sqrt

import numpy as np

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
    """group, rest: numbers of statements. strata: [N] numbers of strata from 0 on, the finest first, the last with one
    for all. cluster_N: [N] what is drawn as one.

    matched: the share of the group's statements that have found their like in the finest strata.
    """
    rest_y, group_y = outcome_NK[rest], outcome_NK[group]
    expected = np.zeros_like(group_y)  # the rest's mean in the stratum of each of the group's statements
    left = np.ones(len(group), bool)
    influence = np.zeros_like(rest_y)
    matched = 0.0
    for level, stratum_N in enumerate(strata):
        group_s = stratum_N[group]
        wanted = np.zeros(stratum_N.max(initial=-1) + 1, bool)
        wanted[group_s[left]] = True
        their = np.flatnonzero(
            wanted[stratum_N[rest]]
        )  # of strata in which nobody looks for his like, nothing is asked
        rest_s, like_y = stratum_N[rest[their]], rest_y[their]
        rest_n = np.bincount(rest_s, minlength=len(wanted))
        enough = rest_n >= (LEAST_REST if level < len(strata) - 1 else 1)
        taken = left & enough[group_s]
        mean_SK = _by(rest_s, like_y, len(wanted)) / np.maximum(rest_n, 1)[:, None]
        expected[taken] = mean_SK[group_s[taken]]
        share_S = np.bincount(group_s[taken], minlength=len(wanted)) / max(len(group), 1)
        small = np.sqrt(rest_n / np.maximum(rest_n - 1, 1))  # of a stratum's variance, which few rows underestimate
        influence[their] += (share_S * small / np.maximum(rest_n, 1))[rest_s][:, None] * (like_y - mean_SK[rest_s])
        left &= ~taken
        if not level:
            matched = float(taken.mean()) if len(taken) else 0.0
    bags_N, bags = _bags(cluster_N, group, rest)
    above_BK = _by(bags_N[group], group_y - expected, bags)
    count_B = np.bincount(bags_N[group], minlength=bags).astype(float)
    rest_BK = _by(bags_N[rest], influence, bags)
    weights_RB = _weights(bags)
    counts_R = np.maximum(weights_RB @ count_B, 1e-9)
    gaps_RK = (weights_RB @ above_BK) / counts_R[:, None] - (weights_RB - 1) @ rest_BK
    rows = distinct(conversation_N[group])
    gap_K = (group_y - expected).mean(axis=0)
    deviation_K = _pooled(group_y, rest_y)
    spread_K = np.concatenate([group_y, rest_y]).std(axis=0)
    clusters = distinct(cluster_N[group])
    error_K = np.maximum(gaps_RK[counts_R > 0.5].std(axis=0), spread_K / clusters)  # which is not 0 where all are alike
    low_K, high_K = np.quantile(gaps_RK[counts_R > 0.5], (0.025, 0.975), axis=0)
    low_K, high_K = np.minimum(low_K, gap_K - 1.96 * error_K), np.maximum(high_K, gap_K + 1.96 * error_K)
    p_K = np.array([p_value(t, clusters - 1) for t in np.abs(gap_K) / np.maximum(error_K, 1e-12)])
    return Compared(
        group_y.mean(axis=0), expected.mean(axis=0), gap_K, low_K, high_K, deviation_K, p_K, rows, round(matched, 4)
    )


def p_value(t: float, freedom: int) -> float:
    """Two-sided, of Student's t by Wallace's approximation (1959), whose z is right to 1% from 3 degrees of freedom."""
    if freedom < 3:
        return 1.0
    z = (8 * freedom + 1) / (8 * freedom + 3) * sqrt(freedom * log(1 + t * t / freedom))
    return erfc(z / sqrt(2))


@lru_cache(maxsize=1)
def _weights(bags: int) -> np.ndarray:
    """[REPLICATES, bags]: how often each is drawn."""
    return np.random.default_rng(SEED).poisson(1.0, (REPLICATES, bags)).astype(np.float64)


def _by(codes: np.ndarray, values: np.ndarray, size: int) -> np.ndarray:
    """[size, K] sums of the rows of values by code."""
    return np.stack([np.bincount(codes, values[:, k], minlength=size) for k in range(values.shape[1])], axis=1)


def _bags(cluster_N: np.ndarray, group: np.ndarray, rest: np.ndarray) -> tuple[np.ndarray, int]:
    """The bag of each statement, and how many there are: a cluster each, or BAGS of many."""
    of_cluster = np.zeros(cluster_N.max(initial=0) + 1, np.int64)
    of_cluster[cluster_N[group]] = of_cluster[cluster_N[rest]] = 1
    used = np.flatnonzero(of_cluster)
    of_cluster[used] = np.arange(len(used)) % BAGS
    return of_cluster[cluster_N], min(len(used), BAGS)


def _pooled(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Standard deviation about the two means, each side weighing the same; of outcomes that never vary 0."""
    return np.sqrt((one.var(axis=0) + other.var(axis=0)) / 2)
