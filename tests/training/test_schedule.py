"""The learning rate, by hand."""

import pytest

from configs.train import Train
from training.schedule import learning_rate

TRAIN = Train(steps=110, warmup_steps=10, learning_rate=1.0, min_learning_rate_share=0.1)
STABLE = Train(**TRAIN.model_dump() | {"schedule": "warmup-stable-decay", "steps": 200, "decay_share": 0.18})


@pytest.mark.parametrize(
    ("step", "rate"),
    [(1, 0.1), (5, 0.5), (10, 1.0), (35, 0.55 + 0.45 * 0.5**0.5), (60, 0.55), (110, 0.1)],
)
def test_warm_up_is_linear_and_then_a_cosine_falls_to_the_floor(step: int, rate: float) -> None:
    assert learning_rate(step, TRAIN) == pytest.approx(rate)


@pytest.mark.parametrize(
    ("step", "rate"),
    [(1, 0.1), (10, 1.0), (11, 1.0), (164, 1.0), (165, 0.1 + 0.9 * 5 / 6), (173, 0.55), (180, 0.4), (200, 0.1)],
)
def test_warm_up_stable_decay_stays_at_the_peak_until_a_decay_by_one_less_the_root(step: int, rate: float) -> None:
    assert learning_rate(step, STABLE) == pytest.approx(rate)


def test_without_warm_up_the_first_step_is_nearly_at_the_peak() -> None:
    train = TRAIN.model_copy(update={"warmup_steps": 0})
    assert learning_rate(1, train) == pytest.approx(1.0, abs=1e-3)


def test_the_floor_is_a_share_of_the_peak() -> None:
    train = Train(steps=50, warmup_steps=6, learning_rate=0.5, min_learning_rate_share=0.25)
    assert learning_rate(6, train) == 0.5
    assert learning_rate(28, train) == pytest.approx((0.5 + 0.125) / 2)
    assert learning_rate(50, train) == 0.125
