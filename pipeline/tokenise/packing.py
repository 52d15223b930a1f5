"""Packs documents into sequences of one length, without mixing what they may attend to."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.contract.best_fit import best_fit_decreasing as best_fit
from pipeline.contract.tokenised import PADDING, UNLEARNED
from pipeline.tokenise.documents import Document

WINDOW_DOCUMENTS = 8192
WINDOW_TOKENS = 1 << 24
"""What is sorted at once: bounds memory, and costs one partly filled sequence a window."""

SCHEMA = pa.schema(
    [
        ("input_ids", pa.list_(pa.int32())),
        ("labels", pa.list_(pa.int32())),
        ("position_ids", pa.list_(pa.int32())),
        ("document_ids", pa.list_(pa.int32())),
        ("row_ids", pa.list_(pa.string())),
    ]
)

BY_SOURCE = pa.schema([("source", pa.string()), ("learned_tokens", pa.int32())])
"""Further columns, where sources have weights: whose the sequence is, and how many of its tokens are predicted and
learned (a document's first never is)."""

ROW_GROUP_TOKENS = 1 << 20


def pack(documents: Iterable[Document], length: int) -> Iterator[list[Document]]:
    """Groups documents into sequences of at most `length` tokens.

    Best-fit decreasing inside windows of consecutive documents. Which documents share a sequence depends on
    nothing but their order.
    """
    window: list[Document] = []
    tokens = 0
    for document in documents:
        if len(window) == WINDOW_DOCUMENTS or tokens + len(document) > WINDOW_TOKENS:
            yield from best_fit_decreasing(window, length)
            window, tokens = [], 0
        window.append(document)
        tokens += len(document)
    yield from best_fit_decreasing(window, length)


def best_fit_decreasing(documents: list[Document], length: int) -> list[list[Document]]:
    """Documents by sequence, the longest first."""
    for document in documents:
        assert len(document) <= length, f"{document.row_id}: {len(document)} tokens in a sequence of {length}"
    return [[documents[i] for i in sequence] for sequence in best_fit([len(d) for d in documents], length)]


def columns(documents: list[Document], length: int, pad: int) -> dict[str, Any]:
    """One packed sequence as the columns of docs/artifacts.md, padded at the end."""
    input_ids = np.full(length, pad, np.int32)
    labels = np.full(length, UNLEARNED, np.int32)
    position_ids = np.zeros(length, np.int32)
    document_ids = np.full(length, PADDING, np.int32)
    start = 0
    for number, document in enumerate(documents):
        span = slice(start, start + len(document))
        input_ids[span] = document.tokens
        labels[span] = np.where(document.learned, document.tokens, UNLEARNED)
        position_ids[span] = np.arange(len(document))
        document_ids[span] = number
        start = span.stop
    return {
        "input_ids": input_ids,
        "labels": labels,
        "position_ids": position_ids,
        "document_ids": document_ids,
        "row_ids": [d.row_id for d in documents],
    }


def write_packed(
    sequences: Iterable[list[Document]], path: Path, length: int, pad: int, sources: Mapping[str, str] | None = None
) -> int:
    """Writes packed sequences as one Parquet file, row group by row group; returns how many.

    sources: row_id to source, where no two share a sequence; the columns of BY_SOURCE are written then.
    """
    schema = SCHEMA if sources is None else pa.schema([*SCHEMA, *BY_SOURCE])
    size = max(1, ROW_GROUP_TOKENS // length)
    group: list[dict] = []
    written = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for documents in sequences:
            row = columns(documents, length, pad)
            if sources is not None:
                learned = sum(int(document.learned[1:].sum()) for document in documents)
                row |= {"source": sources[documents[0].row_id], "learned_tokens": learned}
            group.append(row)
            written += 1
            if len(group) == size:
                writer.write_table(_table(group, schema))
                group = []
        if group or not written:
            writer.write_table(_table(group, schema))
    return written


def _table(rows: list[dict], schema: pa.Schema) -> pa.Table:
    arrays = [pa.array([row[name] for row in rows], schema.field(name).type) for name in schema.names]
    return pa.Table.from_arrays(arrays, schema=schema)
