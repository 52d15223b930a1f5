"""Why a row gets no counterfactual copy."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Refusal:
    """reason: a few words, as metrics count them."""

    reason: str
