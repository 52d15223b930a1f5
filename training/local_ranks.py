"""The ranks of this machine, as this process's own children.

The deepspeed launcher is two more processes, each of which imports DeepSpeed for seconds, and tells of several ranks
that ended within a second the first by number, not the one that was killed.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress

import psutil

POLL_SECONDS = 0.05
GRACE_SECONDS = 30.0
"""Between the request to end and the signal that cannot be refused, as DeepSpeed 0.19's launcher waits."""


def kill_all(processes: Iterable[psutil.Process]) -> None:
    """Of those that have ended meanwhile nothing is said."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


class LocalRanks:
    """Ranks that began together, and end together when one of them fails.

    stdout: what they print, line by line, to the end of the last one. They inherit the reading end of a pipe as
    standard input, which closes with this process (`training.launcher.end_with_stdin`).
    """

    def __init__(self, command: list[str], ranks: int, port: int, environment: dict[str, str]) -> None:
        """command: Python's arguments. port: a free one, at which the ranks meet. Variables as torchrun names them."""
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(ranks)}
        life, self._life = os.pipe()
        read, written = os.pipe()
        self._ranks = [
            psutil.Popen(
                [sys.executable, "-u", *command],
                stdin=life,
                stdout=written,
                stderr=subprocess.STDOUT,
                env=environment | meeting | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            )
            for rank in range(ranks)
        ]
        os.close(life)
        os.close(written)
        self.stdout = os.fdopen(read, errors="replace", buffering=1)
        self._status = 0
        self._watch = threading.Thread(target=self._end_together, daemon=True, name="ranks")
        self._watch.start()

    def wait(self) -> int:
        """The status of the rank that failed first, −9 before others that ended with it; 0 when none did."""
        self._watch.join()
        return self._status

    def end(self) -> None:
        """Ends all that still live, and closes the pipes."""
        os.close(self._life)
        self._end_all()
        self._watch.join()
        self.stdout.close()

    def kill(self) -> None:
        """Ends them by the signal that also a rank obeys that hangs."""
        kill_all(self._living())

    def _end_together(self) -> None:
        while None in (statuses := [rank.poll() for rank in self._ranks]) and not any(statuses):
            time.sleep(POLL_SECONDS)
        self._status = min((status for status in statuses if status), default=0)
        self._end_all()

    def _end_all(self) -> None:
        processes = self._living()
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        kill_all(psutil.wait_procs(processes, timeout=GRACE_SECONDS)[1])

    def _living(self) -> list[psutil.Process]:
        """The ranks and what they started."""
        found: list[psutil.Process] = []
        for rank in self._ranks:
            with suppress(psutil.NoSuchProcess):
                found += [*rank.children(recursive=True), rank] if rank.poll() is None else []
        return found
