"""Bits per byte."""

import math
from typing import Any

from eval.metrics.metric import Outcome


def bits_per_byte(loss: float, size: int) -> float:
    """loss: summed over the text, in nats. size: UTF-8 bytes of the text.

    Unlike perplexity it compares models of different vocabularies (Gao et al., 2020, The Pile, section 3.1).
    """
    return loss / math.log(2) / size


def scores(outcome: Outcome) -> dict[str, Any]:
    """bytes and bits_per_byte of the held-out conversations."""
    size = sum(outcome.bytes)
    return {"bytes": size, "bits_per_byte": bits_per_byte(sum(outcome.losses), max(size, 1))}
