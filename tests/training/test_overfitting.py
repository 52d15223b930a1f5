"""Training and validation loss that come apart, on curves drawn by hand."""

import math
from typing import Any

import numpy as np
import pytest

from training.overfitting import overfitting_since, widening

EVERY = 10
Lines = list[dict[str, Any]]


def lines(train: list[float], validation: list[float]) -> Lines:
    """metrics.jsonl of ten steps of equal loss before each validation."""
    found: Lines = []
    for number, (t, v) in enumerate(zip(train, validation, strict=True)):
        found += [{"step": number * EVERY + i, "loss": t} for i in range(1, EVERY + 1)]
        found.append({"step": (number + 1) * EVERY, "validation_loss": v})
    return found


def test_the_gap_is_validation_loss_less_the_mean_training_loss_since_the_validation_before() -> None:
    one, two = widening(
        [
            {"step": 1, "loss": 4.0},
            {"step": 2, "loss": 2.0},
            {"step": 2, "validation_loss": 3.5},
            {"step": 3, "loss": 1.0},
            {"step": 3, "validation_loss": 3.0},
        ]
    )
    assert (one.train, one.gap) == (3.0, 0.5)
    assert (two.train, two.gap) == (1.0, 2.0)


FALLING = [5.0, 4.0, 3.5, 3.2, 3.0, 2.9, 2.8]

CURVES: dict[str, tuple[list[float], list[float], int | None]] = {
    "both fall": (FALLING, [5.1, 4.2, 3.8, 3.6, 3.5, 3.45, 3.4], None),
    "validation rises while training falls": (FALLING, [5.1, 4.2, 3.8, 3.7, 3.8, 3.9, 4.0], 40),
    "validation stalls while training falls": (FALLING, [5.1, 4.2, 3.8, 3.7, 3.7, 3.7, 3.7], 40),
    "both stall": ([5.0, 4.0, *[3.0] * 5], [5.1, 4.1, *[3.3] * 5], None),
    "both rise": (
        [5.0, 4.0, 3.0, 3.2, 3.4, 3.6, 3.8],
        [5.1, 4.1, 3.2, 3.4, 3.6, 3.8, 4],
        None,
    ),
    "validation lies above training, and stays so": (FALLING, [loss + 1 for loss in FALLING], None),
    "validation rose, then fell to a new low": (FALLING, [5.1, 4.2, 3.5, 3.6, 3.7, 3.8, 3.3], None),
    "too few validations to tell": (FALLING[:3], [3.0, 3.5, 4.0], None),
}


@pytest.mark.parametrize("name", CURVES)
def test_overfitting_is_training_loss_that_falls_on_without_validation_loss(name: str) -> None:
    train, validation, since = CURVES[name]
    assert overfitting_since(widening(lines(train, validation))) == since


def test_it_begins_where_the_validation_loss_was_still_as_good_as_any() -> None:
    points = widening(lines(FALLING, [5.1, 4.2, 3.8, 3.7, 3.8, 3.9, 4.0]))
    assert [point.step for point in points if point.overfitting] == [70]


def test_noise_on_a_plateau_is_not_taken_for_it() -> None:
    """1,000 runs of 20 validations whose losses only waver, by 0.2% of the loss."""
    random = np.random.default_rng(0)
    told = 0
    for _ in range(1000):
        train, validation = 3 + random.normal(0, 0.006, (2, 20))
        told += any(p.overfitting for p in widening(lines(train.tolist(), validation.tolist())))
    assert told <= 10


def test_a_model_that_learns_by_heart_is_told_within_six_validations_of_its_best() -> None:
    """Training loss falls exponentially; validation loss turns at step 100."""
    steps = [EVERY * number for number in range(1, 31)]
    train = [0.5 + 4 * math.exp(-s / 100) for s in steps]
    validation = [2.5 + 2 * math.exp(-s / 40) + 0.004 * max(0, s - 100) for s in steps]
    points = widening(lines(train, validation))
    best = int(np.argmin(validation))
    first = next(i for i, point in enumerate(points) if point.overfitting)
    assert best < first <= best + 6
    assert all(point.overfitting for point in points[first:])
