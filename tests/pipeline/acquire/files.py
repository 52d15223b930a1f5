"""Files read as acquire reads them, without Spark."""

import json
from pathlib import Path
from typing import Any

from configs.acquire import Source
from pipeline.acquire.batches import Held, batches_of
from pipeline.acquire.reading_plan import plan
from pipeline.acquire.sources import source_files
from pipeline.rows.schema import CONVERSATIONS

Row = dict[str, Any]


def read(path: Path, **source: Any) -> tuple[list[Row], list[Row], Held]:
    """(conversations, quarantined records, what was counted) of a file or folder."""
    given = Source(name="s", path=str(path), **source)
    return read_files(given, source_files(given))


def read_files(source: Source, files: list[tuple[str, Path]]) -> tuple[list[Row], list[Row], Held]:
    """The same of files by name, as a download of the hub gives them."""
    held = Held()
    good: list[Row] = []
    refused: list[Row] = []
    for unit in plan(source, files).units:
        for batch in batches_of(unit, held, lambda _: None):
            (good if batch.schema == CONVERSATIONS else refused).extend(batch.to_pylist())
    assert held.read.total() == len(good) + len(refused)
    return good, refused, held


def turns(row: Row) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in row["messages"]]


def reasons(refused: list[Row]) -> dict[int, tuple[str, str]]:
    """Record number to rule and detail."""
    return {row["origin"]["ordinal"]: (row["rule"], json.loads(row["evidence"])["detail"]) for row in refused}
