"""docker-compose.yml's services run a pipeline to its end, whatever is killed meanwhile."""

import json
from functools import partial
from typing import Any

import httpx
import pytest

from benchmarks.report_load import measured, signed_in
from pipeline.contract.run import Run
from pipeline.contract.stages import STAGES
from tests.stack.conftest import DAG, Disturbed, Site, get, tasks, until

pytestmark = pytest.mark.stack

UNLIKE = ("store/", "metrics.jsonl", "training.json", "evaluation.json", "promotion.json", "model/README.md")
"""How the names of files begin whose bytes differ from one run to the next: those of the index, and those that hold
times."""


def test_every_service_is_healthy(site: Site) -> None:
    site.stack.await_healthy(60)
    health = httpx.get(f"{site.airflow}/api/v2/monitor/health").json()
    assert {part: said["status"] for part, said in health.items()} == dict.fromkeys(
        ("metadatabase", "scheduler", "triggerer", "dag_processor"), "healthy"
    )


def test_both_workers_of_spark_serve_its_master(site: Site) -> None:
    master = httpx.get(f"http://{site.stack.address('spark-master', 8080)}/json/").json()
    assert [worker["state"] for worker in master["workers"]] == ["ALIVE", "ALIVE"]


def test_the_run_succeeds_and_the_killed_tasks_were_tried_again(disturbed: Disturbed, site: Site) -> None:
    assert disturbed.state == "success"
    assert disturbed.tasks["clean"]["try_number"] > 1
    assert disturbed.tasks["train"]["try_number"] > 1
    assert ("scheduler", 0) in site.stack.restarted
    master = httpx.get(f"http://{site.stack.address('spark-master', 8080)}/json/").json()
    assert any(app["name"].startswith("parlance") for app in master["completedapps"])


def test_it_has_the_fingerprints_of_an_undisturbed_one(disturbed: Disturbed, undisturbed: Run) -> None:
    left, right = disturbed.run, undisturbed
    assert {n: left.fingerprint(n) for n in STAGES} == {n: right.fingerprint(n) for n in STAGES}


@pytest.mark.parametrize("stage", STAGES)
def test_every_file_is_as_in_an_undisturbed_one(disturbed: Disturbed, undisturbed: Run, stage: str) -> None:
    assert files(disturbed.run, stage) == files(undisturbed, stage)


def files(run: Run, stage: str) -> list[tuple[str, str]]:
    artifact = run.artifact(stage)
    assert artifact.damage() == []
    return [(f["path"], f["sha256"]) for f in artifact.manifest["files"] if not f["path"].startswith(UNLIKE)]


def test_nothing_half_written_is_left(disturbed: Disturbed, site: Site) -> None:  # noqa: ARG001
    assert [p for p in (site.root / "artifacts").glob("*/.*") if p.suffix != ".lock"] == []


def test_the_log_of_a_killed_workers_task_can_be_read(disturbed: Disturbed, site: Site) -> None:  # noqa: ARG001
    with site.client() as client:
        for number in (1, 2):
            log = get(client, f"{DAG}/dagRuns/disturbed/taskInstances/clean/logs/{number}")
            assert log["content"], number


def test_roles(disturbed: Disturbed, site: Site) -> None:  # noqa: ARG001
    """Viewers read, users trigger, nobody sets what only profiles may, or reads beside the listed folders."""
    report = f"{site.airflow}/parlance/runs/train_chat_model/disturbed"
    assert httpx.get(report).status_code == 401
    with site.client("vic") as viewer, site.client("uma") as user, site.client("otto") as op:
        assert viewer.get(report).status_code == 200
        assert site.trigger(viewer, "by_viewer").status_code == 403
        assert viewer.get(f"{site.airflow}/parlance/plan/train_chat_model").status_code == 403
        assert user.get(f"{site.airflow}/parlance/plan/train_chat_model").status_code == 200
        assert (user.get("/connections").status_code, op.get("/connections").status_code) == (403, 200)
        refused: dict[str, dict[str, Any]] = {
            "root": {"overrides": ["storage.root=/etc"]},
            "source": {"data": "/etc/hosts"},
            "profile": {"profile": str(site.root.parent / "raw" / "ours.jsonl")},
        }
        for name, conf in refused.items():
            site.trigger(op, name, **conf).raise_for_status()
        for name in refused:
            until(partial(_is_refused, op, name), 180, f"{name} is refused")
            assert not site.folder(name).exists()


def _is_refused(client: httpx.Client, run_id: str) -> bool:
    return tasks(client, run_id)["configure"]["state"] == "failed"


def test_only_whom_the_profile_names_may_approve(disturbed: Disturbed, site: Site) -> None:  # noqa: ARG001
    with site.client("uma") as user, site.client("rita") as approver, site.client("otto") as op:
        site.trigger(user, "asking", profile="asking").raise_for_status()
        until(lambda: tasks(user, "asking")["approve"]["state"] == "awaiting_input", 400, "approve asks")
        path = f"{DAG}/dagRuns/asking/taskInstances/approve/-1/hitlDetails"
        answer = {"chosen_options": ["Approve"], "params_input": {}}
        assert op.patch(path, json=answer).status_code == 403
        assert approver.patch(path, json=answer).status_code == 200
        until(lambda: tasks(user, "asking")["approve"]["state"] == "success", 120, "approve counts")
        counted = (site.folder("asking") / "answer.json").read_text()
        assert "rita" in counted
        user.patch(f"{DAG}/dagRuns/asking", json={"state": "failed"}).raise_for_status()


def test_eight_read_the_reports_of_fifty_runs_and_the_scheduler_goes_on(disturbed: Disturbed, site: Site) -> None:  # noqa: ARG001
    client = signed_in(site.airflow, "admin", site.stack.secret("admin_password"))
    found = measured(client, site.root, "disturbed", runs=50, readers=8, seconds=30)
    print(f"\n{json.dumps(found)}")
    assert found["p95_s"] < 5
    assert found["scheduler_longest_silence_s"] < 30  # Airflow's [scheduler] scheduler_health_check_threshold
