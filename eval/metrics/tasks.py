"""What lm-eval found."""

from typing import Any

from eval.metrics.metric import Outcome


def scores(outcome: Outcome) -> dict[str, Any]:
    """tasks: {command, scores, errors}; nothing when no task was named."""
    return {"tasks": outcome.tasks} if outcome.tasks else {}
