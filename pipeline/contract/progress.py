"""How far a stage is: a bar in a terminal, lines in a log, events for the orchestrator."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from configs.credentials import masked
from pipeline.contract.formatting import duration, percent

EVENT_PREFIX = "@parlance "
LOG_SECONDS = 5.0


def emit(kind: str, **values: object) -> None:
    """Sends one event to the orchestrator, when there is one (PARLANCE_EVENTS=1)."""
    if os.environ.get("PARLANCE_EVENTS") == "1":
        print(EVENT_PREFIX + json.dumps({"event": kind, **values}), flush=True)


def say(text: str) -> None:
    """One line for the reader of the log."""
    print(masked(text), flush=True)


@contextmanager
def watching(look: Callable[[], object], seconds: float = 1.0) -> Iterator[None]:
    """Calls `look` every so many seconds, in a thread of its own, while the body waits for others' work."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(seconds):
            look()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class Progress:
    """Counts work done and says percent, rate and time left.

    with Progress("embed", total=7168, unit="rows") as progress:
        progress.advance(64)
    """

    def __init__(self, label: str, total: int, unit: str = "rows") -> None:
        self.label, self.total, self.unit = label, max(total, 0), unit
        self.done = 0
        self._started = time.monotonic()
        self._resumed = 0
        self._said = self._started
        self._terminal = sys.stderr.isatty() and os.environ.get("PARLANCE_EVENTS") != "1"

    def resume_at(self, done: int) -> None:
        """What an earlier attempt had done: counts as progress, not as rate."""
        self.done = self._resumed = done

    def advance(self, by: int = 1, note: str = "") -> None:
        self.update(self.done + by, note)

    def update(self, done: int, note: str = "") -> None:
        """Sets what is done (not what was added). Says so at most every few seconds."""
        self.done = done
        now = time.monotonic()
        if now - self._said >= (0.2 if self._terminal else LOG_SECONDS):
            self._said = now
            self._show(note)

    def line(self) -> str:
        """The state in words."""
        seconds = max(time.monotonic() - self._started, 1e-9)
        rate = (self.done - self._resumed) / seconds
        left = (self.total - self.done) / rate if rate > 0 else None
        share = percent(self.done / self.total, digits=0) if self.total else "?%"
        eta = "?" if left is None else duration(left)
        return (
            f"{self.label}: {share:>4}  {self.done:,}/{self.total:,} {self.unit}  {rate:,.1f} {self.unit}/s  {eta} left"
        )

    def _show(self, note: str) -> None:
        line = self.line() + (f"  {note}" if note else "")
        if self._terminal:
            sys.stderr.write(f"\r\x1b[2K{line}")
            sys.stderr.flush()
        else:
            say(line)
        emit("progress", label=self.label, done=self.done, total=self.total, unit=self.unit, line=line)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        seconds = time.monotonic() - self._started
        if self._terminal:
            sys.stderr.write("\r\x1b[2K")
        if kind is None:
            what = f"{self.done:,} {self.unit}" if self.done else "done"  # before anything was counted
            say(f"{self.label}: {what} in {duration(seconds)}")
            emit(
                "progress",
                label=self.label,
                done=self.done,
                total=max(self.done, self.total),
                unit=self.unit,
                line="done",
            )
