"""Memory of the host that another process can read, and that a GPU copies into without anybody waiting."""

import mmap
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import torch

PIECE = 1 << 28
"""Bytes that are pinned in one call, and copied in one: calls of CUDA wait for each other, so none may take long."""

ALIGNMENT = 4096
THREADS = 8
PORTABLE = 1
"""cudaHostRegisterPortable: pinned for all contexts."""


class HostMemory:
    """`size` bytes of shared memory, filled with what `put` is given, one after another.

    For a GPU it is pinned, piece by piece, by `pin`. address: where other processes of this user find it.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._file = os.memfd_create("parlance-checkpoint")
        os.ftruncate(self._file, max(1, size))
        self._map = mmap.mmap(self._file, max(1, size))
        self._bytes = torch.frombuffer(self._map, dtype=torch.uint8)
        self._used = 0
        self._pinned: list[torch.Tensor] = []
        self.address = f"/proc/{os.getpid()}/fd/{self._file}"

    def pin(self, device: torch.device) -> None:
        """Pins all of it. Raises RuntimeError when the system does not allow that. To be called in any thread."""
        torch.cuda.set_device(device)
        pieces = self._bytes.split(PIECE)
        with ThreadPoolExecutor(THREADS) as pool:
            filled = pool.map(lambda piece: piece.zero_(), pieces)  # takes the pages, which takes longer than pinning
            for piece, _ in zip(pieces, filled, strict=True):
                code = int(torch.cuda.cudart().cudaHostRegister(piece.data_ptr(), piece.numel(), PORTABLE))
                if code:
                    raise RuntimeError(f"memory cannot be pinned (CUDA error {code})")
                self._pinned.append(piece)

    def clear(self) -> None:
        """What was put is no longer needed."""
        self._used = 0

    def put(self, content: bytes | torch.UntypedStorage | torch.Tensor) -> int:
        """Copies it here; returns where it begins. From a GPU on torch's current stream, and without waiting.

        A tensor is one of bytes, [size].
        """
        size = content.nbytes() if isinstance(content, torch.UntypedStorage) else len(content)
        start = -(-self._used // ALIGNMENT) * ALIGNMENT
        assert start + size <= self.size, "room was made for what training keeps, and it has grown"
        self._used = start + size
        if isinstance(content, bytes):
            self._map[start : start + size] = content
            return start
        source = content
        if isinstance(source, torch.UntypedStorage):
            source = torch.empty(0, dtype=torch.uint8, device=source.device).set_(source)  # type: ignore[call-overload]
        for begin, end in pieces_of(start, start + size):
            self._bytes[begin:end].copy_(source[begin - start : end - start], non_blocking=True)
        return start

    def close(self) -> None:
        """Gives the memory back; nobody may be copying into it."""
        for piece in self._pinned:
            torch.cuda.cudart().cudaHostUnregister(piece.data_ptr())
        self._pinned = []
        del self._bytes
        os.close(self._file)


def pieces_of(start: int, end: int) -> Iterator[tuple[int, int]]:
    """[start, end) in parts that each lie in one piece."""
    while start < end:
        stop = min(end, (start // PIECE + 1) * PIECE)
        yield start, stop
        start = stop


def room_for(sizes: list[int]) -> int:
    """Bytes of memory that contents of these sizes take here."""
    return sum(-(-size // ALIGNMENT) * ALIGNMENT for size in sizes)


def available_bytes() -> int:
    """What processes of this machine, or of this container, may still take."""
    free = psutil.virtual_memory().available
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())
        lines = Path("/sys/fs/cgroup/memory.stat").read_text().splitlines()
    except (OSError, ValueError):  # no cgroup of version 2, or "max"
        return free
    used = {name: int(size) for name, size in (line.split() for line in lines)}
    return min(free, limit - used["anon"] - used["shmem"])
