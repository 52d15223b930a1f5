"""A file that one process holds at a time, on whichever machine, or several together; whoever waits says for whom."""

import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TextIO

from pipeline.contract.formatting import duration
from pipeline.contract.progress import say

SPEAKS_SECONDS = 10.0
LOOKS_SECONDS = 0.2

Tell = Callable[[str], object]


def hold(file: TextIO, held_by: str, run: str = "", tell: Tell = say) -> None:
    """Takes the lock of a file opened as "a+", and notes in it who has it: `run`, this process and this machine.

    held_by: how to begin the line that is said every SPEAKS_SECONDS until then, before who holds the lock and since
    when. The lock goes with the process, however it ends.
    """
    _take(file, fcntl.LOCK_EX, held_by, tell)
    by = f"run {run}, " if run else ""
    since = datetime.now().astimezone()
    file.truncate(0)
    file.write(f"{by}process {os.getpid()} on {socket.gethostname()}, since {since:%Y-%m-%d %H:%M:%S %Z}")
    file.flush()


def await_free(path: Path, held_by: str, tell: Tell = say) -> None:
    """Waits as `hold` does until nobody holds the lock of a file, if there is one."""
    if not path.is_file():
        return
    with path.open("a+", encoding="utf-8") as file:
        hold(file, held_by, tell=tell)


@contextmanager
def shared(path: Path, held_by: str, tell: Tell = say) -> Iterator[None]:
    """Holds a lock together with all who share it; waits as `hold` does for who has it alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        _take(file, fcntl.LOCK_SH, held_by, tell)
        yield


@contextmanager
def alone(path: Path) -> Iterator[bool]:
    """Holds a lock if nobody else does; whether it does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def _take(file: TextIO, kind: int, held_by: str, tell: Tell) -> None:
    """kind: fcntl.LOCK_EX or LOCK_SH."""
    begun = time.monotonic()
    speaks = begun
    while True:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            now = time.monotonic()
            if now >= speaks:
                speaks = now + SPEAKS_SECONDS
                tell(f"{held_by} {_holder(file)}; has waited {duration(now - begun)}")
            time.sleep(LOOKS_SECONDS)


def _holder(file: TextIO) -> str:
    file.seek(0)
    return file.read() or "another process"
