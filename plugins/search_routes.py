"""The page Search of a run inside Airflow: its corpus by meaning, a row's story and neighbours, and the map.

It shows whole conversations of whomever one asks for, so it is open to those who may see rows under review: who may
answer the approval (docs/security.md).
"""

from typing import Annotated, Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse, JSONResponse

from configs.errors import UserError
from pipeline.report.search_page import CONTENT_POLICY, map_of, render_search
from plugins.dag_runs import run_of
from plugins.search_process import Searches

LONGEST = 10_000
may_answer = Depends(requires_access_dag(method="PUT", access_entity=DagAccessEntity.HITL_DETAIL))
router = APIRouter(prefix="/search/{dag_id}/{dag_run_id}", dependencies=[may_answer])
searches = Searches()

Text = Annotated[str, Query(max_length=LONGEST)]


@router.get("")
def page(
    dag_id: str,
    dag_run_id: str,
    session: SessionDep,
    q: Text = "",
    row: Text = "",
    source: Text = "",
    topic: Text = "",
    split: Text = "",
    user: Text = "",
    state: Text = "all",
    least: Text = "",
    limit: Text = "10",
) -> HTMLResponse:
    """The form, what it finds, and the map. A text that is written counts before a row."""
    run = run_of(dag_id, dag_run_id, session)
    asked = {"q": q, "row": "" if q.strip() else row.strip(), "source": source, "topic": topic, "split": split,
             "user": user.strip(), "state": state, "least": least.strip(), "limit": limit.strip()}  # fmt: skip
    found, error = None, ""
    if q.strip() or asked["row"]:
        try:
            found = searches.ask(run, _query(asked))
        except UserError as problem:
            error = str(problem)
    html = render_search(run, asked, found, error)
    return HTMLResponse(html, headers={"Content-Security-Policy": CONTENT_POLICY})


@router.get("/map.json")
def themap(dag_id: str, dag_run_id: str, session: SessionDep) -> JSONResponse:
    """What the map's script draws."""
    return JSONResponse(map_of(run_of(dag_id, dag_run_id, session)))


def _query(asked: dict[str, str]) -> dict[str, Any]:
    """As pipeline.report.search.Query reads it, which refuses what makes no sense."""
    narrowed = {name: [asked[name]] for name in ("source", "topic", "split", "user") if asked[name]}
    least = {"least": asked["least"]} if asked["least"] else {}
    return (
        {"text": asked["q"], "row": asked["row"], "state": asked["state"], "limit": asked["limit"]} | narrowed | least
    )
