"""Checkpoints that training does not wait for.

What a checkpoint holds is copied to memory of the host while the next step runs; on a GPU the step waits for the
copy only where the optimizer is about to change what is being copied, seconds later. A process of the rank's own
then writes and hashes it (training/checkpoint_writer.py). The files, and when they count, are those of
training/checkpoint.py. One checkpoint is under way at most: one that falls due meanwhile is left out.
"""

import json
import os
import pickle
import select
import shutil
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
import torch.distributed as dist
from deepspeed import DeepSpeedEngine
from deepspeed.runtime.checkpoint_engine.checkpoint_engine import CheckpointEngine

from pipeline.contract.formatting import size
from pipeline.contract.progress import say
from training.checkpoint import State, checkpoint_bytes, checkpoint_of, save_checkpoint, saved_states
from training.checkpoint_writer import Job
from training.host_memory import HostMemory, available_bytes, room_for
from training.markers import delete
from training.metrics import METRICS
from training.space import require_space_on_all
from training.torch_file import Record, records_of

SHARE = 0.8
"""Of the memory that is free, as much may be taken for copies."""

SLACK = 1 << 24
"""Bytes for what is not tensors, which grows a little with the step."""

REMEDY = "free as much, or lower launch.keep_checkpoints; the next attempt goes on from the checkpoint before"


class BackgroundCheckpoints:
    """Saves the engine's state as save_checkpoint does, and returns before it is written.

    with BackgroundCheckpoints(engine, folder, layout, keep) as checkpoints: `prepare` after the first step, `advance`
    after every step, `save` where a checkpoint is due. The end of the body waits for what is being written, unless an
    error ends it. Without the memory for a copy, checkpoints are written while training waits.
    """

    def __init__(self, engine: DeepSpeedEngine, folder: Path, layout: dict[str, Any], keep: int) -> None:
        self._engine, self._folder, self._layout, self._keep = engine, folder, layout, keep
        self._device: torch.device = engine.device
        self._memory: HostMemory | None = None
        self._preparing: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._fits: bool | None = None
        self._writer: subprocess.Popen[bytes] | None = None
        self._state: State | None = None
        self._job: tuple[int, int] | None = None
        self._copied: torch.cuda.Event | None = None
        self._holding: list[Record] = []
        self._started = 0.0
        self._said = b""
        engine.basic_optimizer.register_step_pre_hook(self._before_the_optimizer)

    def __enter__(self) -> "BackgroundCheckpoints":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.wait()
        if self._writer is not None:
            self._writer.kill()
            self._writer.wait()
        if self._preparing is not None:
            self._preparing.join()
        if self._memory is not None and kind is None:
            self._memory.close()

    @property
    def states(self) -> list[State]:
        """The states of the complete checkpoints, newest first, after that of one under way."""
        return [*([self._state] if self._state else []), *saved_states(self._folder)]

    @property
    def under_way(self) -> bool:
        """Whether a checkpoint is being copied or written, on this rank."""
        return self._state is not None

    @property
    def preparing(self) -> bool:
        """Whether memory is still being taken, on this rank."""
        return self._preparing is not None and self._preparing.is_alive()

    def prepare(self) -> None:
        """Takes the memory and starts the writer, beside the next steps; after the first step, on all ranks.

        Once is enough.
        """
        if self._fits is not None:
            return
        needed = room_for([record.size for record in self._sizes()]) + SLACK
        wanted: list[Any] = [None] * dist.get_world_size()
        local = int(os.environ.get("LOCAL_SIZE", len(wanted)))
        dist.all_gather_object(wanted, (needed, available_bytes() // local))
        self._fits = all(needed <= SHARE * free for needed, free in wanted)
        if not self._fits:
            if dist.get_rank() == 0:
                most, free = max(wanted)
                say(
                    f"train: a copy of the state takes {size(most)} of a rank's {size(free)} of free memory: training "
                    f"waits while checkpoints are written"
                )
            return
        self._memory = HostMemory(needed)
        command = [sys.executable, "-m", "training.checkpoint_writer"]
        self._writer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self._device.type == "cuda":
            self._preparing = threading.Thread(target=self._pin, daemon=True, name="pin host memory")
            self._preparing.start()

    def advance(self) -> None:
        """A step is done. Begins what can begin now. Raises what the writer ran into."""
        if self._job is not None and (self._copied is None or self._copied.query()):
            self._tell_writer()
        if self._state is not None and self._job is None:
            self._hear(0.0)

    def wait(self) -> None:
        """Until what is under way is written. Raises what the writer ran into."""
        if self._job is not None:
            if self._copied is not None:
                self._copied.synchronize()
            self._tell_writer()
        while self._state is not None:
            self._hear(1.0)

    def save(self, state: State, metrics: Path) -> bool:
        """Begins a checkpoint; False when the one before is still under way, on all ranks alike.

        metrics: the file of measurements up to this step.
        """
        self.advance()
        if self._fits is None:
            self.prepare()
        if not self._fits:
            save_checkpoint(self._engine, self._folder, state, metrics, self._layout, self._keep)
            return True
        if self._preparing is not None:
            self._preparing.join()
            self._preparing = None
        if self._failure is not None:
            raise RuntimeError(f"checkpoints: {self._failure}") from self._failure
        if (slow := self._under_way_on_rank_0()) is not None:
            if dist.get_rank() == 0:
                say(
                    f"train: step {state.step}: no checkpoint, as that of step {slow[0]} has been written for "
                    f"{slow[1]:.1f} s; a faster disk or a larger train.checkpoint_every would help"
                )
            return False
        path = checkpoint_of(self._folder, state.step)
        require_space_on_all(self._folder, checkpoint_bytes(self._engine.module), "a checkpoint", REMEDY)
        others = []
        if dist.get_rank() == 0:
            delete(path)
            path.mkdir(parents=True)
            shutil.copyfile(metrics, path / METRICS)
            others = [METRICS]
        dist.barrier()
        marker = {"state": state.model_dump(), "layout": self._layout, "keep": self._keep}
        self._copy(path, others, marker if dist.get_rank() == 0 else None)
        self._state, self._started = state.model_copy(), time.monotonic()
        self.advance()
        return True

    def _under_way_on_rank_0(self) -> tuple[int, float] | None:
        """(step, seconds) of the checkpoint that is under way there: it is the last that has to do with one."""
        found: list[Any] = [None]
        if dist.get_rank() == 0 and self._state is not None:
            found = [(self._state.step, time.monotonic() - self._started)]
        dist.broadcast_object_list(found)
        if found[0] is None:
            self.wait()  # the answer is on its way
        return found[0]

    def _copy(self, path: Path, others: list[str], marker: dict[str, Any] | None) -> None:
        """Copies what DeepSpeed would write, or has a GPU begin to."""
        assert self._memory is not None
        self._memory.clear()
        collected = self._collect(path)
        stream = torch.cuda.Stream(self._device) if self._device.type == "cuda" else None
        if stream is not None:
            stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(stream) if stream else nullcontext():
            files = {
                name: [(record.name, self._memory.put(record.content), record.size) for record in records]
                for name, records in collected.items()
            }
        if stream is not None:
            self._copied = stream.record_event()
        self._holding = [record for records in collected.values() for record in records]
        job = Job(path, dist.get_rank(), dist.get_world_size(), files, others, marker)
        content = pickle.dumps(job)
        self._job = (self._memory.put(content), len(content))

    def _collect(self, path: Path) -> dict[str, list[Record]]:
        """File name to what DeepSpeed would write there."""
        collector, own = _Collector(), self._engine.checkpoint_engine
        self._engine.checkpoint_engine = collector
        try:
            self._engine.save_checkpoint(str(path.parent), tag=path.name, save_latest=False)
        finally:
            self._engine.checkpoint_engine = own
        return collector.files

    def _before_the_optimizer(self, *_: Any) -> None:
        """What is being copied may not change before it is."""
        if self._copied is not None:
            torch.cuda.current_stream(self._device).wait_event(self._copied)

    def _sizes(self) -> list[Record]:
        """About what a checkpoint holds of this rank; all tensors are there after the first step."""
        engine, found = self._engine, []
        if engine.save_non_zero_checkpoint:
            found += records_of(engine.module_state_dict())
        if engine.save_non_zero_checkpoint or engine.save_zero_checkpoint:
            found += records_of(engine.optimizer.state_dict())
        return found

    def _pin(self) -> None:
        assert self._memory is not None
        try:
            self._memory.pin(self._device)
        except BaseException as error:
            self._failure = error

    def _tell_writer(self) -> None:
        assert self._writer is not None
        assert self._memory is not None
        assert self._job is not None
        assert self._writer.stdin is not None
        begin, length = self._job
        self._job, self._copied, self._holding = None, None, []
        self._writer.stdin.write(f"{self._memory.address} {begin} {length}\n".encode())
        self._writer.stdin.flush()

    def _hear(self, seconds: float) -> None:
        """Reads the writer's answer, for which it waits so long at most."""
        assert self._writer is not None
        assert self._writer.stdout is not None
        if not select.select([self._writer.stdout], [], [], seconds)[0]:
            return
        said = os.read(self._writer.stdout.fileno(), 1 << 16)
        self._said += said
        if not said:
            raise RuntimeError(f"the process that writes checkpoints ended with status {self._writer.wait()}")
        if self._said.endswith(b"\n"):
            answer, self._said, self._state = json.loads(self._said), b"", None
            if "failed" in answer:
                number, told = answer["errno"], answer["failed"]
                raise OSError(number, told) if number else RuntimeError(told)


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
