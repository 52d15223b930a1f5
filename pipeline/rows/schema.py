"""The row contract: a conversation, and a row that was dropped, as Arrow schemas of Parquet files."""

import pyarrow as pa

MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
"""Roles are system, user, assistant, and tool for what a call returned."""

ORIGIN = pa.struct([("file", pa.string()), ("ordinal", pa.int64())])
"""Where a row was read: the file's name within its source, and the record's number in it."""

METADATA = pa.map_(pa.string(), pa.string())

CONVERSATIONS = pa.schema(
    [
        ("row_id", pa.string()),
        ("source", pa.string()),
        ("origin", ORIGIN),
        ("conversation_id", pa.string()),
        ("user_id", pa.string()),
        ("messages", MESSAGES),
        ("metadata", METADATA),
    ]
)
REJECTED = pa.schema(
    [
        ("row_id", pa.string()),
        ("source", pa.string()),
        ("origin", ORIGIN),
        ("shared", pa.int32()),
        ("messages", MESSAGES),
    ]
)
"""The worse side of a preference, whose better side is the conversation row_id: what it says instead, after so many
turns that both share."""
PAIRS = pa.schema(
    [
        ("row_id", pa.string()),
        ("pair_id", pa.string()),
        ("source", pa.string()),
        ("origin", ORIGIN),
        ("prompt", MESSAGES),
        ("chosen", pa.string()),
        ("rejected", pa.string()),
    ]
)
"""A preference: two final replies to one prompt. row_id: the conversation of prompt and chosen reply. pair_id: the row
that the pair was read with, the same one until exact duplicates of a conversation give their pairs to the one that
stays."""
DROPPED = pa.schema(
    [
        ("row_id", pa.string()),
        ("source", pa.string()),
        ("origin", ORIGIN),
        ("rule", pa.string()),
        ("evidence", pa.string()),
    ]
)
"""evidence: a JSON object without any of the row's text."""
