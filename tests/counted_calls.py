"""Kills a process before one of the calls by which it and its workers change files, all of them counted together.

As `spark.python.daemon.module`, this makes Spark's Python workers count theirs.
"""

import gc
import os
import signal
import sys
from pathlib import Path
from typing import Any

import psutil

CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate"}
OWN, OF_WORKERS = b".", b"w"


class CountedCalls:
    """Calls that change files under `root`, counted in a file beside it which the processes share.

    Each call appends one byte; where the byte lies is the call's number, whoever else is counting. Another file says
    before which of them whom to kill, and the process that makes that call dies with it.
    """

    def __init__(self, root: Path, count: Path) -> None:
        self.root, self.count = str(root), count
        self.victim = count.with_suffix(".victim")
        self.daemon = count.with_suffix(".daemon")

    def environment(self) -> dict[str, str]:
        """What tells the workers."""
        return {"COUNTED_ROOT": self.root, "COUNTED_CALLS": str(self.count)}

    def clear(self, call: int | None) -> None:
        """Counts anew; the process that begins next is killed before that call."""
        self.count.write_bytes(b"")
        self.victim.write_text(str(call or 0))

    def made(self) -> bytes:
        """A byte a call, in order: OWN or OF_WORKERS."""
        return self.count.read_bytes()

    def workers(self) -> list[psutil.Process]:
        """Spark's Python workers that live."""
        return psutil.Process(int(self.daemon.read_text())).children() if self.daemon.is_file() else []

    def begin(self) -> None:
        """This process is the one that is killed; from now on its calls count."""
        call = self.victim.read_text()
        self.victim.write_text(f"{call} {os.getpid()}")
        self.listen(OWN)

    def listen(self, whose: bytes) -> None:
        """From now on the calls of this process and of its forks count."""

        def hear(event: str, arguments: tuple[Any, ...]) -> None:
            writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
            if (event in CHANGES or writes) and str(arguments[0]).startswith(f"{self.root}/"):
                self._count(whose)

        real = os.fsync

        def fsync(fd: Any) -> None:
            self._count(whose)
            real(fd)

        sys.addaudithook(hear)
        os.fsync = fsync

    def _count(self, whose: bytes) -> None:
        count = os.open(self.count, os.O_WRONLY | os.O_APPEND)
        os.write(count, whose)
        number = os.lseek(count, 0, os.SEEK_CUR)
        os.close(count)
        call, pid = map(int, self.victim.read_text().split())
        if number == call:
            os.kill(pid, signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    from pyspark import daemon

    from pipeline.contract.stages import STAGES

    for stage in STAGES.values():
        if stage.engine == "spark":
            stage.load()  # imported once, for all workers that are forked
    gc.collect()
    gc.freeze()  # of which none looks through it after each of its tasks
    calls = CountedCalls(Path(os.environ["COUNTED_ROOT"]), Path(os.environ["COUNTED_CALLS"]))
    calls.daemon.write_text(str(os.getpid()))
    calls.listen(OF_WORKERS)
    daemon.manager()
