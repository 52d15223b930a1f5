"""Differences of means within strata, on numbers that one can check by eye, and how often intervals hold the truth."""

import numpy as np
import pytest
from scipy import stats

from pipeline.audit.matched import LEAST_REST, Rest, compare, p_value


def compared(outcome, group, strata, cluster=None):
    """outcome, group (whether in it) and each of strata: one number a statement. A conversation each, unless said."""
    outcome_N, group_N = np.array(outcome, float), np.array(group, bool)
    cluster_N = np.arange(len(outcome_N)) if cluster is None else np.array(cluster)
    levels = [np.array(stratum) for stratum in strata]
    inside, rest = np.flatnonzero(group_N), np.flatnonzero(~group_N)
    return compare(outcome_N[:, None], inside, rest, levels, cluster_N, cluster_N)


def test_without_strata_it_is_the_difference_of_the_means():
    found = compared([1, 0, 1, 1] * 10, [1, 1, 0, 0] * 10, [[0] * 40])
    assert (found.mean_K[0], found.rest_K[0], found.gap_K[0]) == (0.5, 1.0, -0.5)
    assert found.low_K[0] < -0.5 < found.high_K[0] < 0
    assert (found.rows, found.matched) == (20, 1.0)


def test_what_a_stratum_brings_is_not_the_groups():
    """All sad sentences are of one source, and nine in ten of the group come from there, as sad as others there."""
    source = [0] * 90 + [1] * 10 + [0] * 20 + [1] * 180
    group = [1] * 100 + [0] * 200
    sad = [s == 0 for s in source]
    assert compared(sad, group, [[0] * 300]).gap_K[0] == pytest.approx(0.8)
    found = compared(sad, group, [source, [0] * 300])
    assert (found.gap_K[0], found.matched) == (0, 1)


def test_a_group_of_the_rest_is_compared_with_what_is_left_of_it():
    """Added up once and taken off again is as compared anew; some of the group's are no part of the rest."""
    draw = np.random.default_rng(11)
    outcome_NK = np.stack([draw.normal(0, 1, 900), draw.random(900) < 0.02], axis=1).astype(float)
    strata = [draw.integers(0, 40, 900), draw.integers(0, 4, 900), np.zeros(900, int)]
    cluster_N, in_rest_N = draw.integers(0, 300, 900), draw.random(900) < 0.8
    shared = Rest(outcome_NK, np.flatnonzero(in_rest_N), strata, cluster_N, cluster_N)
    for share in (0.02, 0.3, 0.9):
        inside_N = draw.random(900) < share
        inside, rest = np.flatnonzero(inside_N), np.flatnonzero(in_rest_N & ~inside_N)
        group = inside[draw.random(len(inside)) < 0.7]
        alone = Rest(outcome_NK, rest, strata, cluster_N, cluster_N).compared(group, rest[:0])
        for name, value in vars(shared.compared(group, inside)).items():
            assert value == pytest.approx(getattr(alone, name), abs=1e-9)


def test_a_stratum_with_too_few_of_the_rest_is_compared_in_the_next_coarser_one():
    fine = [0] * 20 + [0] * (LEAST_REST - 1) + [1] * 31
    outcome = [0] * 20 + [1] * (LEAST_REST - 1) + [0] * 31
    group = [1] * 20 + [0] * 40
    found = compared(outcome, group, [fine, [0] * 60])
    assert found.matched == 0
    assert found.rest_K[0] == pytest.approx((LEAST_REST - 1) / 40)
    more = compared([*outcome, 1], [*group, 0], [[*fine, 0], [0] * 61])
    assert (more.matched, more.rest_K[0]) == (1, 1)


def test_sentences_of_one_conversation_are_one_observation():
    outcome, group = [0, 1] * 30 + [1, 0] * 60, [1] * 60 + [0] * 120
    alone = compared(outcome, group, [[0] * 180])
    told = compared([v for v in outcome for _ in range(10)], [v for v in group for _ in range(10)], [[0] * 1800],
                    np.repeat(np.arange(180), 10))  # fmt: skip
    assert told.high_K[0] - told.low_K[0] == pytest.approx(alone.high_K[0] - alone.low_K[0], rel=0.01)


def test_a_group_whose_sentences_are_all_alike_is_not_known_exactly():
    found = compared([1] * 30 + [0] * 300, [1] * 30 + [0] * 300, [[0] * 330])
    assert found.low_K[0] < 1 < found.high_K[0]


@pytest.mark.parametrize("group_rows", [30, 200])
def test_intervals_hold_the_truth_nineteen_times_in_twenty(group_rows):
    """Clusters of one to four sentences that share most of what they have, in strata that differ; the truth is 0.3."""
    held, tries = 0, 100
    for seed in range(tries):
        draw = np.random.default_rng(seed)
        clusters = group_rows + 200
        cluster = np.repeat(np.arange(clusters), draw.integers(1, 5, clusters))
        group = cluster < group_rows
        stratum = draw.integers(0, 3, clusters)[cluster]
        outcome = draw.normal(0, 1, clusters)[cluster] + draw.normal(0, 0.5, len(cluster)) + stratum + 0.3 * group
        found = compared(outcome, group, [stratum, np.zeros(len(cluster), int)], cluster)
        held += bool(found.low_K[0] <= 0.3 <= found.high_K[0])
    low, high = stats.binomtest(held, tries).proportion_ci(0.999)
    assert low <= 0.95 <= high
    assert held / tries > 0.9


def test_beyond_the_bags_intervals_are_as_wide():
    draw = np.random.default_rng(3)
    outcome, group = draw.normal(0, 1, 9000), np.arange(9000) % 3 == 0
    found = compared(outcome, group, [[0] * 9000])
    expected = 2 * 1.96 * np.sqrt(1 / 3000 + 1 / 6000)
    assert found.high_K[0] - found.low_K[0] == pytest.approx(expected, rel=0.08)


@pytest.mark.parametrize(("t", "freedom"), [(0.5, 5), (2.0, 10), (3.0, 29), (6.0, 40), (4.0, 2000)])
def test_p_values_are_students(t, freedom):
    assert p_value(t, freedom) == pytest.approx(2 * stats.t.sf(t, freedom), rel=0.05)


def test_of_so_few_clusters_nothing_is_certain():
    assert p_value(100, 2) == 1
