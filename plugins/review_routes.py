"""The page Review of a run inside Airflow: rows that say whether the audit and the rules are right, to be marked.

It shows whole conversations, so only those see it who may answer the approval that it is for; whose marks count is the
profile's `approval`, as it is of answers (plugins/reviewers.py).
"""

import json
from collections.abc import Callable
from typing import Annotated, Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse

from configs.errors import UserError
from pipeline.review.desk import HEADERS, LONGEST_MARK, PAGE, Desk
from plugins.dag_runs import run_of, triggered_by
from plugins.reviewers import called, may_not_mark

may_answer = Depends(requires_access_dag(method="PUT", access_entity=DagAccessEntity.HITL_DETAIL))
router = APIRouter(prefix="/review/{dag_id}/{dag_run_id}", dependencies=[may_answer])


def _desk(dag_id: str, dag_run_id: str, session: SessionDep, user: GetUserDep) -> Desk:
    run = run_of(dag_id, dag_run_id, session)
    names, approval = {"id": user.get_id(), "name": user.get_name()}, run.profile.approval
    return Desk(run, called(names, approval), may_not_mark(names, approval, triggered_by(dag_id, dag_run_id, session)))


ADesk = Annotated[Desk, Depends(_desk)]


@router.get("")
def page(desk: ADesk) -> HTMLResponse:  # noqa: ARG001, which refuses whom it must
    """The page, the same for all runs."""
    return HTMLResponse(PAGE, headers=HEADERS)


@router.get("/sample.json")
def sample(desk: ADesk) -> JSONResponse:
    """The rows, and the reviewer's own marks."""
    return _answer(desk.rows)


@router.get("/results.json")
def results(desk: ADesk) -> JSONResponse:
    """What all marks say."""
    return _answer(desk.results)


@router.post("/marks")
async def mark(desk: ADesk, request: Request) -> JSONResponse:
    """Keeps a mark. Another page cannot send one: for a body of this type a browser asks first, and is told no."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return JSONResponse({"detail": "a mark is application/json"}, 415)
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return JSONResponse({"detail": "another page's request"}, 403)
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_MARK:
            return JSONResponse({"detail": f"a mark is at most {LONGEST_MARK:,} bytes"}, 413)
    return await run_in_threadpool(_answer, lambda: {"at": desk.mark(_parsed(body)).at})


def _answer(value: Callable[[], dict[str, Any]]) -> JSONResponse:
    try:
        return JSONResponse(json.loads(json.dumps(value(), default=str)))
    except UserError as error:
        return JSONResponse({"detail": str(error)}, 400)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        raise UserError("a mark is JSON") from None
