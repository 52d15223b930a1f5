"""review: whether the audited data may train a model. A person decides, or the thresholds do."""

import json
from typing import Any

from configs.errors import UserError
from pipeline.audit.findings import SEVERITIES, worst
from pipeline.contract.atomic_write import write_text
from pipeline.contract.execute import StageContext
from pipeline.contract.progress import say
from pipeline.review.answer import ANSWER


def review(context: StageContext) -> None:
    """Leaves decision.json {decision, by, at, findings {severity: count}, remove {topics, sources}, marks}.

    A person's decision is the run's (pipeline.review.answer), with the time at which it was taken; of the
    thresholds' at and marks are null, so that deciding twice is the same. Raises UserError when the data is not
    approved: a rejection leaves no artifact.
    """
    audit = context.inputs["audit"].json("audit.json")
    decision = context.run.decision("review")
    if decision and decision["decision"] == "reject":
        raise UserError(
            f"review: {decision['by']} rejected the data; change the sources or rules and run again, "
            f"or approve with --remove-topics or --remove-sources"
        )
    if decision is None:
        if context.config("review.mode") == "human":
            raise UserError(f"review.mode is human and no decision was given; {ANSWER}")
        _judged(audit["findings"], context.config("review.max_severity"))
        nothing: dict[str, list[str]] = {"topics": [], "sources": []}
        decision = {"decision": "approve", "by": "automatic", "at": None, "remove": nothing, "marks": None}
    counts = dict.fromkeys(SEVERITIES, 0)
    for finding in audit["findings"]:
        counts[finding["severity"]] += 1
    kept = {**decision, "findings": counts}
    write_text(context.out / "decision.json", json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    words = ", ".join(f"{n} {severity}" for severity, n in counts.items() if n) or "no findings"
    looked = f", {decision['marks']['marks']:,} marks on rows" if decision["marks"] else ""
    say(f"review: approved by {decision['by']}: {words}{looked}")
    context.ledger.rows_in = context.ledger.rows_out = audit["rows"]
    context.metrics |= {"decision": "approve", "by": decision["by"]}


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
