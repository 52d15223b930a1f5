"""Runs a Spark task of a run through the Spark provider, on the connection spark_default."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import BaseHook, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowNotFoundException

import pipeline
from configs.credentials import masked
from configs.engines import LOCAL_JVM
from pipeline.contract.process_group import die_with_parent, end, guarded
from pipeline.contract.run import Run
from plugins.deadline import deadline
from plugins.lineage import TellsLineage
from plugins.opened_run import open_run
from plugins.stage_log import StageLog
from plugins.stage_metrics import count_stages
from plugins.stage_operator import RUN_FOLDER, await_others, found, log_path, outcome, raise_for_status

PIPELINE = Path(pipeline.__file__).resolve().parent
CONNECTION = "spark_default"
JVM_NOISE = "WARNING: Using incubator modules"


class ParlanceSparkOperator(TellsLineage, SparkSubmitOperator):
    """As StageOperator, for stages whose engine is Spark: spark-submit under guard, same log, same result.

    Master, deploy mode and queue are the connection's; driver memory and further settings are the
    profile's `spark`. In cluster mode (YARN, Kubernetes) the driver is elsewhere: the run's folder
    must be on a file system that it shares, the project installed in its image, and its own log
    holds the stage's lines.
    """

    template_fields: Sequence[str] = (*SparkSubmitOperator.template_fields, "run_folder")
    ui_color = "#e6f4ea"

    def __init__(self, *, task: str, run: str = RUN_FOLDER, **settings: Any) -> None:
        settings = {"conn_id": CONNECTION, "name": f"parlance {task}", "durable": False, **settings}
        super().__init__(application=str(PIPELINE / "spark_stage.py"), **settings)
        self.stage_task = task
        self.run_folder = run

    def execute(self, context: Context) -> dict[str, dict[str, Any]]:  # type: ignore[override]
        run = open_run(self.run_folder)
        with StageLog(log_path(run, self.stage_task), context.get("task_state_store")) as log:
            there = found(run, self.stage_task, log)
            if not there:  # before a JVM starts, which would wait with its memory
                await_others(run, self.stage_task, lambda line: self.log.info("%s", log.line(line)))
                there = found(run, self.stage_task, log)
            if there:
                self.log.info("%s: found, nothing to do", self.stage_task)
            else:
                with deadline(run, self.stage_task, context, lambda line: self.log.warning("%s", log.line(line))):
                    self._submit(run, log, context)
        count_stages(run, self.stage_task, there)
        return outcome(run, self.stage_task)

    def _submit(self, run: Run, log: StageLog, context: Context) -> None:
        self._settle(run, master(self._conn_id))
        hook = self._hook = GuardedSparkSubmitHook(log, self._get_hook())
        die_with_parent(signal.SIGTERM)
        try:
            super().execute(context)
        except AirflowException:
            if not hook.status:
                raise
        finally:
            hook.end()
            die_with_parent(0)
        raise_for_status(self.stage_task, hook.status, log.error)

    def _settle(self, run: Run, master: str) -> None:
        """Arguments, environment and settings that follow from the run and the master."""
        settings = run.profile.spark
        self.application_args = ["stage", self.stage_task, "--run", str(run.folder)]
        self.env_vars = {
            "PARLANCE_SPARK_SUBMIT": "1",
            "PARLANCE_EVENTS": "1",
            "PYTHONUNBUFFERED": "1",
            "PYSPARK_PYTHON": settings.conf.get("spark.pyspark.python", sys.executable),
            "PYSPARK_DRIVER_PYTHON": sys.executable,
            **(self.env_vars or {}),
        }
        self._driver_memory = self._driver_memory or settings.driver_memory
        local = master.startswith("local")
        options = f"-Dlog4j2.configurationFile=file:{PIPELINE / 'log4j2.properties'}{f' {LOCAL_JVM}' if local else ''}"
        own = settings.conf.get("spark.driver.extraJavaOptions", "")
        self.conf = {**settings.conf, **(self.conf or {}), "spark.driver.extraJavaOptions": f"{options} {own}".strip()}
        if local:
            self.conf |= {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
        if "spark.pyspark.python" in self.conf:  # of the executors; the driver is this machine's
            self.conf = {"spark.pyspark.driver.python": sys.executable, **self.conf}


class GuardedSparkSubmitHook(SparkSubmitHook):
    """The provider's hook, whose spark-submit runs under pipeline.contract.process_group and speaks to a StageLog."""

    def __init__(self, log: StageLog, hook: SparkSubmitHook) -> None:
        self.__dict__.update(hook.__dict__)
        self._stage_log = log

    @property
    def status(self) -> int:
        """The exit status of spark-submit, 0 while there is none."""
        return (self._submit_sp.returncode or 0) if self._submit_sp else 0

    def submit(self, application: str = "", **settings: Any) -> str | None:
        piped = {"stdin": subprocess.PIPE, "encoding": "utf-8", "errors": "replace", "start_new_session": True}
        return super().submit(application, **piped, **settings)

    def end(self) -> None:
        """Ends spark-submit and all that it started."""
        if self._submit_sp:
            end(self._submit_sp)

    def on_kill(self) -> None:
        super().on_kill()
        self.end()

    def _get_spark_binary_path(self) -> list[str]:
        name = self._connection["spark_binary"]
        path = os.pathsep.join((os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent)))
        binary = shutil.which(name, path=path)
        if binary is None:
            raise AirflowFailException(f"{name}: not on PATH; it comes with the package pyspark")
        return [binary]

    def _mask_cmd(self, connection_cmd: str | list[str]) -> str:
        words = [connection_cmd] if isinstance(connection_cmd, str) else connection_cmd
        return " ".join(masked(word) for word in words)

    def _build_spark_submit_command(self, application: str) -> list[str]:
        return guarded(super()._build_spark_submit_command(application))

    def _process_spark_submit_log(self, itr: Iterator[Any]) -> None:
        super()._process_spark_submit_log(line for raw in itr if (line := self._readable(raw)) is not None)

    def _readable(self, raw: str) -> str | None:
        return None if raw.startswith(JVM_NOISE) else self._stage_log.line(raw)


def master(connection: str) -> str:
    """The Spark master of a connection. Raises AirflowFailException when it is missing."""
    try:
        found = BaseHook.get_connection(connection)
    except AirflowNotFoundException:
        raise AirflowFailException(
            f"connection {connection} is missing; add it under Admin, Connections (type spark, host local[*] or "
            f"spark://HOST:7077), or set AIRFLOW_CONN_{connection.upper()}"
        ) from None
    return found.host or ""
