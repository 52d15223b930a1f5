"""The process that writes the checkpoints of the rank that starts it: python -m training.checkpoint_writer.

It is told of each job in a line of standard input, ADDRESS OFFSET LENGTH: a job, pickled, in shared memory. It answers
with a line of JSON, and ends with the rank, however that ends.
"""

import ctypes
import json
import math
import mmap
import os
import pickle
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pipeline.contract.sealed_json import read_sealed, write_sealed
from training.checksums import checksum
from training.markers import mark_complete
from training.torch_file import write_records

SET_PARENT_DEATH_SIGNAL = 1
"""prctl(2), PR_SET_PDEATHSIG."""

LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class WeightsJob:
    """The weights of a step, on rank 0.

    recipe: a training.weights_folder.Recipe. tensors: name to (begin, type, shape), which lie in the shared memory.
    """

    recipe: Any
    tensors: dict[str, tuple[int, torch.dtype, tuple[int, ...]]]

    def work(self, memory: mmap.mmap) -> None:
        """Writes them."""
        from training.weights_folder import write_weights  # transformers takes seconds, and checkpoints need none of it

        state = {
            name: torch.frombuffer(memory, dtype=dtype, count=math.prod(shape), offset=begin).view(shape)
            for name, (begin, dtype, shape) in self.tensors.items()
        }
        write_weights(state, self.recipe)


@dataclass(frozen=True)
class CheckpointJob:
    """One rank's part of a checkpoint.

    path: folder of the checkpoint. files: name to records (name, begin, bytes), which lie in the shared memory.
    others: names of files that are there already. marker: on rank 0, what to mark the checkpoint with.
    """

    path: Path
    rank: int
    ranks: int
    files: dict[str, list[tuple[str, int, int]]]
    others: list[str]
    marker: dict[str, Any] | None

    def work(self, memory: mmap.mmap) -> None:
        """Writes the files and their hashes; rank 0 then waits for the others', and marks the checkpoint complete."""
        for name, records in self.files.items():
            contents = [(entry, content_of(memory, begin, size), size) for entry, begin, size in records]
            write_records(self.path / name, contents)
            with (self.path / name).open("rb") as file:
                os.fsync(file.fileno())
        hashes = {name: checksum(self.path / name) for name in [*self.files, *self.others]}
        if self.marker is None:
            write_sealed(report_of(self.path, self.rank), {"files": hashes})
            return
        for rank in range(1, self.ranks):
            report = report_of(self.path, rank)
            while not report.exists():
                time.sleep(LOOK_SECONDS)
            hashes |= read_sealed(report, "")["files"]
            report.unlink()
        mark_complete(self.path, files=dict(sorted(hashes.items())), **self.marker)


def content_of(memory: mmap.mmap, begin: int, size: int) -> Any:
    """What torch's writer of archives takes for bytes, without a copy of them."""
    if not size:
        return torch.empty(0, dtype=torch.uint8).untyped_storage()
    return torch.frombuffer(memory, dtype=torch.uint8, count=size, offset=begin).untyped_storage()


def report_of(path: Path, rank: int) -> Path:
    """The file by which a rank tells rank 0 that its files are safe."""
    return path / f".rank-{rank:05d}.json"


def end_with_parent() -> None:
    """The kernel kills this process when its parent ends, also while a large file is being written."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def main() -> None:
    """Works until standard input ends."""
    end_with_parent()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # libraries that say something on standard output say it in the log
    maps: dict[str, mmap.mmap] = {}
    for line in sys.stdin:
        address, begin, size = line.split()
        if address not in maps:
            with open(address, "r+b") as file:
                maps[address] = mmap.mmap(file.fileno(), 0)
        memory = maps[address]
        answer: dict[str, Any] = {}
        try:
            pickle.loads(memory[int(begin) : int(begin) + int(size)]).work(memory)
        except Exception as error:  # torch and safetensors have errors of their own for a disk that is full
            answer = {"failed": str(error), "errno": getattr(error, "errno", None)}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
