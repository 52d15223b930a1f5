"""What a container is: a kind of file that yields records, whole or a part at a time."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar

from configs.acquire import CONTAINERS
from pipeline.acquire.containers.gzipped import Stream
from pipeline.acquire.containers.malformed import Malformed
from pipeline.contract.objects import SourceFile

Records = Iterator[tuple[int, Any]]
"""(record number in its file from 0, record or Malformed)"""

ENCODINGS = {"": "", "utf-8": "carriage returns"}
OTHERS = {
    b"PK\x03\x04": "a zip archive",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstandard",
    b"%PDF": "PDF",
    b"ARROW1": "Arrow",
    b"SQLite format 3": "SQLite",
    b"\x1f\x8b": "gzip inside gzip",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word file",
    b"\x7fELF": "a program",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
}


@dataclass(frozen=True)
class Head:
    """The first bytes of a file, decompressed, in UTF-8, without byte order mark.

    encoding: as Stream takes it. whole: the file has no more bytes.
    """

    path: SourceFile
    data: bytes
    gzipped: bool
    encoding: str
    whole: bool

    @cached_property
    def text(self) -> str:
        return self.data.decode("utf-8", "replace")

    @cached_property
    def is_json(self) -> bool:
        """Whether it begins as an object or an array."""
        return self.text.lstrip()[:1] in ("{", "[")

    @cached_property
    def foreign(self) -> str | None:
        """What the file is, when it is neither text nor of a container that is read."""
        start = self.text[:4096]
        binary = start.count("\0") > 0.05 * len(start) or start.count("\ufffd") > 400
        named = (name for magic, name in OTHERS.items() if self.data.startswith(magic))
        return next(named, "binary data" if binary else None)


@dataclass(frozen=True)
class Part:
    """What is read at once. start, stop: bytes, or row groups of Parquet; stop None is the end.

    first: number of its first record. inside_quotes: of a part of CSV.
    """

    start: int = 0
    stop: int | None = None
    first: int = 0
    inside_quotes: bool = False


WHOLE = Part()


@dataclass(frozen=True)
class Outcome:
    """What a part holds if it begins in a certain state.

    rows: records that begin in it. open: whether its end lies inside quotes.
    """

    rows: int
    open: bool


@dataclass(frozen=True)
class Container(ABC):
    """How the bytes of one file are read. Each kind is a file of this folder and a row of CONTAINERS.

    encoding: as Stream takes it; empty for UTF-8 with line feeds.
    splits: a part of the file can be read without what comes before it. parts_numbered: a part knows
    the number of its first record. is_table: the first record has every column. read_whole: the file
    is small and read to its end once it is opened.
    """

    splits: ClassVar[bool] = False
    parts_numbered: ClassVar[bool] = False
    is_table: ClassVar[bool] = False
    read_whole: ClassVar[bool] = False

    gzipped: bool = False
    encoding: str = ""

    @abstractmethod
    def read(self, stream: Stream, part: Part, wanted: Callable[[int], bool], columns: list[str] | None) -> Records:
        """The records of a part. wanted: by number, those to give. columns: those to read, where that saves work.

        A record that cannot be read is given as Malformed. Raises Malformed for all that would follow.
        """

    def count(self, stream: Stream, part: Part) -> tuple[Outcome, Outcome] | None:  # noqa: ARG002
        """The records of a part that begins outside, and inside quotes. None: only reading tells. Raises Malformed."""
        return None

    def split(self, path: SourceFile, size: int, part_bytes: int) -> list[tuple[Part, int]]:  # noqa: ARG002
        """Parts of about part_bytes and the bytes of each. Raises Malformed."""
        bounds = [*range(0, size, part_bytes), size]
        return [(Part(a, b), b - a) for a, b in pairwise(bounds)]

    def records(self, path: SourceFile) -> int | None:  # noqa: ARG002
        """How many records the file says that it has, if it says."""
        return None

    @property
    def splittable(self) -> bool:
        return self.splits and not self.gzipped and not self.encoding

    def __str__(self) -> str:
        kind = type(self).__module__.rpartition(".")[2]
        notes = [", gzip" if self.gzipped else "", f", {ENCODINGS.get(self.encoding, self.encoding)}"]
        return CONTAINERS.get(kind, kind) + "".join(notes).rstrip(", ")


@dataclass(frozen=True)
class WholeContainer(Container):
    """A container whose values lie one after the other, and no part can be read without those before it."""

    @abstractmethod
    def values(self, stream: Stream) -> Iterator[Any]:
        """Each record, or Malformed in its place. Raises Malformed for all that would follow."""

    def read(self, stream: Stream, part: Part, wanted: Callable[[int], bool], columns: list[str] | None) -> Records:  # noqa: ARG002
        for ordinal, record in enumerate(self.values(stream)):
            if wanted(ordinal) or is_rest(record):
                yield ordinal, record


def is_rest(record: Any) -> bool:
    """Whether a record stands for the unread rest of a file."""
    return isinstance(record, Malformed) and record.rule == "truncated"
