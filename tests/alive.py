"""Which processes still run, where one may end between any two questions about it."""

from collections.abc import Iterable
from contextlib import suppress

import psutil


def processes_of(pids: Iterable[int]) -> list[psutil.Process]:
    """Those that are there."""
    found = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(pid))
    return found


def alive(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those that run, and do not only wait for somebody to ask how they ended."""
    found = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found
