"""The routes of the run report inside Airflow: the page, and its numbers as JSON.

Airflow leaves a plugin's routes open to anyone, so each one here asks Airflow's own
authorisation for the right to read runs of its DAG.
"""

import threading
from collections.abc import Awaitable, Callable

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import requires_access_dag
from airflow.models.dagrun import DagRun
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Template
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException as AnyHTTPException

from configs.errors import UserError
from pipeline.contract.run import Run
from pipeline.contract.run_folder import folder_of
from pipeline.report.report import is_current, write_report
from plugins.plan_routes import router as plan_router
from plugins.project import DAGS, root, run_name

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

NOTICE = Template(
    """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>{{ title }} · Parlance</title>
<style>body{font:1rem/1.55 system-ui,sans-serif;max-width:36rem;margin:4rem auto;padding:0 1.5rem}</style>
<h1>{{ title }}</h1><p>{{ text }}</p></html>""",
    autoescape=True,
)

TITLES = {401: "Not signed in", 403: "Not allowed", 404: "No report"}

building = threading.Lock()  # matplotlib's settings and a report's partial files are the process's own
routes = FastAPI(title="Parlance run report", docs_url=None, redoc_url=None, openapi_url=None)
routes.include_router(plan_router)
may_read_runs = Depends(requires_access_dag(method="GET", access_entity=DagAccessEntity.RUN))


@routes.get("/runs/{dag_id}/{dag_run_id}", dependencies=[may_read_runs])
def page(dag_id: str, dag_run_id: str, session: SessionDep) -> HTMLResponse:
    """The report of a run, built anew when a stage has recorded something since."""
    return HTMLResponse(_current(_run(dag_id, dag_run_id, session), "report.html"))


@routes.get("/runs/{dag_id}/{dag_run_id}/report.json", dependencies=[may_read_runs])
def numbers(dag_id: str, dag_run_id: str, session: SessionDep) -> Response:
    """The same facts as JSON."""
    return Response(_current(_run(dag_id, dag_run_id, session), "report.json"), media_type="application/json")


@routes.middleware("http")
async def secure(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Sets the security headers on every answer."""
    response = await call_next(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


@routes.exception_handler(AnyHTTPException)
async def notice(request: Request, error: AnyHTTPException) -> Response:  # noqa: ARG001
    """Says in a page of its own what is wrong."""
    text = NOTICE.render(title=TITLES.get(error.status_code, "Error"), text=error.detail)
    return HTMLResponse(text, status_code=error.status_code, headers=error.headers)


def _current(run: Run, name: str) -> bytes:
    """The bytes of report.html or report.json, as new as the run's newest record."""
    with building:
        if not is_current(run):
            write_report(run)
    return (run.folder / name).read_bytes()


def _run(dag_id: str, dag_run_id: str, session: Session) -> Run:
    """The run of a DAG run. Raises HTTPException 404 when it has none, as those of other DAGs than ours."""
    if dag_id not in DAGS:
        raise HTTPException(404, f"Runs of {dag_id} have no Parlance report.")
    runs = root() / "runs"
    folder = folder_of(runs, run_name(dag_id, dag_run_id))
    known = session.scalar(select(DagRun.id).where(DagRun.dag_id == dag_id, DagRun.run_id == dag_run_id))
    try:
        if known is None or folder.resolve() != folder or folder.parent != runs:  # a run named latest, . or ..
            raise UserError(f"{dag_id} has no run {dag_run_id} that may have a report")
        return Run.open(runs.parent, folder.name)
    except UserError as error:
        text = f"Run {dag_run_id} has no report yet. It appears when the run has been configured."
        raise HTTPException(404, text) from error
