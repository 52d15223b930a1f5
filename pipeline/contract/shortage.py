"""What a machine lacked, in one line: disk, memory, open files. Which process, how much there was, what to do."""

import errno
import os
import re
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from configs.errors import EndedError, UserError
from pipeline.contract.formatting import size
from pipeline.contract.stage import Stage

DISK = re.compile(
    r"No space left on device|Disk quota exceeded|os error 28\b"
    r"|PytorchStreamWriter failed|basic_ios::clear: iostream error|unexpected pos \d+ vs \d+"  # torch, of its archives
)
FILES = re.compile(r"Too many open files")
MEMORY = re.compile(r"Cannot allocate memory|bad_alloc|can't allocate memory|OutOfMemoryError|CUDA out of memory")
GONE = re.compile(r"Answer from Java side is empty|Python worker exited unexpectedly|trying to connect to the Java")
"""How libraries say it that raise errors of their own; GONE: that a process which they talked to has ended."""

LESS = {
    "spark": "the cores in spark.master (local[2]) or spark.driver_memory",
    "launch": "launch.micro_batch or launch.ranks",
    "embedding": "embedding.batch_size",
}
"""A setting that a stage declares to what of it to lower when memory runs out."""

KILLED = 9


def shortage(error: BaseException, folder: Path, stages: list[Stage] | None = None) -> UserError | EndedError | None:
    """What the machine lacked if that is why there is an error, or one that it came from; else None.

    folder: where was being written. stages: those at work, for what to lower.
    """
    for cause in _causes(error):
        number, text = getattr(cause, "errno", None), str(cause)
        if number in (errno.ENOSPC, errno.EDQUOT) or DISK.search(text):
            return UserError(_disk(getattr(cause, "filename", None) or folder, folder))
        if number in (errno.EMFILE, errno.ENFILE) or FILES.search(text):
            most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
            return UserError(f"too many open files: a process may have {most:,}; `ulimit -n {4 * most}` allows more")
        if isinstance(cause, MemoryError) or number == errno.ENOMEM or MEMORY.search(text):
            said = " ".join(text.split())[:240] or "MemoryError"
            return UserError(f"out of memory in process {os.getpid()} ({said}): {_memory(stages or [])}")
        if GONE.search(text):
            return EndedError(f"a process of Spark's has ended, as when memory runs out: {_memory(stages or [])}")
    return None


@contextmanager
def lacking(folder: Path, stages: list[Stage]) -> Iterator[None]:
    """Raises what the machine lacked instead of the errors that come of it."""
    try:
        yield
    except (UserError, EndedError):
        raise
    except Exception as error:
        told = shortage(error, folder, stages)
        if told is None:
            raise
        raise told from error


def killed(what: str, status: int, stages: list[Stage]) -> str:
    """Why a process ended that was killed, as the kernel does when memory runs out; empty for any other status.

    status: as Python's subprocess (−9), a shell (137) or a byte (247) says it.
    """
    if status not in (-KILLED, 128 + KILLED, 256 - KILLED):
        return ""
    return f"{what} was killed (signal {KILLED}), as the kernel does when memory runs out: {_memory(stages)}"


def require_space(folder: Path, needed: int, what: str, remedy: str) -> None:
    """Raises UserError, with the bytes that are missing, when the disk of a folder has less than `needed` left."""
    _, free = _usage(folder)
    if free < needed:
        raise UserError(
            f"no space left on the disk of {folder}: {what} takes {size(needed)}, {size(free)} are free, "
            f"{size(needed - free)} are missing; {remedy}"
        )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and those that led to it."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _disk(path: Path | str, folder: Path) -> str:
    total, free = _usage(folder)
    written = sum(p.lstat().st_size for p in folder.rglob("*") if p.is_file()) if folder.is_dir() else 0
    return (
        f"no space left for {path}: {size(free)} of {size(total)} are free there, {size(written)} were "
        "written so far; free as much again, or set storage.root to a larger disk, and run the same command: it goes on"
    )


def _usage(folder: Path) -> tuple[int, int]:
    """Bytes in all, and free, of the disk that a folder lies on, or will."""
    disk = shutil.disk_usage(next(p for p in (folder, *folder.resolve().parents) if p.is_dir()))
    return disk.total, disk.free


def _memory(stages: list[Stage]) -> str:
    """How much there is and was taken, and what to lower."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _number(Path("/sys/fs/cgroup/memory.max"))
    has = min(total, limit) if limit else total
    largest = 1024 * max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    less = [LESS[key] for stage in stages for key in stage.settings if key in LESS]
    lower = f"lower {' or '.join(dict.fromkeys(less))}" if less else "end what else runs here"
    return f"the largest process had {size(largest)} of the machine's {size(has)}; {lower}, or take a machine with more"


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # no cgroup of version 2, or "max"
        return None
