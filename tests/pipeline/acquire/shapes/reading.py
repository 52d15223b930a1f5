"""Records as a file would hold them, read as acquire reads them."""

from typing import Any

from configs.acquire import Source
from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.shapes.conversation import Conversation
from pipeline.acquire.shapes.detect import Reader, layout_of


def outcomes(*records: Any, **source: Any) -> list[Any]:
    """What becomes of each record of one file: a Conversation, or a Malformed."""
    layout = layout_of(Source(name="s", path="x", **source), list(records))
    assert layout is not None, "no shape was recognised"
    return [outcome(Reader(layout), record) for record in records]


def outcome(reader: Reader, record: Any) -> Conversation | Malformed:
    try:
        return reader(record)
    except Malformed as problem:
        return problem


def messages(found: Conversation | Malformed) -> list[tuple[str, str]]:
    assert isinstance(found, Conversation), found
    return found.messages


def refused(found: Conversation | Malformed) -> tuple[str, str]:
    assert isinstance(found, Malformed), found
    return found.rule, found.detail


def user(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, **more}


def bot(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **more}


def talk(*turns: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"messages": list(turns), **more}
