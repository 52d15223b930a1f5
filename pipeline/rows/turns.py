"""Conversations out of Arrow."""

import pyarrow as pa

Turn = tuple[str, str]
"""(role, content)."""


def turns_of(messages: pa.ListArray | pa.ChunkedArray) -> list[list[tuple[str, str]]]:
    """(role, content) of each turn of each conversation; a null content is the empty text."""
    column = messages.combine_chunks() if isinstance(messages, pa.ChunkedArray) else messages
    flat = column.flatten()
    roles = flat.field("role").to_pylist()
    contents = [content or "" for content in flat.field("content").to_pylist()]
    found, start = [], 0
    for length in column.value_lengths().to_pylist():
        end = start + (length or 0)
        found.append(list(zip(roles[start:end], contents[start:end], strict=True)))
        start = end
    return found
