"""The input pipeline: a thread that has the next global batch ready before its step begins."""

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from types import TracebackType

import torch

from training.data import Batch, PackedSequences, micro_batches, on_device
from training.job_config import JobConfig
from training.sequence_parallel import part_of

AHEAD = 1
"""Global batches that wait in the queue; one more is being prepared, and one is in use."""


@dataclass
class RankBatch:
    """One rank's part of a global batch, on its device.

    learned: learned tokens of the whole global batch, of all ranks. arrived: CUDA event after which the
    tensors can be read, None on CPU.
    """

    step: int
    batches: list[Batch]
    learned: int
    arrived: "torch.cuda.Event | None" = None


def rank_batch(job: JobConfig, data: PackedSequences, step: int, rank: int) -> RankBatch:
    """What `rank` works on in `step`, on the CPU. Follows from seed and step, so no rank need ask another."""
    size, shared = job.micro_batch, job.launch.sequence_parallel
    group, place = divmod(rank, shared)
    indices = data.indices(job, step)
    whole = (data.batch(mine, size) for mine in micro_batches(indices, group, job.data_ranks, size))
    batches = [part_of(batch, place, shared) for batch in whole]
    return RankBatch(step, batches, data.learned(indices))


class Prefetch:
    """Iterates over the rank batches of steps `first` to the last, in order, one step ahead of their use.

    with Prefetch(job, data, 1, rank, device) as batches:
        for batch in batches: …

    On a GPU the thread copies from pinned memory on a stream of its own, so neither the host nor the
    compute stream waits for a copy. An error in the thread is raised where the batch is asked for.
    """

    def __init__(self, job: JobConfig, data: PackedSequences, first: int, rank: int, device: torch.device) -> None:
        self._waited = 0.0
        self._job, self._data, self._first, self._rank, self._device = job, data, first, rank, device
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._ready: queue.Queue[RankBatch | BaseException | None] = queue.Queue(AHEAD)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True, name="prefetch")

    def __enter__(self) -> "Prefetch":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        while not self._ready.empty():  # makes room for a thread that waits to put; it then sees the flag
            self._ready.get_nowait()
        self._thread.join()

    def __iter__(self) -> Iterator[RankBatch]:
        while True:
            asked = time.perf_counter()
            item = self._ready.get()
            self._waited += time.perf_counter() - asked
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            if item.arrived is not None:
                stream = torch.cuda.current_stream(self._device)
                stream.wait_event(item.arrived)
                for tensor in (t for batch in item.batches for t in batch.values() if isinstance(t, torch.Tensor)):
                    tensor.record_stream(stream)
            yield item

    def take_waited(self) -> float:
        """Seconds that the loop has waited for batches since this was last asked."""
        waited, self._waited = self._waited, 0.0
        return waited

    def _work(self) -> None:
        try:
            with torch.cuda.stream(self._stream) if self._stream else nullcontext():
                for step in range(self._first, self._job.train.steps + 1):
                    self._ready.put(self._moved(rank_batch(self._job, self._data, step, self._rank)))
                    if self._stopped.is_set():
                        return
            self._ready.put(None)
        except BaseException as error:
            self._ready.put(error)

    def _moved(self, batch: RankBatch) -> RankBatch:
        if self._stream is None:
            return batch
        batch.batches = [on_device(part, self._device) for part in batch.batches]
        batch.arrived = self._stream.record_event()
        return batch
