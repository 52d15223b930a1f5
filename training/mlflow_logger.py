"""MLflow: the run's parameters, and its metrics as they come."""

import logging
import time
from pathlib import Path
from typing import Any

from configs.credentials import masked
from configs.promote import Tracking
from pipeline.contract.atomic_write import write_text
from training.job_config import JobConfig
from training.metrics_logger import MetricsLogger, Point

BATCH = 500


class MlflowLogger(MetricsLogger):
    """Logs a training run to MLflow, under the run's own id, while the body runs.

    An attempt that resumes continues the MLflow run that the killed one began.
    """

    def __init__(self, tracking: Tracking, name: str, root: Path, job: JobConfig) -> None:
        super().__init__(job)
        self.uri = tracking.address(root)
        self.name = f"MLflow at {masked(self.uri)}"
        self.run_id: str | None = None
        self._artifacts = None if tracking.uri else (root / "mlruns").as_uri()
        self._experiment, self._run_name = tracking.experiment, name

    def begin(self) -> None:
        from mlflow import MlflowClient

        for library in ("mlflow", "alembic"):
            logging.getLogger(library).setLevel(logging.WARNING)

        self._client: Any = MlflowClient(self.uri)
        client = self._client
        experiment = client.get_experiment_by_name(self._experiment)
        experiment_id = (
            experiment.experiment_id
            if experiment
            else client.create_experiment(self._experiment, artifact_location=self._artifacts)
        )
        memory = self.job.checkpoints / "mlflow-run"
        if memory.is_file():
            self.run_id = memory.read_text()
            client.update_run(self.run_id, status="RUNNING")
            for name in client.get_run(self.run_id).data.metrics:
                self.logged[name] = max(point.step for point in client.get_metric_history(self.run_id, name))
        else:
            run = client.create_run(experiment_id, run_name=self._run_name)
            self.run_id = str(run.info.run_id)
            write_text(memory, self.run_id)
            for key, value in sorted(parameters(self.job).items()):
                client.log_param(self.run_id, key, value)

    def log(self, points: list[Point]) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [Metric(name, value, now, step) for name, step, value in points]
        for start in range(0, len(metrics), BATCH):
            self._client.log_batch(self.run_id, metrics=metrics[start : start + BATCH])

    def show(self, step: int, text: str) -> None:
        self._client.log_text(self.run_id, text, f"samples/step-{step:08d}.md")

    def end(self, failed: bool) -> None:
        self._client.set_terminated(self.run_id, "FAILED" if failed else "FINISHED")


def parameters(job: JobConfig) -> dict[str, Any]:
    """What MLflow shows as the run's parameters."""
    values = {f"train.{k}": v for k, v in job.train.model_dump().items()}
    values |= {f"launch.{k}": v for k, v in job.launch.model_dump().items() if k != "deepspeed"}
    if job.architecture:
        values |= {f"model.{k}": v for k, v in job.architecture.model_dump().items() if v is not None}
    if job.lora:
        values |= {f"model.lora.{k}": v for k, v in job.lora.model_dump().items()}
    if job.pretrained:
        values["model.pretrained"] = job.pretrained
    return masked(values) | {"seed": job.seed, "vocabulary": job.vocabulary, "sequence_length": job.sequence_length}
