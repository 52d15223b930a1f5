"""A trace of some steps: what ran when, on the processor and on the device."""

from types import TracebackType

import torch
from torch.profiler import ProfilerActivity, profile

from pipeline.contract.progress import say
from training.job_config import JobConfig


class Trace:
    """Traces the steps of launch.profile_steps, on rank 0, into a gzipped Chrome trace. Changes no result.

    with Trace(job, rank, resumed, device) as trace: trace.begins(step) before and trace.ended(step) after
    each step. Training that ends early leaves the trace of the steps there were.
    """

    def __init__(self, job: JobConfig, rank: int, resumed: int, device: torch.device) -> None:
        steps = job.launch.profiled if rank == 0 else None
        if steps and steps[1] <= resumed:
            say(f"train: steps {steps[0]} to {steps[1]} were done before this attempt; nothing to trace")
            steps = None
        self._steps, self._folder, self._device = steps, job.traces, device
        self._profile: profile | None = None
        self._first = self._last = 0

    def __enter__(self) -> "Trace":
        return self

    def begins(self, step: int) -> None:
        if self._steps and self._profile is None and self._steps[0] <= step <= self._steps[1]:
            gpu = [ProfilerActivity.CUDA] if self._device.type == "cuda" else []
            self._profile = profile(activities=[ProfilerActivity.CPU, *gpu])
            self._profile.start()
            self._first = step

    def ended(self, step: int) -> None:
        self._last = step
        if self._steps and step == self._steps[1]:
            self._write()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write()

    def _write(self) -> None:
        if self._profile is None:
            return
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        self._profile.stop()
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"trace-steps-{self._first}-{self._last}.json.gz"
        self._profile.export_chrome_trace(str(path))
        self._profile = self._steps = None
        say(f"train: trace of steps {self._first} to {self._last}: {path} (opens in ui.perfetto.dev)")
