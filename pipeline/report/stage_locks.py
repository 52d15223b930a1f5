"""Who makes an artifact just now, without being in anybody's way."""

import fcntl
import os
import threading
import time
from pathlib import Path
from typing import NamedTuple

LOOKS_SECONDS = 1.0
"""A lock is looked at so often at most, however many ask: for that moment nobody else can take it."""


class Held(NamedTuple):
    """Who makes an artifact, as the lock's file says, and since when (seconds since 1970)."""

    by: str
    since: float


looked: dict[Path, tuple[float, Held | None]] = {}
looking = threading.Lock()


def holder(lock: Path) -> Held | None:
    """Who makes the artifact whose lock this is, or made it a moment ago; None when nobody does."""
    with looking:
        at, found = looked.get(lock, (-LOOKS_SECONDS, None))
        now = time.monotonic()
        if now - at < LOOKS_SECONDS:
            return found
        if len(looked) > 4096:
            looked.clear()
        looked[lock] = now, (found := holder_now(lock))
        return found


def holder_now(lock: Path) -> Held | None:
    """The same, looked at this very moment."""
    try:
        with lock.open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return Held(file.read(), os.fstat(file.fileno()).st_mtime)
    except OSError:
        pass
    return None
