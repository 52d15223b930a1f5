"""Slices of the sources, each of which becomes one part: a file, a range of a large one, or neighbouring small ones."""

import hashlib
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.acquire.containers.container import WHOLE, Part
from pipeline.acquire.sources import is_closed
from pipeline.contract.fingerprint import FileHashes, canonical_json
from pipeline.contract.objects import SourceFile
from pipeline.contract.raw_inputs import file_hashes
from pipeline.rows.bans import Bans

LEAST_BYTES = 1 << 20
"""Of a slice of small files: about a second of all data stages."""

MOST_SLICES = 2048
"""About so many slices at most, as every one is a file of each stage, and deduplication compares all with all."""

LEAST_FILE_BYTES = 1 << 12
"""What the smallest file counts for: it has to be opened."""


@dataclass(frozen=True)
class File:
    """A file of a source. name: relative to the source. digest: sha256, or why there is none. size: bytes."""

    name: str
    path: SourceFile
    digest: str
    size: int

    @property
    def hash(self) -> int:
        """64 bits of name and content."""
        digest = hashlib.blake2b(f"{self.name}\0{self.digest}".encode("utf-8", "surrogatepass"), digest_size=8)
        return int.from_bytes(digest.digest(), "little")


@dataclass(frozen=True)
class Slice:
    """What becomes a part: files of a source, or a range of the only one."""

    source: str
    files: tuple[File, ...]
    range: Part = WHOLE

    def inputs(self, bans: Bans) -> dict[str, str]:
        """What of its files decides the part, and how often somebody was erased from them; where they lie does not."""
        bounds = {} if self.range == WHOLE else {"range": f"{self.range.start}-{self.range.stop}"}
        erased = bans.touching(file.digest for file in self.files)
        files = {file_label(file.name): file.digest for file in self.files}
        return files | bounds | ({"erased": canonical_json(erased)} if erased else {})


def file_label(name: str) -> str:
    """How the inputs of a part call a file of its source."""
    return f"file/{name}"


def hashed(source: str, files: Sequence[tuple[str, SourceFile]], hashes: FileHashes) -> list[File]:
    """The files of a source. One that cannot be read goes by what it is instead of by its content."""
    readable = [(name, path) for name, path in files if path.is_file() and not is_closed(path)]
    digests = dict(zip(readable, file_hashes(f"acquire.sources: {source}", readable, hashes), strict=True))
    found = []
    for name, path in files:
        digest = digests.get((name, path))
        found.append(File(name, path, digest or _closed(path), path.stat().st_size if digest else 0))
    return found


def _closed(path: SourceFile) -> str:
    assert isinstance(path, Path)
    kind = stat.S_IFMT(path.lstat().st_mode)
    return f"unreadable {kind:o} {is_closed(path)}"


def slice_bytes(total: int) -> int:
    """About how large slices of small files are in a corpus of so many bytes.

    A power of two, so that all but the rare file that reaches the next one leaves the borders where they are.
    """
    size = LEAST_BYTES
    while total > size * MOST_SLICES:
        size *= 2
    return size


def groups(files: Iterable[File], size: int) -> Iterator[tuple[File, ...]]:
    """Neighbours of about `size` bytes; files of that size stand alone.

    Content says where a group ends, after a file with a probability that is its share of `size`: a file more, less or
    other changes its own group, and at most the one that it parts or joins.
    """
    group: list[File] = []
    for file in files:
        if file.size >= size:
            if group:
                yield tuple(group)
            yield (file,)
            group = []
            continue
        group.append(file)
        if file.hash < max(file.size, LEAST_FILE_BYTES) / size * 2**64:
            yield tuple(group)
            group = []
    if group:
        yield tuple(group)
