"""A look in a process of its own, and a start of retraining for a reason, once, and not while another run works."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from airflow.sdk.exceptions import AirflowSkipException, DagRunTriggerException

from pipeline.contract.run import Run
from plugins.watch_operators import LONGEST_NOTE, RetrainOperator, WatchOperator, note

FOUND = {"reasons": ["rows: 5,000 conversations that no run has read"], "digest": "ab" * 32}


class TaskInstance(SimpleNamespace):
    """What the operator asks of Airflow: the watch's answer, and how the other DAG is."""

    def xcom_pull(self, task_ids: str) -> Any:
        assert task_ids == "watch"
        return self.found

    def get_dag(self, dag_id: str) -> Any:
        assert dag_id == "retrain_chat_model"
        return SimpleNamespace(is_paused=self.paused)

    def get_dr_count(self, dag_id: str, states: list[str]) -> int:
        assert (dag_id, states) == ("retrain_chat_model", ["queued", "running"])
        return self.running


def start(found: dict[str, Any] = FOUND, paused: bool = False, running: int = 0) -> DagRunTriggerException:
    """The request that Airflow is asked to carry out."""
    operator = RetrainOperator(task_id="retrain", of="watch", trigger_dag_id="retrain_chat_model")
    with pytest.raises(DagRunTriggerException) as asked:
        operator.execute({"ti": TaskInstance(found=found, paused=paused, running=running)})  # type: ignore[typeddict-item]
    return asked.value


def test_a_reason_starts_a_run_whose_note_it_is() -> None:
    asked = start()
    assert asked.trigger_dag_id == "retrain_chat_model"
    assert "- rows: 5,000 conversations that no run has read" in (asked.note or "")
    assert asked.dag_run_id == "watch__" + "ab" * 12
    assert not asked.conf
    assert asked.skip_when_already_exists, "the same files start one run"
    assert asked.dag_run_id == start().dag_run_id


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"found": FOUND | {"reasons": []}}, "no reason"),
        ({"paused": True}, "is paused"),
        ({"running": 1}, "is not finished"),
    ],
)
def test_else_the_task_is_skipped_and_says_why(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(AirflowSkipException, match=words):
        start(**settings)


def test_a_note_shows_names_from_data_as_they_are_and_fits() -> None:
    text = note(["drift: topics: <b>[x](http://y)</b> 1% → 9%"])
    assert "\\<b\\>" in text or "`" in text
    assert len(note([f"drift: {'words ' * 400}"])) == LONGEST_NOTE


def test_the_look_returns_reasons_and_leaves_its_log(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PARLANCE_ROOT", raising=False)
    settings = run.profile.model_dump(mode="json") | {"watch": {"rows": 2}}
    profile = tmp_path / "profile.yaml"
    profile.write_text(yaml.safe_dump(settings))
    found = WatchOperator(task_id="watch", profile=str(profile)).execute({})  # type: ignore[typeddict-item]
    assert found["reasons"] == ["rows: 3 conversations that no run has read (watch.rows 2)"]
    assert "watch: reason: rows: 3 conversations" in (run.root / "watch" / "watch.log").read_text()
    assert [path.name for path in (run.root / "watch").iterdir()] == ["watch.log"]
    assert json.dumps(found)
