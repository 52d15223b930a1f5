"""Files that are read once, from end to end, hashed on the way, and copied to where their parts belong.

A thread a file; memory is one buffer a thread, pinned where the parts belong on a GPU. hashlib, reading and copying let
other threads run meanwhile; the system is told ahead of what is read next.
"""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from io import RawIOBase
from pathlib import Path

import torch

THREADS = 4
"""Files that a rank reads at once."""

CHUNK = 1 << 26
AHEAD = 4 * CHUNK


@dataclass(frozen=True)
class Part:
    """Bytes from `begin` on are values of this type, as many as `target`, which is flat, has room for."""

    begin: int
    dtype: torch.dtype
    target: torch.Tensor

    @property
    def end(self) -> int:
        """The byte after the last."""
        return self.begin + self.target.numel() * self.dtype.itemsize


@dataclass
class Reading:
    """What is to be done with a file. hashed: all of it is read for its hash; else only the parts."""

    file: Path
    hashed: bool = False
    parts: list[Part] = field(default_factory=list)


def stream(readings: list[Reading], device: torch.device) -> dict[Path, list]:
    """Copies all parts, and returns [bytes, sha256] of the files that are hashed; [0, ""] of one that is gone."""
    with ThreadPoolExecutor(THREADS, thread_name_prefix="stream") as pool:
        largest_first = sorted(readings, key=lambda reading: -_size(reading.file))
        found = pool.map(lambda reading: _stream(reading, device), largest_first)
        return {r.file: hash_ for r, hash_ in zip(largest_first, found, strict=True) if r.hashed}


def _stream(reading: Reading, device: torch.device) -> list:
    if not (total := _size(reading.file)):
        return [0, hashlib.sha256().hexdigest() if reading.file.exists() else ""]
    digest, size, cuda = hashlib.sha256(), 0, device.type == "cuda"
    buffer = torch.empty(min(CHUNK, total), dtype=torch.uint8, pin_memory=cuda)
    view = memoryview(buffer.numpy())  # type: ignore[arg-type]
    stream = torch.cuda.Stream(device) if cuda else None
    if stream is not None:
        stream.wait_stream(torch.cuda.default_stream(device))
    with reading.file.open("rb", buffering=0) as file, torch.cuda.stream(stream) if stream else nullcontext():
        for begin, end in [(0, total)] if reading.hashed else _merged(reading.parts):
            for start in range(begin, end, CHUNK):
                file.seek(start)
                read = _fill(file, view[: min(CHUNK, end - start)])
                os.posix_fadvise(file.fileno(), start + read, AHEAD, os.POSIX_FADV_WILLNEED)
                for part in reading.parts:
                    _copy(part, buffer, start, start + read)
                if reading.hashed:
                    digest.update(view[:read])
                size += read
                if stream is not None:
                    stream.synchronize()  # or the next chunk would overwrite what is being copied
    return [size, digest.hexdigest()]


def _copy(part: Part, buffer: torch.Tensor, begin: int, end: int) -> None:
    """What of a part lies in [begin, end) of the file, which is in the buffer. Values begin at multiples of their
    size, and chunks at multiples of that."""
    width = part.dtype.itemsize
    first, last = max(begin, part.begin), min(end, part.end)
    if (count := (last - first) // width) > 0:
        values = buffer[first - begin :][: count * width].view(part.dtype)
        part.target[(first - part.begin) // width :][:count].copy_(values, non_blocking=True)


def _merged(parts: list[Part]) -> Iterator[tuple[int, int]]:
    """The bytes of all parts, in order; what adjoins is read in one."""
    ranges = sorted((part.begin, part.end) for part in parts)
    for number, (begin, end) in enumerate(ranges):
        if not number:
            first, last = begin, end
        elif begin <= last:
            last = max(last, end)
        else:
            yield first, last
            first, last = begin, end
    if ranges:
        yield first, last


def _fill(file: RawIOBase, view: memoryview) -> int:
    """Reads until the view is full, or the file ends; returns the bytes that were read."""
    filled = 0
    while filled < len(view) and (read := file.readinto(view[filled:])):
        filled += read
    return filled


def _size(file: Path) -> int:
    """0 of a file that is gone."""
    return file.stat().st_size if file.exists() else 0
