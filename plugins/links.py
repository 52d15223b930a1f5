"""The buttons on each task's page that lead to the run's report, and from training to MLflow.

They are global links, which the API server makes when it is asked: an operator's own are there only once its task has
ended, and a report is wanted while it runs.
"""

from typing import Any
from urllib.parse import quote, urlsplit

from airflow.configuration import conf
from airflow.sdk import BaseOperatorLink

from plugins.project import DAGS

NONE = ""
"""What Airflow shows no button for."""


def _under(path: str) -> str:
    """A path of Airflow's, wherever a proxy puts it."""
    return urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/") + path


class ReportLink(BaseOperatorLink):
    """To the tab Report of the task's run."""

    name = "Report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002
        if ti_key.dag_id not in DAGS:
            return NONE
        return _under(f"/dags/{quote(ti_key.dag_id)}/runs/{quote(ti_key.run_id, safe='')}/plugin/parlance-report")


class MlflowLink(BaseOperatorLink):
    """From the tasks that train and register to the run's page in MLflow, where something serves it."""

    name = "MLflow"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002
        from pipeline.contract.stages import STAGES
        from pipeline.report.tracking import mlflow_address
        from plugins.dag_runs import begun

        tasks = {stage.task for stage in STAGES.values() if stage.holds == "weights"}
        if ti_key.dag_id not in DAGS or ti_key.task_id not in tasks:
            return NONE
        run = begun(ti_key.dag_id, ti_key.run_id)
        if run is None or mlflow_address(run.profile) is None:
            return NONE
        return _under(f"/parlance/mlflow/{quote(ti_key.dag_id)}/{quote(ti_key.run_id, safe='')}")
