"""The tasks of a run and what runs after what, for every DAG that trains: as the stages declare it."""

from datetime import timedelta
from typing import Any

from airflow.sdk import BaseOperator, TriggerRule
from airflow.utils.types import DagRunType

from pipeline.contract.stages import TASKS, right_above, stages_of
from plugins.configure_operator import ConfigureOperator
from plugins.deepspeed_operator import GPU_POOL, DeepSpeedOperator
from plugins.drift_operator import DriftOperator
from plugins.last_word import say_last
from plugins.notify import CALLBACKS, tell_failure
from plugins.project import PROJECT
from plugins.report_operator import ReportOperator
from plugins.review_operators import AuditApproval, ReviewBranch, ReviewOperator
from plugins.spark_operator import ParlanceSparkOperator
from plugins.stage_operator import StageOperator

DEFAULTS: dict[str, Any] = {
    "owner": "parlance",
    "retries": 1,
    "retry_delay": timedelta(seconds=15),
    "execution_timeout": timedelta(hours=24),
    "on_failure_callback": [say_last, tell_failure],
    "on_retry_callback": say_last,
}

NO_BACKFILL: list[Any] = [kind for kind in DagRunType if kind != DagRunType.BACKFILL_JOB]
"""Kinds of run. A backfill gives a run of the clock, which nobody triggered, or of another user, the settings of
whoever makes it, who could then approve them (approval.own_runs).
"""

GPU_POD = PROJECT / "docker" / "pod-train.yaml"
"""The pod of a task on GPUs, where each task is a pod. Other executors pass it over."""

OPERATORS: dict[str, type[BaseOperator]] = {
    "python": StageOperator,
    "spark": ParlanceSparkOperator,
    "deepspeed": DeepSpeedOperator,
}
"""By the engine of a task's stages."""

DOCS = {
    "configure": "Resolves the profile and the form's fields, and refuses what would fail later. Starts the run.",
    "drift": "Holds the corpus against the champion's: topics, lengths, words and more, each tested by resampling.",
    "choose_reviewer": "Whether a human is asked: if the profile says so, and this data has no decision yet.",
    "approve": "Waits for a human, whom the profile's `approval` lets, to approve or reject the data. No answer within "
    "the time is a rejection.",
    "report": "Writes the run's report, also of a run that failed. It does not decide the run's state.",
}
"""Of the tasks that are no stage's."""


def pipeline_tasks() -> dict[str, BaseOperator]:
    """Creates the tasks in the DAG of the surrounding `with`, and returns them by name.

    A task runs after those whose artifacts its stages read; one that asks, after the question. The report is written
    last.
    """
    [asking] = [task for task in TASKS if _asks(task)]
    tasks: dict[str, BaseOperator] = {
        "configure": ConfigureOperator(task_id="configure", execution_timeout=timedelta(hours=1)),
        "drift": DriftOperator(task_id="drift", execution_timeout=timedelta(hours=2)),
        "choose_reviewer": ReviewBranch(task_id="choose_reviewer", ask="approve", decide=asking),
        "approve": AuditApproval(task_id="approve", execution_timeout=None),
        "report": ReportOperator(task_id="report", execution_timeout=timedelta(hours=1)),
    }
    for name, operator in tasks.items():
        operator.doc_md = DOCS[name]
    tasks |= {task: _stages(task) for task in TASKS}

    for task in TASKS:
        before = [tasks[name] for name in sorted(right_above(task))] or [tasks["configure"]]
        if task == asking:
            before >> tasks["drift"] >> tasks["choose_reviewer"] >> tasks["approve"] >> tasks[task]
            before = [tasks["choose_reviewer"]]
        before >> tasks[task]
    last = set(TASKS).difference(*(right_above(task) for task in TASKS))
    [tasks[name] for name in sorted(last)] >> tasks["report"].as_teardown()  # runs after failures, never hides one
    return tasks


def _stages(task: str) -> BaseOperator:
    """The operator that runs a task's stages."""
    stages = stages_of(task)
    on_gpus = any(stage.work.gpus != "none" for stage in stages)
    settings: dict[str, Any] = {
        "task_id": task,
        "doc_md": " ".join(stage.doc for stage in stages),
        "pool": GPU_POOL if on_gpus else "default_pool",
        "executor_config": {"pod_template_file": str(GPU_POD)} if on_gpus else {},
        "retries": max(stage.work.retries for stage in stages),
        "execution_timeout": timedelta(hours=max(stage.work.hours for stage in stages)),
        "on_success_callback": CALLBACKS.get(task),
    }
    if _asks(task):
        return ReviewOperator(trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS, **settings)
    return OPERATORS[stages[-1].engine](task=task, **settings)


def _asks(task: str) -> bool:
    return any(stage.asks for stage in stages_of(task))
