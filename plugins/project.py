"""What Airflow's processes know of the project, wherever they were started."""

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent

DAGS = frozenset({"train_chat_model", "retrain_chat_model"})
"""The DAGs that begin runs of the pipeline."""


def root() -> Path:
    """The folder of artifacts/ and runs/ unless a profile says otherwise: $PARLANCE_ROOT, or var in the project."""
    return Path(os.environ.get("PARLANCE_ROOT") or PROJECT / "var").resolve()
