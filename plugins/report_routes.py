"""The routes of the run report inside Airflow: the page, and its numbers as JSON.

Airflow leaves a plugin's routes open to anyone, so each one here asks Airflow's own
authorisation for the right to read runs of its DAG.
"""

import threading
from collections.abc import Awaitable, Callable

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Template
from starlette.exceptions import HTTPException as AnyHTTPException

from pipeline.contract.run import Run
from pipeline.report.report import is_current, write_report
from plugins.dag_runs import run_of
from plugins.plan_routes import router as plan_router
from plugins.review_routes import router as review_router

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
routes.include_router(review_router)
may_read_runs = Depends(requires_access_dag(method="GET", access_entity=DagAccessEntity.RUN))


@routes.get("/runs/{dag_id}/{dag_run_id}", dependencies=[may_read_runs])
def page(dag_id: str, dag_run_id: str, session: SessionDep) -> HTMLResponse:
    """The report of a run, built anew when a stage has recorded something since."""
    return HTMLResponse(_current(run_of(dag_id, dag_run_id, session), "report.html"))


@routes.get("/runs/{dag_id}/{dag_run_id}/report.json", dependencies=[may_read_runs])
def numbers(dag_id: str, dag_run_id: str, session: SessionDep) -> Response:
    """The same facts as JSON."""
    return Response(_current(run_of(dag_id, dag_run_id, session), "report.json"), media_type="application/json")


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
