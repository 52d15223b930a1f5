"""Airflow's LocalExecutor, with what every task imports imported once.

    AIRFLOW__CORE__EXECUTOR=plugins.warm_executor.WarmLocalExecutor

LocalExecutor forks its workers when the scheduler starts, and each task is forked from a worker: what
the scheduler has imported by then, a task finds in memory. Without it, each task spends most of its
time on the same imports.
"""

from importlib import import_module

from airflow.executors.local_executor import LocalExecutor

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
    """Imports TASK_MODULES, then forks its workers."""

    def start(self) -> None:
        for module in TASK_MODULES:
            import_module(module)
        super().start()
