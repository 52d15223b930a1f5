"""Files that are there whole or not at all: written under a partial name, then renamed."""

import fcntl
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOCKING_SECONDS = 1.0
"""A writer that has made its file has locked it before so long."""


@contextmanager
def replacing(path: Path, durable: bool = False) -> Iterator[Path]:
    """A partial name beside `path` to write to; when the body ends without an error, it becomes `path`.

    Whoever reads sees the old file or the new one, also when the writer is killed; what is left then is the
    partial file, named after nobody's process, as writers of one file may be on several machines.
    durable: on disk before it gets its name, so that the same holds when the machine dies. That is for files
    which a later attempt trusts; what an artifact holds is brought to the disk as it is committed.
    """
    partial = _partial(path)
    try:
        yield partial
        if durable:
            sync(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """A small file, durable. Its writer holds the partial one's lock, so that `sweep_partials` knows it lives."""
    partial = _partial(path)
    try:
        with partial.open("w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")


def sync(path: Path) -> None:
    """Returns when a file, or a folder's list of names, is on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep_partials(folder: Path) -> None:
    """Deletes what killed writers of small files left in a folder, and nothing of a live one."""
    for left in folder.glob(".*.partial"):
        with suppress(OSError), left.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if time.time() - os.fstat(file.fileno()).st_mtime > LOCKING_SECONDS:
                left.unlink()


def remove_partials(folder: Path) -> None:
    """Deletes what killed writers left anywhere below a folder; nobody may be writing there."""
    for left in folder.rglob(".*.partial"):
        if left.is_file():
            left.unlink(missing_ok=True)
