"""Runs side by side, over artifacts made by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from configs.errors import UserError
from configs.load import load_profile
from pipeline.cli import main
from pipeline.contract.champion import note_champion
from pipeline.contract.run import Run
from pipeline.report.comparison import comparison
from pipeline.report.comparison_page import render_comparison
from pipeline.report.report import build_report
from tests.pipeline.report import made_runs
from tests.pipeline.report.made_runs import EVIL, SCORES, TRAINING, Page, finish, identity, prepare_data

CONVERSATIONS = 60


def evaluation(loss: float, right: int = 30) -> dict[str, Any]:
    """Sixty test conversations of 100 bytes whose losses differ, and 48 questions of a probe."""
    conversations = [[identity(i), loss * (20 + i), 30, 100] for i in range(CONVERSATIONS)]
    items = [[identity(i), 5 + i % 7, 0, int(i % 10 == 0), 0.1 + loss / 100] for i in range(CONVERSATIONS)]
    probe = SCORES["probes"]["facts"] | {"items": [[f"q{i}", float(i < right)] for i in range(48)], "ideal": 1.0}
    health = {"length_mean": 8.0, "bytes_mean": 40.0, "empty_share": 0.0, "looping_share": 0.1, "items": items}
    return SCORES | {"conversations": conversations, "replies": health, "probes": {"facts": probe}}


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """Two runs that learned for another number of steps; the second is better by a hundredth on every conversation."""
    (tmp_path / "chats.jsonl").write_text("{}\n")
    runs = []
    for name, steps, scores in (("first", 100, evaluation(1.0)), ("second", 200, evaluation(0.99, right=44))):
        settings = [f"storage.root={tmp_path / 'root'}", f"train.steps={steps}"]
        run = Run.begin(load_profile("scratch", settings, str(tmp_path / "chats.jsonl")), name)
        monkeypatch.setattr(made_runs, "SCORES", scores)
        monkeypatch.setattr(made_runs, "TRAINING", TRAINING | {"steps": steps})
        prepare_data(run)
        finish(run)
        runs.append(run)
    return runs


def compared(runs: list[Run]) -> dict[str, Any]:
    return comparison(runs, [build_report(run) for run in runs])


def test_only_settings_that_differ_are_shown(two: list[Run]) -> None:
    found = compared(two)
    assert found["settings"] == [{"key": "train.steps", "values": [100, 200]}]
    assert found["alike"] > 100


def test_scores_have_intervals_and_a_small_gain_on_every_item_is_no_chance(two: list[Run]) -> None:
    measures = {measure["name"]: measure for measure in compared(two)["measures"]}
    bits = measures["Bits a byte"]
    assert bits["items"] == CONVERSATIONS
    first, second = bits["own"]
    assert first.low < first.value < first.high
    assert first.low < second.value < first.high  # by their own intervals nobody could tell
    assert bits["apart"][1].high < 0
    facts = measures["Probe: facts"]
    assert (facts["own"][0].value, facts["own"][1].value) == (30 / 48, 44 / 48)
    assert facts["own"][1].high < 1.0  # Wilson's
    assert facts["apart"][1].low > 0
    assert measures["Empty replies"]["own"][0].high > 0.0  # none of sixty is not never


def test_several_replies_to_one_conversation_count_together(two: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    doubled = evaluation(1.0)
    doubled["replies"]["items"] += [
        [row, words + 2, 0, 0, rouge] for row, words, _, _, rouge in doubled["replies"]["items"]
    ]
    monkeypatch.setattr(made_runs, "SCORES", doubled)
    run = Run.begin(two[0].profile.model_copy(update={"seed": 98}), "more")
    prepare_data(run)
    finish(run)
    words = {m["name"]: m for m in compared([run, run])["measures"]}
    once = {m["name"]: m for m in compared(two)["measures"]}
    assert words["Words a reply"]["items"] == CONVERSATIONS
    assert words["Words a reply"]["own"][0].value == pytest.approx(once["Words a reply"]["own"][0].value + 1)
    assert words["Looping replies"]["own"][0].value == pytest.approx(0.05)


def test_runs_of_other_test_conversations_are_not_set_against_each_other(
    two: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = evaluation(0.9)
    for number, row in enumerate(other["conversations"]):
        row[0] = identity(1000 + number)
    monkeypatch.setattr(made_runs, "SCORES", other)
    run = Run.begin(two[0].profile.model_copy(update={"seed": 99}), "third")
    prepare_data(run)
    finish(run)
    [bits] = [m for m in compared([two[0], run])["measures"] if m["name"] == "Bits a byte"]
    assert bits["items"] == 0
    assert bits["own"][1].value == pytest.approx(0.9 * bits["own"][0].value)
    assert bits["apart"] == [None, None]


def test_funnel_findings_curves_and_replies_stand_beside_each_other(two: list[Run]) -> None:
    found = compared(two)
    assert [row["rows"] for row in found["funnel"]][:2] == [[6, 6], [5, 5]]
    assert found["funnel"][1]["kept"] == [5 / 6, 5 / 6]
    [finding] = found["findings"]
    assert (finding["subject"], finding["severities"]) == ("small talk", ["warning", "warning"])
    assert found["curves"][0]["train_loss"] == TRAINING["train_loss"]
    [sample] = found["samples"]
    assert sample["prompt"] == [{"role": "user", "content": "hello"}]
    assert sample["replies"] == [f"good day {EVIL}"] * 2


def test_the_champion_is_named(two: list[Run]) -> None:
    prints = {stage: two[0].fingerprint(stage) for stage in ("evaluate", "train")}
    note_champion(two[0].root, "parlance-chat", 4, prints)
    assert [run["champion"] for run in compared(two)["runs"]] == [True, False]


def test_a_run_that_has_only_begun_is_compared_by_its_settings(two: list[Run]) -> None:
    young = Run.begin(two[0].profile.model_copy(update={"seed": 5}), "young")
    found = compared([two[0], young])
    assert {row["key"] for row in found["settings"]} == {"seed"}
    assert found["curves"][1] is None
    assert all(measure["own"][1] is None for measure in found["measures"])
    Page(render_comparison(found))


def test_the_page_is_well_formed_without_a_script_and_escapes_all(two: list[Run]) -> None:
    text = render_comparison(compared(two))
    page = Page(text)
    assert "script" not in page.tags
    assert page.addresses == []
    assert EVIL not in text
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize("count", [1, 7])
def test_one_run_and_seven_are_refused(two: list[Run], count: int) -> None:
    with pytest.raises(UserError, match="give 2 to 6 different ones"):
        comparison([two[0]] * count, [build_report(two[0])] * count)


def test_the_command_writes_the_page(two: list[Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "page.html"
    arguments = ["compare", "first", "second", "--root", str(two[0].root), "--out", str(out)]
    assert main(arguments) == 0
    assert "2 runs side by side" in out.read_text()
    assert "compare: Bits a byte: " in capsys.readouterr().out
    assert main([*arguments[:3], "--root", str(two[0].root), "--out", "/nowhere/page.html"]) == 2
    assert "--out: /nowhere/page.html cannot be written" in capsys.readouterr().err
    assert main(["compare", "first", "first", "--root", str(two[0].root), "--out", str(out)]) == 2
    assert json.loads((two[0].folder / "report.json").read_text())["run"] == "first"
