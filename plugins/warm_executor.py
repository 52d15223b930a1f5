"""Airflow's LocalExecutor, with what every task imports imported once.

    AIRFLOW__CORE__EXECUTOR=plugins.warm_executor.WarmLocalExecutor

LocalExecutor forks its workers when the scheduler starts, and each task is forked from a worker: what
the scheduler has imported by then, a task finds in memory. Without it, each task spends most of its
time on the same imports.

Its tasks die with it. What the scheduler before this one had begun and did not end is begun again, and that is no
failed try: of a task's retries none is lost to a restart.
"""

import time
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

import httpx
from airflow.executors.base_executor import get_execution_api_server_url
from airflow.executors.local_executor import LocalExecutor

if TYPE_CHECKING:
    from airflow.models.taskinstance import TaskInstance

API_SECONDS = 120.0
"""Longest wait for the API server. Without it every task would fail, so it is worth more than a start in vain."""

TASK_MODULES = (
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "jsonschema",
    "plugins.configure_operator",
    "plugins.deepspeed_operator",
    "plugins.report_operator",
    "plugins.review_operators",
    "plugins.spark_operator",
    "plugins.trigger_form",
    "training.job_config",
)


class WarmLocalExecutor(LocalExecutor):
    """Imports TASK_MODULES and forks its workers once the API server answers, whom every task asks for its work."""

    def start(self) -> None:
        for module in TASK_MODULES:
            import_module(module)
        self._await_api()
        super().start()

    def try_adopt_task_instances(self, tis: Sequence["TaskInstance"]) -> Sequence["TaskInstance"]:
        """None of them lives any more. Airflow begins those that are returned again, which counts as a try: as many
        are granted more."""
        for task in tis:
            task.max_tries += 1
        return super().try_adopt_task_instances(tis)

    def _await_api(self) -> None:
        address = get_execution_api_server_url(self.conf).rstrip("/")
        until = time.monotonic() + API_SECONDS
        while time.monotonic() < until:
            try:
                if httpx.get(f"{address}/health", timeout=5).is_success:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.25)
        self.log.warning("the API server at %s does not answer; tasks will fail until it does", address)
