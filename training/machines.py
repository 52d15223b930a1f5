"""Ranks on the machines of a hostfile, which DeepSpeed reaches through pdsh and ssh."""

import shlex
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil

from configs.errors import UserError
from training.local_ranks import kill_all

CONNECT_SECONDS = 10
"""Longest wait for a machine to answer."""


class RanksOfHosts:
    """The ranks of a hostfile, and the deepspeed launcher that starts and ends them.

    stdout: what all print, line by line.
    """

    def __init__(
        self, command: list[str], machines: dict[str, int], hostfile: Path, port: int, environment: dict[str, str]
    ) -> None:
        """command: Python's arguments. machines: host to slots. hostfile: is written."""
        launcher = [*_deepspeed(), "--log_level=error", *on_machines(machines, hostfile), "--no_local_rank"]
        self._process = subprocess.Popen(
            [*launcher, f"--master_port={port}", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            bufsize=1,
            env=environment,
        )
        assert self._process.stdout is not None
        self.stdout = self._process.stdout

    def wait(self) -> int:
        """The launcher's status, which says little of the ranks'."""
        return self._process.wait()

    def end(self) -> None:
        """Has the launcher end all that still live."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.terminate()
        self._process.wait()

    def kill(self) -> None:
        """A rank that hangs may not answer the signal by which the launcher ends the others."""
        with suppress(psutil.NoSuchProcess):
            kill_all(psutil.Process(self._process.pid).children(recursive=True))


def _deepspeed() -> list[str]:
    beside = Path(sys.executable).with_name("deepspeed")
    program = str(beside) if beside.is_file() else shutil.which("deepspeed")
    if program is None:
        raise UserError("train: the program deepspeed is not installed; pip install deepspeed")
    return [sys.executable, program]


def on_machines(machines: dict[str, int], hostfile: Path) -> list[str]:
    """The deepspeed launcher's arguments that start each machine's slots, and leave what ranks print unlabelled.

    Writes the hostfile anew, in the one form that the launcher reads. Its `--num_gpus` is not for hostfiles: it
    replaces their slots, also by more; without `--force_multi` a hostfile of one machine runs on this one
    (DeepSpeed 0.19, launcher/runner.py, apply_num_nodes_and_gpus and main).
    """
    hostfile.write_text("".join(f"{host} slots={slots}\n" for host, slots in machines.items()), encoding="utf-8")
    return [f"--hostfile={hostfile}", "--force_multi", "--launcher_args=-N"]


def check_machines(machines: dict[str, int], job: Path) -> None:
    """Raises UserError for machines that cannot be reached, or lack this Python or the run's folder.

    Otherwise the ranks of the others would wait for theirs.
    """
    for program in ("pdsh", "ssh"):
        if shutil.which(program) is None:
            raise UserError(
                f"launch.hostfile: the program {program} is not installed here; on Debian: apt-get install "
                f"pdsh openssh-client; or empty launch.hostfile, to train on this machine"
            )
    if wrong := unreachable(machines, job):
        named = ", ".join(f"{host} ({why})" for host, why in wrong.items())
        raise UserError(
            f"launch.hostfile: cannot run ranks on {named}; every "
            f"machine needs a login by key from this one, the same Python and storage.root under the same path"
        )


def unreachable(machines: dict[str, int], job: Path) -> dict[str, str]:
    """The machines on which no rank can run, and why."""
    test = " && ".join(f"test -r {shlex.quote(str(path))}" for path in (Path(sys.executable), job.resolve()))
    ssh = ["ssh", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_SECONDS}"]
    asked = {
        host: subprocess.Popen(
            [*ssh, host, test],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        for host in machines
    }
    wrong = {}
    for host, process in asked.items():
        _, said = process.communicate()
        if process.returncode:
            words = said.strip().splitlines() or [f"{sys.executable} or {job} is not there"]
            wrong[host] = words[-1]
    return wrong
