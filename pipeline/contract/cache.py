"""What this machine has of a root in an object store: as much as there is room for."""

import fcntl
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from configs.errors import UserError
from pipeline.contract.formatting import size

CACHE = "PARLANCE_CACHE"
MANIFEST, SEAL = "manifest.json", "manifest.sha256"
KINDS = ("artifacts", "parts")

_in_use: dict[Path, TextIO] = {}
"""Locks that this process holds as long as it lives: of what it reads, nothing is evicted."""


def machine_cache() -> Path:
    """The folder of this machine's caches: $PARLANCE_CACHE, else ~/.cache/parlance."""
    return Path(os.environ.get(CACHE) or Path.home() / ".cache" / "parlance").resolve()


@dataclass(frozen=True)
class Cache:
    """The files of artifacts and parts below a folder, all of which are in the store too; manifests stay.

    A place is where one lies: artifacts/<stage>/<fingerprint>. most_bytes: that they may hold.
    """

    folder: Path
    most_bytes: int

    def use(self, place: str) -> None:
        """From now on, until this process ends, the files of a place stay."""
        lock = self._used(place)
        if lock not in _in_use:
            lock.parent.mkdir(parents=True, exist_ok=True)
            _in_use[lock] = lock.open("a+")
            fcntl.flock(_in_use[lock], fcntl.LOCK_SH)
        os.utime(lock)

    def _used(self, place: str) -> Path:
        """The lock of whoever uses an artifact; parts, which are many, have one a stage."""
        folder = self.folder / place
        return folder.with_name(f".{folder.name}.used") if place.startswith("artifacts/") else folder.parent / ".used"

    def shrink(self) -> None:
        """Deletes what is too much for the cache, if it is not in use."""
        with suppress(UserError):
            self.make_room(0)

    def make_room(self, needed: int) -> None:
        """Deletes files of what was not used the longest, and is in the store, until there is room for `needed` bytes.

        Raises UserError when what is in use leaves too little.
        """
        sizes, names = self._inodes()
        held = sum(sizes.values())
        there = [folder for kind in KINDS for folder in folders(self.folder, kind)] if self._full(held, needed) else []
        for folder in sorted(there, key=self._last_used):
            for inode in self._evict(folder):
                names[inode] -= 1
                held -= 0 if names[inode] else sizes[inode]
            if not self._full(held, needed):
                break
        if not self._full(held, needed):
            return
        raise UserError(
            f"storage.cache_gb: {self.folder} holds {size(held)} that is in use, and needs {size(needed)} more, which "
            f"is above {size(self.most_bytes)}; set storage.cache_gb to {(held + needed) / 1e9:.1f} or more"
        )

    def _full(self, held: int, needed: int) -> bool:
        return held + needed > self.most_bytes

    def _evict(self, folder: Path) -> list[int]:
        """Deletes the files of an artifact or a part that nobody uses; the inodes that have a name less."""
        lock, gone = self._used(folder.relative_to(self.folder).as_posix()), []
        if lock in _in_use:
            return []
        with lock.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return []
            for path in (path for path in _present(folder) if path.name not in (MANIFEST, SEAL)):
                gone.append(path.stat().st_ino)
                path.unlink()
        return gone

    def _last_used(self, folder: Path) -> float:
        lock = self._used(folder.relative_to(self.folder).as_posix())
        return lock.stat().st_mtime if lock.is_file() else folder.stat().st_mtime

    def _inodes(self) -> tuple[dict[int, int], Counter[int]]:
        """Of each file its bytes, and how many names it has here: parts and artifacts share files."""
        sizes: dict[int, int] = {}
        names = Counter[int]()
        for path in (path for kind in KINDS for path in _present(self.folder / kind)):
            with suppress(FileNotFoundError):
                status = path.stat()
                sizes[status.st_ino] = status.st_size
                names[status.st_ino] += 1
        return sizes, names


def folders(root: Path, kind: str) -> list[Path]:
    """Every artifact, or part, of which the manifest is here."""
    return [path for path in (root / kind).glob("*/[!.]*") if (path / MANIFEST).is_file()]


def _present(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (Path(parent, name) for name in names)
