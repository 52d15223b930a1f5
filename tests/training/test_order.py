"""The order of training follows from the seed and the step alone."""

import numpy as np

from training.order import global_batch


def order(steps: int, size: int, sequences: int, seed: int = 3) -> list[int]:
    """The sequences of the first steps, one after the other."""
    return [i for step in range(1, steps + 1) for i in global_batch(step, size, sequences, seed).tolist()]


def test_an_epoch_visits_every_sequence_once_and_the_next_in_another_order() -> None:
    seen = order(5, 4, 10)
    assert sorted(seen[:10]) == sorted(seen[10:]) == list(range(10))
    assert seen[:10] != seen[10:]


def test_the_order_does_not_depend_on_how_many_sequences_a_step_takes() -> None:
    assert order(3, 8, 10) == order(6, 4, 10) == order(24, 1, 10)


def test_a_batch_larger_than_an_epoch_goes_over_into_the_next_ones() -> None:
    assert order(1, 25, 10) == order(25, 1, 10)


def test_the_order_of_a_seed_is_the_same_in_every_version() -> None:
    """NumPy keeps the stream of PCG64 between versions; a run resumed under a newer one must not repeat sequences."""
    assert order(2, 6, 6, seed=1) == [4, 0, 2, 1, 5, 3, 1, 4, 0, 3, 2, 5]
    assert order(1, 6, 6, seed=2) == [3, 5, 2, 4, 0, 1]


def test_indices_are_64_bit_numbers() -> None:
    assert global_batch(1, 2, 3, seed=0).dtype == np.int64
