"""`parlance cluster slurm` writes what a real Slurm runs: it trains, is told to stop, is requeued, and goes on."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.contract.metrics_file import METRICS, read_metrics
from pipeline.contract.run import Run
from pipeline.contract.stages import STAGES
from tests.artifacts import commit
from tests.training import slurm as daemons
from tests.training.hosts import hosts
from tests.training.slurm import Slurm, slurm
from tests.training.test_faults import wait_for
from tests.training.tokenised import SETTINGS, begin_run

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(bool(daemons.lacking()), reason=daemons.lacking() or "Slurm can be run"),
]

JOB_SECONDS = 300
STEPS = 40
TRAIN = {"steps": STEPS, "validation_every": STEPS, "validation_replies": 0, "checkpoint_every": 10}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    """Slurm with two machines."""
    folder = tmp_path_factory.mktemp("slurm")
    with (
        hosts(2, folder / "ssh") as found,
        slurm(found, folder / "slurm") as running,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("PATH", f"{found.path}{os.pathsep}{os.environ['PATH']}")
        yield running


class Submitted:
    """A run whose stages before train have been made by hand, and the job that trains it."""

    def __init__(self, of: Slurm, folder: Path, *options: str, **train: int) -> None:
        raw = folder / "raw.jsonl"
        raw.write_text("{}\n")
        settings = [*(f"train.{key}={value}" for key, value in (TRAIN | train).items())]
        self.run = begin_run(folder / "root", settings, raw)
        for name in list(STAGES)[: list(STAGES).index("tokenise")]:
            commit(self.run, name, 1)
        overrides = [word for setting in [*SETTINGS, *settings] for word in ("-o", setting)]
        command = ["cluster", "slurm", "--root", str(self.run.root), "--profile", "scratch", "--data", str(raw)]
        command += ["--run-id", self.run.id, *options, "--until", "train", "--notice", "60", *overrides]
        self.script = subprocess.check_output([sys.executable, "-m", "pipeline.cli", *command], text=True)
        self.job = of.says("sbatch", "--parsable", given=self.script).strip()
        self.slurm = of

    def state(self) -> dict[str, str]:
        return self.slurm.state(self.job)

    def wait_until(self, state: str, restarts: int = 0) -> None:
        seen = wait_for(lambda: (s := self.state())["JobState"] in (state, "FAILED") and s, JOB_SECONDS)
        assert (seen["JobState"], seen["Restarts"]) == (state, str(restarts)), self.said()

    def wait_until_it_trains(self) -> None:
        wait_for(lambda: any(file.stat().st_size for file in self.run.root.rglob(METRICS)), JOB_SECONDS)

    def said(self) -> str:
        return (self.run.root / f"slurm-{self.run.id}.log").read_text()

    def losses(self) -> list[float]:
        lines = read_metrics(Run.open(self.run.root, self.run.id).artifact("train").path / METRICS)
        return [line["loss"] for line in lines if "loss" in line]


@pytest.fixture(scope="module")
def undisturbed(two: Slurm, tmp_path_factory: pytest.TempPathFactory) -> Submitted:
    """One machine, two ranks."""
    job = Submitted(two, tmp_path_factory.mktemp("undisturbed"), "--slots", "2", "--set", "comment=for me")
    job.wait_until("COMPLETED")
    return job


def test_a_job_trains_on_one_machine(two: Slurm, undisturbed: Submitted) -> None:
    facts = json.loads((undisturbed.run.artifact("train").path / "training.json").read_text())
    assert (facts["steps"], facts["ranks"]) == (STEPS, 2)
    assert " Comment=for me" in two.says("scontrol", "show", "job", undisturbed.job)


def test_and_on_two_which_it_names_to_the_launcher(two: Slurm, undisturbed: Submitted, tmp_path: Path) -> None:
    job = Submitted(two, tmp_path, "--nodes", "2")
    job.wait_until("COMPLETED")
    names = two.says("sinfo", "--noheader", "--Node", "--format=%N").split()
    assert (job.run.root / f"hostfile-{job.run.id}").read_text() == "".join(f"{name} slots=1\n" for name in names)
    assert job.losses() == pytest.approx(undisturbed.losses(), abs=1e-6)


def test_a_notice_is_passed_on_and_the_job_goes_on_from_the_step_it_had_reached(
    two: Slurm, undisturbed: Submitted, tmp_path: Path
) -> None:
    """The signal is the one that Slurm sends by `--signal=B:TERM@60`: to the job's shell alone."""
    job = Submitted(two, tmp_path, "--slots", "2", checkpoint_every=1000)
    assert "#SBATCH --signal=B:TERM@60\n" in job.script
    job.wait_until_it_trains()
    two.says("scancel", "--batch", "--signal=TERM", job.job)
    job.wait_until("COMPLETED", restarts=1)
    assert "train: resumes after step " in job.said()
    assert job.losses() == undisturbed.losses()


def test_a_requeued_job_goes_on_from_its_checkpoint(two: Slurm, undisturbed: Submitted, tmp_path: Path) -> None:
    job = Submitted(two, tmp_path, "--slots", "2")
    wait_for(lambda: list(job.run.root.rglob("step-*/complete.json")), JOB_SECONDS)
    two.says("scontrol", "requeue", job.job)
    job.wait_until("COMPLETED", restarts=1)
    assert "train: resumes after step " in job.said()
    assert job.losses() == undisturbed.losses()


def test_a_job_that_is_cancelled_stays_so(two: Slurm, tmp_path: Path) -> None:
    job = Submitted(two, tmp_path, "--slots", "2")
    job.wait_until_it_trains()
    two.says("scancel", job.job)
    wait_for(lambda: job.slurm.says("squeue", "--noheader", "--jobs", job.job) == "")
    assert job.state()["JobState"] == "CANCELLED"


def test_a_script_is_one_that_any_name_fits_into(tmp_path: Path) -> None:
    """Quoted for bash, which checks it, and for sbatch."""
    root = tmp_path / "a folder's $HOME"
    command = ["cluster", "slurm", "--root", str(root), "--run-id", "a b'c", "--nodes", "3", "--set", "comment=for me"]
    script = subprocess.check_output([sys.executable, "-m", "pipeline.cli", *command], text=True)
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    (started,) = [shlex.split(line) for line in script.splitlines() if " run " in line]
    assert started[started.index("--root") + 1] == str(root)
    assert started[started.index("--run-id") + 1] == "a b'c"
    assert "#SBATCH '--comment=for me'" in script
