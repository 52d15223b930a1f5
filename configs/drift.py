"""How a corpus is held against the champion's, and when new data or feedback are reason to train anew."""

from typing import Literal

from pydantic import Field, field_validator

from configs.section import Section

Measure = Literal[
    "topics", "languages", "sources", "prompt_length", "reply_length", "turns", "vocabulary", "offensive", "embedding"
]

LIMITS: dict[Measure, float] = {
    "topics": 0.1,
    "languages": 0.05,
    "sources": 0.1,
    "prompt_length": 0.1,
    "reply_length": 0.1,
    "turns": 0.1,
    "vocabulary": 0.05,
    "offensive": 0.02,
    "embedding": 0.15,
}
"""Every measure, and from which share of conversations (of vocabulary: of words) on it is a finding."""


class Drift(Section):
    """A corpus against the one that the champion was made of. No artifact depends on it."""

    sample: int = Field(5000, ge=200, le=50_000, description="Conversations of each corpus that are compared")
    resamples: int = Field(1000, ge=200, description="Permutations of the conversations, and bootstrap replicates")
    false_alarms: float = Field(
        0.05, gt=0, lt=1, description="Share of comparisons of equal corpora that may have a finding"
    )
    limits: dict[Measure, float] = Field(
        {},
        description="Measure to the share of conversations that would have to change before it is a finding "
        "([drift](drift.md))",
    )

    @field_validator("limits")
    @classmethod
    def _shares(cls, limits: dict[Measure, float]) -> dict[Measure, float]:
        for name, share in limits.items():
            if not 0 <= share <= 1:
                raise ValueError(f"{name}: {share} is no share; it lies between 0 and 1")
        return limits

    def limit(self, measure: Measure) -> float:
        """The share from which on a measure is a finding."""
        return self.limits.get(measure, LIMITS[measure])


class Watch(Section):
    """What the DAG watch_conversations takes for a reason to train anew."""

    rows: int = Field(5000, ge=1, description="New conversations that are reason enough by their number")
    drift: bool = Field(True, description="Whether a drift of the new conversations, of severity warning, is a reason")
    min_rows: int = Field(200, ge=50, description="New conversations below which their drift is not measured")
    max_disliked: float = Field(
        0.4, gt=0, le=1, description="Share of rated replies that are disliked or corrected which is surely exceeded"
    )
    min_ratings: int = Field(50, ge=10, description="Ratings since the champion below which they are no reason")
    max_rows: int = Field(200_000, ge=1000, description="New conversations after which reading stops")
