"""The batch script by which Slurm starts a run on several machines, and again after a notice."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from configs.errors import RESTART


@dataclass(frozen=True)
class Slurm:
    """run: arguments of `parlance run`, without the hostfile. slots: ranks of each machine. notice: seconds before its end
    at which a job is told. settings: further options of sbatch, as partition=gpu."""

    run: list[str]
    run_id: str
    root: Path
    nodes: int
    slots: int
    notice: int
    settings: list[str]

    def script(self) -> str:
        """The script. Slurm signals its shell only, which passes the notice on; training saves and ends with RESTART, and
        the job goes back into the queue. A job whose machine fails, Slurm itself requeues."""
        hosts = self.root / f"hostfile-{self.run_id}"
        options = [
            f"job-name=parlance-{self.run_id}",
            f"nodes={self.nodes}",
            "ntasks-per-node=1",
            "requeue",
            "open-mode=append",
            f"signal=B:TERM@{self.notice}",
            f"output={self.root / f'slurm-{self.run_id}.log'}",
            *self.settings,
        ]
        command = ["parlance", "run", *self.run, "-o", f"launch.hostfile={hosts}"]
        return "\n".join(
            [
                "#!/bin/bash",
                *(f"#SBATCH --{option}" for option in options),
                "set -u",
                f'for host in $(scontrol show hostnames "$SLURM_JOB_NODELIST"); do echo "$host slots={self.slots}"; done '
                f"> {shlex.quote(str(hosts))}",
                f"{shlex.join(command)} &",
                "run=$! told=",
                "trap 'told=yes; kill -TERM \"$run\"' TERM",
                'wait "$run"; status=$?',
                'if [ -n "$told" ]; then wait "$run"; status=$?; fi  # the first wait ended with the signal',
                f'if [ "$status" -eq {RESTART} ]; then scontrol requeue "$SLURM_JOB_ID"; fi',
                'exit "$status"',
                "",
            ]
        )
