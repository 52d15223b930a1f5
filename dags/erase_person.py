"""A person removed from all that is kept, at their request."""

from datetime import timedelta

from airflow.sdk import DAG, Param

from dags.pipeline_tasks import DEFAULTS, NO_BACKFILL
from plugins.erase_operator import EraseOperator

DOC = """
Runs `parlance erase` for one user: sessions, memory, feedback, every artifact, reports and logs under the root. Models
that learned from their rows are flagged, sources that others keep refuse them from now on, and a signed certificate in
`erasures/` says what was removed where. It fails while a run makes an artifact: wait for it, and clear the task.

Airflow keeps what a run was triggered with, so the user's id stays in this run's configuration: delete the run
afterwards (*Dag Runs, Delete*) where that is too much. Whoever may trigger this DAG may erase anybody. The profile
whose `serving` names databases and backups is that of `PARLANCE_RETRAIN_PROFILE`.
"""

with DAG(
    "erase_person",
    description="Removes a person from all that is kept, with a signed certificate",
    schedule=None,
    params={
        "user": Param(type="string", minLength=1, maxLength=200, title="User", description="Id of the user"),
    },
    default_args=DEFAULTS | {"retries": 0},
    allowed_run_types=NO_BACKFILL,
    max_active_runs=1,
    dagrun_timeout=timedelta(days=1),
    doc_md=DOC,
    tags=["parlance"],
):
    EraseOperator(task_id="erase")
