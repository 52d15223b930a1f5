"""What a rank says while it trains: the line under the progress bar, and metrics.jsonl."""

import math
import resource
import time
from typing import Any

import torch
import torch.distributed as dist

from pipeline.progress import Progress, say
from training.checkpoint import State
from training.metrics import METRICS, MetricsLog
from training.plan import Plan


def peak_memory_gib(device: torch.device) -> float:
    """Largest memory of this rank so far: of the GPU, or of the process on CPU (GiB)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


class Reporter:
    """Says how training goes: progress, metrics.jsonl, and the clock. Only rank 0 speaks."""

    def __init__(self, plan: Plan, state: State, device: torch.device) -> None:
        self._plan, self._state, self._device = plan, state, device
        self._speaks = dist.get_rank() == 0
        self._started = self._last = time.monotonic()
        self._before, self._resumed = state.seconds, state.step

    def __enter__(self) -> "Reporter":
        if self._speaks:
            if self._state.step:
                say(f"train: resumes after step {self._state.step}")
            self._log = MetricsLog(self._plan.out / METRICS, self._state.step)
            self._progress = Progress("train", self._plan.train.steps, "steps").__enter__()
            self._progress.resume_at(self._state.step)
        return self

    def __exit__(self, *error: Any) -> None:
        if self._speaks:
            self._progress.__exit__(*error)
            self._log.close()

    def clocked(self) -> State:
        """The state, with the seconds that training has taken."""
        self._state.seconds = self._before + time.monotonic() - self._started
        return self._state

    def step(self, loss: float, gradient_norm: float, rate: float) -> None:
        """One optimiser step is done. Tokens a second count padding too."""
        if not self._speaks:
            return
        now = time.monotonic()
        step, steps = self._state.step, self._plan.train.steps
        values = {
            "loss": loss,
            "learning_rate": rate,
            "gradient_norm": gradient_norm,
            "tokens_per_second": self._plan.train.batch_tokens / (now - self._last),
            "memory_gib": peak_memory_gib(self._device),
            "seconds_left": (now - self._started) / (step - self._resumed) * (steps - step),
        }
        self._last = now
        self._log.write(step=step, **values)
        self._progress.update(
            step,
            f"loss {loss:.4f}  lr {rate:.2e}  grad {gradient_norm:.2f}  "
            f"{values['tokens_per_second']:,.0f} tokens/s  {values['memory_gib']:.1f} GiB",
        )

    def validation(self, loss: float) -> None:
        """A validation is done; loss in nats a token."""
        if self._speaks:
            self._log.write(step=self._state.step, validation_loss=loss)
            perplexity = math.exp(min(loss, 700))
            say(f"train: step {self._state.step}: validation loss {loss:.4f}, perplexity {perplexity:,.2f}")
            self._last = time.monotonic()
