"""One text that holds a whole conversation: a transcript, or a thread of a forum."""

from dataclasses import replace
from typing import Any

from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.shapes import thread, transcript
from pipeline.acquire.shapes.conversation import Conversation, from_turns
from pipeline.acquire.shapes.history import opening
from pipeline.acquire.shapes.layout import Layout, about, find_system
from pipeline.acquire.shapes.names import names

SAMPLE = 50


def detect(records: list[Any]) -> Layout | None:
    """The text column (or the record itself) in which most values are transcripts or threads."""
    plain = [record for record in records if isinstance(record, str)]
    if plain and _are_transcripts(plain):
        return Layout("text")
    for column in names(records):
        values = [r[column] for r in records if isinstance(r, dict) and isinstance(r.get(column), str)]
        if _are_transcripts(values):
            return arrange(names(records), Layout("text", column=column))
    return None


def arrange(there: list[str], found: Layout | None) -> Layout:
    """The column that the first records showed, else text."""
    found = found or Layout("text", column="text")
    system = find_system([c for c in there if c != found.column])
    return replace(found, system=system, **about(there, (found.column, system)))


def read(record: Any, layout: Layout) -> Conversation:
    """The conversation of a transcript or of a forum thread. Raises Malformed."""
    if layout.column is None:
        value = record
    elif not isinstance(record, dict):
        raise Malformed("wrong_type", f"the record is {type(record).__name__}, not an object")
    elif layout.column not in record:
        raise Malformed("missing_columns", f"no {layout.column}")
    else:
        value = record[layout.column]
    if not isinstance(value, str):
        raise Malformed("wrong_type", f"{layout.column or 'the record'} is {type(value).__name__}, not text")
    if thread.is_thread(value):
        return thread.read(value)
    spoken = transcript.turns(value)
    if not spoken:
        raise Malformed("no_transcript", f"no speakers are marked in {layout.column or 'the record'}")
    return from_turns((opening(record, layout) if isinstance(record, dict) else []) + spoken)


def _are_transcripts(values: list[str]) -> bool:
    values = values[:SAMPLE]
    return 2 * sum(thread.is_thread(v) or bool(transcript.turns(v)) for v in values) > len(values)
