"""Which rank the others wait for: its own work in a step takes longest, and communication is what they wait in."""

import json
import socket
import statistics
import time
from collections.abc import Callable

from pipeline.contract.progress import say
from training.notice import store

WINDOW = 10
"""Steps that a rank's pace is the median of."""

SLOWER = 1.3
WORTH_SECONDS = 0.02
"""A straggler takes so many times as long as the median of the others, and so much longer."""


class Pace:
    """One rank's own seconds, told to rank 0 through torch's store, where nobody waits. Rank 0 names a straggler once.

    A step is read one step late, when the device is through with it.
    """

    def __init__(self, rank: int, ranks: int) -> None:
        self._rank, self._ranks, self._store = rank, ranks, store()
        self._seconds: list[float] = []
        self._windows = 0
        self._named: set[int] = set()
        self.resumes()

    def resumes(self) -> None:
        """What comes next is a step, and what was before is none."""
        self._last = time.monotonic()
        self._communication: Callable[[], float] | None = None

    def step(self, number: int, communication: Callable[[], float]) -> None:
        """A step is done. communication: the seconds of it in which ranks waited for each other."""
        now, before = time.monotonic(), self._communication
        if before is not None:
            self._seconds.append(now - self._last - before())
        self._last, self._communication = now, communication
        if len(self._seconds) < WINDOW or self._ranks == 1:
            return
        told = [statistics.median(self._seconds), socket.gethostname()]
        self._store.set(f"parlance/pace/{self._windows}/{self._rank}", json.dumps(told))
        if self._rank == 0 and self._windows:  # of the window before, which all have told of
            self._look(number, self._windows - 1)
        self._seconds, self._windows = [], self._windows + 1

    def _look(self, number: int, window: int) -> None:
        keys = [f"parlance/pace/{window}/{rank}" for rank in range(self._ranks)]
        if not self._store.check(keys):
            return
        told = [json.loads(self._store.get(key)) for key in keys]
        found = straggler([seconds for seconds, _ in told])
        if found is None or found[0] in self._named:
            return
        rank, usual = found
        self._named.add(rank)
        seconds, host = told[rank]
        say(
            f"train: step {number}: rank {rank} on {host} is slow: {seconds:.3f} s of its own work a step, the others "
            f"{usual:.3f} s; they wait for it"
        )


def straggler(seconds: list[float]) -> tuple[int, float] | None:
    """(rank, the median of the others' seconds) of a rank that is much slower than they are."""
    rank = max(range(len(seconds)), key=seconds.__getitem__)
    usual = statistics.median(seconds[:rank] + seconds[rank + 1 :])
    slow = seconds[rank] > SLOWER * usual and seconds[rank] - usual > WORTH_SECONDS
    return (rank, usual) if slow else None
