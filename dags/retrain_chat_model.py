"""The same run by clock, and whenever new conversations arrive."""

import os
from datetime import timedelta

from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, CronTriggerTimetable

from dags.pipeline_tasks import DEFAULTS, NO_BACKFILL, pipeline_tasks
from plugins.trigger_form import trigger_params

PROFILE = os.environ.get("PARLANCE_RETRAIN_PROFILE", "demo")
CRON = os.environ.get("PARLANCE_RETRAIN_CRON", "0 3 * * 0")

CONVERSATIONS = Asset(name="parlance_conversations", uri="parlance://conversations")

DOC = f"""
The tasks of `train_chat_model` on profile `{PROFILE}`, at `{CRON}` (UTC), and whenever the asset
`parlance_conversations` says that new conversations have arrived. Data that has not changed is not cleaned
twice, and a model that is not better is not promoted. Unpause it to begin; one run at a time.

To say that conversations have arrived: *Assets, parlance_conversations, Create event*; or
`POST /api/v2/assets/events` with `{{"asset_id": ID}}` (`GET /api/v2/assets` lists ids); or a task of another
DAG with `outlets=[Asset(name="parlance_conversations", uri="parlance://conversations")]`.

The environment variables `PARLANCE_RETRAIN_PROFILE` and `PARLANCE_RETRAIN_CRON` set profile and clock.
"""

with DAG(
    "retrain_chat_model",
    description="Retrains by clock and on new conversations; promotes only what is better",
    schedule=AssetOrTimeSchedule(timetable=CronTriggerTimetable(CRON, timezone="UTC"), assets=[CONVERSATIONS]),
    catchup=False,
    is_paused_upon_creation=True,
    max_active_runs=1,
    max_active_tasks=4,
    params=trigger_params(PROFILE),
    default_args=DEFAULTS,
    allowed_run_types=NO_BACKFILL,
    dagrun_timeout=timedelta(days=30),
    doc_md=DOC,
    tags=["parlance"],
):
    pipeline_tasks()
