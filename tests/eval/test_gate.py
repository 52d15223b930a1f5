"""The paired bootstrap, on made-up losses."""

import numpy as np

from eval.gate import MOST_UNITS, compare


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
