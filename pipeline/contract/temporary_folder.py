"""Folders for what a process needs while it lives, which the next start deletes if it was killed."""

import fcntl
import shutil
import tempfile
import uuid
from contextlib import suppress
from pathlib import Path

PREFIX = "parlance-"
LOCK = ".lock"


class TemporaryFolder:
    """An empty folder, `path`, in the machine's temporary folder or in `base`; this process holds its lock.

    Making one deletes those there of the same kind whose process has ended, however it did.
    """

    def __init__(self, kind: str, base: Path | None = None) -> None:
        base = base or Path(tempfile.gettempdir())
        base.mkdir(parents=True, exist_ok=True)
        for left in base.glob(f"{PREFIX}{kind}-*/{LOCK}"):
            with suppress(OSError), left.open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left.parent, ignore_errors=True)
        whole = base / f".{PREFIX}{kind}-{uuid.uuid4().hex}"
        whole.mkdir(mode=0o700)
        self._lock = (whole / LOCK).open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.path = whole.rename(base / whole.name.removeprefix("."))  # nobody sees it before it is held

    def cleanup(self) -> None:
        """Deletes the folder."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()
