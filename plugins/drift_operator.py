"""Holds a run's corpus against the champion's, before anybody decides upon it."""

import sys
from typing import Any

from airflow.sdk import Context

from pipeline.drift.drift import read_drift
from plugins.notify import tell
from plugins.opened_run import open_run
from plugins.stage_log import StageLog
from plugins.stage_operator import StageOperator, log_path


class DriftOperator(StageOperator):
    """Runs `parlance drift` for the run, and tells whom `notify` names of findings of severity warning.

    Returns the findings' measures by severity.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(task="drift", **settings)

    def execute(self, context: Context) -> dict[str, list[str]]:  # type: ignore[override]
        run = open_run(self.run_folder)
        with StageLog(log_path(run, "drift"), show=print) as log:
            self._attend([sys.executable, "-m", "pipeline.cli", "drift", "--run", str(run.folder)], log)
        found = (read_drift(run) or {}).get("findings", [])
        by = {severity: [f for f in found if f["severity"] == severity] for severity in ("warning", "info")}
        if warnings := [f"{f['subject']}: {f['message']}" for f in by["warning"]]:
            tell(run.profile.notify, context, "drift", f"the data of run {run.id} has drifted", warnings)
        return {severity: [f["subject"] for f in of] for severity, of in by.items()}
