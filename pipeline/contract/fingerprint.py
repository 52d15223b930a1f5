"""Names that follow from content: of configurations, of files, of rows."""

import hashlib
import json
import math
import os
import shutil
import time
import weakref
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pipeline.contract.journal import Journal
from pipeline.contract.objects import ObjectFile, SourceFile

SETTLED_NS = 100_000_000
"""A file that changed so shortly before it was read is not remembered: the clock of a file system ticks every few
milliseconds, and a second write inside one tick would leave the same time."""

WRITE_SECONDS = 1.0
"""Between two writes of the memory: whoever asks for ten thousand files one by one is not to wait for as many."""

THREADS = 8
WORTH_THREADS = 8 << 20
"""Bytes. hashlib lets other threads run while it hashes: 0.74 GB/s a core without the CPU's SHA instructions."""

MOST_REMEMBERED = 200_000

F = TypeVar("F", Path, SourceFile)


class Identity(NamedTuple):
    """What a file system says of a file, and changes whenever the content does. Times in nanoseconds.

    Of a file in an object store: its address and its version, an ETag or a generation.
    """

    device: int | str
    inode: int | str
    size: int
    mtime_ns: int
    ctime_ns: int


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no white space: one text for one value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def fingerprint(stage: str, version: str, config: dict[str, Any], inputs: dict[str, str]) -> str:
    """sha256 over what decides a stage's output, as 64 hex digits.

    inputs: name to fingerprint of an artifact, or name to content hash of a raw file.
    """
    text = canonical_json({"stage": stage, "version": version, "config": config, "inputs": inputs})
    return hashlib.sha256(text.encode()).hexdigest()


def file_sha256(path: SourceFile) -> str:
    """sha256 of a file's bytes, as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def link_or_copy(path: Path | str, to: Path | str) -> None:
    """Gives a file a further name, or copies it where the file system has no hard links."""
    try:
        os.link(path, to)
    except (FileExistsError, FileNotFoundError):
        raise
    except OSError:
        shutil.copyfile(path, to)


class FileHashes:
    """Content hashes of files, remembered by device, inode, size and the times of the last change.

    A file is read again when any of these differs: the time of the inode's last change (ctime) moves with every
    write and cannot be set back. The memory is a journal (see there); what is lost of it costs the time to read
    the files again, and nothing that is damaged in it is used.

    Known limitation: what rots below the file system leaves all of these as they were; `parlance verify` reads
    every file.
    """

    def __init__(self, memory: Path) -> None:
        self.memory = Journal(memory)
        self._unwritten: list[list[Any]] = []
        self._written = -math.inf
        weakref.finalize(self, _append, self.memory, self._unwritten)

    def of(self, paths: Iterable[F]) -> dict[F, str]:
        """path to sha256. Large files, and those in object stores, are read by several threads."""
        now = time.time_ns()
        identities = {path: _identity(path) for path in paths}
        unknown = {path: identity for path, identity in identities.items() if identity not in self._known}
        read = dict(zip(unknown, _digests(list(unknown), sum(i.size for i in unknown.values())), strict=True))
        lasting = [p for p, i in unknown.items() if i.ctime_ns < now - SETTLED_NS and _identity(p) == i]
        self._remember({unknown[path]: read[path] for path in lasting})
        return {path: read.get(path) or self._known[identity] for path, identity in identities.items()}

    def link(self, path: Path, to: Path, digest: str) -> None:
        """Gives a file that has this hash a further name, or copies it where the file system has no hard links.

        A link moves the time of the inode's last change, which costs no second reading here: all else is as it was.
        """
        before = _identity(path)
        link_or_copy(path, to)
        after = _identity(to)
        if after._replace(ctime_ns=before.ctime_ns) == before:
            self._remember({after: digest})

    @property
    def root(self) -> Path:
        """The folder whose memory this is."""
        return self.memory.path.parent

    @cached_property
    def _known(self) -> dict[Identity, str]:
        lines = self.memory.read()
        if len(lines) > MOST_REMEMBERED:
            lines = lines[-MOST_REMEMBERED // 2 :]
            self.memory.rewrite(lines)
        return {Identity(*identity): digest for digest, *identity in lines}

    def _remember(self, found: dict[Identity, str]) -> None:
        self._known.update(found)
        self._unwritten += ([digest, *identity] for identity, digest in found.items())
        if time.monotonic() - self._written > WRITE_SECONDS:
            _append(self.memory, self._unwritten)
            self._written = time.monotonic()


class ReadOnce:
    """Content hashes of files as they are now: each is read, and once if it has several names."""

    def __init__(self) -> None:
        self._known: dict[Identity, str] = {}

    def of(self, paths: Iterable[Path]) -> dict[Path, str]:
        """path to sha256."""
        found = {}
        for path in paths:
            identity = _identity(path)
            found[path] = self._known.get(identity) or file_sha256(path)
            self._known[identity] = found[path]
        return found


def _append(memory: Journal, unwritten: list[list[Any]]) -> None:
    with suppress(OSError):  # of a root that is full or cannot be written, all can still be read
        memory.append(unwritten)
    unwritten.clear()


def _identity(path: SourceFile) -> Identity:
    if isinstance(path, ObjectFile):
        return Identity(path.address, path.version, path.size, 0, 0)
    stat = path.stat()
    return Identity(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


def _digests(paths: Sequence[SourceFile], size: int) -> list[str]:
    far = any(isinstance(path, ObjectFile) for path in paths)
    if size < WORTH_THREADS and not far:
        return [file_sha256(path) for path in paths]
    with ThreadPoolExecutor(THREADS if far else min(THREADS, os.cpu_count() or 1)) as pool:
        return list(pool.map(file_sha256, paths))
