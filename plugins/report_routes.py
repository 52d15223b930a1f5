"""The routes of the run report inside Airflow: the page, its numbers as JSON, and what the run is at.

Airflow leaves a plugin's routes open to anyone, so each one here asks Airflow's own
authorisation for the right to read runs of its DAG.
"""

from collections.abc import Awaitable, Callable

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from jinja2 import Template
from starlette.exceptions import HTTPException as AnyHTTPException

from configs.credentials import masked
from configs.errors import UserError
from pipeline.report.live import is_over, live, recorded
from pipeline.report.live_page import CONTENT_POLICY, with_live
from plugins.compare_routes import router as compare_router
from plugins.current_report import current
from plugins.dag_runs import run_of, task_states
from plugins.mlflow_routes import router as mlflow_router
from plugins.plan_routes import router as plan_router
from plugins.review_routes import router as review_router
from plugins.search_routes import router as search_router

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

routes = FastAPI(title="Parlance run report", docs_url=None, redoc_url=None, openapi_url=None)
routes.include_router(plan_router)
routes.include_router(review_router)
routes.include_router(compare_router)
routes.include_router(search_router)
routes.include_router(mlflow_router)
may_read_runs = Depends(requires_access_dag(method="GET", access_entity=DagAccessEntity.RUN))


@routes.get("/runs/{dag_id}/{dag_run_id}", dependencies=[may_read_runs])
def page(dag_id: str, dag_run_id: str, session: SessionDep) -> HTMLResponse:
    """The report of a run, built anew when a stage has recorded since; while it goes on, with what it is at."""
    run = run_of(dag_id, dag_run_id, session)
    state = recorded(run)
    report = current(run, "report.html")
    if is_over(run):
        return HTMLResponse(report)
    return HTMLResponse(with_live(report, state), headers={"Content-Security-Policy": CONTENT_POLICY})


@routes.get("/runs/{dag_id}/{dag_run_id}/live.json", dependencies=[may_read_runs])
def now(dag_id: str, dag_run_id: str, session: SessionDep) -> JSONResponse:
    """What the run is at (pipeline.report.live.live), and `tasks`: task to the state that Airflow says."""
    run = run_of(dag_id, dag_run_id, session)
    return JSONResponse(live(run) | {"tasks": task_states(dag_id, dag_run_id, session)})


@routes.get("/runs/{dag_id}/{dag_run_id}/report.json", dependencies=[may_read_runs])
def numbers(dag_id: str, dag_run_id: str, session: SessionDep) -> Response:
    """The same facts as JSON."""
    return Response(current(run_of(dag_id, dag_run_id, session), "report.json"), media_type="application/json")


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


@routes.exception_handler(UserError)
async def damaged(request: Request, error: UserError) -> Response:  # noqa: ARG001
    """The same of what a run's folder no longer tells, as when its profile is damaged."""
    return HTMLResponse(NOTICE.render(title="Not readable", text=masked(str(error))), status_code=500)
