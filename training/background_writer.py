"""What training leaves on disk while it goes on: copied to memory of the host, and written by a process of its own.

The copy is made while the next step runs; on a GPU the step waits for it only where the optimizer is about to change
what is being copied, seconds later. Jobs are written in the order in which they were copied.
"""

import json
import os
import pickle
import select
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import torch
import torch.distributed as dist
from deepspeed import DeepSpeedEngine

from pipeline.contract.formatting import size
from pipeline.contract.progress import say
from training.host_memory import HostMemory, available_bytes

SHARE = 0.8
"""Of the memory that is free, as much may be taken for copies."""

JOB = 1 << 24
"""Bytes of a job beside its tensors; it grows a little with the step."""


@dataclass
class Copy:
    """A job under way.

    job: where in the memory the process finds it. copied: after which all of it is there; holding: what must live until
    then. done: it is on the disk.
    """

    memory: HostMemory
    job: tuple[int, int]
    copied: "torch.cuda.Event | None"
    holding: Any
    done: bool = False
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self.started


class BackgroundWriter:
    """One rank's process that writes.

    with BackgroundWriter(engine) as writer: `take` memory on all ranks, `copy` into it, `advance` after every step. The
    end of the body waits for what is being written, unless an error ends it.
    """

    def __init__(self, engine: DeepSpeedEngine) -> None:
        self.device: torch.device = engine.device
        self._process: subprocess.Popen[bytes] | None = None
        self._memories: list[HostMemory] = []
        self._pinning: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._copying: deque[Copy] = deque()
        self._writing: deque[Copy] = deque()
        self._said = b""
        engine.basic_optimizer.register_step_pre_hook(self._before_the_optimizer)

    def __enter__(self) -> "BackgroundWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.wait()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._pinning is not None:
            self._pinning.join()
        if kind is None:
            for memory in self._memories:
                memory.close()

    def take(self, sizes: list[int]) -> list[HostMemory] | None:
        """Memories of these sizes, and the process, both got ready beside the next steps. On all ranks alike.

        None when some rank lacks the memory.
        """
        needed = sum(sizes)
        wanted: list[Any] = [None] * dist.get_world_size()
        local = int(os.environ.get("LOCAL_SIZE", len(wanted)))
        dist.all_gather_object(wanted, (needed, available_bytes() // local))
        if any(needed > SHARE * free for needed, free in wanted):
            if dist.get_rank() == 0:
                most, free = max(wanted)
                say(
                    f"train: a copy of the state takes {size(most)} of a rank's {size(free)} of free memory: training "
                    f"waits while checkpoints are written"
                )
            return None
        self._memories = [HostMemory(size) for size in sizes]
        if needed:
            command = [sys.executable, "-m", "training.checkpoint_writer"]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if needed and self.device.type == "cuda":
            self._pinning = threading.Thread(target=self._pin, daemon=True, name="pin host memory")
            self._pinning.start()
        return self._memories

    @property
    def preparing(self) -> bool:
        """Whether memory is still being pinned, on this rank."""
        return self._pinning is not None and self._pinning.is_alive()

    def copy(self, memory: HostMemory, job: Callable[[], tuple[Any, Any]]) -> Copy:
        """Begins a job: (what the process is told, what must be kept until it is copied). job puts into the memory."""
        if self._pinning is not None:
            self._pinning.join()
            self._pinning = None
        if self._failure is not None:
            raise RuntimeError(f"memory of the host: {self._failure}") from self._failure
        stream = torch.cuda.Stream(self.device) if self.device.type == "cuda" else None
        if stream is not None:
            stream.wait_stream(torch.cuda.current_stream(self.device))
        memory.clear()
        with torch.cuda.stream(stream) if stream else nullcontext():
            told, holding = job()
        content = pickle.dumps(told)
        begin = memory.put(content)
        copied = stream.record_event() if stream else None
        found = Copy(memory, (begin, len(content)), copied, holding)
        self._copying.append(found)
        self.advance()
        return found

    def advance(self) -> None:
        """A step is done: begins what can begin now. Raises what the process ran into."""
        while self._copying and (self._copying[0].copied is None or self._copying[0].copied.query()):
            self._tell()
        if self._writing:
            self._hear(0.0)

    def wait(self) -> None:
        """Until all is written. Raises what the process ran into."""
        while self._copying:
            if (copied := self._copying[0].copied) is not None:
                copied.synchronize()
            self._tell()
        while self._writing:
            self._hear(1.0)

    def _before_the_optimizer(self, *_: Any) -> None:
        """What is being copied may not change before it is."""
        for copy in self._copying:
            if copy.copied is not None:
                torch.cuda.current_stream(self.device).wait_event(copy.copied)

    def _pin(self) -> None:
        try:
            for memory in self._memories:
                memory.pin(self.device)
        except BaseException as error:
            self._failure = error

    def _tell(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        copy = self._copying.popleft()
        copy.copied = copy.holding = None
        self._writing.append(copy)
        begin, length = copy.job
        self._process.stdin.write(f"{copy.memory.address} {begin} {length}\n".encode())
        self._process.stdin.flush()

    def _hear(self, seconds: float) -> None:
        """Reads the process's answers, for which it waits so long at most."""
        assert self._process is not None
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], seconds)[0]:
            return
        said = os.read(self._process.stdout.fileno(), 1 << 16)
        if not said:
            raise RuntimeError(f"the process that writes checkpoints ended with status {self._process.wait()}")
        *lines, self._said = (self._said + said).split(b"\n")
        for line in lines:
            self._writing.popleft().done = True
            if (answer := json.loads(line)).get("failed") is not None:
                number, told = answer["errno"], answer["failed"]
                raise OSError(number, told) if number else RuntimeError(told)
