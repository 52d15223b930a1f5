"""The declared sources: their files, and what of them enters acquire's fingerprint."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from configs.acquire import Source
from configs.addresses import is_address, last_name
from configs.errors import UserError
from configs.profile import Profile
from pipeline.acquire.containers.malformed import printable
from pipeline.contract.fingerprint import FileHashes, canonical_json
from pipeline.contract.objects import ObjectFile, SourceFile, list_objects
from pipeline.contract.raw_inputs import file_hashes, package_version
from pipeline.rows.bans import Bans

LOCK = ".lock"
"""In a folder to which a program adds files that only grow."""


def raw_inputs(profile: Profile, hashes: FileHashes) -> dict[str, str]:
    """Label to content hash (or exact version) of every source, and Spark's settings that decide what is read; of files
    that somebody was erased from, also that, since they are to be read anew.

    Raises UserError for a source that is missing. The files of all sources are hashed at once: what is known of files
    is read and written once, and not once a file.
    """
    found: dict[str, str] = {}
    readable: dict[str, SourceFile] = {}
    for source in profile.acquire.sources:
        if source.package:
            found[source.name] = package_version(f"acquire.sources: {source.name}", source.package)
        elif source.hub:
            found[source.name] = f"hub:{source.hub}"
        else:
            files = {f"{source.name}/{name}": path for name, path in _files(source)}
            found |= dict.fromkeys(files, "unreadable")
            readable |= {label: path for label, path in files.items() if path.is_file() and not is_closed(path)}
    digests = file_hashes("acquire.sources", list(readable.items()), hashes)
    found |= dict(zip(readable, digests, strict=True))
    if erased := Bans.read(hashes.root).touching(found.values()):
        found["erased"] = canonical_json(erased)
    deciding = profile.spark.deciding
    return found | {"spark.conf": canonical_json(deciding)} if deciding else found


@contextmanager
def standing_still(profile: Profile) -> Iterator[None]:
    """Holds the lock of every folder that has one and is a source, or has a file that is one: who writes there waits
    (serving/dialogue/feedback.py)."""
    paths = [Path(s.path) for s in profile.acquire.sources if s.path and not is_address(s.path)]
    with ExitStack() as held:
        for lock in sorted({(path.parent if path.is_file() else path) / LOCK for path in paths}):
            if lock.is_file():
                fcntl.flock(held.enter_context(lock.open()), fcntl.LOCK_SH)
        yield


def source_files(source: Source) -> list[tuple[str, SourceFile]]:
    """(name relative to the source, path) of each file of a source that has a path, in order of name.

    Of a folder that is everything but folders: what cannot be read (pipes, broken links, folders and
    files without permission) is there too, for acquire to account for. Links to folders are not followed;
    what is hidden, or lies in a hidden folder, is no data.
    """
    assert source.path is not None
    if is_address(source.path):
        return _objects(source.name, source.path)
    path = Path(source.path)
    if path.is_file():
        return [(printable(path.name), path)]
    if path.is_dir():
        shown = (p for p in path.rglob("*") if not any(part.startswith(".") for part in p.relative_to(path).parts))
        found = (p for p in shown if not p.is_dir() or is_closed(p))
        return sorted((printable(p.relative_to(path).as_posix()), p) for p in found)
    raise UserError(f"acquire.sources: {source.name}: {path} does not exist; correct the path")


def _objects(source: str, address: str) -> list[tuple[str, SourceFile]]:
    found = list_objects(address)
    if [file.address for file in found] == [address]:
        return [(printable(last_name(address)), found[0])]
    named = [(file.address.removeprefix(f"{address}/"), file) for file in found]
    shown = [(printable(name), file) for name, file in named if not any(p.startswith(".") for p in name.split("/"))]
    if not shown:
        raise UserError(f"acquire.sources: {source}: {address} holds no object; correct the address")
    return sorted(shown, key=lambda pair: pair[0])


def is_closed(path: SourceFile) -> bool:
    """Whether a file or folder cannot be read. Of an object its store says so, when it is read."""
    if isinstance(path, ObjectFile):
        return False
    mode = os.R_OK | (os.X_OK if path.is_dir() else 0)
    return not os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _files(source: Source) -> list[tuple[str, SourceFile]]:
    files = source_files(source)
    if not files:
        raise UserError(f"acquire.sources: {source.name}: {source.path} holds no file")
    return files
