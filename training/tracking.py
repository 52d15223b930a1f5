"""MLflow: follows metrics.jsonl and logs what it finds.

In the stage's own process, not in a rank: a tracking server that is slow or gone must not keep
thirty-two GPUs waiting, and a failure to log never fails training.
"""

import logging
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from pipeline.progress import say
from training.metrics import METRICS, read_metrics
from training.plan import Plan

SECONDS = 10.0
BATCH = 500


class Tracker:
    """Logs a training run to MLflow, under the run's own id, while the body runs.

    An attempt that resumes continues the MLflow run that the killed one began.
    """

    def __init__(self, uri: str | None, experiment: str, name: str, root: Path, plan: Plan) -> None:
        self.uri = uri or f"sqlite:///{root / 'mlflow.db'}"
        self.run_id: str | None = None
        self._artifacts = None if uri else (root / "mlruns").as_uri()
        self._experiment, self._name, self._plan = experiment, name, plan
        self._ended = threading.Event()
        self._failed = False
        self._logged: dict[str, int] = {}
        self._thread = threading.Thread(target=self._follow, daemon=True, name="mlflow")

    def __enter__(self) -> "Tracker":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._failed = kind is not None
        self._ended.set()
        self._thread.join(timeout=60)

    def _follow(self) -> None:
        path = self._plan.out / METRICS
        while not path.exists():  # MLflow is slow to start: not while the ranks start too
            if self._ended.wait(1.0):
                return
        try:
            client = self._client()
            ended = False
            while not ended:
                ended = self._ended.wait(SECONDS)
                self._log(client, path)
            client.set_terminated(self.run_id, "FAILED" if self._failed else "FINISHED")
        except Exception as error:
            say(f"train: MLflow at {self.uri} does not take the metrics ({error}); training goes on without it")

    def _client(self) -> Any:
        from mlflow import MlflowClient

        for library in ("mlflow", "alembic"):
            logging.getLogger(library).setLevel(logging.WARNING)

        client = MlflowClient(self.uri)
        found = client.get_experiment_by_name(self._experiment)
        experiment = (
            found.experiment_id
            if found
            else client.create_experiment(self._experiment, artifact_location=self._artifacts)
        )
        memory = self._plan.checkpoints / "mlflow-run"
        if memory.is_file():
            self.run_id = memory.read_text()
            client.update_run(self.run_id, status="RUNNING")
            for name in client.get_run(self.run_id).data.metrics:
                self._logged[name] = max(point.step for point in client.get_metric_history(self.run_id, name))
        else:
            run = client.create_run(experiment, run_name=self._name)
            self.run_id = str(run.info.run_id)
            memory.write_text(self.run_id)
            for key, value in sorted(parameters(self._plan).items()):
                client.log_param(self.run_id, key, value)
        return client

    def _log(self, client: Any, path: Path) -> None:
        """Logs what is newer than what was logged; a resumed run repeats steps, with equal values."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [
            Metric(name, value, now, line["step"])
            for line in read_metrics(path)
            for name, value in line.items()
            if name not in ("step", "seconds_left") and line["step"] > self._logged.get(name, 0)
        ]
        for start in range(0, len(metrics), BATCH):
            client.log_batch(self.run_id, metrics=metrics[start : start + BATCH])
        self._logged |= {metric.key: metric.step for metric in metrics}


def parameters(plan: Plan) -> dict[str, Any]:
    """What MLflow shows as the run's parameters."""
    values = {f"train.{k}": v for k, v in plan.train.model_dump().items()}
    values |= {f"launch.{k}": v for k, v in plan.launch.model_dump().items() if k != "deepspeed"}
    if plan.architecture:
        values |= {f"model.{k}": v for k, v in plan.architecture.model_dump().items() if v is not None}
    return values | {"seed": plan.seed, "vocabulary": plan.vocabulary, "sequence_length": plan.sequence_length}
