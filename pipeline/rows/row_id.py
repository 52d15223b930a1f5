"""A row's name, from its content."""

import hashlib
from collections.abc import Iterable
from json.encoder import encode_basestring as _quoted


def row_id(source: str, file: str, ordinal: int, messages: Iterable[tuple[str, str]]) -> str:
    """128 bits of BLAKE2b over a conversation's origin and content, as 32 hex digits.

    The origin is part of it, so that two equal conversations stay two rows until the exact
    deduplication accounts for one of them; `file` is relative to its source, so the id is the
    same on every machine.
    """
    turns = ",".join(f"[{_quoted(role)},{_quoted(content)}]" for role, content in messages)
    text = f"[{_quoted(source)},{_quoted(file)},{ordinal},[{turns}]]"  # canonical_json of the four, without its cost
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
