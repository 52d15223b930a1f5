"""What `parlance cluster kubernetes` has pods do is done by hosts in their place: by a JobSet's names and keys."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from configs.errors import RESTART
from pipeline.cli import main
from pipeline.contract.metrics_file import METRICS
from pipeline.contract.run import Run
from pipeline.contract.stages import STAGES
from tests.artifacts import commit
from tests.training import hosts as namespaces
from tests.training.hosts import Hosts, hosts
from tests.training.test_faults import wait_for
from tests.training.tokenised import SETTINGS, begin_run

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(bool(namespaces.lacking()), reason=namespaces.lacking() or "hosts can be made"),
]

POD_SECONDS = 300


class Pods:
    """The two pods of a run whose stages before train have been made by hand."""

    def __init__(self, of: Hosts, run: Run, manifest: str) -> None:
        jobs = yaml.safe_load(manifest)["spec"]["replicatedJobs"]
        self.hosts, self.run = of, run
        self.started: dict[str, subprocess.Popen[bytes]] = {}
        for job, host in zip(jobs, of.names, strict=True):
            command = job["template"]["spec"]["template"]["spec"]["containers"][0]["command"]
            script = f"mount --bind {of.folder / 'secret'} /root/.ssh && exec {shlex.join(command)}"
            self.started[job["name"]] = of.start(host, script, run.root / f"{job['name']}.log")

    def ended(self) -> int:
        """The leader's status; then both pods are deleted, as Kubernetes does."""
        status = self.started["leader"].wait(POD_SECONDS)
        for name in self.hosts.names:
            self.hosts.stop(name)
        self.started["hosts"].wait()
        return status


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Hosts]:
    """Hosts without sshd, that know a JobSet's names, and the Secret that docs/clusters.md makes."""
    mounted_at = Path("/root/.ssh")
    there = mounted_at.exists()
    mounted_at.mkdir(mode=0o700, exist_ok=True)
    with hosts(2, tmp_path / "hosts", with_sshd=False) as found:
        names = ("leader", "hosts")
        lines = [
            f"{a} parlance-test-{n}-0-0.parlance-test\n" for a, n in zip(found.addresses.values(), names, strict=True)
        ]
        with (found.folder / "table").open("a") as table:
            table.writelines(lines)
        secret = found.folder / "secret"
        secret.mkdir(mode=0o700)
        shutil.copy(found.folder / "login", secret / "id_ed25519")
        shutil.copy(found.folder / "login.pub", secret / "authorized_keys")
        (secret / "config").write_text("StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\n")
        yield found
    if not there:
        mounted_at.rmdir()


def test_an_evicted_host_ends_the_run_with_a_checkpoint_and_the_next_pods_go_on(
    two: Hosts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = tmp_path / "raw.jsonl"
    raw.write_text("{}\n")
    settings = ["train.steps=40", "train.validation_every=40", "train.validation_replies=0"]
    run = begin_run(tmp_path / "root", settings, raw)
    for name in list(STAGES)[: list(STAGES).index("tokenise")]:
        commit(run, name, 1)
    overrides = [word for setting in [*SETTINGS, *settings] for word in ("-o", setting)]
    command = ["cluster", "kubernetes", "--root", str(run.root), "--profile", "scratch", "--data", str(raw)]
    command += ["--run-id", run.id, "--until", "train", "--nodes", "2", "--image", "none"]
    capsys.readouterr()
    assert main([*command, *overrides]) == 0
    manifest = capsys.readouterr().out
    assert shutil.which("parlance"), os.environ["PATH"]

    pods = Pods(two, run, manifest)
    wait_for(lambda: any(file.stat().st_size for file in run.root.rglob(METRICS)), POD_SECONDS)
    pods.started["hosts"].terminate()
    assert pods.ended() == RESTART, (run.root / "leader.log").read_text()
    assert Pods(two, run, manifest).ended() == 0, (run.root / "leader.log").read_text()
    assert "train: resumes after step " in (run.root / "leader.log").read_text()
    assert run.artifact("train").json("training.json")["ranks"] == 2
