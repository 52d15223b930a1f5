"""JSON Lines: one value a line. Blank lines are no records."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from pipeline.acquire.containers.gzipped import Stream
from pipeline.acquire.containers.lines import Lines
from pipeline.acquire.containers.malformed import Malformed

_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]  # json.loads without its checks, which cost as much as the parsing

Records = Iterator[tuple[int, Any]]
"""(record number in its file from 0, record or Malformed)"""


def read(stream: Stream, start: int, stop: int | None, first: int, wanted: Callable[[int], bool]) -> Records:
    """The records whose line begins in [start, stop); the first of them has number `first`.

    Lines that are not wanted are counted, not parsed. When the file ends early, the line that was
    cut and all that would have followed are one record, truncated.
    """
    ordinal = first
    for line in Lines(stream.file, start, stop):
        if line is not None:
            if line.isspace():
                continue
            if line[-1:] != b"\n" and stream.damage:
                break
        if wanted(ordinal):
            yield ordinal, _parse(line)
        ordinal += 1
    if stream.damage:
        yield ordinal, Malformed("truncated", stream.damage)


def count(stream: Stream, start: int, stop: int | None) -> int:
    """The records that read() would number."""
    found = sum(line is None or not line.isspace() for line in Lines(stream.file, start, stop))
    return found


def _parse(line: bytes | None) -> Any:
    if line is None:
        return Malformed("too_large", "a line above the size limit")
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        return Malformed("invalid_utf8", f"byte {error.start} of the line")
    try:
        value, end = _scan(text, 0)
        if text[end:] == "\n":
            return value
    except (StopIteration, ValueError, RecursionError):
        pass  # said below, in words
    try:
        return json.loads(text.removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        return Malformed("bad_json", f"{error.msg} at character {error.pos} of the line")
    except (ValueError, RecursionError) as error:
        return Malformed("bad_json", explain(error))


def explain(error: Exception) -> str:
    """What Python's parser means by an error that is not about the syntax."""
    return "nested too deeply" if isinstance(error, RecursionError) else "a number with too many digits"
