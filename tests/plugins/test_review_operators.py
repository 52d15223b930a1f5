"""Who is asked to review, what they read, and how their answer reaches the stage."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from configs.errors import USER_ERROR
from configs.load import load_profile
from pipeline.contract.run import Run
from pipeline.planning.estimate import estimate
from plugins.review_operators import ReviewBranch, ReviewOperator, answer_options, summary
from plugins.stage_operator import StageOperator, raise_for_status
from tests import artifacts
from tests.plugins.conftest import commit

AUDIT: dict[str, Any] = {
    "rows": 1200,
    "topics": {"small talk": 1000, "work": 200},
    "by_source": {"chats": {"small talk": 1000, "work": 200}},
    "findings": [{"severity": "critical", "kind": "ratio", "message": "men are named | 9 times as often <b>as women"}],
}


class Pushes:
    """What the branch leaves for the asking task."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def xcom_push(self, key: str, value: str) -> None:
        self.values[key] = value


def audited(run: Run, mode: str) -> Run:
    """A run of review.mode `mode` whose audit is AUDIT."""
    profile = load_profile(
        "demo",
        [f"storage.root={run.root}", f"review.mode={mode}"],
        str(run.profile.acquire.sources[0].path),
    )
    run = Run.begin(profile, mode)
    artifacts.commit(run, "audit", 1200, lambda folder: (folder / "audit.json").write_text(json.dumps(AUDIT)))
    return run


def branch(run: Run) -> tuple[str, dict[str, str]]:
    pushes = Pushes()
    operator = ReviewBranch(task_id="choose", ask="approve", decide="review", run=str(run.folder))
    return operator.choose_branch({"ti": pushes}), pushes.values  # type: ignore[typeddict-item]


def test_thresholds_decide_when_the_profile_asks_for_nobody(run: Run) -> None:
    assert branch(audited(run, "automatic")) == ("review", {})


def test_a_human_is_asked_and_reads_the_findings(run: Run) -> None:
    asked, pushed = branch(audited(run, "human"))
    assert asked == "approve"
    assert "**1,200 conversations**" in pushed["summary"]
    assert "| critical | men are named \\| 9 times as often &lt;b>as women |" in pushed["summary"]
    assert "| small talk | 1,000 |" in pushed["summary"]


def test_nobody_is_asked_twice_about_the_same_data(run: Run) -> None:
    reviewed = audited(run, "human")
    commit(reviewed, "review")
    assert branch(reviewed) == ("review", {})


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
    assert answer_options(answer) == [
        *("--decision", "approve", "--by", "reviewer"),
        *("--remove-topics", "work, small talk"),
    ]


def test_silence_is_a_rejection_by_nobody() -> None:
    answer: dict[str, Any] = {"chosen_options": ["Reject"], "responded_by_user": None, "params_input": {}}
    assert answer_options(answer)[:2] == ["--decision", "reject"]
    assert answer_options(answer)[3].startswith("nobody")


def test_the_answers_are_options_of_the_command_line(tmp_path: Path) -> None:
    from pipeline.cli import parser

    options = answer_options(
        {"chosen_options": ["Approve"], "responded_by_user": {"id": "7"}, "params_input": {"remove_sources": "chats"}}
    )
    parsed = parser().parse_args(["stage", "review", "--run", str(tmp_path), *options])
    assert (parsed.decision, parsed.by, parsed.remove_sources) == ("approve", "7", "chats")


@pytest.mark.parametrize(("mode", "clears"), [("human", True), ("automatic", False)])
def test_a_typo_in_the_answer_says_which_task_to_clear(
    run: Run, mode: str, clears: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    typo = "review: remove_topics: 'smal talk' is not in the audit; did you mean 'small talk'?"
    monkeypatch.setattr(StageOperator, "execute", lambda *_: raise_for_status("review", USER_ERROR, typo))
    operator = ReviewOperator(task_id="review", run=str(audited(run, mode).folder), asked_in="approve")
    with pytest.raises(AirflowFailException) as failed:
        operator.execute({})  # type: ignore[typeddict-item]
    assert str(failed.value) == (f"{typo}; clear the task approve to answer again" if clears else typo)
