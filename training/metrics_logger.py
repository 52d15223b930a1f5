"""Logs what the ranks write to metrics.jsonl, as they write it, in a thread of the stage's own process.

Not in a rank: a tracking server that is slow or gone must not keep thirty-two GPUs waiting, and a
failure to log never fails training.
"""

import threading
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Any

from pipeline.contract.metrics_file import METRICS, read_metrics
from pipeline.contract.progress import say
from training.job_config import JobConfig

SAMPLES = "validation_samples"
SECONDS = 10.0

Point = tuple[str, int, float]
"""Name, step and value."""


class MetricsLogger(ABC):
    """While the body runs, every SECONDS, and once at its end, `log` gets what is new in metrics.jsonl.

    All of it happens in one thread: `begin` when the first line may be there, then `log`, then `end`.
    What any of them raises is said in one line and ends the logging, not the training.
    """

    name: str

    def __init__(self, job: JobConfig) -> None:
        self.job = job
        self.logged: dict[str, int] = {}
        """Metric to the last step that was logged."""
        self._ended = threading.Event()
        self._failed = False
        self._thread = threading.Thread(target=self._run, daemon=True, name=type(self).__name__)

    @abstractmethod
    def begin(self) -> None:
        """Opens what is logged to; may fill `logged` with what an earlier attempt logged."""

    @abstractmethod
    def log(self, points: list[Point]) -> None:
        """Logs points, in the order of their steps; may be empty."""

    @abstractmethod
    def show(self, step: int, text: str) -> None:
        """Logs some exchanges with the model after a step, as Markdown."""

    @abstractmethod
    def end(self, failed: bool) -> None:
        """Closes what is logged to."""

    def __enter__(self) -> Any:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._failed = kind is not None
        self._ended.set()
        self._thread.join(timeout=60)

    def _run(self) -> None:
        path = self.job.out / METRICS
        while not path.exists():  # libraries are slow to start: not while the ranks start too
            if self._ended.wait(1.0):
                return
        try:
            self.begin()
            ended = False
            while not ended:
                ended = self._ended.wait(SECONDS)
                self._log_new(path)
            self.end(self._failed)
        except Exception as error:
            say(f"train: {self.name} does not take the metrics ({error}); training goes on without it")

    def _log_new(self, path: Path) -> None:
        """A resumed run repeats steps, with equal values; those logged already are passed over."""
        new = [
            (name, line["step"], value)
            for line in read_metrics(path)
            for name, value in line.items()
            if name != "step" and value is not None and line["step"] > self.logged.get(name, -1)
        ]
        self.log([point for point in new if point[0] != SAMPLES])
        for name, step, value in new:
            if name == SAMPLES:
                self.show(step, told(value))
        self.logged |= {name: step for name, step, _ in new}


def told(samples: list[dict[str, str]]) -> str:
    """Exchanges as Markdown: what people and model wrote stays as it is, in blocks of code."""
    parts = (("prompt", "prompt"), ("reply", "the model"), ("reference", "reference"))
    return "\n\n---\n\n".join(
        "\n\n".join(f"**{title}**\n\n{_indented(sample[key])}" for key, title in parts) for sample in samples
    )


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in (text or "(nothing)").splitlines())
