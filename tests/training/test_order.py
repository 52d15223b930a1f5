"""The order of training follows from the seed and the step alone."""

import numpy as np
import pytest

from training.order import Mixture, global_batch


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


WEIGHTS = {"chats": 5.0, "forum": 3.0, "manual": 2.0}


def corpus() -> tuple[np.ndarray, np.ndarray]:
    """Source and learned tokens of 150 sequences: 100 of chats, 40 of forum, 10 of manual, of all lengths to 64."""
    source = np.random.default_rng(1).permutation(np.repeat([0, 1, 2], [100, 40, 10]))
    return source, np.random.default_rng(2).integers(1, 65, 150)


def mixture(seed: int = 3) -> Mixture:
    return Mixture(*corpus(), WEIGHTS, seed)


def test_at_every_step_each_source_has_its_share_of_learned_tokens_within_one_sequence() -> None:
    source, learned = corpus()
    for weights in (WEIGHTS, {"a": 1, "b": 1, "c": 1}, {"a": 0.9, "b": 0.07, "c": 0.03}, {"a": 0.1, "b": 7.3, "c": 2}):
        order, seen = Mixture(source, learned, weights, seed=3), np.zeros(3)
        shares = np.array(list(weights.values())) / sum(weights.values())
        for step in range(1, 200):
            for index in order.batch(step, 4):
                seen[source[index]] += learned[index]
            assert np.abs(seen - shares * seen.sum()).max() <= learned.max()


def test_a_source_that_is_smaller_than_its_share_repeats_in_another_order_each_time() -> None:
    source, _ = corpus()
    order = mixture()
    drawn = [int(i) for step in range(1, 101) for i in order.batch(step, 4)]
    manual = [i for i in drawn if source[i] == 2]
    epochs = [manual[at : at + 10] for at in range(0, len(manual) - 9, 10)]
    assert len(epochs) > 3
    assert all(sorted(epoch) == np.flatnonzero(source == 2).tolist() for epoch in epochs)
    assert epochs[0] != epochs[1]


def test_a_mixture_does_not_depend_on_the_size_of_steps_nor_on_where_one_begins() -> None:
    order = mixture()
    whole = [int(i) for step in range(1, 31) for i in order.batch(step, 4)]
    assert [int(i) for i in mixture().batch(1, 120)] == whole
    assert mixture().batch(30, 4).tolist() == whole[116:]
    assert order.batch(2, 4).tolist() == whole[4:8], "back to an earlier step"
    assert mixture(seed=4).batch(1, 120).tolist() != whole


def test_a_mixture_tells_what_was_asked_for_and_seen_and_what_never_was() -> None:
    facts = Mixture(*corpus(), {**WEIGHTS, "absent": 5.0}, seed=3).facts(25, 4)
    assert {name: (of["weight"], of["asked"], of["sequences"]) for name, of in facts.items()} == {
        "chats": (5.0, 0.5, 100),
        "forum": (3.0, 0.3, 40),
        "manual": (2.0, 0.2, 10),
        "absent": (5.0, 0.0, 0),
    }
    assert all(abs(of["seen"] - of["asked"]) < 64 / 2000 for of in facts.values())
    assert sum(of["epochs"] * of["sequences"] for of in facts.values()) == pytest.approx(100, abs=0.1)
    assert facts["manual"]["epochs"] > 1 > facts["chats"]["epochs"]
    assert facts["chats"]["unseen"] == pytest.approx(1 - facts["chats"]["epochs"])
    assert (facts["manual"]["unseen"], facts["absent"]["epochs"]) == (0.0, 0.0)


def test_the_mixture_of_a_seed_is_the_same_in_every_version() -> None:
    source, learned = np.array([0, 0, 0, 1, 1]), np.array([4, 2, 3, 6, 5])
    assert Mixture(source, learned, {"a": 2, "b": 1}, 1).batch(1, 12).tolist() == [0, 3, 1, 2, 2, 0, 4, 1, 1, 2, 4, 0]
