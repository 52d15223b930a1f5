"""How much an effect matters, and how many of so many found ones may be chance."""

import numpy as np
import pytest
from scipy import stats

from pipeline.audit.severity import adjusted, cohens_h, sure


def test_q_values_are_those_of_benjamini_and_hochberg():
    p = [1e-6, 0.001, 0.001, 0.03, *np.random.default_rng(1).uniform(0, 1, 40).tolist()]
    assert adjusted(p) == pytest.approx(stats.false_discovery_control(p).tolist())
    assert adjusted([]) == []


def test_among_chance_alone_few_families_have_any_discovery():
    draw = np.random.default_rng(2)
    found = sum(min(adjusted(draw.uniform(0, 1, 200).tolist())) <= 0.05 for _ in range(400))
    assert found / 400 < 0.08


@pytest.mark.parametrize(("interval", "least"), [((0.1, 0.3), 0.1), ((-0.3, -0.1), 0.1), ((-0.1, 0.3), 0)])
def test_an_interval_is_surely_as_far_from_none_as_its_nearer_end(interval, least):
    assert sure(*interval) == least


def test_shares_differ_on_the_arcsine_scale():
    assert cohens_h(1, 0) == pytest.approx(np.pi)
    assert cohens_h(0.75, 0.25) == pytest.approx(np.pi / 3)
    assert cohens_h(0.01, 0.0) == pytest.approx(cohens_h(0.5, 0.4), rel=0.01)
    assert cohens_h(1.2, -0.1) == pytest.approx(np.pi)  # ends of intervals may lie beyond
