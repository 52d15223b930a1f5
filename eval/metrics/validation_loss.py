"""The loss by which training chose its weights."""

from typing import Any

from eval.metrics.metric import Outcome


def scores(outcome: Outcome) -> dict[str, Any]:
    """validation_loss at the step whose weights were kept; None when training never validated."""
    losses = dict(outcome.training["validation_loss"])
    return {"validation_loss": losses.get(outcome.training["best_step"], min(losses.values(), default=None))}
