"""What the model can do, as the probes found."""

from typing import Any

from eval.metrics.metric import Outcome


def scores(outcome: Outcome) -> dict[str, Any]:
    """probes: name to figures of each (docs/evaluation.md)."""
    return {"probes": outcome.probes}
