"""Who is asked to review, what they read, and how their answer reaches the stage."""

import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from configs.errors import USER_ERROR
from configs.load import load_profile
from configs.review import Approval
from pipeline.contract.run import Run
from pipeline.planning.estimate import estimate
from pipeline.review.marks import Mark, append
from plugins.opened_run import open_run
from plugins.review_operators import (
    AuditApproval,
    ReviewBranch,
    ReviewOperator,
    answer_options,
    not_entitled,
    rows_to_see,
    summary,
    whose_answer,
)
from plugins.reviewers import called, may_not_mark
from plugins.stage_operator import StageOperator, raise_for_status
from tests import artifacts
from tests.plugins.conftest import commit

AUDIT: dict[str, Any] = {
    "rows": 1200,
    "topics": {"small talk": 1000, "work": 200},
    "by_source": {"chats": {"small talk": 1000, "work": 200}},
    "findings": [{"severity": "critical", "kind": "ratio", "message": "men are named | 9 times as often <b>as women"}],
}


ANSWERED = datetime(2026, 11, 28, 17, 5, tzinfo=UTC)


def audited(run: Run, mode: str, *settings: str) -> Run:
    """A run of review.mode `mode` whose audit is AUDIT."""
    profile = load_profile(
        "scratch",
        [f"storage.root={run.root}", f"review.mode={mode}", *settings],
        str(run.profile.acquire.sources[0].path),
    )
    run = Run.begin(profile, mode)
    artifacts.commit(run, "audit", 1200, lambda folder: (folder / "audit.json").write_text(json.dumps(AUDIT)))
    return run


def branch(run: Run) -> str:
    return ReviewBranch(task_id="choose", ask="approve", decide="review", run=str(run.folder)).choose_branch({})  # type: ignore[typeddict-item]


def test_thresholds_decide_when_the_profile_asks_for_nobody(run: Run) -> None:
    assert branch(audited(run, "automatic")) == "review"


def test_a_human_is_asked_and_reads_the_findings(run: Run) -> None:
    asked = audited(run, "human")
    assert branch(asked) == "approve"
    assert "**1,200 conversations**" in summary(asked)
    assert "| critical | men are named \\| 9 times as often \\<b\\>as women |" in summary(asked)
    assert "| small talk | 1,000 |" in summary(asked)


def test_names_that_look_like_markup_are_names(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    named = "![i](http://127.0.0.1/i.png)"
    monkeypatch.setitem(AUDIT, "topics", {named: 1200})
    monkeypatch.setitem(AUDIT, "by_source", {"<img src=x>": {named: 1200}})
    text = summary(audited(run, "human"))
    assert f"| `{named}` | 1,200 |" in text
    assert "| \\<img src=x\\> | 1,200 |" in text


def test_nobody_is_asked_twice_about_the_same_data(run: Run) -> None:
    reviewed = audited(run, "human")
    commit(reviewed, "review")
    assert branch(reviewed) == "review"


def test_what_was_approved_by_other_rules_is_asked_again(run: Run) -> None:
    lax = audited(run, "human", "approval.own_runs=true")
    commit(lax, "review")
    assert branch(lax) == "review"
    for rule in ("approval.own_runs=false", "approval.approvers=[ann]", "approval={approvers: [ann], own_runs: true}"):
        assert branch(audited(run, "human", rule)) == "approve"
    one, two = (
        audited(run, "automatic", f"approval.own_runs={own}").fingerprint("review") for own in ("true", "false")
    )
    assert one == two  # nobody is asked, so it does not matter


def test_data_that_was_rejected_is_asked_about_again_and_an_approval_without_its_artifact_counts(run: Run) -> None:
    asked = audited(run, "human")
    asked.decide("review", {"decision": "reject", "by": "ann", "at": "2026-11-28T17:00:00+00:00"})
    assert branch(Run(asked.folder)) == "approve"
    asked.decide("review", {"decision": "approve", "by": "bob", "at": "2026-11-28T17:05:00+00:00"})
    assert branch(Run(asked.folder)) == "review"


def test_an_audit_without_findings_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(AUDIT, "findings", [])
    assert "found nothing above its thresholds" in summary(audited(run, "human"))


def test_the_approval_says_what_it_will_cost(run: Run) -> None:
    asked = audited(run, "human")
    assert "plan: not known: no plan was made when the run began" in summary(asked)
    plan = estimate(load_profile("cluster-32xa100"), asked.root)
    (asked.folder / "plan.json").write_text(json.dumps(plan))
    text = summary(asked)
    hours = r"\d+ h \d\d min"
    assert re.search(rf"Approving starts about {hours} of work, {hours} of it training on 32 × A100-80GB\.", text)
    assert "- money not known: plan.prices.machine_hour" in text


def test_an_approval_carries_its_name_and_what_to_remove() -> None:
    answer = {
        "chosen_options": ["Approve"],
        "responded_by_user": {"id": "7", "name": "reviewer"},
        "params_input": {"remove_topics": "work, small talk", "remove_sources": ""},
    }
    assert answer_options(answer, Approval()) == [
        *("--decision", "approve", "--by", "reviewer"),
        *("--remove-topics", "work, small talk"),
    ]


def test_an_approver_is_called_as_the_profile_names_him() -> None:
    user = {"id": "7", "name": "reviewer"}
    assert called(user, Approval()) == "reviewer"
    assert called(user, Approval(approvers=["7"])) == "7"


def test_whose_answer_does_not_count_marks_nothing_that_does() -> None:
    ann = {"id": "7", "name": "ann"}
    assert may_not_mark(ann, Approval(), None) == ""
    assert may_not_mark(ann, Approval(), "ann").startswith("ann triggered this run")
    assert may_not_mark(ann, Approval(own_runs=True), "ann") == ""
    assert may_not_mark(ann, Approval(approvers=["7"]), "bob") == ""
    assert may_not_mark(ann, Approval(approvers=["bob"]), None).startswith("ann is not among")


def test_the_question_links_to_the_rows_and_says_what_was_marked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://example.org/airflow/")
    asked = audited(run, "human")
    assert rows_to_see(asked, dag_run("a+b/c")) == (
        "**[Look at rows, and mark them right or wrong](/airflow/parlance/review/train_chat_model/a%2Bb%2Fc)** "
        "(the tab Review of this run).\n\n- no row has been marked yet"
    )
    name = "[a](http://127.0.0.1)"
    append(asked.root, Mark("1", "kept", "audit", asked.fingerprint("audit"), name, "2026-11-28T17:00:00+00:00", True))
    assert "- marks: 1, on different rows: 1; by `[a](http://127.0.0.1)` 1" in rows_to_see(asked, dag_run())


def test_silence_is_a_rejection_by_nobody() -> None:
    answer: dict[str, Any] = {"chosen_options": ["Reject"], "responded_by_user": None, "params_input": {}}
    assert answer_options(answer, Approval())[:2] == ["--decision", "reject"]
    assert answer_options(answer, Approval())[3].startswith("nobody")


def test_only_approvers_answer_and_nobody_for_a_run_of_his_own() -> None:
    ann, bob = {"id": "ann", "name": "ann"}, {"id": "7", "name": "bob"}
    yes, no = {"chosen_options": ["Approve"]}, {"chosen_options": ["Reject"]}
    anyone, named = Approval(), Approval(approvers=["bob"])
    assert not_entitled({**yes, "responded_by_user": ann}, anyone, "bob") == ""
    assert not_entitled({**yes, "responded_by_user": bob}, named, None) == ""
    assert not_entitled({**yes, "responded_by_user": ann}, named, None).startswith("ann is not among")
    assert not_entitled({**no, "responded_by_user": ann}, named, None).startswith("ann is not among")
    assert not_entitled({**yes, "responded_by_user": bob}, named, "bob").startswith("bob triggered this run")
    assert not_entitled({**no, "responded_by_user": bob}, named, "bob") == ""  # whoever triggered may stop
    assert not_entitled({**yes, "responded_by_user": bob}, Approval(own_runs=True), "bob") == ""
    assert not_entitled({**no, "responded_by_user": None}, named, "ann") == ""  # the time ran out
    assert not_entitled({**yes, "responded_by_user": None}, anyone, None) == "an approval by nobody"


def test_the_question_says_who_may_answer() -> None:
    assert whose_answer(Approval(), None) == "May approve: whoever may answer in Airflow."
    said = whose_answer(Approval(approvers=["ann", "b*b"]), "ann")
    assert said == "May approve: ann, b\\*b, but not ann, who triggered this run (`approval` in the profile)."
    assert "but not" not in whose_answer(Approval(own_runs=True), "ann")


def dag_run(run_id: str = "human", by: str | None = "ann") -> Any:
    """The part of the context that tells of the DAG run."""
    return {"dag_run": SimpleNamespace(dag_id="train_chat_model", run_id=run_id, triggering_user_name=by)}


def answered(run: Run, by: str, context: Any) -> None:
    """The task approve, once the answer of a user has come."""
    operator = AuditApproval(task_id="approve", run=str(run.folder))
    user = {"id": by, "name": by}
    event = {"chosen_options": ["Approve"], "params_input": {}, "responded_at": ANSWERED}
    operator.execute_complete(context, {**event, "responded_by_user": user})


def decided(run: Run, context: Any) -> list[str]:
    """The options that the review is started with."""
    operator = ReviewOperator(task_id="review", run=str(run.folder))
    return operator.command(run, context)[7:]


def test_the_answer_that_counts_is_passed_on_for_its_own_run_only(run: Run) -> None:
    asked = audited(run, "human")
    assert decided(asked, dag_run()) == []
    answered(asked, "bob", dag_run())
    assert decided(asked, dag_run()) == ["--decision", "approve", "--by", "bob", "--at", ANSWERED.isoformat()]
    with pytest.raises(AirflowFailException, match="the folder of another run; clear the task configure"):
        decided(asked, dag_run("another"))


def test_a_run_that_nobody_triggered_asks_about_its_own_data_only(run: Run) -> None:
    asked = audited(run, "human", "approval.own_runs=false")
    with pytest.raises(AirflowFailException, match="the folder of another run; clear the task configure"):
        answered(asked, "ann", dag_run("scheduled", by=None))  # its XCom was made to name ann's run
    assert decided(asked, dag_run()) == []


def test_an_answer_is_about_the_data_that_it_was_given_after(run: Run) -> None:
    answered(audited(run, "human"), "bob", dag_run())
    deleted_and_triggered_again = audited(run, "human", "deduplicate.jaccard=0.9")
    assert decided(deleted_and_triggered_again, dag_run()) == []


def test_an_answer_that_does_not_count_fails_the_question_and_decides_nothing(run: Run) -> None:
    asked = audited(run, "human", "approval.own_runs=false")
    with pytest.raises(AirflowFailException, match=r"approve: ann triggered this run.*; clear this task to ask again"):
        answered(asked, "ann", dag_run())
    assert decided(asked, dag_run()) == []
    answered(asked, "bob", dag_run())
    assert decided(asked, dag_run()) == ["--decision", "approve", "--by", "bob", "--at", ANSWERED.isoformat()]


def test_a_folder_that_is_none_of_this_servers_runs_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLANCE_ROOT", str(run.root))
    assert open_run(str(run.folder)).id == run.id
    elsewhere = run.root / "elsewhere" / run.id
    elsewhere.mkdir(parents=True)
    shutil.copy(run.folder / "profile.json", elsewhere)
    for folder in (
        elsewhere,
        run.folder.parent,
        run.folder / "stages",
        run.folder.parent / "a" / ".." / ".." / "elsewhere",
    ):
        with pytest.raises(AirflowFailException, match="clear the task configure"):
            open_run(str(folder))


def test_the_answers_are_options_of_the_command_line(tmp_path: Path) -> None:
    from pipeline.cli import parser

    options = answer_options(
        {"chosen_options": ["Approve"], "responded_by_user": {"id": "7"}, "params_input": {"remove_sources": "chats"}},
        Approval(),
    )
    parsed = parser().parse_args(["stage", "review", "--run", str(tmp_path), *options])
    assert (parsed.decision, parsed.by, parsed.remove_sources) == ("approve", "7", "chats")


@pytest.mark.parametrize(("mode", "clears"), [("human", True), ("automatic", False)])
def test_a_typo_in_the_answer_says_which_task_to_clear(
    run: Run, mode: str, clears: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    typo = "review: remove_topics: 'smal talk' is not in the audit; did you mean 'small talk'?"
    monkeypatch.setattr(StageOperator, "execute", lambda *_: raise_for_status("review", USER_ERROR, typo))
    operator = ReviewOperator(task_id="review", run=str(audited(run, mode).folder))
    with pytest.raises(AirflowFailException) as failed:
        operator.execute({})  # type: ignore[typeddict-item]
    assert str(failed.value) == (f"{typo}; clear the task approve to answer again" if clears else typo)
