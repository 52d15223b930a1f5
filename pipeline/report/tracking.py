"""Where a run's metrics are shown by MLflow."""

import os
from typing import Any
from urllib.parse import urlsplit

from configs.profile import Profile
from pipeline.contract.run import Run
from pipeline.contract.stages import STAGES

TRAIN = next(name for name, stage in STAGES.items() if stage.engine == "deepspeed")

ADDRESS = "PARLANCE_MLFLOW"
"""Environment variable: where browsers find MLflow's pages. `make ui` sets it to those that it serves."""


def mlflow_address(profile: Profile) -> str | None:
    """The address of MLflow's pages, without credentials; None where nothing is known to serve them."""
    address = os.environ.get(ADDRESS) or profile.tracking.uri or ""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"


def mlflow_run(run: Run, print_: str | None) -> str | None:
    """The id of the MLflow run that the training of this fingerprint logs to, also while it goes on."""
    if print_ is None:
        return None
    artifact = run.store.known(TRAIN, print_)
    try:
        if artifact.path.is_dir():
            return artifact.metrics.get("mlflow_run_id")
        return (run.store.root / TRAIN / f".{print_}.scratch" / "mlflow-run").read_text(encoding="utf-8") or None
    except OSError:
        return None


def tracking(run: Run, print_: str | None) -> dict[str, Any]:
    """{experiment, run, address}, as the report says it. print_: the fingerprint of the training."""
    experiment = run.profile.tracking.experiment
    return {"experiment": experiment, "run": mlflow_run(run, print_), "address": mlflow_address(run.profile)}
