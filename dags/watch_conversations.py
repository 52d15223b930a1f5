"""A light look at new conversations and feedback, which starts retraining when there is reason."""

import os
from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable

from dags.pipeline_tasks import DEFAULTS, NO_BACKFILL
from plugins.watch_operators import RetrainOperator, WatchOperator

PROFILE = os.environ.get("PARLANCE_RETRAIN_PROFILE", "demo")
CRON = os.environ.get("PARLANCE_WATCH_CRON", "0 * * * *")

DOC = f"""
At `{CRON}` (UTC), `parlance watch` reads the files of profile `{PROFILE}` that no run has read, holds a sample of them
against the corpus that the champion was made of, and counts what people thought of its replies. When their number, a
drift or the ratings are reason enough (`watch` and `drift` in the profile), a run of `retrain_chat_model` is started,
with the reasons as its note; else nothing is. Nothing is started while that DAG is paused or has a run that is not
finished, nor twice for the same files.

The environment variables `PARLANCE_RETRAIN_PROFILE` and `PARLANCE_WATCH_CRON` set profile and clock. To have retraining
started by reasons alone, set `PARLANCE_RETRAIN_CRON` to a date that seldom comes.
"""

with DAG(
    "watch_conversations",
    description="Measures new data and feedback; starts retraining when there is reason",
    schedule=CronTriggerTimetable(CRON, timezone="UTC"),
    catchup=False,
    is_paused_upon_creation=True,
    max_active_runs=1,
    default_args=DEFAULTS | {"execution_timeout": timedelta(hours=2)},
    allowed_run_types=NO_BACKFILL,
    dagrun_timeout=timedelta(hours=6),
    doc_md=DOC,
    tags=["parlance"],
):
    watch = WatchOperator(task_id="watch", profile=PROFILE, doc_md="Measures what is new, and finds reasons.")
    watch >> RetrainOperator(
        task_id="retrain",
        of="watch",
        trigger_dag_id="retrain_chat_model",
        doc_md="Starts retraining, with the reasons as the run's note; skipped without one.",
    )
