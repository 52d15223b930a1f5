"""A notice that a run is to stop soon: the file that tells of it.

Slurm and Kubernetes send SIGTERM some time before they end a job. Training then saves, and ends with a status that asks
for a restart; the ranks may be on other machines, and share a folder with whoever got the signal.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def notice_of(folder: Path) -> Path:
    """The file that tells of a notice; folder: the run's."""
    return folder / "notice"


@contextmanager
def taken(folder: Path) -> Iterator[None]:
    """SIGTERM is a notice for the training of this run, and no longer ends this process. folder: the run's.

    Changes nothing where SIGTERM is handled otherwise, or outside the main thread, which alone may.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, lambda *_: notice_of(folder).touch())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        notice_of(folder).unlink(missing_ok=True)
