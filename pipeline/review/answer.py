"""The answer of a person who was asked whether the data may train a model: whose it is, and what it says."""

from collections.abc import Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

from configs.errors import UserError
from pipeline.contract.run import Run
from pipeline.review.results import results

ANSWER = "answer in Airflow, or with `parlance stage review --decision approve --by NAME`"


def answer(run: Run, given: Mapping[str, str]) -> dict[str, Any] | None:
    """{decision (approve or reject), by, at (ISO 8601), remove {topics, sources}, marks}; None where nobody decided.

    given: decision, by, at (default: now), remove_topics and remove_sources (names, separated by commas). marks:
    what the reviewers' marks on rows say at that time (pipeline.review.results); None without any. Raises UserError
    for a decision that is none, or by nobody, or an approval by someone whom the profile does not name, or names
    that the audit does not know; and before there is an audit, as nobody can have seen what he approves.
    """
    given = {key: value.strip() for key, value in given.items() if value}
    if not given.get("decision"):
        return None
    decision, by = given["decision"], given.get("by", "")
    if decision not in ("approve", "reject"):
        raise UserError(f"review: decision {decision!r} is neither approve nor reject; {ANSWER}")
    if not by:
        raise UserError(f"review: a decision needs the name of who takes it; {ANSWER}")
    approvers = run.profile.approval.approvers
    if decision == "approve" and approvers and by not in approvers:
        raise UserError(f"review: {by} is not among approval.approvers, who are: {', '.join(approvers)}; {ANSWER}")
    removed = _removals(run.artifact("audit").json("audit.json"), given)
    return {"decision": decision, "by": by, "at": _time(given.get("at")), "remove": removed, "marks": results(run)}


def _time(given: str | None) -> str:
    try:
        time = datetime.fromisoformat(given) if given else datetime.now(UTC)
    except ValueError:
        raise UserError(f"review: at: {given!r} is no time; write it as 2026-11-28T17:05:00+00:00") from None
    return time.isoformat(timespec="seconds")


def _removals(audit: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, list[str]]:
    """{topics: [...], sources: [...]} to be removed. Raises UserError on a name that the audit does not know."""
    asked = {
        kind: sorted({name.strip() for name in given.get(f"remove_{kind}", "").split(",")} - {""})
        for kind in ("topics", "sources")
    }
    for kind, names in {"topics": list(audit["topics"]), "sources": list(audit["by_source"])}.items():
        unknown = [name for name in asked[kind] if name not in names]
        if unknown:
            close = get_close_matches(unknown[0], names, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise UserError(
                f"review: remove_{kind}: {unknown[0]!r} is not in the audit; {hint}it has: {', '.join(names)}"
            )
    return asked
