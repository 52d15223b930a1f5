"""What annotate's Spark workers run: topic, mentions, sentiment and statements of a batch of conversations.

Apart from the stage, because a worker imports the module of what it runs, and here that is little.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from configs.audit import OTHER_TOPIC
from pipeline.audit.demographics import mentions
from pipeline.audit.sentiment import sentiment
from pipeline.audit.statements import Statement, drawn, other, statements
from pipeline.audit.tone import tone_of

SPEAKERS = ("user", "assistant")
"""Whose turns say something of people: a system prompt and what a tool returned are nobody's words."""
TEXT_COLUMNS = ("row_id", "source", "split", "language")
TEXT_SCHEMA = "row_id string, source string, split string, language string, sentiment float, mentions array<string>"
TOPIC_SCHEMA = "row_id string, topic string, topic_similarity float"
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
pipeline.audit.statements, measured on the masked text."""
STATEMENTS_SCHEMA = (
    "statement string, row_id string, source string, turn int, role string, chars int, said bigint, "
    "groups array<string>, acts array<string>, acted_on array<string>, words array<string>, sentiment float, emotions array<float>, "
    "offensive float"
)
MOST_OTHERS = 1_000_000
"""Sentences without a mention that are kept of a corpus: what groups are compared with need not be larger."""


def of_texts(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """TEXT_COLUMNS and messages come in, TEXT_SCHEMA goes out."""
    for batch in batches:
        turns = [[m["content"] for m in messages] for messages in batch.column("messages").to_pylist()]
        arrays = [batch.column(name) for name in TEXT_COLUMNS]
        arrays.append(pa.array([sentiment(texts) for texts in turns], pa.float32()))
        found = [sorted(set().union(*map(mentions, texts))) for texts in turns]
        arrays.append(pa.array(found, pa.list_(pa.string())))
        yield pa.RecordBatch.from_arrays(arrays, [*TEXT_COLUMNS, "sentiment", "mentions"])


def of_mentions(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """TEXT_COLUMNS and messages come in; STATEMENTS that mention a group go out."""
    for batch in batches:
        yield _measured(
            (row_id, source, number, statement)
            for row_id, source, language, turns in _conversations(batch)
            for number, statement in enumerate(statements(turns, language))
        )


def of_others(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """The same; a sentence without a mention of each of so many rows goes out, of about MOST_OTHERS at most."""
    least = max(1, rows // MOST_OTHERS)
    for batch in batches:
        yield _measured(
            (row_id, source, 0, statement)
            for row_id, source, language, turns in _conversations(batch)
            if drawn(row_id) // (1 << 32) % least == 0 and (statement := other(row_id, turns, language))
        )


def _conversations(batch: pa.RecordBatch) -> Iterator[tuple[str, str, str | None, list[tuple[str, str]]]]:
    """row_id, source, language, (role, content) of each turn that somebody speaks."""
    columns = [batch.column(name).to_pylist() for name in ("row_id", "source", "language", "messages")]
    for row_id, source, language, messages in zip(*columns, strict=True):
        yield row_id, source, language, [(m["role"], m["content"]) for m in messages if m["role"] in SPEAKERS]


def _measured(found: Iterable[tuple[str, str, int, Statement]]) -> pa.RecordBatch:
    every = list(found)
    said = [statement for *_, statement in every]
    tone = tone_of([statement.text for statement in said])
    rows = {
        "statement": [f"{row_id}:{number:03d}" for row_id, _, number, _ in every],
        "row_id": [row_id for row_id, *_ in every],
        "source": [source for _, source, *_ in every],
        "chars": [len(statement.text) for statement in said],
        "said": [drawn(statement.text.lower()) - (1 << 63) for statement in said],
        **{name: [getattr(s, name) for s in said] for name in Statement._fields if name != "text"},
        "sentiment": tone.sentiment_N,
        "emotions": tone.emotions,
        "offensive": tone.offensive_N,
    }
    return pa.RecordBatch.from_arrays([pa.array(rows[f.name], f.type) for f in STATEMENTS], schema=STATEMENTS)


def of_vectors(
    batches: Iterator[pa.RecordBatch], names: list[str], topics_TD: np.ndarray, least: float
) -> Iterator[pa.RecordBatch]:
    """Paths of embed's shards come in, TOPIC_SCHEMA goes out. A shard holds whole conversations."""
    for batch in batches:
        for path in batch.column("path").to_pylist():
            table = pq.read_table(path, columns=["row_id", "vector"]).combine_chunks()
            if not table.num_rows:
                continue
            row_ids = table["row_id"].to_numpy()
            vectors_SD = table["vector"].chunk(0).flatten().to_numpy().reshape(len(row_ids), -1)
            firsts = np.flatnonzero(np.r_[True, row_ids[1:] != row_ids[:-1]])
            topics, similarity_N = nearest(np.add.reduceat(vectors_SD, firsts), names, topics_TD, least)
            arrays = [pa.array(row_ids[firsts]), pa.array(topics, pa.string()), pa.array(similarity_N, pa.float32())]
            yield pa.RecordBatch.from_arrays(arrays, ["row_id", "topic", "topic_similarity"])


def nearest(sums_ND: np.ndarray, names: list[str], topics_TD: np.ndarray, least: float) -> tuple[list[str], np.ndarray]:
    """The topic nearest by cosine to each sum (or mean) of segment vectors, `other` below `least`, and its cosine."""
    units_ND = sums_ND / np.maximum(np.linalg.norm(sums_ND, axis=1, keepdims=True), 1e-12)
    similarity_NT = units_ND @ topics_TD.T
    best_N = similarity_NT.max(axis=1)
    return np.where(best_N < least, OTHER_TOPIC, np.array(names)[similarity_NT.argmax(axis=1)]).tolist(), best_N
