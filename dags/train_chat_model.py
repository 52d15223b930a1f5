"""One run, from raw conversations to a promoted model, triggered by hand."""

from datetime import timedelta

from airflow.sdk import DAG

from dags.pipeline_tasks import DEFAULTS, NO_BACKFILL, pipeline_tasks
from plugins.trigger_form import trigger_params

DOC = """
Takes conversations to a trained, evaluated and, if it is better, promoted chat model.

**Trigger** opens a form: pick a profile, change what the server's guard file lets you, start. Every task logs
what it does, how far it is and what it found; what an earlier run made already is found, not made again. A run
that failed goes on where it stopped: clear the failed task. The tab *Report* of a run shows rows, audit, losses,
scores, samples.

From a terminal, on a machine that has this Airflow's settings:

    airflow dags trigger train_chat_model --conf '{"profile": "demo", "train.steps": 200}'

`make ui` keeps its settings to itself; in the project's folder, they are given by writing
`.venv/bin/python -m plugins.standalone airflow` for `airflow`:

    .venv/bin/python -m plugins.standalone airflow \\
        dags trigger train_chat_model --conf '{"profile": "demo", "train.steps": 200}'
"""

with DAG(
    "train_chat_model",
    description="Raw conversations to a trained, evaluated and promoted chat model",
    schedule=None,
    params=trigger_params(),
    default_args=DEFAULTS,
    allowed_run_types=NO_BACKFILL,
    max_active_tasks=4,
    dagrun_timeout=timedelta(days=30),
    doc_md=DOC,
    tags=["parlance"],
):
    pipeline_tasks()
