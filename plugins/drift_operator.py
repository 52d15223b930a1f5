"""Holds a run's corpus against the champion's, before anybody decides upon it."""

import sys
from typing import Any

from airflow.sdk import Context

from pipeline.drift.drift import read_drift
from plugins.notify import tell
from plugins.stage_log import StageLog
from plugins.stage_operator import StageOperator, log_path, open_run


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
        warnings = [
            f"{finding['subject']}: {finding['message']}" for finding in found if finding["severity"] == "warning"
        ]
        if warnings:
            tell(run.profile.notify, context, "drift", f"the data of run {run.id} has drifted", warnings)
        return {
            severity: [f["subject"] for f in found if f["severity"] == severity] for severity in ("warning", "info")
        }
