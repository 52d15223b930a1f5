"""MLflow's pages over the tracking store under the root, for this machine's browsers only."""

import os
import subprocess
import sys
from pathlib import Path

from configs.promote import Tracking
from pipeline.contract.process_group import end, guarded
from plugins.project import PROJECT

LOOPBACK = "127.0.0.1"


class TrackingServer:
    """`mlflow server` over SQLite in <root>/mlflow.db, as a context manager.

    It listens on the loopback address and asks nobody who he is: whoever has an account on this machine may read and
    change the tracking store by it, as `make ui` says of itself. It runs under a guard, so it does not survive this
    process.
    """

    def __init__(self, root: Path, port: int) -> None:
        self.root, self.port = root, port
        self.address = f"http://{LOOPBACK}:{port}"
        self.log = root / "airflow" / "logs" / "mlflow.log"

    def __enter__(self) -> "TrackingServer":
        self.log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "mlflow", "server", "--host", LOOPBACK, "--port", str(self.port)]
        command += ["--workers", "1", "--backend-store-uri", Tracking().address(self.root)]
        command += ["--default-artifact-root", (self.root / "mlruns").as_uri()]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                guarded(command),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
                cwd=PROJECT,
                start_new_session=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        end(self._process, seconds=5)
