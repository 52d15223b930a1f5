"""Bytes of a plain or gzipped file. A truncated or damaged gzip file gives what can be read."""

import io
import zlib
from pathlib import Path
from typing import BinaryIO

BLOCK = 1 << 18
PIECE = 1 << 13
MAGIC = b"\x1f\x8b"


class Gunzip(io.RawIOBase):
    """The decompressed bytes of all members; `damage` says why they end early, if they do."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._inflate = zlib.decompressobj(wbits=31)
        self._pending = b""
        self._began = False
        self.damage: str | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def, override]
        data = b""
        while not data and self.damage is None and self._fill():
            try:
                data = self._inflate.decompress(self._pending, len(buffer))
            except zlib.error as error:
                self.damage = f"damaged gzip data at byte {self._file.tell() - len(self._pending):,}: {error}"
                break
            self._began = True
            self._pending = self._inflate.unconsumed_tail
            if self._inflate.eof:
                self._pending = self._inflate.unused_data.lstrip(b"\0")
                self._inflate, self._began = zlib.decompressobj(wbits=31), False
        buffer[: len(data)] = data
        return len(data)

    def _fill(self) -> bool:
        """Compressed bytes are pending; False at the end of the file."""
        if not self._pending:
            self._pending = self._file.read(PIECE)  # small, because an error costs the whole piece
        if not self._pending and self._began:
            self.damage = f"the gzip file ends early, at byte {self._file.tell():,}"
        return bool(self._pending)


class Stream:
    """A file opened for one reader.

    file: the decompressed bytes. consumed: bytes of the file on disk that have been read.
    """

    def __init__(self, path: Path, gzipped: bool) -> None:
        self._disk = path.open("rb", buffering=BLOCK)
        self._gunzip = Gunzip(self._disk) if gzipped else None
        self.file: BinaryIO = io.BufferedReader(self._gunzip, BLOCK) if self._gunzip else self._disk

    @property
    def consumed(self) -> int:
        return self._disk.tell()

    @property
    def damage(self) -> str | None:
        return self._gunzip.damage if self._gunzip else None

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self._disk.close()


def is_gzipped(path: Path) -> bool:
    """Whether the file starts as gzip files do."""
    with path.open("rb") as file:
        return file.read(2) == MAGIC
