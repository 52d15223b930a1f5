"""Lines appended to a file, each of which counts only when it is whole.

A line is the first 16 hex digits of the sha256 of the rest, and a JSON value. Several processes may append to
one journal: what a killed writer, a full disk or a flipped bit leaves of a line is passed over, and costs no other
line. Unless it is asked for, nothing is synced: most journals hold only what can be found out again.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline.contract.atomic_write import replacing, sync

CHECK_DIGITS = 16


class Journal:
    """The journal in a file, which need not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, values: Iterable[Any], durable: bool = False) -> None:
        """Appends a line a value, all in one write.

        durable: on disk when this returns, and one writer at a time, on whichever machine: for what cannot be found out
        again.
        """
        lines = b"".join(map(_line, values))
        if not lines:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab", buffering=0) as file:
            if durable:
                fcntl.flock(file, fcntl.LOCK_EX)  # goes with the file
            torn = file.tell() and not _ends_a_line(self.path)
            file.write(b"\n" + lines if torn else lines)
            if durable:
                os.fsync(file.fileno())
                sync(self.path.parent)

    def read(self) -> list[Any]:
        """The values of all whole lines, in order; none of a journal that cannot be read."""
        return [value for value in map(_value, self._lines()) if value is not None]

    def damaged(self) -> int:
        """How many lines are not whole."""
        return sum(_value(line) is None for line in self._lines())

    def rewrite(self, values: Iterable[Any]) -> None:
        """Replaces all lines; what others append meanwhile is lost."""
        with replacing(self.path) as partial:
            partial.write_bytes(b"".join(map(_line, values)))

    def _lines(self) -> list[bytes]:
        try:
            return [line for line in self.path.read_bytes().split(b"\n") if line]
        except OSError:
            return []


def _line(value: Any) -> bytes:
    text = json.dumps(value, separators=(",", ":")).encode()
    return _check(text) + b" " + text + b"\n"


def _value(line: bytes) -> Any:
    """What a line holds; None when it is damaged."""
    check, _, text = line.partition(b" ")
    return json.loads(text) if check == _check(text) else None


def _check(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest()[:CHECK_DIGITS].encode()


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
