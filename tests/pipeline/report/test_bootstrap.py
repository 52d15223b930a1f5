"""Intervals hold what they promise, and pairing tells small differences apart."""

import numpy as np
import pytest

from pipeline.report import bootstrap
from pipeline.report.bootstrap import intervals


def test_an_interval_holds_the_true_mean_about_95_times_in_100() -> None:
    generator = np.random.default_rng(1)
    held = 0
    for trial in range(200):
        values = generator.exponential(2.0, 80)
        [found], _ = intervals([values.tolist()], [1.0] * 80, seed=trial)
        held += found.low <= 2.0 <= found.high
    assert 178 <= held <= 198


def test_runs_that_differ_a_little_on_every_item_differ_for_sure_though_their_intervals_overlap() -> None:
    generator = np.random.default_rng(2)
    hard = generator.normal(3.0, 1.0, 300)
    better = hard - 0.05 + generator.normal(0, 0.05, 300)
    (first, second), (none, apart) = intervals([hard.tolist(), better.tolist()], [1.0] * 300)
    assert first.low < second.high
    assert (none.low, none.high) == (0.0, 0.0)
    assert apart.low < apart.value < apart.high < 0
    assert apart.value == pytest.approx(second.value - first.value)


def test_a_mean_is_of_all_bytes_and_not_of_conversations() -> None:
    [found], _ = intervals([[1.0] * 20 + [30.0] * 20], [1.0] * 20 + [10.0] * 20)
    assert found.value == pytest.approx(620 / 220)


def test_many_items_are_drawn_in_bundles_with_the_same_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(3).normal(0, 1, 6000).tolist()
    [bundled], _ = intervals([values], [1.0] * 6000)
    monkeypatch.setattr(bootstrap, "MOST_UNITS", 10_000)
    monkeypatch.setattr(bootstrap, "RESAMPLES", 500)
    [plain], _ = intervals([values], [1.0] * 6000)
    assert bundled.value == pytest.approx(plain.value)
    assert bundled.high - bundled.low == pytest.approx(plain.high - plain.low, rel=0.15)
