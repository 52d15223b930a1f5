"""JSON Lines: one value a line. Blank lines are no records."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.acquire.containers.container import Container, Head, Outcome, Part, Records
from pipeline.acquire.containers.gzipped import Stream
from pipeline.acquire.containers.json_wrapper import WRAPPER, rows_of
from pipeline.acquire.containers.lines import Lines
from pipeline.acquire.containers.malformed import Malformed

_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]  # json.loads without its checks, which cost as much as the parsing

SPEAKER = frozenset(("role", "from", "speaker", "author", "sender", "speaker_id"))
"""Keys of a turn."""


@dataclass(frozen=True)
class JsonLines(Container):
    """Lines that are not wanted are counted, not parsed. When the file ends early, the line that was
    cut and all that would have followed are one record, truncated."""

    splits = True

    def read(self, stream: Stream, part: Part, wanted: Callable[[int], bool], columns: list[str] | None) -> Records:  # noqa: ARG002
        ordinal = part.first
        for line in Lines(stream.file, part.start, part.stop):
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

    def count(self, stream: Stream, part: Part) -> tuple[Outcome, Outcome]:
        lines = Lines(stream.file, part.start, part.stop)
        found = Outcome(sum(line is None or not line.isspace() for line in lines), False)
        return found, found


def detect(head: Head) -> JsonLines | None:
    """JSON values that lie one on a line, and not in one array or one object over many lines."""
    return JsonLines(head.gzipped, head.encoding) if head.is_json and _is_lines(head) else None


def _is_lines(head: Head) -> bool:
    lines = head.text.splitlines()[: None if head.whole else -1]
    lines = [line for line in lines if line.strip()]
    first = _parsed(lines[0]) if lines else None
    if rows_of(first) is not None or (first is None and WRAPPER.match(head.text)):
        return False
    if head.text.lstrip().startswith("["):
        return len(lines) > 1 and all(_is_dialogue(_parsed(line)) for line in lines[:2])
    return not lines or any(line.startswith("{") and _parses(line) for line in lines[:1000])


def _is_dialogue(value: Any) -> bool:
    """Whether a line is an array of turns or texts, and so one record, and not an array of records."""
    first = value[0] if isinstance(value, list) and value else value
    return (
        bool(SPEAKER & first.keys()) if isinstance(first, dict) else value is not None and not isinstance(first, list)
    )


def _parses(line: str) -> bool:
    return _parsed(line) is not None


def _parsed(line: str) -> Any:
    """The value of a line, None when it is none."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


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
