"""What people thought of a reply: verdicts in words, as yes or no, and as numbers on a scale."""

from collections.abc import Iterable
from math import isfinite
from typing import Any

from pipeline.acquire.shapes.names import plain

LIKED = frozenset(
    (
        *("label", "ktotag", "verdict", "vote", "feedback", "userfeedback", "humanfeedback", "feedbackscore"),
        *("rating", "userrating", "humanrating", "stars", "score", "quality", "qualityscore", "reward"),
        *("thumb", "thumbs", "thumbsup", "like", "liked", "preferred", "ispreferred", "chosen", "ischosen"),
        *("accepted", "isaccepted", "approved", "isapproved", "desirable", "isdesirable", "good", "isgood"),
        *("correct", "iscorrect", "helpful", "ishelpful", "weight", "train", "trainable"),
    )
)
DISLIKED = frozenset(
    (
        *("rejected", "isrejected", "disliked", "dislike", "thumbsdown", "downvoted", "flagged"),
        *("undesirable", "isundesirable", "bad", "isbad", "incorrect", "isincorrect", "wrong", "iswrong", "unhelpful"),
    )
)
VERDICTS = LIKED | DISLIKED
"""Columns in which people, or a judge, say what they think of a reply; true is good in LIKED, bad in DISLIKED."""

YES = frozenset(("true", "yes", "y"))
NO = frozenset(("false", "no", "n"))
BAD = frozenset(
    (
        *("bad", "very bad", "poor", "terrible", "wrong", "incorrect", "rejected", "reject", "not accepted", "refused"),
        *("undesirable", "unacceptable", "unhelpful", "not helpful", "dislike", "disliked", "down", "downvote"),
        *("downvoted", "thumbs down", "thumbsdown", "thumb down", "👎", "fail", "failed", "invalid"),
    )
)
OPINION_ONLY = frozenset(("label", "quality"))
"""Columns whose "negative" and "no" may be what a text is classified as, and not what is thought of a reply."""
OPEN_ENDED = float("-inf")
CLASSES = "label"
STARS = frozenset(("rating", "userrating", "humanrating", "stars"))
"""Begin at 1: of nothing but ones, each is the worst."""
SCALES = (5, 10, 100)


def scale_of(column: str, values: Iterable[Any]) -> float | None:
    """The number below which a verdict is bad: the middle of the scale that the values show.

    None when they are no numbers. Scales are 0 to 1, up to 5, 10 or 100, and around 0; beyond that only
    numbers below 0 are bad, as for sums of votes. Whole numbers above 1 in a label name classes: none is bad.
    """
    numbers = [n for value in values if (n := _number(value)) is not None]
    if not numbers:
        return None
    low, high = min(numbers), max(numbers)
    name = plain(column)
    if low < 0:
        return 0.0
    if name == CLASSES and high > 1:
        return OPEN_ENDED
    if high <= 1 and not (name in STARS and low >= 1):
        return 0.5
    return next((top / 2 for top in SCALES if high <= top), 0.0)


def fault_of(record: dict[str, Any], columns: Iterable[str], scales: Iterable[tuple[str, float]]) -> str | None:
    """Which of the verdicts says that the reply is bad, as in "label is false"; None when none does.

    scales: of the columns that hold numbers, see scale_of.
    """
    for column in columns:
        value = record.get(column)
        if value is not None and is_bad(column, value, dict(scales).get(column)):
            return f"{column} is {_shown(value)}"
    return None


def is_bad(column: str, value: Any, scale: float | None = None) -> bool:
    """Whether a verdict says that the reply is bad.

    scale: the number below which it does; where it is unknown, numbers from 0 down do.
    """
    name = plain(column)
    against = name in DISLIKED
    if isinstance(value, str):
        word = " ".join(value.lower().replace("_", " ").replace("-", " ").split())
        if word in YES or word in NO:
            return (word in YES) == against and not (name in OPINION_ONLY and word in ("no", "n"))
        if word in BAD or (word == "negative" and name not in OPINION_ONLY):
            return not against
    if isinstance(value, bool):
        return value == against
    number = _number(value)
    if number is None:
        return False
    if against:
        return number > 0
    return number <= 0 if scale is None else number < scale


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).strip()[:20]
