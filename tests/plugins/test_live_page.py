"""The tab Report while a run goes on: what it is at is shown, and moves, without a reload."""

import fcntl
import json
import math
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from configs.load import load_profile
from pipeline.contract.metrics_file import METRICS
from pipeline.contract.run import Run
from pipeline.report.live_page import CONTENT_POLICY
from plugins.tabs import app
from tests.pipeline.report.made_runs import EVIL, finish, prepare_data, to_promotion, to_tokens
from tests.plugins.browsing import Visit, address, browser, needs_chromium, shoot, visit, wait  # noqa: F401
from tests.plugins.conftest import Tokens, note_dag_run

RUN_ID = "manual__2026-11-28T20:11:05+00:00"
PATH = f"/runs/train_chat_model/{RUN_ID.replace('+', '%2B')}"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tokens: Tokens) -> Run:  # noqa: ARG001
    """A run whose data has been audited, at the stage train, after 120 of 200 steps."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    (tmp_path / "chats.jsonl").write_text("{}\n")
    settings = [f"storage.root={tmp_path / 'root'}", "train.steps=200", "train.batch_tokens=4096"]
    run = Run.begin(load_profile("scratch", settings, str(tmp_path / "chats.jsonl")), RUN_ID)
    monkeypatch.setenv("PARLANCE_ROOT", str(tmp_path / "root"))
    with create_session() as session:
        session.query(DagRun).delete()
    note_dag_run("train_chat_model", RUN_ID)
    prepare_data(run)
    (run.folder / "plan.json").write_text(json.dumps({"stages": [
        {"stage": name, "seconds": seconds, "origin": "calibration"}
        for name, seconds in (("acquire", 14.0), ("train", 900.0), ("evaluate", 240.0), ("promote", 5.0))
    ]}))  # fmt: skip
    return run


class Training:
    """One that goes on: its lock is held, and what it writes is in metrics.jsonl."""

    def __init__(self, run: Run) -> None:
        partial = run.store.root / "train" / f".{run.fingerprint('train')}.partial"
        partial.mkdir(parents=True)
        self.metrics = partial / METRICS
        self._lock = partial.with_suffix(".lock").open("a+")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._lock.write(f"run {run.id}, process 7 on node-1, since 2026-11-28 20:00:00 UTC")
        self._lock.flush()

    def end(self) -> None:
        self._lock.close()


@pytest.fixture
def training(run: Run) -> Iterator[Training]:
    to_tokens(run)
    training = Training(run)
    log = run.folder / "logs" / "train.log"
    log.parent.mkdir()
    log.write_text("train:  60%  120/200 steps  0.7 steps/s  1 min 54 s left  loss 5.1\n")
    write(training.metrics, range(1, 121))
    yield training
    training.end()


def write(metrics: Path, steps: range) -> None:
    """Steps as training writes them, with a validation every 40."""
    noise = random.Random(steps.start)
    with metrics.open("a") as file:
        for step in steps:
            loss = 4 + 5 * math.exp(-step / 40) + noise.gauss(0, 0.06)
            figures = {"tokens_per_second": 2800 + noise.gauss(0, 90), "mfu": 0.41 + noise.gauss(0, 0.01)}
            left = 1.4 * (200 - step)
            line = {"step": step, "loss": loss, **figures, "memory_gib": 1.9 + step / 400, "seconds_left": left}
            file.write(json.dumps(line) + "\n")
            if step % 40 == 0:
                sample = {"prompt": "user: How are you?", "reply": f"I am step {step}. {EVIL}", "reference": "Fine."}
                replies = {"validation_bleu": step / 50, "validation_rouge_l": step / 900}
                at = {"step": step, "validation_loss": loss + 0.2, **replies, "validation_samples": [sample]}
                file.write(json.dumps(at) + "\n")


def test_a_viewer_asks_what_a_run_is_at_and_nobody_else(run: Run, training: Training, tokens: Tokens) -> None:  # noqa: ARG001
    client = TestClient(app, cookies=tokens("viewer"))
    found = client.get(PATH + "/live.json").json()
    assert (found["status"], found["training"]["step"]) == ("running", 120)
    client.cookies.update(tokens(None))
    assert client.get(PATH + "/live.json").status_code == 403
    client.cookies.clear()
    assert client.get(PATH + "/live.json").status_code == 401


def test_only_a_run_that_goes_on_has_a_script_and_only_that_one(run: Run, tokens: Tokens) -> None:
    client = TestClient(app, cookies=tokens("viewer"))
    answer = client.get(PATH)
    assert answer.text.count("<script") == 1
    assert answer.headers["content-security-policy"] == CONTENT_POLICY
    assert "unsafe" not in CONTENT_POLICY.split("script-src")[1].split(";")[0]
    assert b"<script" not in (run.folder / "report.html").read_bytes()
    finish(run)
    answer = client.get(PATH)
    assert "<script" not in answer.text
    assert "script-src" not in answer.headers["content-security-policy"]


@needs_chromium
def test_losses_and_stages_move_without_a_reload(run: Run, training: Training, visit: Visit) -> None:  # noqa: F811
    page = visit(PATH)
    page.get_by_text("At work: train.").wait_for()
    page.evaluate("window.same = true")
    assert page.get_by_text("Step 120 of 200, 491,520 tokens, 1 min 52 s left.").is_visible()
    names = page.locator("#live .charts svg").evaluate_all("found => found.map(f => f.ariaLabel.split(',')[0])")
    assert names == ["Loss", "Throughput", "MFU", "Memory", "Replies", "Replies"]
    assert page.get_by_text("I am step 120.", exact=False).is_visible()
    assert page.locator("#live script").count() == 0  # what a model says is text
    shoot(page, "live-light")

    write(training.metrics, range(121, 161))
    page.get_by_text("Step 160 of 200", exact=False).wait_for()
    assert page.get_by_text("I am step 160.", exact=False).is_visible()

    page.locator("details.rule summary").first.click()
    training.end()
    to_promotion(run)
    page.get_by_text("Promoted.", exact=False).first.wait_for()
    wait(lambda: not page.locator("#live").is_visible())
    assert page.evaluate("window.same")
    assert page.locator("details.rule").first.get_attribute("open") is not None
    shoot(page, "live-over")


@needs_chromium
@pytest.mark.parametrize("width", [390, 1100])
def test_it_fits_in_the_dark_at_both_widths(run: Run, training: Training, visit: Visit, width: int) -> None:  # noqa: ARG001, F811
    page = visit(PATH, scheme="dark", width=width)
    page.get_by_text("At work: train.").wait_for()
    shoot(page, f"live-dark-{width}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@needs_chromium
def test_a_page_that_is_signed_out_says_so(run: Run, training: Training, visit: Visit) -> None:  # noqa: ARG001, F811
    page = visit(PATH)
    page.get_by_text("At work: train.").wait_for()
    page.route("**/live.json", lambda route: route.fulfill(status=401, body="{}"))
    page.get_by_text("You are signed out; sign in again and reload.", exact=False).wait_for()
