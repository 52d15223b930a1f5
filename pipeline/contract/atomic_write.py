"""Files that are there whole or not at all: written under a partial name, then renamed."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path, durable: bool = False) -> Iterator[Path]:
    """A partial name beside `path` to write to; when the body ends without an error, it becomes `path`.

    Whoever reads sees the old file or the new one, also when the writer is killed; what is left then is the
    partial file, named after nobody's process, as writers of one file may be on several machines.
    durable: on disk before it gets its name, so that the same holds when the machine dies. That is for files
    which a later attempt trusts; what an artifact holds is brought to the disk as it is committed.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    try:
        yield partial
        if durable:
            sync(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """A small file, durable."""
    with replacing(path, durable=True) as partial:
        partial.write_text(text, encoding="utf-8")


def sync(path: Path) -> None:
    """Returns when a file, or a folder's list of names, is on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_partials(folder: Path) -> None:
    """Deletes what killed writers left anywhere below a folder; nobody may be writing there."""
    for left in folder.rglob(".*.partial"):
        if left.is_file():
            left.unlink()
