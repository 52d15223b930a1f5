"""What kind of file it is, decided by its first bytes and not by its name.

A container is a file of this folder and a row of CONTAINERS in configs/acquire.py.
"""

import codecs
import stat
from importlib import import_module
from typing import Protocol, cast

from configs.acquire import CONTAINERS, FORMATS
from pipeline.acquire.containers.container import Container, Head
from pipeline.acquire.containers.gzipped import Stream, is_gzipped
from pipeline.acquire.containers.lines import BOM
from pipeline.acquire.containers.malformed import Malformed
from pipeline.contract.objects import SourceFile

HEAD_BYTES = 1 << 20
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class Kind(Protocol):
    """A file of this folder that CONTAINERS names."""

    def detect(self, head: Head) -> Container | None:
        """The container of a file that begins so; None when it is another. Raises Malformed when none can read it."""


def container_of(path: SourceFile, encoding: str = "") -> Container:
    """The container of a file. Raises Malformed (unreadable_file, empty_file, unknown_format, no_header).

    encoding: what the profile says; when it says nothing, UTF-16 and UTF-32 are known by their byte
    order mark or their zeros, and everything else is UTF-8.
    """
    head = _head(path, encoding)
    for kind in reversed(CONTAINERS):
        found = cast(Kind, import_module(f"pipeline.acquire.containers.{kind}")).detect(head)
        if found is not None:
            return found
    raise Malformed("unknown_format", f"{head.foreign or 'text without columns'}; give {FORMATS}, also gzipped")


def _head(path: SourceFile, encoding: str) -> Head:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise Malformed("unreadable_file", "neither a file nor a link to one")
        gzipped = is_gzipped(path)
        data, damage = _first_bytes(path, gzipped, "")
        encoding = encoding or _encoding(data)
        if encoding:
            data, damage = _first_bytes(path, gzipped, encoding)
        whole = len(data) < HEAD_BYTES
    except OSError as error:
        raise Malformed("unreadable_file", error.strerror or type(error).__name__) from error
    data = data.removeprefix(BOM)
    head = Head(path, data, gzipped, encoding, whole)
    if not head.text.strip():
        raise Malformed("unreadable_file" if damage else "empty_file", damage or "nothing but white space")
    return head


def _first_bytes(path: SourceFile, gzipped: bool, encoding: str) -> tuple[bytes, str | None]:
    """The first bytes of a file that are more than white space, and why they end early."""
    with Stream(path, gzipped, encoding) as stream:
        data = stream.file.read(HEAD_BYTES)
        while len(data) == HEAD_BYTES and data.isspace():
            data = stream.file.read(HEAD_BYTES)
        return data, stream.damage


def _encoding(head: bytes) -> str:
    """utf-32 or utf-16 when the first bytes show it, utf-8 when lines end in carriage returns only, else nothing."""
    for mark, name in BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            return name
    even, odd = (sum(byte == 0 for byte in half) for half in (head[0:4096:2], head[1:4096:2]))
    if max(even, odd) > 0.7 * len(head[0:4096:2]) and min(even, odd) < 0.3 * max(even, odd):
        return "utf-16-le" if odd > even else "utf-16-be"
    return "utf-8" if b"\r" in head and b"\n" not in head else ""
