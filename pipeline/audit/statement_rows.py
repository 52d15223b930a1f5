"""Sentences as rows: those on groups and those on nobody, measured."""

from collections.abc import Sequence
from typing import NamedTuple

import pyarrow as pa

from pipeline.audit.statements import NUMBER, Statement, drawn
from pipeline.audit.tone import Tones

STATEMENTS = pa.schema(
    [
        ("statement", pa.string()),
        ("row_id", pa.string()),
        ("source", pa.string()),
        ("turn", pa.int32()),
        ("role", pa.string()),
        ("chars", pa.int32()),
        ("said", pa.int64()),
        ("groups", pa.list_(pa.string())),
        ("acts", pa.list_(pa.string())),
        ("acted_on", pa.list_(pa.string())),
        ("words", pa.list_(pa.string())),
        ("sentiment", pa.float32()),
        ("emotions", pa.list_(pa.float32())),
        ("offensive", pa.float32()),
    ]
)
"""statement: the row's id and the statement's number in it. said: a hash of the masked text. The rest:
pipeline.audit.statements and pipeline.audit.tone, of the masked text."""


class Row(NamedTuple):
    """A statement, its number in its conversation, and which that is."""

    row_id: str
    source: str
    number: int
    statement: Statement


def measured(rows: Sequence[Row], tones: Tones) -> pa.RecordBatch:
    """STATEMENTS of rows. tones: of their texts, at least."""
    said = [row.statement for row in rows]
    tone = tones.of([statement.text for statement in said])
    columns = {
        "statement": [f"{row.row_id}:{row.number:0{NUMBER}d}" for row in rows],
        "row_id": [row.row_id for row in rows],
        "source": [row.source for row in rows],
        "chars": [len(statement.text) for statement in said],
        "said": [drawn(statement.text.lower()) - (1 << 63) for statement in said],
        **{name: [getattr(s, name) for s in said] for name in Statement._fields if name != "text"},
        "sentiment": tone.sentiment_N,
        "emotions": list(tone.emotions_NE),
        "offensive": tone.offensive_N,
    }
    return pa.RecordBatch.from_arrays([pa.array(columns[f.name], f.type) for f in STATEMENTS], schema=STATEMENTS)
