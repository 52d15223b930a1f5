"""Runs one task of a run in a process group of its own, and shows what it says."""

import io
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from configs.credentials import masked
from configs.errors import USER_ERROR, UserError
from pipeline.contract.execute import execute
from pipeline.contract.process_group import GRACE, die_with_parent, end, start_guarded
from pipeline.contract.run import Run
from pipeline.contract.stages import command_of, stages_of
from plugins.deadline import deadline
from plugins.lineage import TellsLineage
from plugins.opened_run import open_run
from plugins.stage_log import StageLog
from plugins.stage_metrics import count_stages

OUTLIVED_SECONDS = GRACE + 1
"""Whoever lives so long after its stage was not ended with it: see pipeline/contract/process_group.py."""

RUN_FOLDER = "{{ ti.xcom_pull(task_ids='configure') }}"


class StageOperator(TellsLineage, BaseOperator):
    """Executes the stages of `task` (a name of pipeline.contract.stages.TASKS) of the run whose folder is `run`.

    When every stage's artifact is found, that is noted here, in milliseconds. Otherwise
    `python -m pipeline.cli stage TASK --run FOLDER` runs under pipeline.contract.process_group, so that
    clearing, timing out or killing this task, or the worker above it, ends all that it started.

    Returns {stage: {fingerprint, cached, rows_in, rows_out}}. Raises AirflowFailException, which is
    not retried, for what only the user can put right, and AirflowException for everything else.
    """

    template_fields: Sequence[str] = ("run_folder",)
    ui_color = "#e8f0fe"

    def __init__(self, *, task: str, run: str = RUN_FOLDER, **settings: Any) -> None:
        super().__init__(**settings)
        self.stage_task = task
        self.run_folder = run
        self._process: subprocess.Popen[bytes] | None = None

    def execute(self, context: Context) -> dict[str, dict[str, Any]]:
        run = open_run(self.run_folder)
        with StageLog(log_path(run, self.stage_task), context.get("task_state_store"), show=print) as log:
            there = found(run, self.stage_task, log)
            if not there:
                with deadline(run, self.stage_task, context, log.line):
                    self._attend(self.command(run, context), log)
        count_stages(run, self.stage_task, there)
        return outcome(run, self.stage_task)

    def command(self, run: Run, context: Context) -> list[str]:  # noqa: ARG002
        """The command to guard."""
        return command_of(self.stage_task, run.folder)

    def environment(self) -> dict[str, str]:
        """Variables for the command, besides this process's own."""
        return {"PARLANCE_EVENTS": "1", "PYTHONUNBUFFERED": "1"}

    def on_kill(self) -> None:
        if self._process:
            end(self._process)

    def _attend(self, command: list[str], log: StageLog) -> None:
        """Runs the command, passing on its lines until it and all that it started have ended."""
        self._process = start_guarded(command, {**os.environ, **self.environment()})
        assert self._process.stdout is not None
        die_with_parent(signal.SIGTERM)  # a killed supervisor must not leave this task, and so the stage, running
        try:
            for line in io.TextIOWrapper(self._process.stdout, encoding="utf-8", errors="replace"):
                log.line(line)
            status = self._process.wait()
        finally:
            end(self._process)
            die_with_parent(0)
        raise_for_status(self.stage_task, status, log.error)


def log_path(run: Run, task: str) -> Path:
    return run.folder / "logs" / f"{task}.log"


def found(run: Run, task: str, log: StageLog) -> bool:
    """Whether all artifacts of the task exist; if so, records that in the run."""
    try:
        if not run.is_cached(task):
            return False
        with redirect_stdout(io.StringIO()) as said:
            execute(run, task)
    except UserError as error:
        raise AirflowFailException(masked(str(error))) from None
    log.write(said.getvalue())
    return True


def await_others(run: Run, task: str, tell: Callable[[str], object]) -> None:
    """Waits while another run makes an artifact of the task."""
    for stage in stages_of(task):
        run.store.await_others(stage.name, run.fingerprint(stage.name), tell)


def outcome(run: Run, task: str) -> dict[str, dict[str, Any]]:
    """{stage: {fingerprint, cached, rows_in, rows_out}} of a task that has run."""
    recorded = run.outcomes()
    values = {}
    for stage in stages_of(task):
        ledger = run.artifact(stage.name).ledger
        record = {key: recorded[stage.name][key] for key in ("fingerprint", "cached")}
        values[stage.name] = {**record, "rows_in": ledger.rows_in, "rows_out": ledger.rows_out}
    return values


def raise_for_status(task: str, status: int, error: str) -> None:
    """Nothing for status 0, else the exception that says what went wrong.

    A stage that a signal ended was perhaps ended together with this process, whose turn is next: then there is no
    failure to report, and the scheduler that comes after begins the task again without taking a retry from it.
    """
    if status == 0:
        return
    if status == USER_ERROR and error:
        raise AirflowFailException(error)
    number = -status if status < 0 else status - 128
    if number > 0:
        time.sleep(OUTLIVED_SECONDS)
        name = signal.Signals(number).name if number in set(signal.Signals) else str(number)
        hint = ", perhaps for want of memory" if name == "SIGKILL" else ""
        raise AirflowException(f"{task}: ended by {name}{hint}")
    raise AirflowException(error or f"{task}: ended with status {status}; its last lines above say why")
