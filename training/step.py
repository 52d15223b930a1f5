"""One optimiser step over a global batch. Nothing here waits for the device."""

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import deepspeed
import numpy as np
import torch
import torch.distributed as dist
from deepspeed import DeepSpeedEngine

from configs.errors import UserError
from training.communication import CommunicationClock
from training.job_config import JobConfig
from training.optimizer import without_update
from training.prefetch import RankBatch
from training.schedule import learning_rate


@dataclass
class Outcome:
    """What a step gave. Reading `loss`, `gradient_norm` or `others` waits until the device is through with the step.

    learned: learned tokens, or pairs, of the global batch. data_seconds: how long the loop waited for the batch.
    communication_seconds: see CommunicationClock; waits as well. left_out: the weights are as they were.
    """

    step: int
    learned: int
    rate: float
    data_seconds: float
    communication_seconds: Callable[[], float]
    _figures: torch.Tensor
    _copied: "torch.cuda.Event | None"
    left_out: bool = False

    @property
    def waits_for_device(self) -> bool:
        """Whether the step may still be under way: on a GPU, until it is read."""
        return self._copied is not None

    @property
    def loss(self) -> float:
        """Mean loss of the learned tokens or pairs, in nats. Raises UserError when it is not a finite number."""
        mean = self.measured
        if not math.isfinite(mean):
            raise UserError(
                f"train: the loss of step {self.step} is {mean}; lower train.learning_rate or raise train.warmup_steps"
            )
        return mean

    @property
    def measured(self) -> float:
        """That mean, whatever it is."""
        return self._read(0) / max(1, self.learned)

    @property
    def gradient_norm(self) -> float:
        """The norm of the gradient of that mean, before clipping."""
        return self._read(-1)

    @property
    def others(self) -> list[float]:
        """Means of what the model measures besides its loss: training.metrics.PREFERENCES of pairs."""
        return [self._read(index) / max(1, self.learned) for index in range(1, len(self._figures) - 1)]

    def _read(self, index: int) -> float:
        if self._copied is not None:
            self._copied.synchronize()
        return float(self._figures[index])


def optimiser_step(
    engine: DeepSpeedEngine,
    job: JobConfig,
    batch: RankBatch,
    clock: CommunicationClock,
    data_seconds: float = 0.0,
    refuses: Callable[[float], bool] | None = None,
) -> Outcome:
    """Takes the step that `batch` is for.

    refuses: whether a step of this mean loss is to change nothing; asking it waits for the device.

    DeepSpeed divides the gradient by ranks and by accumulation; multiplying by both and dividing by
    the learned tokens of the global batch makes it the gradient of their mean loss, not of a mean of means.
    """
    rate = learning_rate(batch.step, job.train)
    for group in engine.optimizer.param_groups:
        group["lr"] = rate
    seed_dropout(job, batch.step)
    clock.take()  # what a validation or a checkpoint exchanged before is not this step's
    scale = job.world_size * job.accumulation / max(1, batch.learned)
    total: torch.Tensor | float = 0.0
    norm: torch.Tensor | float = 0.0
    left_out = False
    for number, part in enumerate(batch.batches, 1):
        told = engine(**part).reshape(-1)  # the loss, and what else is measured
        engine.backward(told[0] * scale)
        norm = local_gradient_norm(engine)
        total = told.detach().double() + total
        assert isinstance(total, torch.Tensor)
        if refuses is not None and number == len(batch.batches):
            deepspeed.comm.all_reduce(total)
            left_out = refuses(total[0].item() / max(1, batch.learned))
        with without_update(engine.basic_optimizer) if left_out else nullcontext():
            engine.step()
    assert isinstance(total, torch.Tensor)
    if refuses is None:
        deepspeed.comm.all_reduce(total)
    known = engine.get_global_grad_norm()
    norm = norm if known is None else known
    # A number is filled in on the device; copying it there would wait for all that is queued.
    norm = norm.to(total).reshape(1) if isinstance(norm, torch.Tensor) else torch.full_like(total[:1], norm)
    figures = torch.cat([total, norm])
    host, copied = _to_host(figures)
    return Outcome(batch.step, batch.learned, rate, data_seconds, clock.take(), host, copied, left_out)


def local_gradient_norm(engine: DeepSpeedEngine) -> torch.Tensor | float:
    """The norm of the reduced gradient where DeepSpeed keeps none: without ZeRO, in fp32. 0 elsewhere."""
    if hasattr(engine.optimizer, "_global_grad_norm") or not engine.is_gradient_accumulation_boundary():
        return 0.0
    return torch.nn.utils.get_total_norm([p.grad for p in engine.parameters() if p.grad is not None])


def seed_dropout(job: JobConfig, step: int) -> None:
    """What dropout leaves out follows from seed, step and rank, so a resumed run leaves out the same."""
    if job.train.dropout or (job.lora and job.lora.dropout):
        seed = np.random.SeedSequence([job.seed, step, dist.get_rank()]).generate_state(1, np.uint64)
        torch.manual_seed(int(seed[0]))


def _to_host(figures: torch.Tensor) -> tuple[torch.Tensor, "torch.cuda.Event | None"]:
    """A copy on the host, and the event after which it can be read."""
    if figures.device.type != "cuda":
        return figures, None
    host = torch.empty(figures.shape, dtype=figures.dtype, pin_memory=True)
    host.copy_(figures, non_blocking=True)
    copied = torch.cuda.Event()
    copied.record()
    return host, copied
