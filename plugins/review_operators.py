"""The review of the data after the bias audit: whom it asks, what they read, and what they answered."""

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import BaseBranchOperator, Context, Param
from airflow.sdk.exceptions import AirflowFailException

from pipeline.contract.artifact import Artifact
from pipeline.contract.run import Run
from pipeline.planning.run_plan import read_plan, remaining
from plugins.stage_operator import RUN_FOLDER, StageOperator, open_run

APPROVE, REJECT = "Approve", "Reject"
REMOVALS = ("remove_topics", "remove_sources")
LONGEST_LIST = 20


class ReviewBranch(BaseBranchOperator):
    """Goes to `ask` when the profile wants a human and this data has no decision yet, else to `decide`.

    Leaves the audit's summary for the asking task under the XCom key `summary`.
    """

    template_fields = ("run_folder",)

    def __init__(self, *, ask: str, decide: str, run: str = RUN_FOLDER, **settings: Any) -> None:
        super().__init__(**settings)
        self.run_folder, self.ask, self.decide = run, ask, decide

    def choose_branch(self, context: Context) -> str:
        run = open_run(self.run_folder)
        if run.profile.review.mode == "automatic":
            self.log.info("review.mode is automatic: the thresholds decide")
            return self.decide
        if run.is_cached("review"):
            self.log.info("this data has been reviewed before: nobody is asked again")
            return self.decide
        context["ti"].xcom_push(key="summary", value=summary(run))
        return self.ask


class AuditApproval(HITLOperator):
    """Asks a human, without holding a worker, and waits `response_timeout`; silence is a rejection."""

    def __init__(self, *, asked_by: str, response_timeout: timedelta = timedelta(days=7), **settings: Any) -> None:
        settings["params"] = {  # replaces the DAG's, which are no business of this form
            name: Param(
                "", type=["string", "null"], source="task", description=f"{name[7:]} to remove, comma-separated"
            )
            for name in REMOVALS
        }
        super().__init__(
            subject="May this data train a model?",
            body=f"{{{{ ti.xcom_pull(task_ids='{asked_by}', key='summary') }}}}",
            options=[APPROVE, REJECT],
            defaults=REJECT,
            response_timeout=response_timeout,
            **settings,
        )


class ReviewOperator(StageOperator):
    """A StageOperator that passes on what the human answered, if one was asked."""

    def __init__(self, *, asked_in: str, **settings: Any) -> None:
        super().__init__(task="review", **settings)
        self.asked_in = asked_in

    def execute(self, context: Context) -> dict[str, dict[str, Any]]:
        """As StageOperator's. What was wrong with a human's answer is put right by another answer."""
        try:
            return super().execute(context)
        except AirflowFailException as error:
            if open_run(self.run_folder).profile.review.mode != "human":
                raise
            raise AirflowFailException(f"{error}; clear the task approve to answer again") from None

    def command(self, run: Run, context: Context) -> list[str]:
        answer = context["ti"].xcom_pull(task_ids=self.asked_in)
        return [*super().command(run, context), *(answer_options(answer) if answer else [])]


def answer_options(answer: dict[str, Any]) -> list[str]:
    """A human's answer, as HITLOperator returns it, as options of `parlance stage review`."""
    user = answer.get("responded_by_user") or {}
    name = user.get("name") or user.get("id") or "nobody, the time to answer ran out"
    options = ["--decision", "approve" if answer["chosen_options"] == [APPROVE] else "reject", "--by", name]
    for key in REMOVALS:
        if value := (answer.get("params_input") or {}).get(key):
            options += [f"--{key.replace('_', '-')}", value]
    return options


def summary(run: Run) -> str:
    """What approving will cost, and the audit, in Markdown: findings, topics, sources."""
    artifact: Artifact = run.artifact("audit")
    audit = artifact.json("audit.json")
    lines = [f"**{audit['rows']:,} conversations** after cleaning and deduplication, run `{run.id}`.", ""]
    lines += [_cell(remaining(run, after="review")), "", read_plan(run).markdown(), ""]
    findings = audit["findings"]
    if findings:
        lines += ["| severity | finding |", "|---|---|"]
        lines += [f"| {f['severity']} | {_cell(f['message'])} |" for f in findings[:LONGEST_LIST]]
        if len(findings) > LONGEST_LIST:
            lines.append(f"| | and {len(findings) - LONGEST_LIST} more, in the run's report |")
    else:
        lines.append("The audit found nothing above its thresholds.")
    lines += ["", "| topic | conversations |", "|---|---:|"]
    lines += [f"| {_cell(t)} | {n:,} |" for t, n in sorted(audit["topics"].items(), key=lambda item: -item[1])]
    lines += ["", "| source | conversations |", "|---|---:|"]
    lines += [f"| {_cell(s)} | {sum(topics.values()):,} |" for s, topics in sorted(audit["by_source"].items())]
    return "\n".join(lines)


def _cell(text: str) -> str:
    """Text in a Markdown table: findings and names come from the data."""
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
