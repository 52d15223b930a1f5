"""ShareGPT: `conversations: [{from, value}]`, also with role and content."""

from typing import Any

from pipeline.acquire.shapes import messages
from pipeline.acquire.shapes.layout import Layout

read = messages.read


def detect(records: list[Any]) -> Layout | None:
    """The column whose turns say `from`."""
    return messages.find_turns(records, ("from",), "sharegpt")


def arrange(there: list[str], found: Layout | None) -> Layout:
    """The column that the first records showed, else conversations."""
    return messages.around(there, found or Layout("sharegpt", column="conversations"))
