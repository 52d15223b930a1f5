"""`launch.micro_batch: auto` is what a short measurement finds fastest among what fits."""

import json
from pathlib import Path

import pytest

from configs.errors import EndedError
from pipeline.contract.execute import execute
from tests.training.jobs import small_job
from tests.training.tokenised import begin_run
from training import micro_batch
from training.job_config import JobConfig
from training.micro_batch import SPEEDS, candidates, fastest

SCRIPT = Path(__file__).with_name("trial_ranks.py")


@pytest.fixture
def job(tmp_path: Path) -> JobConfig:
    made = small_job(tmp_path, {"batch_tokens": 16 * 64}, {"ranks": 2, "micro_batch": 4})
    made.checkpoints.mkdir()
    return made


def test_the_fastest_is_taken_and_not_the_largest_and_stays(
    job: JobConfig, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = fastest(job, SCRIPT)
    speeds = {int(size): speed for size, speed in json.loads((job.checkpoints / SPEEDS).read_text()).items()}
    assert list(speeds) == candidates(job) == [1, 2, 4]
    assert speeds[4] < 4 * 64 / 0.5
    assert chosen.micro_batch == max(speeds, key=lambda size: speeds[size]) in (1, 2)
    assert f"micro-batch {chosen.micro_batch}, the fastest of those that fit; tokens/s a rank of 1: " in (
        capsys.readouterr().out
    )
    assert chosen.batch_sequences == job.batch_sequences == chosen.accumulation * chosen.micro_batch * 2

    def again(*_: object) -> None:
        raise AssertionError("it is known")

    monkeypatch.setattr(micro_batch, "launch", again)
    assert fastest(job) == chosen


def test_what_does_not_fit_after_all_is_left_out(
    job: JobConfig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ends(*_: object) -> None:
        (job.checkpoints / SPEEDS).write_text('{"1": 100.0, "2": 150.0}')
        raise EndedError("train: a rank was killed")

    monkeypatch.setattr(micro_batch, "launch", ends)
    assert fastest(job).micro_batch == 2
    assert "a rank was killed; larger micro-batches are left out" in capsys.readouterr().out


def test_a_trial_that_measured_nothing_is_told(job: JobConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    def ends(*_: object) -> None:
        raise EndedError("train: a rank was killed")

    monkeypatch.setattr(micro_batch, "launch", ends)
    with pytest.raises(EndedError, match="a rank was killed"):
        fastest(job)


def test_the_stage_trains_with_what_was_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = tmp_path / "raw.jsonl"
    raw.write_text("{}\n")
    short = ["train.steps=4", "train.validation_every=4", "train.validation_replies=0"]
    run = begin_run(tmp_path / "root", ["launch.micro_batch=auto", *short], raw)
    execute(run, "train")
    said = capsys.readouterr().out
    assert "train: measures micro-batches 1, 2, 4" in said
    assert "the fastest of those that fit; tokens/s a rank of 1: " in said
    assert run.artifact("train").json("training.json")["steps"] == 4
