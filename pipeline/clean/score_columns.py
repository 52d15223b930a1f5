"""Conversations and their scores as Arrow batches."""

from collections.abc import Sequence
from itertools import accumulate, chain
from typing import Any

import pyarrow as pa

from pipeline.clean.privacy.identifiers import mask_metadata, pseudonym
from pipeline.clean.scores.conversations import Scores
from pipeline.clean.scores.roles import ROLE_FAULTS
from pipeline.rows.schema import MESSAGES

ARROW_PII = pa.list_(
    pa.struct(
        [
            ("turn", pa.int32()),
            ("type", pa.string()),
            ("start", pa.int32()),
            ("end", pa.int32()),
            ("placeholder", pa.string()),
        ]
    )
)
ARROW_LANGUAGES = pa.list_(pa.struct([("code", pa.string()), ("confidence", pa.float64())]))
ARROW_OFFENCE = pa.struct(
    [
        ("score", pa.float64()),
        ("turn", pa.int32()),
        ("role", pa.string()),
        ("agrees_with", pa.int32()),
        ("words", pa.list_(pa.string())),
    ]
)
ARROW_SCORES = {
    "language": pa.string(),
    "language_confidence": pa.float64(),
    "languages": ARROW_LANGUAGES,
    "turn_languages": ARROW_LANGUAGES,
    "offensive": pa.float64(),
    "offence": ARROW_OFFENCE,
    "repetition": pa.float64(),
    "chars": pa.int32(),
    "reply_chars": pa.int32(),
    "assistant_chars": pa.int32(),
    "tokens": pa.int32(),
    "reply_ratio": pa.float64(),
    "non_letters": pa.float64(),
    "capitals": pa.float64(),
    "digits": pa.float64(),
    "echo": pa.float64(),
    "refusals": pa.int32(),
    "leaks": pa.int32(),
    "empty_turns": pa.int32(),
    "role_faults": pa.list_(pa.string()),
    "rare_words": pa.float64(),
    "repairs": pa.list_(pa.string()),
    "pii": ARROW_PII,
    "text_hash": pa.string(),
}
"""What `score` adds to a conversation, in this order."""


def with_scores(batch: pa.RecordBatch, scored: list[Scores], pii_types: Sequence[str]) -> pa.RecordBatch:
    """The batch with its messages' contents replaced, its identifiers and metadata masked, and the scores added."""
    messages = batch.column("messages")
    roles = messages.flatten().field("role")
    contents = pa.array([content for row in scored for content in row.contents], pa.string())
    offsets = [0]
    for row in scored:
        offsets.append(offsets[-1] + len(row.contents))
    turns = pa.StructArray.from_arrays([roles, contents], fields=list(MESSAGES.value_type))
    columns = {name: batch.column(name) for name in batch.schema.names}
    columns["messages"] = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), turns, type=MESSAGES)
    row_ids = batch.column("row_id").to_pylist()
    for name in ("user_id", "conversation_id"):
        given = zip(batch.column(name).to_pylist(), row_ids, strict=True)
        # A conversation that nobody named goes by its row_id, which may look like an account number and is none.
        masked = [value if value == row_id else pseudonym(value, pii_types) for value, row_id in given]
        columns[name] = pa.array(masked, pa.string())
    columns["metadata"] = _metadata(batch.column("metadata"), scored, pii_types)
    of_rows: dict[str, Sequence[Any]] = (
        dict(zip(Scores._fields, zip(*scored, strict=True), strict=True)) if scored else {}
    )
    of_rows["role_faults"] = _role_faults(batch.column("metadata"), of_rows.get("role_faults", ()))
    for name, kind in ARROW_SCORES.items():
        columns[name] = _array(of_rows.get(name, ()), kind)
    return pa.RecordBatch.from_pydict(columns)


def _metadata(metadata: pa.MapArray, scored: list[Scores], pii_types: Sequence[str]) -> pa.Array:
    """Metadata with personal data masked, and the language that a translated conversation was in."""
    found = []
    for pairs, row in zip(metadata.to_pylist(), scored, strict=True):
        masked = mask_metadata(dict(pairs or ()), pii_types)
        if row.translated_from:
            masked["translated_from"] = row.translated_from
        found.append(sorted(masked.items()) if pairs is not None or masked else None)
    return pa.array(found, metadata.type)


def _role_faults(metadata: pa.MapArray, found: Sequence[list[str]]) -> list[list[str]]:
    """The faults in the order of the turns, those that acquire mended with them."""
    mended = [(dict(pairs or ()).get("role_faults") or "").split(", ") for pairs in metadata.to_pylist()]
    return [[f for f in ROLE_FAULTS if f in there or f in gone] for there, gone in zip(found, mended, strict=True)]


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Arrow array of one score. Lists of tuples are built column by column, several times faster than as dicts."""
    if pa.types.is_struct(kind):
        return pa.array([value and value._asdict() for value in values], kind)
    if not (pa.types.is_list(kind) and pa.types.is_struct(kind.value_type)):
        return pa.array(values, kind)
    ends = pa.array(chain([0], accumulate(map(len, values))), pa.int32())
    flat = list(zip(*chain.from_iterable(values), strict=True)) or [()] * kind.value_type.num_fields
    fields = list(kind.value_type)
    columns = [pa.array(column, field.type) for column, field in zip(flat, fields, strict=True)]
    return pa.ListArray.from_arrays(ends, pa.StructArray.from_arrays(columns, fields=fields), type=kind)
