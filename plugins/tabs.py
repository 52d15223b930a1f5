"""The tabs Report, Compare, Search and Review of every DAG run and Plan of every DAG, the buttons of tasks that lead
there, and MLflow in the menu: registers plugins.report_routes with Airflow.

Airflow imports its plugins in every process, also in each task's; only the API server needs the
routes, so they are imported with the first request.
"""

import os
from typing import Any

from airflow.plugins_manager import AirflowPlugin
from starlette.types import Receive, Scope, Send

from plugins.links import MlflowLink, ReportLink

PREFIX = "/parlance"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """The routes, as an ASGI application."""
    from plugins.report_routes import routes

    await routes(scope, receive, send)


def _mlflow() -> list[dict[str, str]]:
    """An entry of the menu that opens MLflow's pages, where something serves them."""
    address = os.environ.get("PARLANCE_MLFLOW")
    return [{"name": "MLflow", "href": address, "destination": "nav", "category": "Browse"}] if address else []


class ReportPage(AirflowPlugin):
    """The routes under /parlance, and the tabs."""

    name = "parlance_report"
    fastapi_apps: list[Any] = [{"app": app, "url_prefix": PREFIX, "name": "Parlance run report"}]  # noqa: RUF012
    external_views: list[Any] = [  # noqa: RUF012
        {
            "name": "Report",
            "href": PREFIX.removeprefix("/") + "/runs/{DAG_ID}/{RUN_ID}",  # relative: Airflow may live under a path
            "destination": "dag_run",
            "url_route": "parlance-report",
        },
        {
            "name": "Compare",
            "href": PREFIX.removeprefix("/") + "/compare/{DAG_ID}/{RUN_ID}",
            "destination": "dag_run",
            "url_route": "parlance-compare",
        },
        {
            "name": "Search",
            "href": PREFIX.removeprefix("/") + "/search/{DAG_ID}/{RUN_ID}",
            "destination": "dag_run",
            "url_route": "parlance-search",
        },
        {
            "name": "Review",
            "href": PREFIX.removeprefix("/") + "/review/{DAG_ID}/{RUN_ID}",
            "destination": "dag_run",
            "url_route": "parlance-review",
        },
        {
            "name": "Plan",
            "href": PREFIX.removeprefix("/") + "/plan/{DAG_ID}",
            "destination": "dag",
            "url_route": "parlance-plan",
        },
        *_mlflow(),
    ]
    global_operator_extra_links: list[Any] = [ReportLink(), MlflowLink()]  # noqa: RUF012
