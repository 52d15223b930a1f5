"""Checkpoints and best weights that training does not wait for.

The files, and when they count, are those of training/checkpoint.py and training/weights.py. One checkpoint is under way
at most: one that falls due meanwhile is left out. Weights of a better step wait for those before. What is copied first
is written first, so a checkpoint is complete no sooner than the weights that it goes with.
"""

import shutil
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
import torch.distributed as dist
from deepspeed import DeepSpeedEngine
from deepspeed.runtime.checkpoint_engine.checkpoint_engine import CheckpointEngine

from pipeline.contract.metrics_file import METRICS
from pipeline.contract.progress import say
from training.background_writer import JOB, BackgroundWriter, Copy
from training.checkpoint import State, checkpoint_bytes, checkpoint_of, save_checkpoint, saved_states
from training.checkpoint_writer import CheckpointJob, WeightsJob
from training.host_memory import HostMemory, room_for
from training.job_config import JobConfig
from training.markers import delete
from training.space import require_space_on_all
from training.torch_file import Record, records_of
from training.weights import REMEDY as WEIGHTS_REMEDY
from training.weights import recipe_of, save_weights
from training.weights_folder import forget_weights

REMEDY = "free as much, or lower launch.keep_checkpoints; the next attempt goes on from the checkpoint before"


class BackgroundCheckpoints:
    """Saves checkpoints and best weights, and returns before they are written.

    with BackgroundCheckpoints(engine, job, layout) as checkpoints: `prepare` after the first step, `advance` after
    every step, `save` and `keep_weights` where they are due, on all ranks. The end of the body waits for what is being
    written, unless an error ends it. Without the memory for copies, training waits while they are written.
    """

    def __init__(self, engine: DeepSpeedEngine, job: JobConfig, layout: dict[str, Any]) -> None:
        self._engine, self._settings, self._layout = engine, job, layout
        self._folder, self._keep = job.checkpoints, job.launch.keep_checkpoints
        self._writer = BackgroundWriter(engine)
        self._first = dist.get_rank() == 0
        self._partitioned = engine.zero_optimization_stage() == 3
        self._memories: list[HostMemory] | None = None
        self._prepared = False
        self._checkpoint: Copy | None = None
        self._state = State()
        self._weights: Copy | None = None
        self._best = 0

    def __enter__(self) -> "BackgroundCheckpoints":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.wait()
        self._writer.__exit__(kind, error, trace)

    @property
    def under_way(self) -> bool:
        """Whether a checkpoint is being copied or written, on this rank."""
        return self._checkpoint is not None

    @property
    def preparing(self) -> bool:
        """Whether memory is still being taken, on this rank."""
        return self._writer.preparing

    def prepare(self) -> None:
        """Takes the memory and starts the process that writes, beside the next steps. Once is enough."""
        if not self._prepared:
            weights = self._parameters() if self._first and not self._partitioned else {}
            sizes = [
                room_for([record.size for record in self._sizes()]) + JOB,
                room_for([p.numel() * p.element_size() for p in weights.values()]) + JOB if weights else 0,
            ]
            self._memories, self._prepared = self._writer.take(sizes), True

    def advance(self) -> None:
        """A step is done. Begins what can begin now. Raises what the process that writes ran into."""
        self._writer.advance()
        self._settle()

    def wait(self) -> None:
        """Until what is under way is written. Raises what the process that writes ran into."""
        self._writer.wait()
        self._settle()

    def save(self, state: State, metrics: Path) -> bool:
        """Begins a checkpoint; False when the one before is still under way.

        metrics: the file of measurements up to this step.
        """
        self.prepare()
        self.advance()
        if self._memories is None:
            save_checkpoint(self._engine, self._folder, state, metrics, self._layout, self._keep)
            return True
        if (slow := self._slow()) is not None:
            if self._first:
                say(
                    f"train: step {state.step}: no checkpoint, as that of step {slow[0]} has been written for "
                    f"{slow[1]:.1f} s; a faster disk or a larger train.checkpoint_every would help"
                )
            return False
        path, memory = checkpoint_of(self._folder, state.step), self._memories[0]
        require_space_on_all(self._folder, checkpoint_bytes(self._engine.module), "a checkpoint", REMEDY)
        if self._first:
            delete(path)
            path.mkdir(parents=True)
            shutil.copyfile(metrics, path / METRICS)
        dist.barrier()
        marker = {"state": state.model_dump(), "layout": self._layout, "keep": self._keep} if self._first else None

        def job() -> tuple[CheckpointJob, Any]:
            collected = self._collect(path)
            files = {
                name: [(record.name, memory.put(record.content), record.size) for record in records]
                for name, records in collected.items()
            }
            others = [METRICS] if self._first else []
            return CheckpointJob(path, dist.get_rank(), dist.get_world_size(), files, others, marker), collected

        self._state = state.model_copy()
        self._checkpoint = self._writer.copy(memory, job)
        self._settle()
        return True

    def keep_weights(self, step: int) -> None:
        """Begins to keep the weights of a step, in place of those before that no checkpoint goes with."""
        if self._memories is None or self._partitioned:
            save_weights(self._engine, self._settings, step)
            self._forget(step)
            return
        if self._weights is not None:
            self.wait()
        weights = self._parameters() if self._first else {}
        needed = sum(p.numel() * p.element_size() for p in weights.values())
        require_space_on_all(self._folder, needed, "a model", WEIGHTS_REMEDY)
        if not self._first:
            return
        memory = self._memories[1]

        def job() -> tuple[WeightsJob, Any]:
            tensors = {name: (memory.put(bytes_of(p)), p.dtype, tuple(p.shape)) for name, p in weights.items()}
            return WeightsJob(recipe_of(self._engine, self._settings, step), tensors), weights

        self._best = step
        self._weights = self._writer.copy(memory, job)
        self._settle()

    def _settle(self) -> None:
        """Takes note of what is written by now."""
        if self._weights is not None and self._weights.done:
            self._weights = None
            self._forget(self._best)
        if self._checkpoint is not None and self._checkpoint.done:
            self._checkpoint = None

    def _forget(self, best: int) -> None:
        """Deletes the weights that neither are the best nor go with a checkpoint."""
        if self._first:
            under_way = [self._state] if self._checkpoint is not None else []
            needed = {state.best_step for state in [*under_way, *saved_states(self._folder)]}
            forget_weights(self._folder, {best} | needed)

    def _slow(self) -> tuple[int, float] | None:
        """(step, seconds) of the checkpoint that is under way on rank 0, which is the last to be done with one."""
        found: list[Any] = [None]
        if self._checkpoint is not None:
            found = [(self._state.step, self._checkpoint.seconds)]
        dist.broadcast_object_list(found)
        if found[0] is None and not self._first:
            self.wait()  # the answer is on its way
        return found[0]

    def _collect(self, path: Path) -> dict[str, list[Record]]:
        """File name to what DeepSpeed would write there."""
        collector, own = _Collector(), self._engine.checkpoint_engine
        self._engine.checkpoint_engine = collector
        try:
            self._engine.save_checkpoint(str(path.parent), tag=path.name, save_latest=False)
        finally:
            self._engine.checkpoint_engine = own
        return collector.files

    def _sizes(self) -> list[Record]:
        """About what a checkpoint holds of this rank; all tensors are there after the first step."""
        engine, found = self._engine, []
        if engine.save_non_zero_checkpoint:
            found += records_of(engine.module_state_dict())
        if engine.save_non_zero_checkpoint or engine.save_zero_checkpoint:
            found += records_of(engine.optimizer.state_dict())
        return found

    def _parameters(self) -> dict[str, torch.Tensor]:
        return {name: p.detach() for name, p in self._engine.module.model.named_parameters()}


def bytes_of(tensor: torch.Tensor) -> torch.Tensor:
    """The same memory as bytes, where the tensor lies in one piece; else a copy."""
    return tensor.contiguous().view(-1).view(torch.uint8)


class _Collector(CheckpointEngine):
    """Stands in for DeepSpeed's writer of files: keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, list[Record]] = {}

    def create(self, info: Any) -> None:
        """Nothing to begin."""

    def save(self, state_dict: Any, path: str) -> None:
        self.files[Path(path).name] = records_of(state_dict)

    def load(self, path: str, map_location: Any = None) -> Any:  # noqa: ARG002
        raise AssertionError("only saves")

    def commit(self, info: Any) -> bool:  # noqa: ARG002
        """Nothing to end."""
        return True
