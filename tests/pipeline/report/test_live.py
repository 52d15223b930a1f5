"""What a run is at, from what stages and training leave while they go on."""

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from configs.load import load_profile
from pipeline.contract.artifact import Ledger
from pipeline.contract.metrics_file import METRICS
from pipeline.contract.run import Run
from pipeline.contract.stages import STAGES
from pipeline.report import followed_metrics, stage_locks
from pipeline.report.followed_metrics import POINTS
from pipeline.report.live import live
from tests.pipeline.report.made_runs import commit


@pytest.fixture(autouse=True)
def _looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_locks, "LOOKS_SECONDS", 0.0)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    (tmp_path / "chats.jsonl").write_text("{}\n")
    settings = [f"storage.root={tmp_path / 'root'}", "train.steps=200", "train.batch_tokens=1024"]
    return Run.begin(load_profile("scratch", settings, str(tmp_path / "chats.jsonl")), "nightly")


def stages(run: Run) -> dict[str, dict[str, Any]]:
    return {stage["name"]: stage for stage in live(run)["stages"]}


def step(number: int, **more: Any) -> dict[str, Any]:
    return {"step": number, "loss": 9.0 - 0.01 * number, "tokens_per_second": 2000.0, "mfu": None, **more}


@pytest.fixture
def trained(run: Run) -> Path:
    """metrics.jsonl of a run that has come to train."""
    for name in STAGES:
        if name == "train":
            break
        commit(run, name, Ledger(3, 3), {}, {})
    folder = run.store.root / "train" / f".{run.fingerprint('train')}.partial"
    folder.mkdir(parents=True)
    return folder / METRICS


def write(file: Path, *lines: dict[str, Any], end: str = "\n") -> None:
    with file.open("a", encoding="utf-8") as out:
        out.write("\n".join(map(json.dumps, lines)) + end)


@contextmanager
def at_work(run: Run, name: str, by: str) -> Iterator[None]:
    """As pipeline.contract.lock holds it."""
    lock = run.store.root / name / f".{run.fingerprint(name)}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(f"run {by}, process 7 on node-1, since 2026-11-28 20:00:00 UTC")
        file.flush()
        yield


def test_a_run_that_has_begun_waits_for_its_first_stage(run: Run) -> None:
    found = live(run)
    assert found["status"] == "waiting"
    assert {stage["status"] for stage in found["stages"]} == {"missing"}
    assert found["training"] is None


def test_stages_that_are_done_tell_rows_and_the_one_at_work_its_time_and_its_last_words(run: Run) -> None:
    commit(run, "acquire", Ledger(6, 5, {}, {"not_json": 1}), {}, {})
    log = run.folder / "logs" / "clean.log"
    log.parent.mkdir()
    log.write_text("score: starts\nscore:  45%  2,250/5,000 rows  64.0 rows/s  43 s left\nscore: half a li")
    with at_work(run, "score", by=run.id):
        found = stages(run)
        assert live(run)["status"] == "running"
    assert (found["acquire"]["status"], found["acquire"]["rows_in"], found["acquire"]["rows_out"]) == ("made", 6, 5)
    score = found["score"]
    assert (score["status"], score["share"], score["by"]) == ("running", 0.45, None)
    assert score["said"] == "score:  45%  2,250/5,000 rows  64.0 rows/s  43 s left"
    assert abs(score["since"] - time.time()) < 5
    assert stages(run)["score"]["status"] == "missing"


def test_another_run_that_makes_the_same_is_named(run: Run) -> None:
    with at_work(run, "acquire", by="earlier"):
        assert stages(run)["acquire"]["by"] == "earlier"


def test_a_stage_that_left_something_half_made_has_failed(run: Run) -> None:
    (run.store.root / "acquire" / f".{run.fingerprint('acquire')}.partial").mkdir(parents=True)
    assert live(run)["status"] == "failed"


def test_looking_does_not_keep_a_stage_from_its_lock(run: Run) -> None:
    lock = run.store.root / "acquire" / f".{run.fingerprint('acquire')}.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    live(run)
    with lock.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_training_shows_what_has_been_written_and_then_what_is_new(run: Run, trained: Path) -> None:
    sample = {"prompt": "hello", "reply": "good day", "reference": "hi"}
    write(trained, step(1, seconds_left=90.0), step(2, seconds_left=80.0))
    found = live(run)["training"]
    assert (found["step"], found["steps"], found["tokens"], found["seconds_left"]) == (2, 200, 2048, 80.0)
    assert found["curves"]["loss"] == [[1, 8.99], [2, 8.98]]
    assert "mfu" not in found["curves"]
    write(trained, {"step": 2, "validation_loss": 8.5, "validation_samples": [sample]}, step(3))
    found = live(run)["training"]
    assert found["curves"]["loss"][-1] == [3, 8.97]
    assert found["curves"]["validation_loss"] == [[2, 8.5]]
    assert found["samples"] == (2, [sample])


def test_a_line_that_is_half_written_is_read_when_it_is_whole(run: Run, trained: Path) -> None:
    write(trained, step(1))
    text = json.dumps(step(2))
    with trained.open("a") as file:
        file.write(text[:20])
    assert live(run)["training"]["step"] == 1
    with trained.open("a") as file:
        file.write(text[20:] + "\n")
    assert live(run)["training"]["curves"]["loss"] == [[1, 8.99], [2, 8.98]]


def test_training_that_resumes_at_a_checkpoint_is_followed_from_there(run: Run, trained: Path) -> None:
    write(trained, *map(step, range(1, 9)))
    assert live(run)["training"]["step"] == 8
    resumed = trained.with_name("resumed")
    write(resumed, *map(step, range(1, 5)))
    resumed.replace(trained)
    assert live(run)["training"]["step"] == 4


def test_a_number_that_json_cannot_hold_is_left_out(run: Run, trained: Path) -> None:
    write(trained, step(1), {"step": 2, "loss": float("nan")}, step(3))
    assert [at for at, _ in live(run)["training"]["curves"]["loss"]] == [1, 3]
    json.dumps(live(run), allow_nan=False)


def test_a_long_training_is_thinned_and_ends_with_its_last_step(run: Run, trained: Path) -> None:
    write(trained, *map(step, range(1, 5001)))
    points = live(run)["training"]["curves"]["loss"]
    assert len(points) <= POINTS + 1
    assert (points[0][0], points[-1][0]) == (1, 5000)


def test_only_what_is_new_is_read(run: Run, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(trained, *map(step, range(1, 1001)))
    live(run)
    taken: list[int] = []
    monkeypatch.setattr(followed_metrics.Followed, "take", lambda _, line: taken.append(line["step"]))
    write(trained, step(1001))
    live(run)
    assert taken == [1001]


def test_after_training_nothing_of_it_is_live(run: Run, trained: Path) -> None:
    write(trained, step(1))
    before = live(run)
    commit(run, "train", Ledger(3, 3), {}, {"training.json": {}})
    after = live(run)
    assert after["training"] is None
    assert before["recorded"] != after["recorded"]
