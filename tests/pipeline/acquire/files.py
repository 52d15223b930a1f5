"""Files read as acquire reads them, without Spark."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from configs.acquire import Source
from pipeline.acquire.batches import Held, batches_of
from pipeline.acquire.reading_plan import plan
from pipeline.acquire.sources import source_files
from pipeline.contract.objects import SourceFile
from pipeline.rows.schema import CONVERSATIONS, DROPPED, REJECTED

Row = dict[str, Any]


def read(path: Path, **source: Any) -> tuple[list[Row], list[Row], Held]:
    """(conversations, quarantined records, what was counted) of a file or folder."""
    given = Source(name="s", path=str(path), **source)
    return read_files(given, source_files(given))


def read_files(source: Source, files: Sequence[tuple[str, SourceFile]]) -> tuple[list[Row], list[Row], Held]:
    """The same of files by name, as a download of the hub gives them."""
    held = Held()
    rows = _rows(source, files, held)
    good, refused, worse = rows[CONVERSATIONS], rows[DROPPED], rows[REJECTED]
    assert held.read.total() == len(good) + len(refused)
    assert held.rejected == len(worse)
    assert {row["row_id"] for row in worse} <= {row["row_id"] for row in good}
    return good, refused, held


def rejected(path: Path) -> dict[str, list[tuple[str, str]]]:
    """Row id to what the worse side says, of a file of preferences."""
    source = Source(name="s", path=str(path))
    return {row["row_id"]: turns(row) for row in _rows(source, source_files(source), Held())[REJECTED]}


def _rows(source: Source, files: Sequence[tuple[str, SourceFile]], held: Held) -> dict[pa.Schema, list[Row]]:
    rows: dict[pa.Schema, list[Row]] = {schema: [] for schema in (CONVERSATIONS, DROPPED, REJECTED)}
    for unit in plan(source, files).units:
        for batch in batches_of(unit, held, lambda _: None):
            rows[batch.schema].extend(batch.to_pylist())
    return rows


def turns(row: Row) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in row["messages"]]


def reasons(refused: list[Row]) -> dict[int, tuple[str, str]]:
    """Record number to rule and detail."""
    return {row["origin"]["ordinal"]: (row["rule"], json.loads(row["evidence"])["detail"]) for row in refused}
