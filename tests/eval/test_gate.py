"""The paired bootstrap, on made-up losses."""

import math
from statistics import NormalDist

import numpy as np
import pytest

from eval import gate
from eval.gate import MOST_UNITS, Comparison, compare


def losses(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(summed losses, tokens) of conversations of 5 to 50 tokens, about 3 nats a token."""
    generator = np.random.default_rng(seed)
    tokens = generator.integers(5, 50, count)
    return tokens * generator.normal(3, 0.5, count), tokens


def test_a_clearly_better_model_is_significant() -> None:
    champion, tokens = losses(200)
    noise = np.random.default_rng(1).normal(0, 2, 200)
    found = compare(champion, champion * 0.95 + noise, tokens, confidence=0.95)
    assert found.significant
    assert 0.03 < found.improvement < 0.07
    assert found.low < found.improvement


def test_an_equal_model_is_not() -> None:
    champion, tokens = losses(200)
    assert not compare(champion, champion, tokens, confidence=0.95).significant


def test_an_equally_good_model_passes_about_as_often_as_the_confidence_allows() -> None:
    passed = 0
    for seed in range(60):
        champion, tokens = losses(100, seed)
        noise = np.random.default_rng(1000 + seed).normal(0, 5, 100)
        passed += compare(champion, champion + noise, tokens, confidence=0.9).significant
    assert 1 <= passed <= 14  # 6 expected; outside by chance once in a few hundred choices of seeds


def test_every_token_counts_alike() -> None:
    """Better on one long conversation and worse on one short one is better in sum."""
    found = compare(np.array([100.0, 1.0]), np.array([90.0, 2.0]), np.array([50, 1]), confidence=0.6)
    assert found.improvement == 9 / 101
    assert found.challenger_loss == 92 / 51


def test_the_same_figures_every_time_and_in_bundles() -> None:
    champion, tokens = losses(MOST_UNITS + 1000)
    first = compare(champion, champion * 0.99, tokens, confidence=0.95)
    assert compare(champion, champion * 0.99, tokens, confidence=0.95) == first
    assert abs(first.low - 0.01) < 1e-9


def test_a_comparison_holds_the_losses_a_unit_and_what_it_was_made_of() -> None:
    found = compare(np.array([100.0, 1.0]), np.array([90.0, 2.0]), np.array([50, 1]), confidence=0.9, unit="byte")
    assert (found.champion_loss, found.challenger_loss) == (101 / 51, 92 / 51)
    assert (found.conversations, found.unit, found.confidence) == (2, "byte", 0.9)
    assert compare(np.ones(1), np.ones(1), np.ones(1), confidence=0.9).unit == "token"


def test_the_reason_is_one_sentence_with_its_figures() -> None:
    comparison = Comparison(
        12_345, "token", champion_loss=2.5, challenger_loss=2.4, improvement=0.04, low=0.031, confidence=0.95
    )
    assert comparison.words() == (
        "test loss 2.4000 against the champion's 2.5000 nats a token over 12,345 conversations, "
        "a drop of +4.00% (at least +3.10% at 95% confidence)"
    )


@pytest.mark.parametrize("confidence", [0.25, 0.9, 0.95, 0.99])
def test_the_bound_lies_as_far_below_as_normal_theory_says(confidence: float) -> None:
    """Of a mean over many independent conversations: improvement − z × standard error (Efron 1979, section 2)."""
    champion, tokens = np.full(1000, 30.0), np.full(1000, 10)
    challenger = champion - np.random.default_rng(5).normal(1, 3, 1000)
    found = compare(champion, challenger, tokens, confidence)
    error = np.std(champion - challenger) / 30 / math.sqrt(1000)
    assert found.low == pytest.approx(
        found.improvement - NormalDist().inv_cdf(confidence) * error, abs=0.12 * float(error)
    )


def test_when_every_conversation_gains_alike_the_bound_is_the_gain() -> None:
    champion, tokens = losses(50)
    assert compare(champion, champion * 0.75, tokens, confidence=0.99).low == pytest.approx(0.25)


def test_another_seed_draws_other_conversations() -> None:
    champion, tokens = losses(50)
    challenger = champion * 0.9 + np.random.default_rng(1).normal(0, 2, 50)
    default = compare(champion, challenger, tokens, 0.95)
    zero, one = (compare(champion, challenger, tokens, 0.95, seed=seed) for seed in (0, 1))
    assert default == zero
    assert default.low != one.low


def test_5000_samples_are_drawn_however_many_are_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    champion, tokens = losses(7)
    rows = np.stack([champion, champion * 0.9 + np.arange(7) / 10, tokens])
    at_once = gate._resampled_improvements(rows, 3)
    assert at_once.shape == (5_000,)
    for block in (1, 7 * 999):
        monkeypatch.setattr(gate, "BLOCK", block)
        np.testing.assert_array_equal(gate._resampled_improvements(rows, 3), at_once)


def test_up_to_5000_conversations_are_drawn_one_by_one_and_more_in_bundles_of_like_size() -> None:
    few = np.arange(3 * 5_000.0).reshape(3, 5_000)
    assert gate._bundle(few, 0) is few
    sizes, doubled, ones = gate._bundle(np.stack([np.ones(12_000), np.full(12_000, 2.0), np.ones(12_000)]), 0)
    assert len(sizes) == 5_000
    assert set(sizes) == {2, 3}
    np.testing.assert_array_equal(doubled, 2 * ones)


def test_bundles_are_random_so_that_neighbours_do_not_fall_into_one() -> None:
    numbers = np.arange(10_000.0)
    first, again, other = (gate._bundle(np.stack([numbers] * 3), seed)[0] for seed in (0, 0, 1))
    assert first.sum() == numbers.sum()
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len(set(first)) > 4_000  # of pairs of numbers that are 5,000 apart, sums would repeat in a pattern
    assert np.std(np.diff(first)) > 1_000


def test_losses_that_do_not_belong_together_are_a_bug() -> None:
    for champion, challenger, weights in ((3, 2, 2), (1, 2, 2), (2, 2, 3), (2, 2, 1), (0, 0, 0)):
        with pytest.raises(AssertionError):
            compare(np.ones(champion), np.ones(challenger), np.ones(weights), confidence=0.9)


def test_a_worse_challenger_has_a_negative_improvement() -> None:
    found = compare(np.array([8.0, 2.0]), np.array([9.0, 3.0]), np.array([4, 1]), confidence=0.9)
    assert found.improvement == -0.2
    assert not found.significant
