"""Erases a person."""

import os
import sys
from typing import Any

from airflow.sdk import Context

from plugins.project import root
from plugins.stage_log import StageLog
from plugins.stage_operator import StageOperator


class EraseOperator(StageOperator):
    """Runs `parlance erase` for the user that the run was triggered with.

    Raises AirflowFailException when something is left, or for what only the operator can put right; the log says what.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(task="erase", run="", **settings)

    def execute(self, context: Context) -> None:  # type: ignore[override]
        user, profile = context["params"]["user"], os.environ.get("PARLANCE_RETRAIN_PROFILE", "demo")
        log_path = root() / "erasures" / "erase.log"
        log_path.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pipeline.cli", "erase", f"--user={user}", f"--profile={profile}"]
        with StageLog(log_path, show=print) as log:
            self._attend([*command, f"--root={root()}"], log)
