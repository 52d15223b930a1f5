"""Whether training and validation loss come apart: a rule over the lines of metrics.jsonl. Imports no torch."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

VALIDATIONS = 3
"""Validations in a row over which the losses must come apart."""

GROWTH = 0.02
"""Share of the validation loss by which the gap must grow over these validations."""

FALL = 0.01
"""Share of the lowest validation loss before by which it must fall for the model to count as still learning."""


@dataclass(frozen=True)
class Point:
    """A validation. train: mean training loss of the steps since the validation before; gap: validation less train.

    overfitting: whether the rule says so here.
    """

    step: int
    train: float
    validation: float
    overfitting: bool

    @property
    def gap(self) -> float:
        return self.validation - self.train


def widening(lines: list[dict[str, Any]]) -> list[Point]:
    """The validations of a run, in order, of those that training steps were logged before.

    A validation is said to overfit when the gap has grown at each of the last VALIDATIONS validations, by GROWTH of
    the validation loss in sum, while none of them brought the validation loss FALL below the lowest before.
    Levels do not count, growth does: dropout and label smoothing shift one of the losses and not the other.
    """
    points: list[Point] = []
    losses: list[float] = []
    for line in lines:
        if "loss" in line:
            losses.append(line["loss"])
        if "validation_loss" in line and losses:
            mean = sum(losses) / len(losses)
            point = Point(line["step"], mean, line["validation_loss"], overfitting=False)
            points.append(Point(point.step, mean, point.validation, _apart([*points, point])))
            losses = []
    return points


def _apart(points: list[Point]) -> bool:
    if len(points) <= VALIDATIONS:
        return False
    before, last = points[:-VALIDATIONS], points[-VALIDATIONS:]
    grows = all(a.gap < b.gap for a, b in pairwise([before[-1], *last]))
    enough = last[-1].gap - before[-1].gap >= GROWTH * last[-1].validation
    stalls = min(p.validation for p in last) > (1 - FALL) * min(p.validation for p in before)
    return grows and enough and stalls


def overfitting_since(points: list[Point]) -> int | None:
    """The step of the validation after which the losses came apart, when the last validation is still told so."""
    if not points or not points[-1].overfitting:
        return None
    first = next((i for i in reversed(range(len(points))) if not points[i].overfitting), -1) + 1
    return points[first - VALIDATIONS].step
