"""From a run to its page in MLflow, by one redirect."""

import httpx
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import APIRouter, Depends, HTTPException
from fastapi.responses import RedirectResponse

from pipeline.report.report import stage_fingerprints
from pipeline.report.tracking import ADDRESS, TRAIN, mlflow_address, mlflow_run
from plugins.dag_runs import run_of

ANSWERS_SECONDS = 5.0

router = APIRouter()
may_read_runs = Depends(requires_access_dag(method="GET", access_entity=DagAccessEntity.RUN))


@router.get("/mlflow/{dag_id}/{dag_run_id}", dependencies=[may_read_runs])
def page(dag_id: str, dag_run_id: str, session: SessionDep) -> RedirectResponse:
    """To the run in MLflow; to its first page while there is none."""
    run = run_of(dag_id, dag_run_id, session)
    address = mlflow_address(run.profile)
    if address is None:
        raise HTTPException(404, f"MLflow's pages are not served here. `make ui` serves them; else set {ADDRESS}.")
    found = mlflow_run(run, stage_fingerprints(run).get(TRAIN))
    experiment = _experiment(address, found) if found else None
    return RedirectResponse(f"{address}/#/experiments/{experiment}/runs/{found}" if experiment else address, 303)


def _experiment(address: str, run_id: str) -> str | None:
    """The id of the run's experiment, which MLflow's page is addressed by."""
    try:
        answer = httpx.get(f"{address}/api/2.0/mlflow/runs/get", params={"run_id": run_id}, timeout=ANSWERS_SECONDS)
        return answer.raise_for_status().json()["run"]["info"]["experiment_id"]
    except (httpx.HTTPError, ValueError, KeyError):
        return None
