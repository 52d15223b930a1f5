"""review: whether the audited data may train a model. A person decides, or the thresholds do."""

import json
from difflib import get_close_matches
from typing import Any

from configs.errors import UserError
from configs.review import Review
from pipeline.audit.findings import SEVERITIES, worst
from pipeline.contract.atomic_write import write_text
from pipeline.contract.execute import StageContext
from pipeline.contract.progress import say

ANSWER = "answer in Airflow, or with `parlance stage review --decision approve --by NAME`"


def review(context: StageContext) -> None:
    """Leaves decision.json {decision, by, findings {severity: count}, remove {topics, sources}}.

    Reads from context.arguments: decision (approve or reject), by, remove_topics and remove_sources
    (names, separated by commas). The decision carries no time, so that approving twice is the same.
    Raises UserError when the data is not approved: a rejection leaves no artifact.
    """
    settings: Review = context.config("review")
    audit = context.inputs["audit"].json("audit.json")
    given = {key: value.strip() for key, value in context.arguments.items() if value}
    remove = _removals(given, audit)
    if settings.mode == "human" or "decision" in given:
        by = _asked(given)
    else:
        by = "automatic"
        _judged(audit["findings"], settings.max_severity)
    counts = dict.fromkeys(SEVERITIES, 0)
    for finding in audit["findings"]:
        counts[finding["severity"]] += 1
    decision = {"decision": "approve", "by": by, "findings": counts, "remove": remove}
    write_text(context.out / "decision.json", json.dumps(decision, indent=1, ensure_ascii=False) + "\n")
    words = ", ".join(f"{n} {severity}" for severity, n in counts.items() if n) or "no findings"
    say(f"review: approved by {by}: {words}")
    context.ledger.rows_in = context.ledger.rows_out = audit["rows"]
    context.metrics |= {"decision": "approve", "by": by}


def _judged(found: list[dict[str, Any]], allowed: str) -> None:
    """Raises UserError when a finding is worse than allowed."""
    if SEVERITIES.index(worst(found) or "info") <= SEVERITIES.index(allowed):
        return
    bad = [f for f in found if SEVERITIES.index(f["severity"]) > SEVERITIES.index(allowed)]
    named = "; ".join(f"{f['severity']} {f['kind']} of {f['subject']}: {f['message']}" for f in bad)
    raise UserError(
        f"review.max_severity: {allowed} is exceeded: {named}; change the sources or the thresholds under findings, "
        f"raise review.max_severity, or approve with `parlance stage review --decision approve --by NAME`"
    )


def _asked(given: dict[str, str]) -> str:
    """Who approved. Raises UserError when nobody did."""
    decision, by = given.get("decision", ""), given.get("by", "")
    if not decision:
        raise UserError(f"review.mode is human and no decision was given; {ANSWER}")
    if decision not in ("approve", "reject"):
        raise UserError(f"review: decision {decision!r} is neither approve nor reject; {ANSWER}")
    if not by:
        raise UserError(f"review: a decision needs the name of who takes it; {ANSWER}")
    if decision == "reject":
        raise UserError(
            f"review: {by} rejected the data; change the sources or rules and run again, "
            f"or approve with --remove-topics or --remove-sources"
        )
    return by


def _removals(given: dict[str, str], audit: dict[str, Any]) -> dict[str, list[str]]:
    """{topics: [...], sources: [...]} to be removed. Raises UserError on a name that the audit does not know."""
    known = {"topics": list(audit["topics"]), "sources": list(audit["by_source"])}
    found: dict[str, list[str]] = {}
    for kind, names in known.items():
        wanted = sorted({name.strip() for name in given.get(f"remove_{kind}", "").split(",")} - {""})
        unknown = [name for name in wanted if name not in names]
        if unknown:
            close = get_close_matches(unknown[0], names, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise UserError(
                f"review: remove_{kind}: {unknown[0]!r} is not in the audit; {hint}it has: {', '.join(names)}"
            )
        found[kind] = wanted
    return found
