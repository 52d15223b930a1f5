"""reaudit: the audit over the balanced rows, and what is another figure than before."""

import json
from dataclasses import replace
from typing import Any

from configs.audit import OTHER_TOPIC, Findings
from pipeline.audit.audit import audit
from pipeline.balance.change import changes, counted
from pipeline.contract.atomic_write import write_text
from pipeline.contract.execute import StageContext
from pipeline.contract.progress import say

Found = list[dict[str, Any]]


def reaudit(context: StageContext) -> None:
    """Leaves what audit leaves, and change.json: findings that are `gone`, `new` and `stayed`, and the `measures` of
    the training rows before and after, each with the 95% interval of its change."""
    inputs = context.inputs
    after = inputs["reannotate"]
    audit(replace(context, inputs={"annotate": after, "deduplicate": inputs["balance"]}))
    limits: Findings = context.config("findings")
    topics = [*sorted(context.config("audit.topics")), OTHER_TOPIC]
    old, new = (counted(rows, topics) for rows in (inputs["annotate"], after))
    measures = changes(old, new, limits.min_group_rows)
    findings = [
        json.loads((path / "audit.json").read_text())["findings"] for path in (inputs["audit"].path, context.out)
    ]
    compared = _compared(*findings)
    rows = {"before": old.total, "after": new.total}
    about = {"rows": rows, "findings": compared, "measures": measures}
    write_text(context.out / "change.json", json.dumps(about, indent=1, ensure_ascii=False) + "\n")
    moved = sum(not measure["low"] <= 0 <= measure["high"] for measure in measures)
    gone, came = len(compared["gone"]), len(compared["new"])
    say(f"reaudit: {gone} findings are gone, {came} are new; {moved} of {len(measures)} measures are others")
    context.metrics |= {"measures": len(measures), "moved": moved, "gone": gone, "new": came}


def _compared(before: Found, after: Found) -> dict[str, Found]:
    """Of kinds and subjects: found only before, only after, and in both, then with the `before` value."""
    old, new = ({(f["kind"], f["subject"]): f for f in found} for found in (before, after))
    return {
        "gone": [finding for key, finding in old.items() if key not in new],
        "new": [finding for key, finding in new.items() if key not in old],
        "stayed": [finding | {"before": old[key]["value"]} for key, finding in new.items() if key in old],
    }
