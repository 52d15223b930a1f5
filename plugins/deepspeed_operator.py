"""Runs training, on the GPUs' pool."""

from pathlib import Path
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from pipeline.contract.run import Run
from plugins.stage_operator import StageOperator

GPU_POOL = "gpu"
"""`airflow pools set gpu 1 "one run at a time on the GPUs"` makes it. Without it the task is never scheduled."""


class DeepSpeedOperator(StageOperator):
    """A StageOperator whose command starts DeepSpeed's launcher: ranks and hosts are the profile's `launch`.

    It takes a slot of the pool `gpu`, so two runs never share a card. Ranks on other hosts are ended
    by DeepSpeed's launcher, which this task's end reaches as SIGTERM.
    """

    ui_color = "#fdeeda"

    def __init__(self, *, task: str = "train", pool: str = GPU_POOL, **settings: Any) -> None:
        super().__init__(task=task, pool=pool, **settings)

    def command(self, run: Run, context: Context) -> list[str]:
        launch = run.profile.launch
        if launch.hostfile and not Path(launch.hostfile).is_file():
            raise AirflowFailException(f"launch.hostfile: {launch.hostfile} does not exist on this worker")
        where = f"the hosts of {launch.hostfile}" if launch.hostfile else f"{launch.ranks} ranks on this machine"
        self.log.info("training on %s, ZeRO stage %s", where, launch.zero_stage)
        return super().command(run, context)
