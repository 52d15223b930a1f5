"""The plan of a run: made when it begins, kept beside its profile, compared with what happened.

Planning never stops a run: where something is missing, the reason takes the place of the plan.
"""

import json
from dataclasses import dataclass
from typing import Any

from configs.credentials import masked
from configs.errors import UserError
from pipeline.contract.atomic_write import write_text
from pipeline.contract.formatting import duration
from pipeline.contract.markdown import literal
from pipeline.contract.run import Run
from pipeline.planning.render import markdown, summary

PLAN = "plan.json"


@dataclass(frozen=True)
class RunPlan:
    """The plan, or why there is none."""

    plan: dict[str, Any] | None
    missing: str = ""

    def lines(self) -> list[str]:
        """For a log: hours, machines, disk, money; or what is missing."""
        if self.plan is None:
            return [f"plan: not known: {self.missing}"]
        warnings = [f"plan: warning: {w}" for w in self.plan["warnings"]]
        return [*(f"plan: {line}" for line in summary(self.plan)), *warnings]

    def markdown(self) -> str:
        """The same as a Markdown list."""
        return f"- plan: not known: {literal(self.missing)}" if self.plan is None else markdown(self.plan)


def plan_run(run: Run) -> RunPlan:
    """Estimates the run and writes runs/<id>/plan.json; a plan that is there is kept, so that it stays a forecast."""
    kept = read_plan(run)
    if kept.plan is not None:
        return kept
    from pipeline.planning.estimate import estimate  # reads Parquet, which takes a second to import

    try:
        found = RunPlan(estimate(run.profile, run.root))
    except UserError as error:
        return RunPlan(None, masked(str(error)))
    except Exception as error:  # an estimate must not stop what it estimates
        return RunPlan(None, masked(f"{type(error).__name__}: {' '.join(str(error).split())}"))
    write_text(run.folder / PLAN, json.dumps(found.plan, indent=1, ensure_ascii=False))
    return found


def read_plan(run: Run) -> RunPlan:
    """The plan that was made when the run began."""
    try:
        return RunPlan(json.loads((run.folder / PLAN).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return RunPlan(None, "no plan was made when the run began")


def remaining(run: Run, after: str) -> str:
    """One sentence for the approval: what the stages after `after` will take. Empty without a plan."""
    plan = read_plan(run).plan
    if plan is None:
        return ""
    names = [s["stage"] for s in plan["stages"]]
    left = plan["stages"][names.index(after) + 1 :]
    training = next(s["seconds"] for s in left if s["stage"] == "train")
    hardware = plan["hardware"]
    on = f"{hardware['ranks']} × {hardware['gpu']}" if hardware["gpu"] else f"{hardware['ranks']} CPU ranks"
    seconds = sum(s["seconds"] for s in left)
    return f"Approving starts about {duration(seconds)} of work, {duration(training)} of it training on {on}."


def comparison(plan: dict[str, Any] | None, seconds: dict[str, float], found: set[str]) -> dict[str, Any] | None:
    """Plan against reality, stage by stage; None without a plan.

    seconds: stage to what it took. found: stages whose artifact was found, which took no time to speak of and are
    not compared. ratio: real over planned. The total is over the stages compared.
    """
    if plan is None:
        return None
    rows: list[dict[str, Any]] = []
    for stage in plan["stages"]:
        name, planned = stage["stage"], stage["seconds"]
        real = seconds.get(name) if name not in found else None
        ratio = real / planned if real is not None and planned > 0 else None
        rows.append({"stage": name, "planned": planned, "real": real, "ratio": ratio, "origin": stage["origin"]})
    both = [r for r in rows if r["real"] is not None]
    planned, real = (sum(r[key] for r in both) for key in ("planned", "real"))
    return {"stages": rows, "planned": planned, "real": real, "ratio": real / planned if planned else None}
