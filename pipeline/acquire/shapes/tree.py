"""The export of ChatGPT: a tree of messages under `mapping`, and the node at which the conversation stands."""

from dataclasses import replace
from typing import Any

from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.shapes.conversation import MISSING, Conversation, Turn, from_turns
from pipeline.acquire.shapes.layout import Layout, about
from pipeline.acquire.shapes.names import find, names
from pipeline.acquire.shapes.parts import turns_of


def detect(records: list[Any]) -> Layout | None:
    """Records whose mapping holds nodes with parent or children."""
    column = find(names(records), "mapping")
    values = [r[column] for r in records if isinstance(r, dict) and isinstance(r.get(column), dict)] if column else []
    found = any(isinstance(n, dict) and ("parent" in n or "children" in n) for v in values for n in v.values())
    return arrange(names(records), None) if found else None


def arrange(there: list[str], found: Layout | None) -> Layout:  # noqa: ARG001
    """The tree, and what the export says about the conversation."""
    column = find(there, "mapping") or "mapping"
    beside = about(there, (column, "current_node"))
    return replace(Layout("tree", column=column, **beside), tools=None, history=None)


def read(record: Any, layout: Layout) -> Conversation:
    """The path from the root to current_node; where none is named, to the node that came last. Raises Malformed."""
    if not isinstance(record, dict):
        raise Malformed("wrong_type", f"the record is {type(record).__name__}, not an object")
    assert layout.column is not None
    if layout.column not in record:
        raise Malformed("missing_columns", f"no {layout.column}")
    nodes = record[layout.column]
    if not isinstance(nodes, dict) or not nodes:
        raise Malformed("wrong_type", f"{layout.column} is {type(nodes).__name__}, not an object of nodes")
    path: dict[str, Any] = {}
    name = record.get("current_node")
    if name not in nodes:
        name = next(reversed(nodes))
    while isinstance(name, str) and name in nodes and name not in path and isinstance(nodes[name], dict):
        path[name] = nodes[name].get("message")
        name = nodes[name].get("parent")
    said = [message for message in reversed(path.values()) if isinstance(message, dict)]
    return from_turns((turn for message in said for turn in _turns(message)), layout.reasoning)


def _turns(message: dict[str, Any]) -> list[Turn]:
    """The turns of one message. What the product keeps from its user is left out, a message to a tool is a call."""
    about_it = message.get("metadata")
    if isinstance(about_it, dict) and about_it.get("is_visually_hidden_from_conversation"):
        return []
    if isinstance(about_it, dict) and about_it.get("attachments"):
        return [(MISSING, "a message rests on an attachment")]
    found = turns_of([{key: message[key] for key in ("author", "content") if message.get(key) is not None}])
    if message.get("recipient") not in (None, "all"):
        return [("call", text) for _, text in found]
    return found
