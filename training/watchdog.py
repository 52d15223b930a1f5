"""A rank that gets nowhere says so, with what each of its threads is doing, and ends.

When one rank hangs, all others wait for it in a collective, and every rank's watchdog wakes at about the same moment.
So the log shows all of them: those that wait for others, and the one that they wait for.
"""

import faulthandler
import os
import socket
import sys
import threading
import time
from pathlib import Path
from types import FrameType, TracebackType

from configs.errors import EndedError
from training.launcher import report_failure

TELLING_SECONDS = 3.0
"""Between what a rank says and its end, which ends all others: they are to say theirs first."""

LATER_SECONDS = 10.0
"""A thread that never lets go of Python's lock keeps the watchdog from speaking; faulthandler, which needs no
lock, then writes the stacks and ends the rank so much later."""

COLLECTIVES = (f"torch{os.sep}distributed{os.sep}", f"deepspeed{os.sep}comm{os.sep}")


class Watchdog:
    """with Watchdog(rank, seconds, folder) as watchdog: `watchdog.beats(what)` at least every so many seconds.

    folder: where stacks-rank-N.txt is written, besides the log.
    """

    def __init__(self, rank: int, seconds: float, folder: Path) -> None:
        self._rank, self._seconds, self._file = rank, seconds, folder / f"stacks-rank-{rank}.txt"
        self._main = threading.get_ident()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="watchdog")
        self._file.unlink(missing_ok=True)
        self.beats("the start")

    def __enter__(self) -> "Watchdog":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        faulthandler.cancel_dump_traceback_later()

    def beats(self, what: str) -> None:
        """The rank has come so far."""
        self._last, self._what = time.monotonic(), what
        faulthandler.dump_traceback_later(self._seconds + LATER_SECONDS, exit=True)

    def _watch(self) -> None:
        while (left := self._last + self._seconds - time.monotonic()) > 0:
            if self._stopped.wait(left):
                return
        if waits := in_a_collective(sys._current_frames().get(self._main)):
            state = "waits for other ranks"
        else:
            state = "does not wait for another rank: others may wait for it"
        head = (
            f"rank {self._rank} on {socket.gethostname()}: nothing for {self._seconds:g} s since {self._what}; {state}"
        )
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("w+", encoding="utf-8") as file:
            faulthandler.dump_traceback(file, all_threads=True)
            file.seek(0)
            lines = [head, *(f"rank {self._rank}:   {line.rstrip()}" for line in file)]
        os.write(1, ("\n" + "\n".join(lines) + "\n").encode())
        time.sleep(TELLING_SECONDS + waits)  # so the one that hangs ends first, and is named
        report_failure(self._rank, EndedError(f"{head}; the stacks of all ranks are above"))
        os._exit(1)


def in_a_collective(frame: FrameType | None) -> bool:
    """Whether a thread is where ranks exchange something."""
    while frame is not None:
        if any(part in frame.f_code.co_filename for part in COLLECTIVES):
            return True
        frame = frame.f_back
    return False
