"""The page Compare of a run inside Airflow: runs side by side, chosen among those whose reports the reader may read."""

import json
from dataclasses import dataclass
from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from fastapi import APIRouter, Depends, HTTPException, Query
from fastapi.responses import HTMLResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from configs.errors import UserError
from pipeline.contract.champion import champion_fingerprint
from pipeline.contract.run import Run
from pipeline.report.comparison import FEWEST, MOST, comparison
from pipeline.report.comparison_page import render_comparison
from plugins.current_report import building, current
from plugins.dag_runs import begun, run_of
from plugins.project import DAGS

LISTED = 100
"""Runs to choose from, the latest."""

CONTENT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)

router = APIRouter()
may_read_runs = Depends(requires_access_dag(method="GET", access_entity=DagAccessEntity.RUN))


@dataclass(frozen=True)
class Choice:
    """A DAG run that has a report."""

    dag_id: str
    run_id: str
    state: str
    at: str

    @property
    def value(self) -> str:
        """As the page's address names it."""
        return f"{self.dag_id}/{self.run_id}"


@router.get("/compare/{dag_id}/{dag_run_id}", dependencies=[may_read_runs])
def page(
    dag_id: str,
    dag_run_id: str,
    session: SessionDep,
    user: GetUserDep,
    run: Annotated[list[str] | None, Query(max_length=2 * MOST)] = None,
) -> HTMLResponse:
    """The runs that `run` names, as DAG/RUN, in the order of the list; without any, this run and the champion's, or the
    latest before it."""
    this = run_of(dag_id, dag_run_id, session)
    allowed = _readable(user)
    listed = _choices(allowed, session)
    champion = _champions(this, listed)
    here = f"{dag_id}/{dag_run_id}"
    wanted = list(dict.fromkeys(run)) if run else _usual(here, champion, listed)
    runs = [_open(value, allowed, session) for value in wanted]
    found, error = None, ""
    if len(runs) >= FEWEST:
        try:
            found = comparison(runs, [json.loads(current(each, "report.json")) for each in runs])
        except UserError as problem:
            error = str(problem)
    elif run:
        error = f"Choose {FEWEST} to {MOST} runs."
    choices = [
        {"value": c.value, "state": c.state, "at": c.at, "chosen": c.value in wanted, "champion": c.value == champion}
        for c in listed
    ]
    with building:
        html = render_comparison(found, choices, error)
    return HTMLResponse(html, headers={"Content-Security-Policy": CONTENT_POLICY})


def _readable(user: Any) -> list[str]:
    """The DAGs whose runs a user may read: those of runs of another DAG than the address's are compared as well."""
    manager = get_auth_manager()
    return [
        dag_id
        for dag_id in sorted(DAGS)
        if manager.is_authorized_dag(
            method="GET",
            access_entity=DagAccessEntity.RUN,
            details=DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id)),
            user=user,
        )
    ]


def _choices(allowed: list[str], session: Session) -> list[Choice]:
    rows = session.execute(
        select(DagRun.dag_id, DagRun.run_id, DagRun.state, DagRun.run_after)
        .where(DagRun.dag_id.in_(allowed))
        .order_by(DagRun.run_after.desc())
        .limit(LISTED)
    )
    return [
        Choice(dag_id, run_id, str(state), at.isoformat(timespec="seconds"))
        for dag_id, run_id, state, at in rows
        if begun(dag_id, run_id)
    ]


def _champions(this: Run, listed: list[Choice]) -> str:
    """The listed run whose model is in use; empty when none's is."""
    found = champion_fingerprint(this.root, this.profile.promote.model_name, "evaluate")
    if found is None:
        return ""
    for choice in listed:
        run = begun(choice.dag_id, choice.run_id)
        outcome = run and run.outcome("evaluate")
        if outcome and outcome["fingerprint"] == found:
            return choice.value
    return ""


def _usual(here: str, champion: str, listed: list[Choice]) -> list[str]:
    """The champion's run, or the latest before this one; then this one."""
    values = [choice.value for choice in listed]
    before = values[values.index(here) + 1 :] if here in values else []
    other = champion if champion and champion != here else next(iter(before), "")
    return [other, here] if other else [here]


def _open(value: str, allowed: list[str], session: Session) -> Run:
    """Raises HTTPException for a run that is not there, or whose DAG the reader may not read."""
    dag_id, _, run_id = value.partition("/")
    if dag_id not in allowed:
        raise HTTPException(403, "You may not read runs of that DAG.")
    return run_of(dag_id, run_id, session)
