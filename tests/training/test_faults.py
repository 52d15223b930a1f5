"""What goes wrong while training goes on, what is said of it, and that training then goes on from where it was."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from configs.errors import RESTART, EndedError, RestartError, UserError
from pipeline.contract.metrics_file import METRICS, read_metrics
from pipeline.contract.notice import notice_of
from tests.training.jobs import small_job
from tests.training.tokenised import begin_run
from training.job_config import JobConfig
from training.launcher import launch
from training.markers import complete
from training.pace import straggler
from training.train import launch_until_done

PATIENCE_SECONDS = 300
STEPS = 30
SETTINGS = {
    "batch_tokens": 16 * 64,
    "steps": STEPS,
    "warmup_steps": 4,
    "checkpoint_every": 5,
    "validation_every": STEPS,
    "validation_replies": 0,
}


def made(folder: Path, launch: dict[str, Any] | None = None, **train: Any) -> tuple[JobConfig, Path]:
    """A job of two ranks, and its file."""
    job = small_job(folder, SETTINGS | train, {"ranks": 2, "micro_batch": 1} | (launch or {}))
    return job, written(job)


def written(job: JobConfig) -> Path:
    path = job.out / "job.json"
    path.write_text(job.model_dump_json())
    return path


def losses(job: JobConfig) -> list[tuple[int, float]]:
    return [(line["step"], line["loss"]) for line in read_metrics(job.out / METRICS) if "loss" in line]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, float]]:
    job, path = made(tmp_path_factory.mktemp("undisturbed"))
    launch(path, job.launch, job.checkpoints)
    assert len(losses(job)) == STEPS
    return losses(job)


class InTheBackground:
    """Does something in a thread; `result` waits for it, and raises what it raised."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._error: BaseException | None = None
        self._work = work
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:
            self._error = error

    def result(self) -> None:
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()
        if self._error is not None:
            raise self._error


def wait_for(what: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until
        time.sleep(0.02)
    return found


def rank_process(path: Path, rank: int) -> psutil.Process:
    """The process of a rank of the job."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            command = process.cmdline()
            of_job = str(path) in command and command[-2].endswith("worker.py")
            if of_job and process.environ().get("RANK") == str(rank):
                return process
    raise AssertionError(f"no rank {rank}")


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> JobConfig:
    """A job of which a rank was killed after two checkpoints."""
    job, path = made(tmp_path_factory.mktemp("killed"))
    training = InTheBackground(lambda: launch(path, job.launch, job.checkpoints))
    wait_for(lambda: len(complete(job.checkpoints)) == 2)
    rank_process(path, 1).kill()
    with pytest.raises(EndedError, match=r"a rank was killed \(signal 9\)|a rank ended without a word"):
        training.result()
    return job


def copy_of(job: JobConfig, folder: Path) -> JobConfig:
    """The job, and all that it has left, in another folder."""
    shutil.copytree(job.out, folder, dirs_exist_ok=True)
    where = {"out": folder, "checkpoints": folder / "checkpoints", "traces": folder / "traces"}
    return job.model_copy(update=where)


def test_a_rank_that_is_killed_ends_training_and_any_other_number_of_ranks_goes_on(
    tmp_path: Path, killed: JobConfig, undisturbed: list[tuple[int, float]]
) -> None:
    alone = copy_of(killed, tmp_path).model_copy(
        update={"world_size": 1, "launch": killed.launch.model_copy(update={"ranks": 1, "zero_stage": 2})}
    )
    launch(written(alone), alone.launch, alone.checkpoints)
    assert [loss for _, loss in losses(alone)] == pytest.approx([loss for _, loss in undisturbed], abs=1e-6)


def test_ranks_start_again_by_themselves_where_that_is_asked_for(
    tmp_path: Path, undisturbed: list[tuple[int, float]], capsys: pytest.CaptureFixture[str]
) -> None:
    job, path = made(tmp_path, {"restarts": 1})
    training = InTheBackground(lambda: launch_until_done(job, path))
    wait_for(lambda: complete(job.checkpoints))
    rank_process(path, 0).kill()
    training.result()
    assert losses(job) == undisturbed
    assert "the ranks start again from the newest checkpoint, restarts left: 0" in capsys.readouterr().out


def test_a_rank_that_is_stopped_is_noticed_by_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job, path = made(tmp_path, {"hang_seconds": 2})
    training = InTheBackground(lambda: launch(path, job.launch, job.checkpoints))
    wait_for(lambda: complete(job.checkpoints))
    rank_process(path, 1).suspend()
    with pytest.raises(EndedError, match=r"rank 0 on .*: nothing for 2 s since .*; waits for other ranks; the stacks"):
        training.result()
    assert re.search(r"rank 0:   +File .*worker\.py", capsys.readouterr().out)


@pytest.fixture(scope="module")
def hanging(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """What hanging_ranks.py says, and what is raised of it."""
    _, path = made(tmp_path_factory.mktemp("hanging"), {"hang_seconds": 2})
    command = (
        "import sys; from pathlib import Path; from training.job_config import JobConfig; "
        "from training.launcher import launch; job = JobConfig.model_validate_json(Path(sys.argv[1]).read_text()); "
        "launch(Path(sys.argv[1]), job.launch, job.checkpoints, Path(sys.argv[2]))"
    )
    script = Path(__file__).with_name("hanging_ranks.py")
    done = subprocess.run(
        [sys.executable, "-c", command, str(path), str(script)], capture_output=True, text=True, check=False
    )
    return done.stdout, done.stderr


def test_a_rank_that_hangs_is_named_and_all_show_what_they_do(hanging: tuple[str, str]) -> None:
    said, raised = hanging
    assert re.search(r"EndedError: rank 1 on .*since step 21; does not wait for another rank", raised)
    assert re.search(r"rank 1:   +File .* in read_a_file_that_never_comes", said)
    assert re.search(r"rank 0 on .*: nothing for 2 s since step 21; waits for other ranks", said)
    assert re.search(r"rank 0:   +File .* in all_reduce", said)


def test_a_slow_rank_is_named_by_its_own_work(hanging: tuple[str, str]) -> None:
    (line,) = re.findall(r"train: step \d+: rank .* is slow: .*", hanging[0])
    ((rank, own, usual),) = re.findall(r"rank (\d) on .*: ([\d.]+) s of its own .* the others ([\d.]+) s", line)
    assert rank == "1"
    assert 0.055 < float(own) < 0.5
    assert float(usual) < 0.055


def test_who_is_a_straggler() -> None:
    assert straggler([1.0, 1.0, 1.6, 1.0]) == (2, 1.0)
    assert straggler([1.0, 1.25]) is None
    assert straggler([0.001, 0.009]) is None


def test_a_notice_ends_training_with_a_checkpoint_of_the_step(
    tmp_path: Path, undisturbed: list[tuple[int, float]]
) -> None:
    job, path = made(tmp_path, checkpoint_every=1000)
    training = InTheBackground(lambda: launch(path, job.launch, job.checkpoints))
    wait_for(lambda: (job.out / METRICS).exists() and losses(job))
    notice_of(job.traces).parent.mkdir(exist_ok=True)
    notice_of(job.traces).touch()
    with pytest.raises(RestartError, match=rf"told to stop, and saved after step \d+ of {STEPS}"):
        training.result()
    ((saved, marker),) = complete(job.checkpoints).items()
    assert 0 < marker["state"]["step"] < STEPS
    assert saved.name == f"step-{marker['state']['step']:08d}"
    notice_of(job.traces).unlink()
    launch(path, job.launch, job.checkpoints)
    assert losses(job) == undisturbed


needs_mount = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="only root can mount a tmpfs")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """8 MB: one checkpoint of the small model, and half of another."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(disk)], check=False).returncode:
        pytest.skip("no tmpfs may be mounted here")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@needs_mount
def test_a_full_disk_leaves_the_checkpoint_before_and_is_said_with_the_remedy(
    tmp_path: Path, small_disk: Path, undisturbed: list[tuple[int, float]]
) -> None:
    job, _ = made(tmp_path)
    job = job.model_copy(update={"checkpoints": small_disk})
    path = written(job)
    training = InTheBackground(lambda: launch(path, job.launch, tmp_path / "scratch"))
    wait_for(lambda: complete(small_disk))
    (small_disk / "of somebody else").write_bytes(bytes(shutil.disk_usage(small_disk).free - 100_000))
    with pytest.raises(UserError, match=r"no space left .*free as much"):
        training.result()
    assert complete(small_disk)
    (small_disk / "of somebody else").unlink()
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    launch(path, job.launch, tmp_path / "scratch")
    assert losses(job) == undisturbed


def test_a_damaged_checkpoint_is_said_and_the_one_before_is_gone_on_from(
    tmp_path: Path, killed: JobConfig, undisturbed: list[tuple[int, float]], capsys: pytest.CaptureFixture[str]
) -> None:
    job = copy_of(killed, tmp_path)
    path = written(job)
    newest, before = complete(job.checkpoints)
    damaged = next(newest.glob("*rank_1*optim_states.pt"))
    with damaged.open("r+b") as file:
        file.seek(damaged.stat().st_size // 2)
        file.write(b"damage")
    launch(path, job.launch, job.checkpoints)
    said = capsys.readouterr().out
    assert f"{newest} is damaged; looks for an older checkpoint than {newest.name}" in said
    assert f"resumes after step {int(before.name.removeprefix('step-'))}" in said
    assert losses(job) == undisturbed


def test_sigterm_is_a_notice_and_the_status_asks_for_a_restart(tmp_path: Path) -> None:
    raw = tmp_path / "raw.jsonl"
    raw.write_text("{}\n")
    settings = [
        "train.steps=60",
        "train.validation_every=60",
        "train.validation_replies=0",
        "train.checkpoint_every=50",
    ]
    run = begin_run(tmp_path / "root", settings, raw)
    command = [sys.executable, "-m", "pipeline.cli", "stage", "train", "--root", str(run.root), "--run", run.id]
    stage = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: any(file.stat().st_size for file in run.root.rglob(METRICS)))
    stage.send_signal(signal.SIGTERM)
    _, said = stage.communicate(timeout=PATIENCE_SECONDS)
    assert stage.returncode == RESTART
    assert re.search(r"saved after step \d+ of 60; run the same command again to go on from here", said)
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    facts = json.loads((run.artifact("train").path / "training.json").read_text())
    assert facts["steps"] == 60
