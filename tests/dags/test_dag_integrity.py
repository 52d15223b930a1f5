"""The DAGs load, are wired as the stages say, and pull in no engine."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.contract.stages import STAGES, TASKS

DAGS = Path(__file__).resolve().parents[2] / "dags"

PARSE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
bag = DagBag(sys.argv[1])
assert not bag.import_errors, bag.import_errors
found = {}
for dag in bag.dags.values():
    DagSerialization.to_dict(dag)
    found[dag.dag_id] = {
        "tasks": {
            t.task_id: {
                "type": type(t).__name__, "pool": t.pool, "upstream": sorted(t.upstream_task_ids), "doc": t.doc_md,
                "retries": t.retries, "teardown": t.is_teardown, "rule": t.trigger_rule.value,
                "timeout": t.execution_timeout and t.execution_timeout.total_seconds(),
                "response_timeout": bool(getattr(t, "response_timeout", None)),
                "defaults": getattr(t, "defaults", None),
                "failed": [f.__name__ for f in t.on_failure_callback],
                "ended": [f.__name__ for f in t.on_success_callback],
                "starts": getattr(t, "trigger_dag_id", None),
            }
            for t in dag.tasks
        },
        "paused": dag.is_paused_upon_creation, "active_runs": dag.max_active_runs,
        "schedule": type(dag.timetable).__name__, "catchup": dag.catchup,
        "kinds": sorted(kind.value for kind in dag.allowed_run_types),
    }
engines = [m for m in ("torch", "pyspark", "transformers", "deepspeed", "pandas", "pyarrow") if m in sys.modules]
print(json.dumps({"dags": found, "engines": engines}))
"""


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Both DAG files, imported in a process of their own."""
    home = {"AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    done = subprocess.run(
        [sys.executable, "-c", PARSE, str(DAGS)],
        env={**os.environ, **home},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_parsing_imports_no_engine(parsed: dict[str, Any]) -> None:
    assert parsed["engines"] == []


def test_both_dags_have_the_same_tasks(parsed: dict[str, Any]) -> None:
    assert set(parsed["dags"]) == {"train_chat_model", "retrain_chat_model", "erase_person", "watch_conversations"}
    assert parsed["dags"]["train_chat_model"]["tasks"] == parsed["dags"]["retrain_chat_model"]["tasks"]


def test_every_task_of_the_pipeline_is_there_and_described(parsed: dict[str, Any]) -> None:
    tasks = parsed["dags"]["train_chat_model"]["tasks"]
    assert set(tasks) == {*TASKS, "configure", "drift", "choose_reviewer", "approve", "report"}
    assert all(task["doc"] for task in tasks.values())


def test_what_runs_right_after_what(parsed: dict[str, Any]) -> None:
    tasks = parsed["dags"]["train_chat_model"]["tasks"]
    assert {name: task["upstream"] for name, task in tasks.items()} == {
        "configure": [],
        "acquire": ["configure"],
        "clean": ["acquire"],
        "deduplicate": ["clean"],
        "embed": ["deduplicate"],
        "sentiment": ["configure"],
        "audit": ["embed", "sentiment"],
        "drift": ["audit"],
        "choose_reviewer": ["drift"],
        "approve": ["choose_reviewer"],
        "review": ["approve", "choose_reviewer"],
        "generate": ["review"],
        "balance": ["generate"],
        "index": ["balance"],
        "tokenise": ["balance"],
        "train": ["tokenise"],
        "evaluate": ["train"],
        "promote": ["evaluate"],
        "report": ["index", "promote"],
    }


def test_the_operator_follows_the_engine(parsed: dict[str, Any]) -> None:
    tasks = parsed["dags"]["train_chat_model"]["tasks"]
    operators = {"spark": "ParlanceSparkOperator", "deepspeed": "DeepSpeedOperator", "python": "StageOperator"}
    for stage in STAGES.values():
        expected = "ReviewOperator" if stage.asks else operators[stage.engine]
        assert tasks[stage.task]["type"] == expected, stage.name


def test_what_can_use_gpus_shares_one_pool(parsed: dict[str, Any]) -> None:
    tasks = parsed["dags"]["train_chat_model"]["tasks"]
    assert {name for name, task in tasks.items() if task["pool"] == "gpu"} == {"embed", "generate", "train", "evaluate"}


def test_the_report_is_written_after_a_failure_and_does_not_hide_it(parsed: dict[str, Any]) -> None:
    report = parsed["dags"]["train_chat_model"]["tasks"]["report"]
    assert report["teardown"]
    assert report["rule"] == "all_done_setup_success"


def test_review_runs_with_and_without_a_human(parsed: dict[str, Any]) -> None:
    tasks = parsed["dags"]["train_chat_model"]["tasks"]
    assert tasks["review"]["rule"] == "none_failed_min_one_success"


def test_a_human_who_does_not_answer_rejects(parsed: dict[str, Any]) -> None:
    approve = parsed["dags"]["train_chat_model"]["tasks"]["approve"]
    assert approve["response_timeout"]
    assert approve["timeout"] is None
    assert approve["defaults"] == ["Reject"]


def test_every_other_task_has_a_timeout_and_retries(parsed: dict[str, Any]) -> None:
    tasks = parsed["dags"]["train_chat_model"]["tasks"]
    for name, task in tasks.items():
        assert task["retries"] >= 1, name
        assert task["timeout"] or name == "approve"
    assert tasks["train"]["retries"] == 2


def test_retraining_is_scheduled_by_clock_and_by_asset_one_run_at_a_time(parsed: dict[str, Any]) -> None:
    retrain, train = parsed["dags"]["retrain_chat_model"], parsed["dags"]["train_chat_model"]
    assert retrain["schedule"] == "AssetOrTimeSchedule"
    assert (retrain["active_runs"], retrain["paused"], retrain["catchup"]) == (1, True, False)
    assert train["schedule"] == "NullTimetable"


def test_watching_is_scheduled_paused_at_first_and_starts_retraining_after_its_look(parsed: dict[str, Any]) -> None:
    watch = parsed["dags"]["watch_conversations"]
    assert watch["schedule"] == "CronTriggerTimetable"
    assert (watch["active_runs"], watch["paused"], watch["catchup"]) == (1, True, False)
    assert watch["tasks"]["retrain"]["upstream"] == ["watch"]
    assert watch["tasks"]["retrain"]["starts"] == "retrain_chat_model"
    assert {name: task["type"] for name, task in watch["tasks"].items()} == {
        "watch": "WatchOperator",
        "retrain": "RetrainOperator",
    }


def test_every_failure_is_told_and_the_gates_decision(parsed: dict[str, Any]) -> None:
    for dag in parsed["dags"].values():
        assert all("tell_failure" in task["failed"] for task in dag["tasks"].values())
    told = {name for name, task in parsed["dags"]["train_chat_model"]["tasks"].items() if task["ended"]}
    assert told == {"promote"}


def test_no_backfill_gives_a_run_of_the_clock_the_settings_of_a_user(parsed: dict[str, Any]) -> None:
    for dag in parsed["dags"].values():
        assert "backfill" not in dag["kinds"]
        assert {"manual", "scheduled", "asset_triggered"} <= set(dag["kinds"])


def test_dag_files_are_wiring_only() -> None:
    files = [file for file in DAGS.glob("*.py") if "with DAG(" in file.read_text()]
    assert len(files) == 4
    for file in files:
        lines = file.read_text().splitlines()
        assert len(lines) < 150, file
        assert not [line for line in lines if line.lstrip().startswith(("def ", "class "))], file


def test_the_documented_command_takes_a_run_of_the_form_to_the_airflow_of_make_ui(tmp_path: Path) -> None:
    """The words after `dags trigger` are put to Airflow's own parser; that it has the settings is asked of Airflow."""
    from airflow.cli.cli_parser import get_parser

    from configs.load import load_profile
    from dags.train_chat_model import DOC
    from plugins.trigger_form import overrides_of

    lines = [line.strip() for line in DOC.replace("\\\n", " ").splitlines() if " dags trigger " in line]
    plain, with_settings = (shlex.split(line) for line in lines)
    assert plain[0] == "airflow"
    asked = get_parser().parse_args(plain[1:])
    assert asked.dag_id == "train_chat_model"
    conf = json.loads(asked.conf)
    assert load_profile(conf["profile"], overrides_of(conf)).train.steps == 200

    interpreter, *before = with_settings[: with_settings.index("airflow") + 1]
    assert interpreter == ".venv/bin/python"
    assert with_settings[len(before) + 1 :] == plain[1:]
    done = subprocess.run(
        [sys.executable, *before, "config", "get-value", "database", "sql_alchemy_conn"],
        cwd=DAGS.parent,
        env={n: v for n, v in os.environ.items() if "AIRFLOW" not in n} | {"PARLANCE_ROOT": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-1] == f"sqlite:///{tmp_path}/airflow/airflow.db", done.stderr
