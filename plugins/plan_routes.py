"""The page Plan of a DAG inside Airflow: what a run would take, before it is triggered.

The trigger form cannot compute; this page takes the same profile and settings and says hours, machines,
memory, disk and money. Only who may trigger runs may ask, and only for what a trigger may set (configs/guard.py):
profiles and data are files of the server.
"""

import io
import threading
from typing import Annotated

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import APIRouter, Depends, HTTPException, Query
from fastapi.responses import HTMLResponse
from jinja2 import Template

from configs.credentials import masked
from configs.errors import UserError
from configs.guard import load_guard
from plugins.project import DAGS

LONGEST = 10_000
"""Characters of settings that are looked at."""

CONTENT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)

PAGE = Template(
    """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>Plan · Parlance</title>
<style>
body{font:1rem/1.5 system-ui,sans-serif;max-width:72rem;margin:1.5rem auto;padding:0 1.5rem}
form{display:grid;grid-template-columns:max-content 1fr;gap:.5rem 1rem;max-width:48rem}
input,textarea{font:inherit;padding:.3rem}button{grid-column:2;justify-self:start;padding:.4rem 1.2rem;font:inherit}
pre{overflow-x:auto;font:.85rem/1.45 ui-monospace,monospace}
.error{border-left:.25rem solid #c33;padding-left:1rem}
</style>
<h1>What a run would take</h1>
<form method="get">
<label for="profile">Profile</label><input id="profile" name="profile" value="{{ profile }}" list="names" required>
<datalist id="names">{% for name in names %}<option value="{{ name }}">{% endfor %}</datalist>
<label for="data">Data</label><input id="data" name="data" value="{{ data }}" placeholder="as the profile says">
<label for="overrides">Settings</label>
<textarea id="overrides" name="overrides" rows="3" placeholder="one section.key=value a line">{{ overrides }}</textarea>
<button>Estimate</button>
</form>
{% if error %}<p class="error" role="alert">{{ error }}</p>{% endif %}
{% if text %}<pre>{{ text }}</pre>{% endif %}
</html>""",
    autoescape=True,
)

planning = threading.Lock()  # an estimate samples files: one at a time
router = APIRouter()
may_trigger = Depends(requires_access_dag(method="POST", access_entity=DagAccessEntity.RUN))


@router.get("/plan/{dag_id}", dependencies=[may_trigger])
def page(
    dag_id: str,
    profile: Annotated[str, Query(max_length=LONGEST)] = "",
    data: Annotated[str, Query(max_length=LONGEST)] = "",
    overrides: Annotated[str, Query(max_length=LONGEST)] = "",
) -> HTMLResponse:
    """The form, and the plan of what it holds."""
    if dag_id not in DAGS:
        raise HTTPException(404, f"Runs of {dag_id} are not planned by Parlance.")
    text = error = ""
    names: list[str] = []
    try:
        names = load_guard().names()
        if profile:
            with planning:
                text = plan_text(profile, data, overrides)
    except UserError as problem:
        error = masked(str(problem))
    values = {"profile": profile or "demo", "data": data, "overrides": overrides}
    html = PAGE.render(names=names, text=text, error=error, **values)
    return HTMLResponse(html, headers={"Content-Security-Policy": CONTENT_POLICY})


def plan_text(profile: str, data: str, overrides: str) -> str:
    """The plan as plain text. Raises UserError."""
    from pathlib import Path

    from rich.console import Console

    from pipeline.planning.estimate import estimate
    from pipeline.planning.render import print_plan
    from plugins.configure_operator import resolve

    lines = [line.strip() for line in overrides.splitlines() if line.strip()]
    resolved = resolve({"profile": profile, "data": data or None, "overrides": lines})
    out = io.StringIO()
    try:
        print_plan(estimate(resolved, Path(resolved.storage.root)), Console(file=out, width=130, no_color=True))
    except (OverflowError, ValueError) as problem:  # an infinite number among the results
        raise UserError("plan: a number is too large to plan with; give smaller ones under plan") from problem
    return out.getvalue()
