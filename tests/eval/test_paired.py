"""The comparison of two models on the same items, on made-up values."""

import math
from itertools import combinations
from statistics import NormalDist

import numpy as np
import pytest

from eval import paired
from eval.paired import FLIPS, MOST_UNITS, change, difference, fewer, holm, less, more, nearer_half, sign_test


def losses(count: int, seed: int = 0) -> np.ndarray:
    """Summed losses of conversations of 5 to 50 tokens, about 3 nats a token."""
    generator = np.random.default_rng(seed)
    return generator.integers(5, 50, count) * generator.normal(3, 0.5, count)


def test_a_clearly_better_model_gains_and_the_bounds_hold_the_gain() -> None:
    champion = losses(200)
    found = difference(champion, champion * 0.95 + np.random.default_rng(1).normal(0, 2, 200), less, confidence=0.95)
    assert 0 < found.low < found.gain < found.high
    assert 0.03 < found.gain < 0.07
    assert found.better < 0.001 < 0.99 < found.worse


def test_equal_models_do_not_differ() -> None:
    found = difference(losses(200), losses(200), less, confidence=0.95)
    assert (found.gain, found.low, found.high, found.worse, found.better) == (0, 0, 0, 1, 1)


def test_an_equally_good_model_passes_about_as_often_as_the_confidence_allows() -> None:
    passed = 0
    for seed in range(60):
        champion = losses(100, seed)
        noise = np.random.default_rng(1000 + seed).normal(0, 5, 100)
        passed += difference(champion, champion + noise, less, confidence=0.9).low > 0
    assert 1 <= passed <= 14  # 6 expected; outside by chance once in a few hundred choices of seeds


def test_p_is_below_each_level_as_often_as_the_level_says_when_models_are_alike() -> None:
    generator = np.random.default_rng(7)
    ps = [difference(v, v + generator.normal(0, 5, 40), less, 0.95).worse for v in (losses(40, i) for i in range(300))]
    for level in (0.5, 0.2, 0.05):
        expected, deviation = 300 * level, math.sqrt(300 * level * (1 - level))
        assert abs(sum(p <= level for p in ps) - expected) < 3.5 * deviation, level


def test_the_gain_is_what_each_statistic_says() -> None:
    def gain(statistic: paired.Statistic, before: list[float], after: list[float]) -> float:
        return difference(np.array(before), np.array(after), statistic, 0.9).gain

    assert gain(less, [100, 1], [90, 2]) == 9 / 101  # better on one long conversation and worse on one short one
    assert gain(more, [0, 0, 1, 1], [1, 1, 1, 1]) == 0.5
    assert gain(more, [0.25, 0.5], [0.5, 0.75]) == 0.25
    assert gain(fewer, [0, 0, 1, 1], [1, 1, 1, 1]) == -0.5
    assert gain(change, [10, 10], [5, 5]) == -0.5
    assert gain(nearer_half, [1, 1, 1, 1], [1, 1, 0, 0]) == 0.5
    assert gain(nearer_half, [0, 0, 0, 0], [1, 1, 1, 1]) == 0  # all one way is as far as all the other


def test_mcnemar_counts_the_items_that_changed() -> None:
    """Seven of 45 answers became wrong, none right: (1/2)^7; of ten, two became right: 56 of the 1,024 ways."""
    before = np.array([1.0] * 36 + [0.0] * 9)
    found = difference(before, np.array([0.0] * 7 + [1.0] * 29 + [0.0] * 9), more, 0.95)
    assert (found.gain, found.worse, found.better) == (-7 / 45, 1 / 128, 1)
    assert sign_test(8, 2) == (45 + 10 + 1) / 1024
    assert sign_test(0, 0) == sign_test(0, 5) == 1


def test_mcnemars_test_is_the_randomisation_test_of_zeros_and_ones() -> None:
    generator = np.random.default_rng(3)
    before, after = (generator.random((2, 60)) < [[0.8], [0.65]]).astype(float)
    exact = difference(before, after, more, 0.95)
    drawn = difference(before * 2, after * 2, more, 0.95)  # zeros and twos are drawn
    assert exact.worse == pytest.approx(drawn.worse, abs=4 * math.sqrt(exact.worse / FLIPS))
    assert drawn.gain == 2 * exact.gain


def test_the_randomisation_test_counts_all_ways_of_changing_places() -> None:
    """Of 2^6 ways to swap, those whose drop is as low as the observed one."""
    before, after = np.array([9.0, 7, 8, 5, 6, 9]), np.array([10.0, 9, 8.5, 4, 9, 9.5])
    rises = after - before
    ways = [sum(rises) - 2 * sum(rises[list(swapped)]) for size in range(7) for swapped in combinations(range(6), size)]
    exact = sum(way >= sum(rises) for way in ways) / len(ways)
    assert difference(before, after, less, 0.95).worse == pytest.approx(exact, abs=0.006)


def test_nothing_that_changed_is_no_certainty_about_shares() -> None:
    """Agresti and Min: half an item more in each cell of the table."""
    found = difference(np.ones(43), np.ones(43), more, 0.95)
    reach = NormalDist().inv_cdf(0.95) * math.sqrt(1) / 45
    assert (found.gain, found.low, found.high) == (0, pytest.approx(-reach), pytest.approx(reach))


def test_bounds_of_shares_fail_as_often_as_they_may() -> None:
    """Of 400 pairs of samples whose true difference is −0.1, about 5% lie wholly below it, and about 5% above."""
    generator = np.random.default_rng(11)
    both = [(generator.random((2, 60)) < [[0.8], [0.7]]).astype(float) for _ in range(400)]
    found = [difference(before, after, more, 0.95) for before, after in both]
    assert 6 <= sum(d.high < -0.1 for d in found) <= 36
    assert 6 <= sum(d.low > -0.1 for d in found) <= 36


def test_the_same_figures_every_time_and_in_bundles() -> None:
    champion = losses(MOST_UNITS + 1000)
    first = difference(champion, champion * 0.99, less, confidence=0.95)
    assert difference(champion, champion * 0.99, less, confidence=0.95) == first
    assert first.low == pytest.approx(0.01)
    assert first.better == 1 / (1 + FLIPS)


@pytest.mark.parametrize("confidence", [0.25, 0.9, 0.95, 0.99])
def test_the_bound_lies_as_far_below_as_normal_theory_says(confidence: float) -> None:
    """Of a mean over many independent conversations: gain − z × standard error (Efron 1979, section 2)."""
    champion = np.full(1000, 30.0)
    challenger = champion - np.random.default_rng(5).normal(1, 3, 1000)
    found = difference(champion, challenger, less, confidence)
    error = np.std(champion - challenger) / 30 / math.sqrt(1000)
    for bound, sign in ((found.low, -1), (found.high, 1)):
        expected = found.gain + sign * NormalDist().inv_cdf(confidence) * error
        assert bound == pytest.approx(expected, abs=0.12 * float(error))


def test_when_every_conversation_gains_alike_the_bound_is_the_gain() -> None:
    assert difference(losses(50), losses(50) * 0.75, less, confidence=0.99).low == pytest.approx(0.25)


def test_another_seed_draws_other_items() -> None:
    champion = losses(50)
    challenger = champion * 0.9 + np.random.default_rng(1).normal(0, 2, 50)
    default = difference(champion, challenger, less, 0.95)
    zero, one = (difference(champion, challenger, less, 0.95, seed=seed) for seed in (0, 1))
    assert default == zero
    assert default.low != one.low


def test_as_many_samples_are_drawn_however_many_are_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.stack([losses(7), losses(7) * 0.9 + np.arange(7) / 10])
    for draw, samples in ((paired._resampled, 5_000), (paired._swapped, 20_000)):
        at_once = draw(rows, 7, less, 3)
        assert at_once.shape == (samples,)
        monkeypatch.setattr(paired, "BLOCK", 7 * 999)
        np.testing.assert_allclose(draw(rows, 7, less, 3), at_once)
        monkeypatch.undo()


def test_up_to_5000_items_are_drawn_one_by_one_and_more_in_bundles_of_like_size() -> None:
    few = np.arange(2 * 5_000.0).reshape(2, 5_000)
    assert paired._bundle(few, 0) is few
    sizes, doubled = paired._bundle(np.stack([np.ones(12_000), np.full(12_000, 2.0)]), 0)
    assert len(sizes) == 5_000
    assert set(sizes) == {2, 3}
    np.testing.assert_array_equal(doubled, 2 * sizes)


def test_bundles_are_random_so_that_neighbours_do_not_fall_into_one() -> None:
    numbers = np.arange(10_000.0)
    first, again, other = (paired._bundle(np.stack([numbers] * 2), seed)[0] for seed in (0, 0, 1))
    assert first.sum() == numbers.sum()
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len(set(first)) > 4_000  # of pairs of numbers that are 5,000 apart, sums would repeat in a pattern
    assert np.std(np.diff(first)) > 1_000


def test_values_that_do_not_belong_together_are_a_bug() -> None:
    for before, after in ((3, 2), (1, 2), (0, 0)):
        with pytest.raises(AssertionError):
            difference(np.ones(before), np.ones(after), more, confidence=0.9)


def test_holm_asks_the_most_of_the_smallest_p() -> None:
    """Three tests: the smallest p three times, the next twice, the last once, and never below one before it."""
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]
    assert holm([]) == []
