"""TensorBoard: event files in the run's folder."""

import shutil
from pathlib import Path

from training.job_config import JobConfig
from training.metrics_logger import MetricsLogger, Point


class TensorBoardLogger(MetricsLogger):
    """Writes event files to `folder`; `tensorboard --logdir ROOT/runs` then compares runs by their ids.

    What a killed attempt of the same run wrote is written anew, since metrics.jsonl holds it.
    """

    name = "TensorBoard"

    def __init__(self, folder: Path, job: JobConfig) -> None:
        super().__init__(job)
        self._folder = folder

    def begin(self) -> None:
        from torch.utils.tensorboard import SummaryWriter

        shutil.rmtree(self._folder, ignore_errors=True)
        self._writer = SummaryWriter(str(self._folder))

    def log(self, points: list[Point]) -> None:
        for name, step, value in points:
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def show(self, step: int, text: str) -> None:
        self._writer.add_text("samples", text, step)
        self._writer.flush()

    def end(self, failed: bool) -> None:  # noqa: ARG002
        self._writer.close()
