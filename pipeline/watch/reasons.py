"""When new conversations and what people thought of replies are reason to train anew. Pure functions."""

from dataclasses import dataclass
from typing import Any

from configs.drift import Watch
from pipeline.contract.wilson import wilson


@dataclass(frozen=True)
class Ratings:
    """Of the champion's replies: how many were liked, and how many disliked or corrected."""

    liked: int = 0
    disliked: int = 0

    @property
    def count(self) -> int:
        return self.liked + self.disliked


def reasons(rows: int, at_least: bool, drift: list[dict[str, Any]], ratings: Ratings, limits: Watch) -> list[str]:
    """A sentence for each reason; none where there is nothing new to learn from.

    drift: findings of the new conversations against the champion's (pipeline.drift.comparison.findings).
    """
    if not rows:
        return []
    found = []
    if rows >= limits.rows:
        more = "or more " if at_least else ""
        found.append(f"rows: {rows:,} {more}conversations that no run has read (watch.rows {limits.rows:,})")
    if limits.drift:
        found += [f"drift: {f['subject']}: {f['message']}" for f in drift if f["severity"] == "warning"]
    if quality := complaint(ratings, limits):
        found.append(quality)
    return found


def complaint(ratings: Ratings, limits: Watch) -> str:
    """That surely more of the rated replies than max_disliked are disliked; empty where that is not so."""
    if ratings.count < limits.min_ratings:
        return ""
    share = ratings.disliked / ratings.count
    low, high = wilson(share, ratings.count)
    if low <= limits.max_disliked:
        return ""
    return (
        f"quality: {share:.0%} (between {low:.0%} and {high:.0%}) of {ratings.count:,} rated replies are disliked or "
        f"corrected (watch.max_disliked {limits.max_disliked:.0%})"
    )
