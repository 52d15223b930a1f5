"""Two samples of one corpus are seldom told apart, two of different ones are, and by how much."""

from collections.abc import Callable

import numpy as np
import pytest

from pipeline.drift.distances import of_classes, of_numbers, of_sets
from pipeline.drift.resampling import Sides, Statistic, moved

DRAWS = 200


def sides(old: int, new: int, units: np.ndarray | None = None) -> Sides:
    unit_N = np.arange(old + new) if units is None else units
    return Sides(unit_N, np.arange(old + new) >= old)


def classes(then: list[float], now: list[float], rows: int, seed: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return np.concatenate([draw.choice(len(then), rows, p=share) for share in (then, now)])


def test_the_distance_of_classes_is_the_share_of_rows_that_would_have_to_change() -> None:
    class_N = np.array([0] * 8 + [1] * 2 + [0] * 5 + [1] * 5)
    assert of_classes(class_N, 2)(*sides(10, 10).observed()) == pytest.approx([0.3])


def test_the_distance_of_numbers_is_the_largest_gap_of_their_distributions() -> None:
    value_N = np.array([1, 2, 3, 4, 3, 4, 5, 6], float)
    assert of_numbers(value_N)(*sides(4, 4).observed()) == pytest.approx([0.5])
    tied_N = np.array([1, 1, 1, 1, 1, 1, 1, 2], float)
    assert of_numbers(tied_N)(*sides(4, 4).observed()) == pytest.approx([0.25])


def test_the_distance_of_sets_counts_every_word_once_a_row() -> None:
    from scipy.sparse import csr_array

    held_NV = csr_array(np.array([[1, 1, 0], [1, 1, 0], [1, 0, 1], [1, 0, 1]], np.float32))
    assert of_sets(held_NV)(*sides(2, 2).observed()) == pytest.approx([0.5])


STATISTICS: dict[str, Callable[[np.ndarray], Statistic]] = {
    "classes": lambda class_N: of_classes(class_N, 6),
    "numbers": lambda class_N: of_numbers(class_N.astype(float)),
}


@pytest.mark.parametrize("kind", STATISTICS)
def test_of_samples_of_one_corpus_five_in_a_hundred_have_a_p_below_0_05(kind: str) -> None:
    share = [0.4, 0.3, 0.15, 0.1, 0.04, 0.01]
    found = [
        moved(STATISTICS[kind](classes(share, share, 150, seed)), sides(150, 150), DRAWS, seed).p for seed in range(200)
    ]
    assert 2 <= sum(p < 0.05 for p in found) <= 20, "binomial: 10 expected, beyond 20 one time in a thousand"


def test_the_interval_holds_the_distance_of_the_corpora() -> None:
    then, now = [0.5, 0.3, 0.2, 0.0, 0.0, 0.0], [0.3, 0.3, 0.2, 0.2, 0.0, 0.0]
    held = 0
    for seed in range(60):
        found = moved(of_classes(classes(then, now, 400, seed), 6), sides(400, 400), DRAWS, seed)
        held += found.low <= 0.2 <= found.high
        assert found.p < 0.02
    assert held >= 52


def test_rows_of_one_conversation_are_drawn_together() -> None:
    """Forty rows of one conversation each are no forty observations: each conversation has its own class."""
    draw = np.random.default_rng(1)
    false = 0
    for seed in range(100):
        class_U = draw.choice(2, 20)
        units = np.repeat(np.arange(20), 40)
        found = moved(of_classes(class_U[units], 2), sides(400, 400, units), DRAWS, seed)
        false += found.p < 0.05
    assert false <= 14
    naive = moved(of_classes(np.repeat([0, 1], [500, 300]), 2), sides(400, 400), DRAWS)
    assert naive.p < 0.01


def test_what_both_corpora_hold_stays_and_what_was_added_is_seen() -> None:
    """900 rows of both, 100 of another class that came: a tenth has moved, and surely."""
    units = np.concatenate([np.arange(900), np.arange(900), np.arange(900, 1000), np.arange(1000, 1100)])
    new_N = np.repeat([False, True, False, True], [900, 900, 100, 100])
    class_N = np.repeat([0, 0, 0, 1], [900, 900, 100, 100])
    found = moved(of_classes(class_N, 2), Sides(units, new_N), DRAWS)
    assert found.distance == pytest.approx(0.1)
    assert found.p < 0.01
    assert found.low > 0.05


def test_the_same_corpus_has_not_moved() -> None:
    units = np.tile(np.arange(300), 2)
    class_N = np.tile(np.arange(300) % 3, 2)
    found = moved(of_classes(class_N, 3), Sides(units, np.repeat([False, True], 300)), DRAWS)
    assert (found.distance, found.effect, found.p) == (0.0, 0.0, 1.0)
