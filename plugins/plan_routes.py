"""The page Plan of a DAG inside Airflow: what a run would take, before it is triggered, and a button that triggers it.

The trigger form cannot compute; this page has its fields with what the chosen profile says, refuses what the run would
refuse in its first task, and says hours, machines, memory, disk and money. Only who may trigger runs may ask, and only
for what a trigger may set (configs/guard.py): profiles and data are files of the server. The button asks Airflow's own
API, as whoever is signed in.
"""

import base64
import hashlib
import io
import json
import threading
from pathlib import Path
from typing import Annotated, Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import HTMLResponse
from jinja2 import Template

from configs.credentials import masked
from configs.errors import UserError
from configs.guard import load_guard
from configs.load import key_and_value
from configs.profile import Profile
from plugins.configure_operator import resolve
from plugins.profile_values import PRESETS, profiles
from plugins.project import DAGS
from plugins.trigger_form import Field, fields

FIRST = "demo"
"""The profile that the page begins with."""

LONGEST = 10_000
"""Characters of settings that are looked at."""

TEMPLATE = (Path(__file__).parent / "plan.html.j2").read_text(encoding="utf-8")
SCRIPT = TEMPLATE.split("<script>")[1].split("</script>")[0]
DIGEST = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()

CONTENT_POLICY = (
    f"default-src 'none'; script-src 'sha256-{DIGEST}'; style-src 'unsafe-inline'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)

PAGE = Template(TEMPLATE, autoescape=True, trim_blocks=True, lstrip_blocks=True)

planning = threading.Lock()  # an estimate samples files: one at a time
router = APIRouter()
may_trigger = Depends(requires_access_dag(method="POST", access_entity=DagAccessEntity.RUN))


@router.get("/plan/{dag_id}", dependencies=[may_trigger])
def page(
    request: Request,
    dag_id: str,
    profile: Annotated[str, Query(max_length=LONGEST)] = "",
    data: Annotated[str, Query(max_length=LONGEST)] = "",
    overrides: Annotated[str, Query(max_length=LONGEST)] = "",
    only: str = "",
) -> HTMLResponse:
    """The form, and the plan of what it holds. only: fields, where another profile was chosen and nothing is asked."""
    if dag_id not in DAGS:
        raise HTTPException(404, f"Runs of {dag_id} are not planned by Parlance.")
    text = error = refused = ""
    known: dict[str, Profile] = {}
    sections: dict[str, list[Field]] = {}
    filled: dict[str, str] = {}
    try:
        guard = load_guard()
        known = profiles(guard)
        sections = fields(guard, known.get(profile or FIRST))
        keys = {field.key for several in sections.values() for field in several}
        filled = {key: value for key in keys if (value := request.query_params.get(key, "").strip()[:LONGEST])}
        if profile and not only:
            settings = [*(f"{key}={value}" for key, value in filled.items()), *_lines(overrides)]
            with planning:
                resolved = resolve({"profile": profile, "data": data or None, "overrides": settings})
                text, refused = plan_text(resolved), refusal(resolved)
    except UserError as problem:
        error = masked(str(problem))
    html = PAGE.render(
        dag_id=dag_id,
        profile=profile or FIRST,
        presets={what: name for what, name in PRESETS.items() if name in known},
        descriptions={name: found.description for name, found in known.items()},
        sections=sections,
        filled=filled,
        data=data,
        overrides=overrides,
        text=text,
        error=error,
        refused=refused,
        conf=json.dumps(conf(profile, data, filled, overrides)) if text else "",
    )
    return HTMLResponse(html, headers={"Content-Security-Policy": CONTENT_POLICY})


def conf(profile: str, data: str, filled: dict[str, str], overrides: str) -> dict[str, Any]:
    """What a run is triggered with, by the page as by Airflow's form."""
    values = {key: key_and_value(f"{key}={value}")[1] for key, value in filled.items()}
    return {"profile": profile, "data": data or None, "overrides": _lines(overrides), **values}


def _lines(overrides: str) -> list[str]:
    return [line.strip() for line in overrides.splitlines() if line.strip()]


def plan_text(profile: Profile) -> str:
    """The plan as plain text. Raises UserError."""
    from rich.console import Console

    from pipeline.contract.mirror import root_folder
    from pipeline.planning.estimate import estimate
    from pipeline.planning.render import print_plan

    out = io.StringIO()
    try:
        print_plan(estimate(profile, root_folder(profile.storage.root)), Console(file=out, width=130, no_color=True))
    except (OverflowError, ValueError) as problem:  # an infinite number among the results
        raise UserError("plan: a number is too large to plan with; give smaller ones under plan") from problem
    return out.getvalue()


def refusal(profile: Profile) -> str:
    """Why the run would end in its first task, as far as this server can see; empty when it would not. Workers may have
    other programs and disks."""
    from pipeline.contract.stages import STAGES

    try:
        for stage in STAGES.values():
            stage.refuse(profile)
    except UserError as problem:
        return masked(str(problem))
    return ""
