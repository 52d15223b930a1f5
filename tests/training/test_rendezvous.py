"""Ranks that are too few or too many stop at once, or after a bounded wait that is told."""

from datetime import timedelta
from pathlib import Path

import pytest

from configs.errors import UserError
from tests.training.jobs import small_job
from training.launcher import free_port, launch
from training.rendezvous import meet


def test_ranks_that_are_not_as_many_as_the_job_was_made_for_say_so(tmp_path: Path) -> None:
    job = small_job(tmp_path, {}, {"ranks": 1}).model_copy(update={"world_size": 3})
    path = tmp_path / "job.json"
    path.write_text(job.model_dump_json())
    with pytest.raises(UserError, match=r"^launch: 1 ranks were started, and the batches are divided among 3"):
        launch(path, job.launch, tmp_path / "scratch")


def test_a_rank_does_not_wait_for_ever_for_another(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("training.rendezvous.SPEAKS_SECONDS", 0.2)
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MASTER_PORT", str(free_port()))
    with pytest.raises(TimeoutError, match="1 of 2 ranks have not started within 1 s"):
        meet("gloo", 2, patience=timedelta(seconds=1))
    assert "train: waits for 1 of 2 ranks to start" in capsys.readouterr().out
