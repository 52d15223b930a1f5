"""The thresholds or a person decide, and a refusal says what to do."""

import json
import shutil

import pytest

from configs.errors import UserError
from pipeline.contract.execute import execute
from pipeline.contract.run import Run
from tests.artifacts import commit
from tests.kills import killed_and_run_again
from tests.pipeline.review.conftest import FINDING as WARNING

CRITICAL = {**WARNING, "severity": "critical", "value": 0.9}


@pytest.fixture
def audit_only(begin):
    """audit_only(findings, *overrides) begins a run whose audit found them."""

    def make(findings, *overrides):
        run = begin(*overrides)
        audit = {"rows": 10, "topics": {"sport": 7, "other": 3}, "by_source": {"club": {}}, "findings": findings}
        commit(run, "audit", 10, lambda folder: (folder / "audit.json").write_text(json.dumps(audit)))
        return run

    return make


def test_automatic_review_lets_warnings_pass(audit_only):
    [artifact] = execute(audit_only([WARNING]), "review")
    assert artifact.json("decision.json") == {
        "decision": "approve",
        "by": "automatic",
        "at": None,
        "marks": None,
        "findings": {"info": 0, "warning": 1, "critical": 0},
        "remove": {"topics": [], "sources": []},
    }


def test_automatic_review_stops_at_a_worse_finding_and_names_it_and_the_remedy(audit_only):
    with pytest.raises(UserError, match=r"critical topic over-represented of sport: 70.0%.*--decision approve"):
        execute(audit_only([CRITICAL]), "review")


def test_the_strictest_review_stops_at_a_warning(audit_only):
    with pytest.raises(UserError, match="warning topic over-represented"):
        execute(audit_only([WARNING], "review.max_severity=info"), "review")


def test_a_person_may_approve_what_the_thresholds_refuse(audit_only):
    [artifact] = execute(audit_only([CRITICAL]), "review", {"decision": "approve", "by": "Ada"})
    assert artifact.json("decision.json")["by"] == "Ada"


def test_human_review_waits_for_an_answer(audit_only):
    run = audit_only([], "review.mode=human")
    with pytest.raises(UserError, match=r"parlance stage review --decision approve --by NAME"):
        execute(run, "review")
    assert run.find("review") is None


def test_a_rejection_leaves_nothing_that_training_could_use(audit_only):
    run = audit_only([], "review.mode=human")
    with pytest.raises(UserError, match="Ada rejected the data"):
        execute(run, "review", {"decision": "reject", "by": "Ada"})
    assert run.find("review") is None


def test_an_approval_may_remove_topics_and_sources(audit_only):
    answer = {"decision": "approve", "by": "Ada", "remove_topics": "sport, other", "remove_sources": "club"}
    [artifact] = execute(audit_only([], "review.mode=human"), "review", answer)
    assert artifact.json("decision.json")["remove"] == {"topics": ["other", "sport"], "sources": ["club"]}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"decision": "perhaps", "by": "Ada"}, "neither approve nor reject"),
        ({"decision": "approve"}, "needs the name"),
        ({"decision": "approve", "by": "Ada", "at": "noon"}, "'noon' is no time"),
        (
            {"decision": "approve", "by": "Ada", "remove_topics": "sprot"},
            "'sprot' is not in the audit; did you mean 'sport'. it has: ",
        ),
    ],
)
def test_a_wrong_answer_is_refused(audit_only, answer, message):
    with pytest.raises(UserError, match=message):
        execute(audit_only([], "review.mode=human"), "review", answer)


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_nobody_decides_about_data_that_has_no_audit_yet(begin, decision):
    run = begin("review.mode=human")
    with pytest.raises(UserError, match="stage audit has no artifact yet"):
        execute(run, "review", {"decision": decision, "by": "ann"})
    assert not (run.root / "reviews").exists()


def test_the_same_decision_is_found_and_another_one_is_part_of_all_that_follows(audit_only):
    run = audit_only([], "review.mode=human")
    before = run.fingerprint("balance")
    [ada] = execute(run, "review", {"decision": "approve", "by": "Ada", "at": "2026-11-28T17:00:00+00:00"})
    after = run.fingerprint("balance")
    [again] = execute(Run(run.folder), "review", {"decision": "approve", "by": "Ada"})
    assert again.path == ada.path
    assert again.json("decision.json")["at"] == "2026-11-28T17:00:00+00:00"  # when it was first taken
    [bob] = execute(Run(run.folder), "review", {"decision": "approve", "by": "Bob", "remove_topics": "sport"})
    assert bob.path != ada.path
    assert bob.json("decision.json")["remove"]["topics"] == ["sport"]
    assert len({before, after, Run(run.folder).fingerprint("balance")}) == 3


def test_a_new_run_over_the_same_data_takes_the_latest_decision_and_an_earlier_one_keeps_its_own(audit_only):
    first = audit_only([], "review.mode=human")
    [ada] = execute(first, "review", {"decision": "approve", "by": "Ada"})
    second = Run.begin(first.profile, "second")
    assert execute(second, "review")[0].path == ada.path
    [bob] = execute(second, "review", {"decision": "approve", "by": "Bob"})
    assert execute(Run.begin(first.profile, "third"), "review")[0].path == bob.path
    assert execute(Run(first.folder), "review")[0].path == ada.path


def test_a_rejection_counts_until_somebody_approves(audit_only):
    run = audit_only([WARNING])
    [passed] = execute(run, "review")
    with pytest.raises(UserError, match="Ada rejected the data"):
        execute(Run(run.folder), "review", {"decision": "reject", "by": "Ada"})
    with pytest.raises(UserError, match="Ada rejected the data"):
        execute(Run.begin(run.profile, "later"), "review")
    [approved] = execute(Run(run.folder), "review", {"decision": "approve", "by": "Bob"})
    assert approved.path != passed.path


def test_a_decision_whose_artifact_is_gone_is_made_again_as_it_was(audit_only):
    run = audit_only([], "review.mode=human")
    [artifact] = execute(run, "review", {"decision": "approve", "by": "Ada", "at": "2026-11-28T17:00:00+00:00"})
    before = (artifact.path / "decision.json").read_bytes()
    shutil.rmtree(artifact.path)
    [again] = execute(Run(run.folder), "review")
    assert (again.path / "decision.json").read_bytes() == before


def test_only_whom_the_profile_names_approves(audit_only):
    run = audit_only([], "review.mode=human", "approval.approvers=[ann]")
    with pytest.raises(UserError, match=r"Ada is not among approval.approvers, who are: ann"):
        execute(run, "review", {"decision": "approve", "by": "Ada"})
    assert run.decision("review") is None
    [artifact] = execute(run, "review", {"decision": "approve", "by": "ann"})
    assert artifact.json("decision.json")["by"] == "ann"


def test_the_same_approval_is_the_same_bytes(audit_only):
    run = audit_only([WARNING])
    one = execute(run, "review")[0]
    before = (one.path / "decision.json").read_bytes()
    for file in one.path.iterdir():
        file.unlink()
    one.path.rmdir()
    assert (execute(run, "review")[0].path / "decision.json").read_bytes() == before


def test_a_review_that_is_killed_before_a_call_and_run_again_is_as_if_nothing_had_happened(audit_only):
    found = killed_and_run_again(audit_only([WARNING]), review=12)["review"]
    assert found["trials"] == 12
    assert found["differing"] == []
