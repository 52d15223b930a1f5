"""Slurm, really run: slurmctld and munged on this machine, a slurmd on each host of tests/training/hosts.py."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.training import hosts as namespaces
from tests.training.hosts import Hosts

NEEDED = ("slurmctld", "slurmd", "sbatch", "munged")
READY_SECONDS = 30


def lacking() -> str:
    """Why there can be no Slurm here; empty when there can."""
    if missing := [program for program in NEEDED if shutil.which(program) is None]:
        return f"not installed: {', '.join(missing)}; `make cluster-test` as root installs it"
    return namespaces.lacking()


class Slurm:
    """path: of slurm.conf, which Slurm's programs know by SLURM_CONF."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def says(self, *command: str, given: str | None = None) -> str:
        """What a program of Slurm prints. given: its standard input."""
        environment = os.environ | {"SLURM_CONF": str(self.path)}
        done = subprocess.run(command, input=given, env=environment, capture_output=True, text=True, check=False)
        assert not done.returncode, done.stderr
        return done.stdout

    def state(self, job: str) -> dict[str, str]:
        """What slurmctld knows of a job: JobState, Restarts, ExitCode and others."""
        words = self.says("scontrol", "--oneliner", "show", "job", job).split()
        return dict(word.split("=", 1) for word in words if "=" in word)


@contextmanager
def slurm(of: Hosts, folder: Path) -> Iterator[Slurm]:
    """Slurm whose nodes are these hosts, until the end of the body."""
    for name in ("", "state", *of.names):
        (folder / name).mkdir()
    path = folder / "slurm.conf"
    path.write_text(_settings(of, folder))
    (folder / "cgroup.conf").write_text("IgnoreSystemd=yes\n")
    munge = [f"--key-file={folder / 'key'}", f"--socket={folder / 'munge'}", f"--pid-file={folder / 'munged.pid'}"]
    (folder / "key").write_bytes(os.urandom(128))
    (folder / "key").chmod(0o400)
    here = {
        "munged": ["munged", "--foreground", "--force", *munge, f"--seed-file={folder / 'seed'}"],
        "slurmctld": ["slurmctld", "-D", "-f", str(path)],
    }
    daemons = []
    try:
        for program, command in here.items():
            with (folder / f"{program}.log").open("wb") as log:
                daemons.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT))
        for name in of.names:
            slurmd = f"exec slurmd -D -N {name} -f {path}"
            daemons.append(of.start(name, slurmd, folder / f"slurmd-{name}.log"))
        found = Slurm(path)
        _wait_until_ready(found, len(of.names))
        yield found
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
        for daemon in daemons:
            daemon.wait(10)


def _settings(of: Hosts, folder: Path) -> str:
    """A machine a node; a job that is told to end has KillWait seconds to do so.

    A job that is requeued begins again once its credential has expired, which by default takes two minutes.
    """
    common = {
        "ClusterName": "parlance",
        "SlurmctldHost": f"{socket.gethostname()}({of.address})",
        "SlurmctldPort": 36817,
        "SlurmdPort": 36818,
        "AuthInfo": f"socket={folder / 'munge'},cred_expire=20",
        "SlurmUser": "root",
        "StateSaveLocation": folder / "state",
        "SlurmdSpoolDir": folder / "%n",
        "SlurmctldPidFile": folder / "slurmctld.pid",
        "SlurmdPidFile": folder / "%n.pid",
        "ProctrackType": "proctrack/linuxproc",
        "TaskPlugin": "task/none",
        "KillWait": 60,
        "ReturnToService": 2,
        "SchedulerParameters": "sched_interval=2",
    }
    nodes = [f"NodeName={name} NodeAddr={address} State=UNKNOWN" for name, address in of.addresses.items()]
    lines = [*(f"{key}={value}" for key, value in common.items()), *nodes]
    return "\n".join([*lines, f"PartitionName=all Nodes={','.join(of.names)} Default=YES State=UP", ""])


def _wait_until_ready(found: Slurm, nodes: int) -> None:
    until = time.monotonic() + READY_SECONDS
    while True:
        try:
            states = found.says("sinfo", "--noheader", "--Node", "--format=%t").split()
        except AssertionError as error:
            states = [str(error)]
        if states == ["idle"] * nodes:
            return
        assert time.monotonic() < until, states
        time.sleep(0.5)
