"""Training on several hosts, which are really run: as network namespaces that DeepSpeed's launcher reaches by ssh."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from configs.errors import UserError
from tests.training import hosts as namespaces
from tests.training.hosts import Hosts, hosts
from tests.training.jobs import small_job
from tests.training.test_faults import SETTINGS, InTheBackground, losses, wait_for, written
from training.job_config import JobConfig
from training.launcher import launch
from training.markers import complete
from training.train import launch_until_done

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(bool(namespaces.lacking()), reason=namespaces.lacking() or "hosts can be made"),
]


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    with hosts(4, tmp_path_factory.mktemp("hosts") / "ssh") as found:
        path = os.environ["PATH"]
        os.environ["PATH"] = f"{found.path}{os.pathsep}{path}"
        yield found
        os.environ["PATH"] = path


def made(folder: Path, of: Hosts, count: int, **launch: Any) -> tuple[JobConfig, Path]:
    """A job on the first hosts, a rank each, and its file."""
    some = Hosts(of.names[:count], of.folder)
    hostfile = some.hostfile(folder / "hostfile")
    settings = {"ranks": count, "micro_batch": 1, "hostfile": str(hostfile)} | launch
    job = small_job(folder, SETTINGS | {"batch_tokens": 12 * 64}, settings)
    return job, written(job)


@pytest.fixture(scope="module")
def one_machine(tmp_path_factory: pytest.TempPathFactory) -> list[float]:
    """The losses of one rank here."""
    folder = tmp_path_factory.mktemp("one")
    job = small_job(folder, SETTINGS | {"batch_tokens": 12 * 64}, {"ranks": 1, "micro_batch": 1})
    launch(written(job), job.launch, job.checkpoints)
    return [loss for _, loss in losses(job)]


@pytest.mark.parametrize("count", [2, 4])
def test_several_hosts_train_as_one_machine_does(
    tmp_path: Path, four: Hosts, one_machine: list[float], count: int
) -> None:
    job, path = made(tmp_path, four, count)
    launch(path, job.launch, job.checkpoints)
    assert [loss for _, loss in losses(job)] == pytest.approx(one_machine, abs=1e-6)


@pytest.mark.parametrize("fewest", [1, 0])
def test_a_host_that_is_cut_off_in_the_middle_of_a_step(
    tmp_path: Path, four: Hosts, one_machine: list[float], fewest: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """With leave to, training goes on without it; else it ends, and goes on from where it was once the host is back."""
    job, path = made(tmp_path, four, 2, hang_seconds=3, restarts=1, fewest_machines=fewest)
    lost = four.names[1]
    training = InTheBackground(lambda: launch_until_done(job, path))
    wait_for(lambda: complete(job.checkpoints))
    four.cut_off(lost)
    try:
        if fewest:
            training.result()
        else:
            with pytest.raises(UserError, match=rf"{lost} \(.*\) no longer answers, and 1 of 2 machines are left"):
                training.result()
    finally:
        four.back(lost)
    said = capsys.readouterr().out
    assert f"rank 0 on {four.names[0]}: nothing for 3 s since step" in said
    if fewest:
        assert f"train: goes on without {lost} (" in said
    else:
        launch(path, job.launch, job.checkpoints)
    assert [loss for _, loss in losses(job)] == pytest.approx(one_machine, abs=1e-6)
