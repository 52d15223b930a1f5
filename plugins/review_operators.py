"""The review of the data after the bias audit: whom it asks, what they read, and what they answered."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from airflow.configuration import conf
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import BaseBranchOperator, Context, Param
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.hitl import HITLUser

from configs.review import Approval
from pipeline.contract.artifact import Artifact
from pipeline.contract.atomic_write import write_text
from pipeline.contract.markdown import literal
from pipeline.contract.run import Run
from pipeline.contract.run_folder import folder_of
from pipeline.drift.drift import read_drift
from pipeline.planning.run_plan import read_plan, remaining
from pipeline.review.results import lines, results
from plugins.notify import tell
from plugins.opened_run import open_run
from plugins.project import run_name
from plugins.reviewers import called, names_of
from plugins.stage_operator import RUN_FOLDER, StageOperator
from plugins.tabs import PREFIX

APPROVE, REJECT = "Approve", "Reject"
REMOVALS = ("remove_topics", "remove_sources")
LONGEST_LIST = 20
ANSWER = "answer.json"
"""In the run's folder: the answer that counts, as options of `parlance stage review`, and what it is about: the DAG run
and the audit that was read. An answer outlives its task, which a user may mark as done, and a run that is deleted.
"""


class ReviewBranch(BaseBranchOperator):
    """Goes to `ask` when the profile wants a human and this data has no decision yet, else to `decide`."""

    template_fields = ("run_folder",)

    def __init__(self, *, ask: str, decide: str, run: str = RUN_FOLDER, **settings: Any) -> None:
        super().__init__(**settings)
        self.run_folder, self.ask, self.decide = run, ask, decide

    def choose_branch(self, context: Context) -> str:  # noqa: ARG002
        run = open_run(self.run_folder)
        if run.profile.review.mode == "automatic":
            self.log.info("review.mode is automatic: the thresholds decide")
            return self.decide
        decision = run.decision("review")
        if decision["decision"] == "approve" if decision else run.is_cached("review"):
            self.log.info("this data has been reviewed before: nobody is asked again")
            return self.decide
        return self.ask


class AuditApproval(HITLOperator):
    """Asks a human, without holding a worker, and waits `response_timeout`; silence is a rejection.

    Whose answer counts is checked here, when it has come, by the profile's `approval`: a user who may answer in
    Airflow may be none of the approvers, or the one who triggered the run. The question and the answer stay on this
    side of Airflow's API, where a user may rewrite what tasks tell each other (XComs): the body is made here, and the
    answer that counts is written into the run's folder.
    """

    template_fields = (*HITLOperator.template_fields, "run_folder")

    def __init__(
        self, *, run: str = RUN_FOLDER, response_timeout: timedelta = timedelta(days=7), **settings: Any
    ) -> None:
        settings["params"] = {  # replaces the DAG's, which are no business of this form
            name: Param(
                "", type=["string", "null"], source="task", description=f"{name[7:]} to remove, comma-separated"
            )
            for name in REMOVALS
        }
        super().__init__(
            subject="May this data train a model?",
            options=[APPROVE, REJECT],
            defaults=REJECT,
            response_timeout=response_timeout,
            **settings,
        )
        self.run_folder = run

    def execute(self, context: Context) -> None:
        run = _run_of(self.run_folder, context)
        approval, triggered_by = run.profile.approval, context["dag_run"].triggering_user_name
        (run.folder / ANSWER).unlink(missing_ok=True)
        self.body = f"{summary(run)}\n\n{rows_to_see(run, context)}\n\n{whose_answer(approval, triggered_by)}"
        self.assigned_users = [HITLUser(id=name, name=name) for name in approval.approvers] or None
        who = ", ".join(approval.approvers) or "whoever may answer in Airflow"
        tell(run.profile.notify, context, "approval", f"run {run.id} waits for an approval", [f"May approve: {who}."])
        super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        answer = super().execute_complete(context, event)
        run = _run_of(self.run_folder, context)
        if reason := not_entitled(answer, run.profile.approval, context["dag_run"].triggering_user_name):
            raise AirflowFailException(f"approve: {reason}; clear this task to ask again")
        counted = {"of": _about(run, context), "options": answer_options(answer, run.profile.approval)}
        write_text(run.folder / ANSWER, json.dumps(counted, indent=1, ensure_ascii=False))
        return answer


class ReviewOperator(StageOperator):
    """A StageOperator that passes on what the human answered, if one was asked."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(task="review", **settings)

    def execute(self, context: Context) -> dict[str, dict[str, Any]]:
        """As StageOperator's. What was wrong with a human's answer is put right by another answer."""
        try:
            return super().execute(context)
        except AirflowFailException as error:
            if open_run(self.run_folder).profile.review.mode != "human":
                raise
            raise AirflowFailException(f"{error}; clear the task approve to answer again") from None

    def command(self, run: Run, context: Context) -> list[str]:
        run = _run_of(str(run.folder), context)
        answer = run.folder / ANSWER
        options: list[str] = []
        if run.profile.review.mode == "human" and answer.is_file():
            counted = json.loads(answer.read_text(encoding="utf-8"))
            options = counted["options"] if counted["of"] == _about(run, context) else []
        return [*super().command(run, context), *options]


def _about(run: Run, context: Context) -> list[str]:
    """The DAG run that an answer was given in, and the audit that it was given after: it counts for both together."""
    return [context["dag_run"].dag_id, context["dag_run"].run_id, run.fingerprint("audit")]


def _run_of(folder: str, context: Context) -> Run:
    """The run that this DAG run's configure began. Raises AirflowFailException for another's, whose data would be
    approved by the rules of who triggered this one: the folder comes as an XCom, which a user may rewrite.
    """
    run = open_run(folder)
    own = folder_of(run.folder.parent, run_name(context["dag_run"].dag_id, context["dag_run"].run_id))
    if run.folder.resolve() != own.resolve():
        raise AirflowFailException(f"{folder}: the folder of another run; clear the task configure, which makes it")
    return run


def whose_answer(approval: Approval, triggered_by: str | None) -> str:
    """Who may answer, in Markdown."""
    who = ", ".join(literal(name) for name in approval.approvers) or "whoever may answer in Airflow"
    if not triggered_by or approval.own_runs:
        return f"May approve: {who}."
    return f"May approve: {who}, but not {literal(triggered_by)}, who triggered this run (`approval` in the profile)."


def rows_to_see(run: Run, context: Context) -> str:
    """Where the rows are that the audit speaks of, and what reviewers have said of them until now, in Markdown."""
    base = urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")
    dag_run = context["dag_run"]
    address = f"{base}{PREFIX}/review/{quote(dag_run.dag_id, safe='')}/{quote(dag_run.run_id, safe='')}"
    link = f"**[Look at rows, and mark them right or wrong]({address})** (the tab Review of this run)."
    return "\n".join([link, "", *(f"- {literal(line)}" for line in lines(results(run)))])


def not_entitled(answer: Mapping[str, Any], approval: Approval, triggered_by: str | None) -> str:
    """Why an answer does not count; empty for one that does. Nobody's, when the time ran out, is a rejection."""
    user = answer.get("responded_by_user")
    if not user:
        return "" if answer["chosen_options"] == [REJECT] else "an approval by nobody"
    names = names_of(user)
    if approval.approvers and not set(names) & set(approval.approvers):
        return f"{user['name']} is not among approval.approvers, who are: {', '.join(approval.approvers)}"
    if answer["chosen_options"] == [APPROVE] and triggered_by in names and not approval.own_runs:
        return f"{user['name']} triggered this run, and approval.own_runs is false; somebody else must approve"
    return ""


def answer_options(answer: Mapping[str, Any], approval: Approval) -> list[str]:
    """A human's answer, as HITLOperator returns it, as options of `parlance stage review`."""
    name = called(answer.get("responded_by_user") or {}, approval) or "nobody, the time to answer ran out"
    options = ["--decision", "approve" if answer["chosen_options"] == [APPROVE] else "reject", "--by", name]
    if answer.get("responded_at"):
        options += ["--at", answer["responded_at"].isoformat()]
    for key in REMOVALS:
        if value := (answer.get("params_input") or {}).get(key):
            options += [f"--{key.replace('_', '-')}", value]
    return options


def drift_lines(run: Run) -> list[str]:
    """How the corpus lies to the champion's, in Markdown; nothing where that was not measured."""
    found = read_drift(run)
    if found is None or "why" in found:
        return []
    told = [f"- {f['severity']}: {literal(f['subject'])}: {literal(f['message'])}" for f in found["findings"]]
    title = f"Against the corpus of the champion, version {found['version']}:"
    return ["", title, "", *(told or ["- no measure has moved"])]


def summary(run: Run) -> str:
    """What approving will cost, and the audit, in Markdown: findings, topics, sources."""
    artifact: Artifact = run.artifact("audit")
    audit = artifact.json("audit.json")
    lines = [f"**{audit['rows']:,} conversations** after cleaning and deduplication, run `{run.id}`.", ""]
    lines += [literal(remaining(run, after="review")), "", read_plan(run).markdown(), ""]
    findings = audit["findings"]
    if findings:
        lines += ["| severity | finding |", "|---|---|"]
        lines += [f"| {f['severity']} | {literal(f['message'])} |" for f in findings[:LONGEST_LIST]]
        if len(findings) > LONGEST_LIST:
            lines.append(f"| | and {len(findings) - LONGEST_LIST} more, in the run's report |")
    else:
        lines.append("The audit found nothing above its thresholds.")
    lines += drift_lines(run)
    lines += ["", "| topic | conversations |", "|---|---:|"]
    lines += [f"| {literal(t)} | {n:,} |" for t, n in sorted(audit["topics"].items(), key=lambda item: -item[1])]
    lines += ["", "| source | conversations |", "|---|---:|"]
    lines += [f"| {literal(s)} | {sum(topics.values()):,} |" for s, topics in sorted(audit["by_source"].items())]
    return "\n".join(lines)
