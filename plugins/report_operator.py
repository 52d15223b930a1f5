"""Writes the report of a run."""

import sys
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from plugins.opened_run import open_run
from plugins.stage_log import StageLog
from plugins.stage_operator import StageOperator, log_path


class ReportOperator(StageOperator):
    """Runs `parlance report` for the run, whatever became of it; skipped when no run was begun."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(task="report", **settings)

    def execute(self, context: Context) -> None:  # type: ignore[override]  # noqa: ARG002
        if self.run_folder in ("", "None"):
            raise AirflowSkipException("no run was begun, so there is nothing to report")
        run = open_run(self.run_folder)
        with StageLog(log_path(run, "report"), show=print) as log:
            self._attend([sys.executable, "-m", "pipeline.cli", "report", "--run", str(run.folder)], log)
