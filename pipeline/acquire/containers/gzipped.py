"""Bytes of a plain or gzipped file, in UTF-8. A truncated or damaged file gives what can be read."""

import codecs
import io
import zlib
from contextlib import suppress
from typing import BinaryIO

from pipeline.contract.objects import SourceFile

BLOCK = 1 << 18
PIECE = 1 << 13
MAGIC = b"\x1f\x8b"


class Gunzip(io.RawIOBase):
    """The decompressed bytes of all members; `damage` says why they end early, if they do."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._inflate = zlib.decompressobj(wbits=31)
        self._pending = self._ready = b""
        self._began = False
        self.damage: str | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def, override]
        while not self._ready and self.damage is None and self._fill():
            before = self._inflate.copy()
            try:
                self._ready = self._inflate.decompress(self._pending, len(buffer))
            except zlib.error as error:
                self._ready = self._until_damage(before)
                self.damage = f"damaged gzip data at byte {self._file.tell() - len(self._pending):,}: {error}"
                break
            self._began = True
            self._pending = self._inflate.unconsumed_tail
            if self._inflate.eof:
                self._pending = self._inflate.unused_data.lstrip(b"\0")
                self._inflate, self._began = zlib.decompressobj(wbits=31), False
        data, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)

    def _until_damage(self, inflate: "zlib._Decompress") -> bytes:
        """What the pending bytes give, one by one, up to the byte that is wrong."""
        found = []
        with suppress(zlib.error):
            for at in range(len(self._pending)):
                found.append(inflate.decompress(self._pending[at : at + 1]))
        return b"".join(found)

    def _fill(self) -> bool:
        """Compressed bytes are pending; False at the end of the file."""
        if not self._pending:
            self._pending = self._file.read(PIECE)
        if not self._pending and self._began:
            self.damage = f"the gzip file ends early, at byte {self._file.tell():,}"
        return bool(self._pending)


class Transcoder(io.RawIOBase):
    """The bytes of a text in another encoding, or with other line ends, as UTF-8 with line feeds.

    What the encoding does not know becomes bytes that are not UTF-8, so that only its record is refused.
    """

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        super().__init__()
        self._file = file
        errors = "surrogatepass" if encoding.startswith("utf-") and encoding != "utf-8" else "surrogateescape"
        self._escaped = errors if encoding == "utf-8" else "surrogatepass"
        self._decode = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(errors), translate=True)
        self._pending = b""
        self._ended = False
        self.damage: str | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def, override]
        while not self._pending and not self._ended:
            block = self._file.read(PIECE)
            self._ended = not block
            try:
                self._pending = self._decode.decode(block, final=not block).encode("utf-8", self._escaped)
            except UnicodeDecodeError as error:
                self._ended, self.damage = True, f"text that is not {error.encoding}: {error.reason}"
        data, self._pending = self._pending[: len(buffer)], self._pending[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


class Stream:
    """A file opened for one reader.

    encoding: of a file that is not UTF-8 with line feeds, which is then transcoded (see Transcoder).
    file: the decompressed, transcoded bytes. consumed: bytes of the file on disk that have been read.
    """

    def __init__(self, path: SourceFile, gzipped: bool, encoding: str = "") -> None:
        self.path = path
        self._disk = path.open("rb", buffering=BLOCK)
        self._gunzip = Gunzip(self._disk) if gzipped else None
        self.file: BinaryIO = io.BufferedReader(self._gunzip, BLOCK) if self._gunzip else self._disk
        self._transcoder = Transcoder(self.file, encoding) if encoding else None
        if self._transcoder:
            self.file = io.BufferedReader(self._transcoder, BLOCK)

    @property
    def consumed(self) -> int:
        return self._disk.tell()

    @property
    def damage(self) -> str | None:
        """Why the bytes end early, if they do."""
        layers = (self._gunzip, self._transcoder)
        return next((layer.damage for layer in layers if layer and layer.damage), None)

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self._disk.close()


def is_gzipped(path: SourceFile) -> bool:
    """Whether the file starts as gzip files do."""
    with path.open("rb") as file:
        return file.read(2) == MAGIC
