"""Which run of the pipeline a DAG run of Airflow's is, for the pages in its API server."""

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from fastapi import HTTPException
from sqlalchemy import select
from sqlalchemy.orm import Session

from configs.errors import UserError
from pipeline.contract.run import Run
from pipeline.contract.run_folder import folder_of
from plugins.project import DAGS, root, run_name

ASKS_AGAIN_SECONDS = 5


def run_of(dag_id: str, dag_run_id: str, session: Session) -> Run:
    """The run of a DAG run. Raises HTTPException 404 when it has none, as those of other DAGs than ours; of one that is
    to come, browsers are told to ask again."""
    if dag_id not in DAGS:
        raise HTTPException(404, f"Runs of {dag_id} have no Parlance report.")
    known = session.scalar(select(DagRun.id).where(DagRun.dag_id == dag_id, DagRun.run_id == dag_run_id))
    run = begun(dag_id, dag_run_id) if known is not None else None
    if run is None:
        text = f"Run {dag_run_id} has no report yet. It appears when the run has been configured."
        raise HTTPException(404, text, {"Refresh": str(ASKS_AGAIN_SECONDS)} if known is not None else None)
    return run


def begun(dag_id: str, dag_run_id: str) -> Run | None:
    """The run of a DAG run that Airflow knows of, once it has been configured."""
    runs = root() / "runs"
    folder = folder_of(runs, run_name(dag_id, dag_run_id))
    try:
        if folder.resolve() != folder or folder.parent != runs:  # a run named latest, . or ..
            return None
        return Run.open(runs.parent, folder.name)
    except (UserError, OSError, ValueError):
        return None


def triggered_by(dag_id: str, dag_run_id: str, session: Session) -> str | None:
    """The user who triggered a DAG run; None for the clock's and an event's."""
    return session.scalar(
        select(DagRun.triggering_user_name).where(DagRun.dag_id == dag_id, DagRun.run_id == dag_run_id)
    )


def task_states(dag_id: str, dag_run_id: str, session: Session) -> dict[str, str]:
    """Task to its state, of those that have one."""
    rows = session.execute(
        select(TaskInstance.task_id, TaskInstance.state).where(
            TaskInstance.dag_id == dag_id, TaskInstance.run_id == dag_run_id, TaskInstance.state.is_not(None)
        )
    )
    return {task: str(state) for task, state in rows}
