"""Small files under a root, as all machines see them, also where the root is in an object store."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from configs.addresses import joined
from pipeline.contract.frozen_profile import CREDENTIALS
from pipeline.contract.journal import Journal
from pipeline.contract.mirror import Mirror
from pipeline.contract.objects import delete, put_object

LOGS = "logs"


def share(path: Path) -> None:
    """A small file that was written below a root is seen by the other machines too; of a root in a folder it is."""
    for folder in path.parents:
        if mirror := Mirror.of(folder):
            put_object(joined(mirror.address, path.relative_to(folder).as_posix()), path.read_bytes())
            return


def share_run(folder: Path) -> None:
    """The same of a run's files, but for its logs and credentials."""
    if Mirror.of(folder.parents[1]):
        for path in (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")):
            if path.parent.name != LOGS and path.name != CREDENTIALS:
                share(path)


def unshare(path: Path) -> None:
    """Deletes a small file, here and for the other machines."""
    path.unlink(missing_ok=True)
    for folder in path.parents:
        if mirror := Mirror.of(folder):
            delete(joined(mirror.address, path.relative_to(folder).as_posix()))
            return


def append_shared(journal: Journal, value: Any, unless: Callable[[list[Any]], bool] = lambda _: False) -> None:
    """Appends a line to a journal that machines share, durably; not when `unless`, given its values, says so."""
    mirror = next((m for folder in journal.path.parents if (m := Mirror.of(folder))), None)
    if mirror:
        mirror.pull_file(journal.path.relative_to(mirror.folder).as_posix())
    if not unless(journal.read()):
        journal.append([value], durable=True)
    if mirror and journal.path.is_file():
        share(journal.path)
