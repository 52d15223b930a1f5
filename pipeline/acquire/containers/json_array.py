"""A JSON array (or a sequence of JSON values) of any size, value by value, in bounded memory."""

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.acquire.containers.container import Head, WholeContainer
from pipeline.acquire.containers.gzipped import Stream
from pipeline.acquire.containers.json_lines import explain
from pipeline.acquire.containers.json_wrapper import ROWS, WRAPPER, is_record, rows_of
from pipeline.acquire.containers.malformed import Malformed

CHUNK = 1 << 18
LOOK_AHEAD = 1 << 18
RESYNC_CHARS = 16 << 20
BETWEEN = re.compile(r"[\s,\ufeff]*")
COLON = re.compile(r"[\s:]*")
NEXT_OBJECT = re.compile(r"\}\s*,?\s*(?=\{)")
TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}]|"', re.DOTALL)
CLOSES = {"]": "[", "}": "{"}
UNBALANCED = -1
BARE = re.compile(r"[^,\[\]{}]*")


@dataclass(frozen=True)
class JsonArray(WholeContainer):
    """The values of arrays and of wrappers (json_wrapper), and those that lie one after the other.

    Bytes that are not UTF-8 become lone surrogates, which the shapes refuse one record at a time.
    """

    def values(self, stream: Stream) -> Iterator[Any]:
        yield from _Scanner(stream).values()


def detect(head: Head) -> JsonArray | None:
    """Any JSON."""
    return JsonArray(head.gzipped, head.encoding) if head.is_json else None


class _Scanner:
    """A window on the text: `text[at:]` is not yet consumed.

    A value is decoded where it lies. When that fails, its end is looked for by counting brackets
    outside strings: if the window does not hold the end, the window grows (it doubles, so the cost
    stays linear) and the value is tried again; if it does, the value is malformed. A value whose end
    is not found within RESYNC_CHARS has an unbalanced quote or bracket: it is given up, and scanning
    goes on at the next object that has a key in common with the last good one.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._decode = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._value = json.JSONDecoder().raw_decode
        self._keys: set[str] = set()
        self._ended = self._cut = False
        self.text, self.at = "", 0
        self._grow()

    def values(self) -> Iterator[Any]:
        """Of each document: the elements of an array, the rows of a wrapper, or the value itself."""
        closed = False
        while not self._cut and self._skip(BETWEEN):
            closed = True
            if self._sees("["):
                yield from self._elements()
            elif (head := WRAPPER.match(self.text, self.at)) and not self._holds_whole_value():
                self.at = head.end()
                yield from self._elements()
                yield from self._rest_of_wrapper()
            else:
                closed = False
                value = self._next()
                rows = rows_of(value)
                yield from self._given([value] if rows is None else rows)
        if self._stream.damage and not closed and not self._cut:
            yield Malformed("truncated", self._stream.damage)

    def _elements(self, every: bool = True) -> Iterator[Any]:
        """The elements of the array that begins here. every: those too that can be no records."""
        self.at += 1
        while not self._cut and self._skip(BETWEEN):
            if self._sees("]"):
                self.at += 1
                return
            value = self._next()
            if value is _CUT:
                yield from self._given([value])
            elif every or is_record(value) or isinstance(value, Malformed):
                yield value
        if not self._cut:
            yield from self._given([_CUT], "the file ends inside the array")

    def _rest_of_wrapper(self) -> Iterator[Any]:
        """The records in the other lists of a wrapper, of which one list has been read."""
        while not self._cut and self._skip(BETWEEN):
            if self._sees("}"):
                self.at += 1
                return
            name = self._next()
            if name is _CUT or not self._skip(COLON):
                yield from self._given([_CUT], "the file ends inside the wrapper")
            elif self._sees("["):
                yield from self._elements(every=name in ROWS)
            else:
                value = self._next()
                yield from self._given([v for v in (name, value) if isinstance(v, Malformed) or v is _CUT][:1])

    def _given(self, values: list[Any], detail: str = "the file ends inside a record") -> Iterator[Any]:
        """The values; in place of what was cut, what stands for all that would follow."""
        for value in values:
            self._cut |= value is _CUT
            yield Malformed("truncated", self._stream.damage or detail) if value is _CUT else value

    def _sees(self, mark: str) -> bool:
        return self.text.startswith(mark, self.at)

    def _holds_whole_value(self) -> bool:
        """Whether the value at hand is well formed and ends in a window that has grown to LOOK_AHEAD characters."""
        while True:
            try:
                return self._value(self.text, self.at)[1] <= len(self.text)
            except (ValueError, RecursionError):
                if self._ended or len(self.text) - self.at >= LOOK_AHEAD:
                    return False
            self._grow()

    def _next(self) -> Any:
        while True:
            try:
                value, end = self._value(self.text, self.at)
            except (ValueError, RecursionError) as error:
                detail = _explain(error, self.at)
                stop = self._end_of_value()
                if stop is not None and stop != UNBALANCED:
                    return self._refuse(stop, detail)
                if self._ended or stop == UNBALANCED or len(self.text) - self.at > RESYNC_CHARS:
                    return self._resume(detail)
            else:
                if end < len(self.text) or self._ended:
                    self.at = end
                    if isinstance(value, dict):
                        self._keys = set(value)
                    return value
            self._grow()

    def _end_of_value(self) -> int | None:
        """Where the brackets of the value at hand are closed; None when the window does not show it."""
        if self.text[self.at] not in '[{"':
            end = max(BARE.match(self.text, self.at).end(), self.at + 1)  # type: ignore[union-attr]
            return end if end < len(self.text) or self._ended else None
        open_brackets = []
        for token in TOKEN.finditer(self.text, self.at):
            mark = token.group()
            if mark == '"':
                return None
            if mark in "[{":
                open_brackets.append(mark)
            elif mark in CLOSES and (not open_brackets or open_brackets.pop() != CLOSES[mark]):
                return UNBALANCED
            if not open_brackets:
                return token.end()
        return None

    def _refuse(self, end: int, detail: str) -> Malformed:
        self.at = end
        return Malformed("bad_json", detail)

    def _resume(self, detail: str) -> Any:
        """Gives the value up; goes on at the next object like those before, or ends."""
        while True:
            for gap in NEXT_OBJECT.finditer(self.text, self.at):
                try:
                    value, _ = self._value(self.text, gap.end())
                except (ValueError, RecursionError):
                    continue
                if self._keys & set(value):
                    return self._refuse(gap.end(), detail)
            if self._ended:
                return _CUT
            self.at = len(self.text) - 1
            self._grow()

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        """Moves past the pattern; False at the end of the text."""
        while True:
            self.at = pattern.match(self.text, self.at).end()  # type: ignore[union-attr]
            if self.at < len(self.text):
                return True
            if self._ended:
                return False
            self._grow()

    def _grow(self) -> None:
        """Doubles the window, after forgetting what is consumed."""
        left = len(self.text) - self.at
        parts, size = [self.text[self.at :]], 0
        while size < max(CHUNK, left) and not self._ended:
            block = self._stream.file.read(CHUNK)
            self._ended = not block
            parts.append(self._decode.decode(block, final=not block))
            size += len(parts[-1])
        self.text, self.at = "".join(parts), 0


def _explain(error: Exception, start: int) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos - start:,} of the record"
    return explain(error)


_CUT = object()
