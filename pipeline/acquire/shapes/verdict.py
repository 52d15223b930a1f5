"""What people thought of a reply: verdicts in words, as yes or no, and as numbers on a scale."""

import re
from collections.abc import Iterable
from decimal import Decimal
from math import isfinite
from typing import Any

from pipeline.acquire.shapes.names import words

SCALED = frozenset(
    (
        *("rating", "score", "stars", "quality", "reward", "grade", "helpfulness", "correctness", "usefulness"),
        *("satisfaction", "overall", "feedback", "csat"),
    )
)
"""Verdicts on a scale: the only ones whose numbers above 1 say anything."""

LIKED = SCALED | frozenset(
    (
        *("label", "ktotag", "verdict", "vote", "upvote", "upvoted", "thumb", "thumbs", "thumbsup", "like", "liked"),
        *("accepted", "accept", "approved", "chosen", "preferred", "preference", "desirable", "good", "valid"),
        *("correct", "helpful", "useful", "status", "evaluation", "judgement", "judgment", "assessment"),
        *("weight", "train", "trainable", "acceptable", "selected", "keep", "passed", "reaction", "thumbup"),
        *("kto", "acceptedanswer", "success", "successful", "safe", "harmless"),
    )
)
DISLIKED = frozenset(
    (
        *("rejected", "disliked", "dislike", "thumbsdown", "downvoted", "downvote", "flagged"),
        *("undesirable", "bad", "incorrect", "wrong", "unhelpful", "invalid"),
        *("discard", "discarded", "exclude", "excluded", "harmful", "unsafe"),
    )
)
"""True is good in LIKED, bad in DISLIKED."""

JUDGES = frozenset(
    (
        *("user", "human", "annotator", "judge", "response", "answer", "reply", "assistant", "review", "is", "was"),
        *("kto", "preference", "quality", "avg", "average", "mean", "thumbs", "gold", "final", "expert", "crowd"),
        *("rater", "star", "thumb", "binary"),
    )
)
"""Words that may stand before: user_rating, is_accepted, response_quality."""
REPLIES = frozenset(("answer", "response", "reply", "completion", "output", "solution"))
"""Words that may stand after, where it is a truth value: is_correct_answer, bad_response; else it is such a reply."""


def verdict_name(column: str) -> str | None:
    """The name of LIKED or DISLIKED that a column has, as rating for user_rating; None when it is no verdict."""
    said = words(column)
    if len(said) > 1 and said[-1] in REPLIES and (said[0] in ("is", "was") or said[0] in DISLIKED):
        said = said[:-1]
    while len(said) > 1 and said[0] in JUDGES and "".join(said) not in LIKED | DISLIKED:
        said = said[1:]
    name = "".join(said)
    if name in LIKED or name in DISLIKED:
        return name
    if said[-1:] == ["label"] and set(said[:-1]) <= SCALED:
        return "label"
    return said[-1] if said and set(said) <= SCALED else None


YES = frozenset(("true", "yes", "y"))
NO = frozenset(("false", "no", "n"))
BAD = frozenset(
    (
        *("bad", "very bad", "poor", "terrible", "wrong", "incorrect", "rejected", "reject", "not accepted", "refused"),
        *("undesirable", "unacceptable", "unhelpful", "not helpful", "dislike", "disliked", "down", "downvote"),
        *("downvoted", "thumbs down", "thumbsdown", "thumb down", "👎", "fail", "failed", "invalid"),
        *("failure", "dissatisfied", "unsatisfied"),
    )
)
CLASSIFIED = frozenset(("label", "quality", "status", "evaluation", "assessment"))
"""Columns whose "negative" and "no" may be what a text is classified as, and not what is thought of a reply."""
NO_NUMBERS = frozenset(("status", "evaluation", "preference"))
OPEN_ENDED = float("-inf")
STARS = frozenset(("rating", "stars"))
"""Begin at 1: of nothing but ones, each is the worst."""
SCALES = (5, 10, 100)
VOTES = (["score"], ["grade"])
"""Columns of these words alone may hold sums of votes or school years: a scale only where its top is seen."""


def scale_of(column: str, values: Iterable[Any]) -> float | None:
    """The number below which a verdict is bad: the middle of the scale that the values show.

    None when they are no numbers, and for weights, of which only 0 is bad. Scales are 0 to 1, up to 5, 10
    or 100, and around 0; beyond that only numbers below 0 are bad, as for sums of votes. Numbers above 1 of
    what is no scale, as of a label, name classes: none is bad.
    """
    numbers = [n for value in values if (n := _number(_inner(value))) is not None]
    name = verdict_name(column)
    if not numbers or name == "weight":
        return None
    low, high = min(numbers), max(numbers)
    if low < 0:
        return 0.0
    if high <= 1 and not (name in STARS and low >= 1):
        return 0.5
    if name not in SCALED:
        return OPEN_ENDED
    if words(column) in VOTES:
        return high / 2 if high in SCALES else 0.0
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


def fault_within(record: dict[str, Any], columns: Iterable[str]) -> str | None:
    """The same of verdicts in an object beside the conversation, as in "metadata.label is bad".

    Its numbers say nothing: what scale they have is not known there.
    """
    for column in columns:
        value = record.get(column)
        for name, inner in value.items() if isinstance(value, dict) else ():
            judges = isinstance(name, str) and isinstance(inner, bool | str) and verdict_name(name)
            if judges and is_bad(name, inner):
                return f"{column}.{name} is {_shown(inner)}"
    return None


def is_bad(column: str, value: Any, scale: float | None = None) -> bool:
    """Whether a verdict says that the reply is bad.

    scale: the number below which it does; where it is unknown, numbers from 0 down do.
    """
    name = verdict_name(column) or ""
    against = name in DISLIKED
    value = _inner(value)
    if isinstance(value, dict):
        return any(verdict_name(key) and is_bad(key, inner) for key, inner in value.items() if isinstance(key, str))
    if isinstance(value, bool):
        return value == against
    if isinstance(value, str):
        word = " ".join(value.lower().replace("_", " ").replace("-", " ").split())
        if words(column)[-1] in REPLIES and word not in ("true", "false", "0", "1"):
            return False
        if name == "grade" and word == "f":
            return True
        if word in YES or word in NO:
            return (word in YES) == against and not (name in CLASSIFIED and word in ("no", "n"))
        if word in BAD or (word == "negative" and name not in CLASSIFIED):
            return not against
        if (share := _share(word)) is not None:
            return share < 0.5
    number = _number(value)
    if number is None or name in NO_NUMBERS:
        return False
    if against:
        return number >= 0.5  # of 0 and 1, of a probability, of a count
    return number <= 0 if scale is None else number < scale


def _inner(value: Any) -> Any:
    """A verdict that an object holds under a name that says nothing, as in {"value": 1}."""
    if not isinstance(value, dict):
        return value
    known = [key for key in value if isinstance(key, str) and verdict_name(key) in LIKED]
    return next((value[key] for key in ("value", "name", *known[:1]) if key in value), value)


def _share(word: str) -> float | None:
    """What "1/5", "1 star", "20%" and "★☆☆☆☆" say, 0 to 1."""
    if parts := re.fullmatch(r"(\d+(?:\.\d+)?) ?(?:/|out of) ?(\d+)", word):
        return float(parts[1]) / max(float(parts[2]), 1.0)
    if parts := re.fullmatch(r"([0-5]) stars?", word):
        return float(parts[1]) / 5
    if parts := re.fullmatch(r"(\d+(?:\.\d+)?) ?%", word):
        return float(parts[1]) / 100
    return word.count("★") / len(word) if word and set(word) <= {"★", "☆"} else None


def is_fractional(weight: Any) -> bool:
    """Whether a weight is neither none nor one: what is learned is learned wholly, so that it counts as one."""
    number = _number(weight)
    return number is not None and number > 0 and number != 1


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "bad"
    return str(value).strip()[:20]
