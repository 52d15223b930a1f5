"""ShareGPT: `conversations: [{from, value}]`, also with role and content."""

from typing import Any

from pipeline.acquire.shapes import messages
from pipeline.acquire.shapes.layout import Layout

read = messages.read


def detect(records: list[Any]) -> Layout | None:
    """The column whose turns say `from`."""
    return messages.find_turns(records, ("from",), "sharegpt")


def assume(records: list[Any]) -> Layout:
    """The layout when the profile names the shape but the first records do not show it."""
    found = detect(records) or messages.find_turns(records, messages.SPEAKER, "sharegpt")
    return found or Layout("sharegpt", column="conversations")
