"""Which users of Airflow count as reviewers of a run, and what they are called in decisions and on marks."""

from collections.abc import Mapping
from typing import Any

from configs.review import Approval
from pipeline.review.marks import refusal


def called(user: Mapping[str, Any], approval: Approval) -> str:
    """As `approval.approvers` names a user {id, name}, else his name; empty for nobody."""
    names = names_of(user)
    return next((name for name in names if name in approval.approvers), next(iter(names), ""))


def names_of(user: Mapping[str, Any]) -> list[str]:
    """What a user may be meant by."""
    return [str(user[key]) for key in ("name", "id") if user.get(key)]


def may_not_mark(user: Mapping[str, Any], approval: Approval, triggered_by: str | None) -> str:
    """Why a user's marks do not count in a run; empty for whose do. The rules are those of the approval, which rests on
    the marks."""
    if triggered_by in names_of(user) and not approval.own_runs:
        return f"{triggered_by} triggered this run, and approval.own_runs is false; somebody else must mark its rows"
    return refusal(called(user, approval), approval)
