"""The batch script by which Slurm starts a run on one machine or several, and again after a notice."""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from pipeline.contract.run_folder import folder_name


@dataclass(frozen=True)
class Slurm:
    """run: arguments of `parlance run`, without where it trains. slots: ranks of each machine. notice: seconds before
    its end at which a job is told. settings: further options of sbatch, as partition=gpu."""

    run: list[str]
    run_id: str
    root: Path
    nodes: int
    slots: int
    notice: int
    settings: list[str]

    def script(self) -> str:
        """The script. Slurm signals its shell only, which passes the notice on; training saves, and the job goes back
        into the queue, unless it was cancelled. A job whose machine fails, Slurm itself requeues.

        A signal that is trapped ends bash's `wait`, so it waits again (bash manual, 3.7.6 Signals).
        """
        options = [
            f"job-name=parlance-{self._name}",
            f"nodes={self.nodes}",
            "ntasks-per-node=1",
            "requeue",
            "open-mode=append",
            f"signal=B:TERM@{self.notice}",
            f"output={self.root / f'slurm-{self._name}.log'}",
            *self.settings,
        ]
        command = [str(Path(sys.executable).with_name("parlance")), "run", *self.run, *self._machines()]
        return "\n".join(
            [
                "#!/bin/bash",
                *(f"#SBATCH {shlex.quote(f'--{option}')}" for option in options),
                *([self._writes_hostfile()] if self.nodes > 1 else []),
                f"{shlex.join(command)} &",
                "run=$! noticed=",
                "trap 'told=yes noticed=yes; kill -TERM \"$run\"' TERM",
                'while told=; wait "$run"; status=$?; [ -n "$told" ]; do :; done',
                'if [ -n "$noticed" ] && [ "$status" -ne 0 ] &&',
                '  [ "$(squeue --noheader --jobs "$SLURM_JOB_ID" --format %T)" = RUNNING ]; then',
                '  scontrol requeue "$SLURM_JOB_ID"',
                "fi",
                'exit "$status"',
                "",
            ]
        )

    @property
    def _name(self) -> str:
        return folder_name(self.run_id)

    @property
    def _hostfile(self) -> Path:
        return self.root / f"hostfile-{self._name}"

    def _machines(self) -> list[str]:
        """One machine needs no ssh, and no hostfile."""
        return ["-o", f"launch.hostfile={self._hostfile}" if self.nodes > 1 else f"launch.ranks={self.slots}"]

    def _writes_hostfile(self) -> str:
        names = 'scontrol show hostnames "$SLURM_JOB_NODELIST"'
        return f'{names} | sed "s/$/ slots={self.slots}/" > {shlex.quote(str(self._hostfile))}'
