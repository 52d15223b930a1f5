"""What annotate's Spark workers run on sentences: those on groups and those of the rest, measured."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from configs.word_list import WordList
from pipeline.audit.statements import NUMBER, SPEAKERS, Statement, drawn, other, statements
from pipeline.audit.tone import tone_of
from pipeline.people.mentions import Lexicons

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
STATEMENTS_SCHEMA = (
    "statement string, row_id string, source string, turn int, role string, chars int, said bigint, "
    "groups array<string>, acts array<string>, acted_on array<string>, words array<string>, "
    "sentiment float, emotions array<float>, offensive float"
)
MOST_OTHERS = 1_000_000
"""Sentences without a mention that are kept of a corpus: what groups are compared with need not be larger."""


def of_mentions(
    batches: Iterator[pa.RecordBatch], model: Path, words: Mapping[str, WordList]
) -> Iterator[pa.RecordBatch]:
    """TEXT_COLUMNS and messages come in; STATEMENTS that mention a group go out. model: folder of the stage sentiment's
    artifact; words: the profile's own lists by language."""
    lexicons = Lexicons(words)
    for batch in batches:
        found = (
            (row_id, source, number, statement)
            for row_id, source, language, turns in _conversations(batch)
            for number, statement in enumerate(statements(turns, lexicons, language))
        )
        yield _measured(found, model)


def of_others(
    batches: Iterator[pa.RecordBatch], model: Path, words: Mapping[str, WordList], rows: int
) -> Iterator[pa.RecordBatch]:
    """The same; a sentence without a mention of each of so many rows goes out, of about MOST_OTHERS at most."""
    least = max(1, rows // MOST_OTHERS)
    lexicons = Lexicons(words)
    for batch in batches:
        found = (
            (row_id, source, 0, statement)
            for row_id, source, language, turns in _conversations(batch)
            if drawn(row_id) // (1 << 32) % least == 0 and (statement := other(row_id, turns, lexicons, language))
        )
        yield _measured(found, model)


def _conversations(batch: pa.RecordBatch) -> Iterator[tuple[str, str, str | None, list[tuple[str, str]]]]:
    """row_id, source, language, (role, content) of each turn that somebody speaks."""
    columns = [batch.column(name).to_pylist() for name in ("row_id", "source", "language", "messages")]
    for row_id, source, language, messages in zip(*columns, strict=True):
        yield row_id, source, language, [(m["role"], m["content"]) for m in messages if m["role"] in SPEAKERS]


def _measured(found: Iterable[tuple[str, str, int, Statement]], model: Path) -> pa.RecordBatch:
    every = list(found)
    said = [statement for *_, statement in every]
    tone = tone_of([statement.text for statement in said], model)
    rows = {
        "statement": [f"{row_id}:{number:0{NUMBER}d}" for row_id, _, number, _ in every],
        "row_id": [row_id for row_id, *_ in every],
        "source": [source for _, source, *_ in every],
        "chars": [len(statement.text) for statement in said],
        "said": [drawn(statement.text.lower()) - (1 << 63) for statement in said],
        **{name: [getattr(s, name) for s in said] for name in Statement._fields if name != "text"},
        "sentiment": tone.sentiment_N,
        "emotions": list(tone.emotions_NE),
        "offensive": tone.offensive_N,
    }
    return pa.RecordBatch.from_arrays([pa.array(rows[f.name], f.type) for f in STATEMENTS], schema=STATEMENTS)
