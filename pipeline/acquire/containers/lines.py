"""The lines of a file, or of a range of its bytes, without holding more than one."""

from collections.abc import Iterator
from typing import BinaryIO

from pipeline.acquire.containers.malformed import MAX_RECORD_BYTES

BOM = b"\xef\xbb\xbf"


class Lines:
    """Lines whose first byte lies in [start, stop). `offset` is where the next line begins.

    A line longer than MAX_RECORD_BYTES comes as None.
    """

    def __init__(self, file: BinaryIO, start: int = 0, stop: int | None = None) -> None:
        self._file, self.stop = file, stop
        self.offset = 0
        if start:
            file.seek(start - 1)
            self.offset = start - 1
            self._skip_line()

    @property
    def in_range(self) -> bool:
        """Whether the next line still belongs to the range."""
        return self.stop is None or self.offset < self.stop

    def next_line(self) -> bytes | None:
        """The next line with its newline, b"" at the end of the file, None for a line that is too large."""
        line = self._file.readline(MAX_RECORD_BYTES)
        return self._checked(line) if not self.offset or len(line) == MAX_RECORD_BYTES else self._counted(line)

    def __iter__(self) -> Iterator[bytes | None]:
        readline, stop = self._file.readline, self.stop
        while stop is None or self.offset < stop:
            line = readline(MAX_RECORD_BYTES)
            if not line:
                return
            if self.offset and len(line) < MAX_RECORD_BYTES:
                self.offset += len(line)
                yield line
            else:
                yield self._checked(line)

    def _counted(self, line: bytes) -> bytes:
        self.offset += len(line)
        return line

    def _checked(self, line: bytes) -> bytes | None:
        """The line without a byte order mark, None when it is only the beginning of one that is too large."""
        first = self.offset == 0
        self.offset += len(line)
        if len(line) == MAX_RECORD_BYTES and not line.endswith(b"\n"):
            self._skip_line()
            return None
        return line.removeprefix(BOM) if first else line

    def _skip_line(self) -> None:
        while line := self._file.readline(1 << 20):
            self.offset += len(line)
            if line.endswith(b"\n"):
                return
