"""What Airflow's processes know of the project, wherever they were started."""

import os
from pathlib import Path

from pipeline.contract.mirror import root_folder

PROJECT = Path(__file__).resolve().parent.parent

DAGS = frozenset({"train_chat_model", "retrain_chat_model"})
"""The DAGs that begin runs of the pipeline."""


def run_name(dag_id: str, run_id: str) -> str:
    """What a DAG run is called where runs of several DAGs lie beside each other: DAG/RUN, unless it is the first DAG's.

    Two DAGs may have runs of one id; no id contains a slash ([scheduler] allowed_run_id_pattern).
    """
    return run_id if dag_id == "train_chat_model" else f"{dag_id}/{run_id}"


def root() -> Path:
    """The folder of artifacts/ and runs/ unless a profile says otherwise: $PARLANCE_ROOT, or var in the project."""
    return root_folder(os.environ.get("PARLANCE_ROOT") or str(PROJECT / "var"))
