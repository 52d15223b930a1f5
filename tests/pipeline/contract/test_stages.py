"""The table of stages is complete: whoever runs, plans, shows or explains a stage finds there what it needs."""

import re
from pathlib import Path

import pytest

from configs.load import load_profile
from pipeline.contract.stage import Stage, lookup
from pipeline.contract.stages import STAGES, TASKS, conversations_into, right_above
from pipeline.report import page
from pipeline.report.dropped_examples import text_before


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_every_stage_says_what_it_does_and_has_what_its_work_is_counted_in(stage: Stage) -> None:
    assert stage.doc.endswith(".")
    assert stage.work.unit != "text" or STAGES[conversations_into(stage.name)].conversations
    assert stage.work.retries >= 1
    assert stage.work.hours >= 1


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_the_form_offers_only_what_the_stage_may_read(stage: Stage) -> None:
    profile, declared = load_profile("scratch"), stage.config + stage.settings
    for key in (key for keys in stage.form.values() for key in keys):
        lookup(profile, key)
        assert any(key == d or key.startswith(f"{d}.") for d in declared), key


def test_no_key_is_offered_twice_and_no_part_of_the_report_has_two_stages() -> None:
    keys = [key for stage in STAGES.values() for keys in stage.form.values() for key in keys]
    parts = [stage.shown.part for stage in STAGES.values() if stage.shown.part]
    assert len(keys) == len(set(keys))
    assert len(parts) == len(set(parts))


def test_every_part_that_the_page_waits_for_has_its_stage() -> None:
    template = Path(page.__file__).parent / "templates/report.html.j2"
    waited = set(re.findall(r'waiting_for\("(\w+)"\)', template.read_text(encoding="utf-8")))
    assert waited
    assert waited <= {stage.shown.part for stage in STAGES.values()}


def test_rows_are_followed_from_usable_to_tokenised() -> None:
    assert {name: stage.shown.funnel for name, stage in STAGES.items() if stage.shown.funnel} == {
        "acquire": "usable",
        "clean": "clean",
        "deduplicate": "unique",
        "balance": "balanced",
        "tokenise": "tokenised",
    }
    assert [n for n, s in STAGES.items() if s.conversations] == ["acquire", "score", "clean", "deduplicate", "balance"]
    assert [n for n, s in STAGES.items() if s.resizes] == ["acquire", "clean", "deduplicate", "balance"]


def test_a_stage_works_on_the_nearest_conversations_above_it() -> None:
    assert {name: conversations_into(name) for name in STAGES} == {
        "acquire": "acquire",
        "score": "acquire",
        "clean": "score",
        "deduplicate": "clean",
        "embed": "deduplicate",
        "sentiment": "sentiment",
        "annotate": "deduplicate",
        "audit": "deduplicate",
        "review": "deduplicate",
        "generate": "deduplicate",
        "balance": "deduplicate",
        "reannotate": "balance",
        "reaudit": "balance",
        "index": "balance",
        "tokenise": "balance",
        "train": "balance",
        "base": "balance",
        "evaluate": "balance",
        "promote": "balance",
    }


def test_the_text_of_a_dropped_row_is_shown_only_once_personal_data_has_been_replaced() -> None:
    shown = {name: text_before(name) for name in ("acquire", "score", "clean", "deduplicate", "balance", "tokenise")}
    assert shown == {
        "acquire": "",
        "score": "",
        "clean": "score",
        "deduplicate": "clean",
        "balance": "deduplicate",
        "tokenise": "balance",
    }


def test_a_task_waits_for_the_nearest_only() -> None:
    above = {task: right_above(task) for task in TASKS}
    assert above["acquire"] == set()
    assert above["balance"] == {"generate"}  # and so for review, deduplicate and audit, which it reads too
    assert above["promote"] == {"evaluate"}


def test_one_stage_asks_a_person() -> None:
    assert [name for name, stage in STAGES.items() if stage.asks] == ["review"]
