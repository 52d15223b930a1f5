"""A run is started for a reason: enough rows, a drift, or replies that people do not like; never without new data."""

from typing import Any

import pytest

from configs.drift import Watch
from pipeline.watch.reasons import Ratings, complaint, reasons

LIMITS = Watch(rows=1000)
DRIFT: list[dict[str, Any]] = [
    {"severity": "warning", "subject": "topics", "message": "30% of the conversations"},
    {"severity": "info", "subject": "turns", "message": "11%"},
]
BAD = Ratings(liked=30, disliked=70)


def test_few_rows_like_the_old_ones_are_no_reason() -> None:
    assert reasons(999, False, [], Ratings(), LIMITS) == []


def test_many_rows_are() -> None:
    assert reasons(1000, False, [], Ratings(), LIMITS) == [
        "rows: 1,000 conversations that no run has read (watch.rows 1,000)"
    ]
    assert "1,000 or more conversations" in reasons(1000, True, [], Ratings(), LIMITS)[0]


def test_a_drift_of_severity_warning_is_unless_the_profile_says_otherwise() -> None:
    assert reasons(300, False, DRIFT, Ratings(), LIMITS) == ["drift: topics: 30% of the conversations"]
    assert reasons(300, False, DRIFT, Ratings(), Watch(drift=False)) == []


def test_replies_that_are_surely_disliked_too_often_are() -> None:
    [reason] = reasons(1, False, [], BAD, LIMITS)
    assert reason.startswith("quality: 70% (between 60% and 78%) of 100 rated replies are disliked or corrected")


@pytest.mark.parametrize(
    "ratings",
    [Ratings(), Ratings(disliked=49), Ratings(liked=52, disliked=48)],
    ids=["none", "fewer than min_ratings", "not surely more"],
)
def test_few_or_mixed_ratings_are_no_complaint(ratings: Ratings) -> None:
    assert complaint(ratings, LIMITS) == ""


def test_without_anything_new_there_is_no_reason_whatever_people_think() -> None:
    assert reasons(0, False, DRIFT, BAD, LIMITS) == []
    assert complaint(BAD, LIMITS)


def test_all_reasons_are_told() -> None:
    assert [r.partition(":")[0] for r in reasons(2000, False, DRIFT, BAD, LIMITS)] == ["rows", "drift", "quality"]
