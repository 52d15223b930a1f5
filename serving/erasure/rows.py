"""A person's rows in Parquet files: found, counted, taken out."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.contract.atomic_write import replacing
from pipeline.contract.tokenised import PADDING, UNLEARNED
from pipeline.rows.bans import Bans
from pipeline.rows.turns import turns_of

ROWS_AT_ONCE = 1024
OF_A_ROW = ("row_id", "pair_id", "parent")
"""Columns that name the conversation that a row is, or was made of."""


@dataclass
class Taken:
    """Rows taken out of a file: how many, by rule of those in dropped/, by kind of those that a stage had added."""

    rows: int = 0
    by_rule: Counter[str] = field(default_factory=Counter)
    added: Counter[str] = field(default_factory=Counter)


def conversations_of(path: Path, user: str) -> Iterator[dict[str, Any]]:
    """The rows of a file of raw conversations that name a user."""
    file = pq.ParquetFile(path)
    for group in range(file.num_row_groups):
        mine = pc.equal(file.read_row_group(group, ["user_id"])["user_id"], user)
        if pc.any(mine).as_py():
            yield from file.read_row_group(group).filter(mine).to_pylist()


def ids_that_say(path: Path, said: Bans) -> set[str]:
    """Ids of the raw conversations in a file that name nobody and are banned for what they say."""
    file, found = pq.ParquetFile(path), set()
    for group in range(file.num_row_groups if said.texts else 0):
        unnamed = pc.is_null(file.read_row_group(group, ["user_id"])["user_id"])
        if pc.any(unnamed).as_py():
            rows = file.read_row_group(group, ["row_id", "messages"]).filter(unnamed)
            turns = turns_of(rows["messages"])
            found |= {i for i, t in zip(rows["row_id"].to_pylist(), turns, strict=True) if said.hold(None, t)}
    return found


def contents(path: Path, ids: set[str], others: bool) -> Iterator[pa.Array]:
    """What is said in the rows of a file of conversations that are among the ids, or in the others, by batches."""
    file, wanted = pq.ParquetFile(path), pa.array(ids, pa.string())
    if {"row_id", "messages"} <= set(file.schema_arrow.names):
        for batch in file.iter_batches(ROWS_AT_ONCE, columns=["row_id", "messages"]):
            mine = pc.is_in(batch["row_id"], wanted)
            rows = batch.filter(pc.invert(mine) if others else mine)
            yield pc.struct_field(pc.list_flatten(rows["messages"]), "content")


def origins_of(paths: Iterable[Path], ids: set[str]) -> Iterator[dict[str, Any]]:
    """row_id, source and origin of those of the ids that are rows of the files."""
    for path in paths:
        if held(path, ids):
            columns = ["row_id", "source", "origin"]
            yield from pq.read_table(path, columns=columns, filters=[("row_id", "in", ids)]).to_pylist()


def ids_made_of(data: Path, ids: set[str]) -> set[str]:
    """Ids of rows in a folder that were made of others'."""
    found: set[str] = set()
    for path in sorted(data.glob("*.parquet")):
        if {"row_id", "parent"} <= set(pq.read_schema(path).names):
            table = pq.read_table(path, columns=["row_id", "parent"])
            found |= set(table.filter(pc.is_in(table["parent"], pa.array(ids, pa.string())))["row_id"].to_pylist())
    return found


def held(path: Path, ids: set[str]) -> set[str]:
    """Those of the ids that a file names as its rows."""
    file = pq.ParquetFile(path)
    columns = [name for name in (*OF_A_ROW, "row_ids") if name in file.schema_arrow.names]
    wanted, found = pa.array(ids, pa.string()), set()
    for group in range(file.num_row_groups) if columns else ():
        for column in file.read_row_group(group, columns).columns:
            flat = pc.list_flatten(column) if pa.types.is_list(column.type) else column
            found |= set(pc.unique(flat.filter(pc.is_in(flat, wanted))).to_pylist())
    return found


def take_rows(path: Path, ids: set[str]) -> Taken:
    """Replaces a file by one without the rows that are the person's, in the same order."""
    taken, wanted = Taken(), pa.array(ids, pa.string())

    def without(table: pa.Table) -> pa.Table:
        theirs = pa.chunked_array([pa.array(np.zeros(table.num_rows, bool))])
        for name in OF_A_ROW:
            if name in table.column_names:
                theirs = pc.or_(theirs, pc.is_in(table[name], wanted))
        gone = table.filter(theirs)
        taken.rows += gone.num_rows
        if "rule" in gone.column_names:
            taken.by_rule.update(gone["rule"].to_pylist())
        if "augmentation" in gone.column_names:
            taken.added.update(kind for kind in gone["augmentation"].to_pylist() if kind)
        if "segment" in gone.column_names:
            taken.added["further segments"] += sum(number > 0 for number in gone["segment"].to_pylist())
        return table.filter(pc.invert(theirs))

    _rewrite(path, without)
    return taken


def rename(path: Path, column: str, changed: Callable[[pa.ChunkedArray], pa.ChunkedArray]) -> None:
    """Replaces a file by one with another column of the same name."""
    number = pq.read_schema(path).get_field_index(column)
    _rewrite(path, lambda table: table.set_column(number, table.schema.field(number), changed(table[column])))


def names_in(path: Path, column: str) -> set[str]:
    """The distinct values of a file's column; none where it has no such column."""
    file, found = pq.ParquetFile(path), set()
    for group in range(file.num_row_groups) if column in file.schema_arrow.names else ():
        found |= set(pc.unique(file.read_row_group(group, [column])[column]).to_pylist())
    return found


def take_documents(path: Path, ids: set[str], pad: int) -> int:
    """Replaces a file of packed sequences by one without the person's documents; how many these were.

    What stays of a sequence moves together, and padding follows; a sequence of which nothing stays is all padding, so
    that the others keep their numbers, by which training chose them.
    """
    gone = 0

    def without(table: pa.Table) -> pa.Table:
        nonlocal gone
        rows = table.to_pylist()
        for row in rows:
            if not ids.isdisjoint(row["row_ids"]):
                gone += _take_documents(row, ids, pad)
        return pa.Table.from_pylist(rows, table.schema)

    _rewrite(path, without)
    return gone


def _take_documents(row: dict[str, Any], ids: set[str], pad: int) -> int:
    documents = np.array(row["document_ids"])
    stays = [number for number, name in enumerate(row["row_ids"]) if name not in ids]
    kept = np.isin(documents, stays)
    empty = {"input_ids": pad, "labels": UNLEARNED, "position_ids": 0, "document_ids": PADDING}
    renumbered = {old: new for new, old in enumerate(stays)}
    for name, filler in empty.items():
        values = np.full(len(documents), filler, np.int32)
        tokens = np.array(row[name], np.int32)[kept]
        values[: len(tokens)] = [renumbered[n] for n in tokens.tolist()] if name == "document_ids" else tokens
        row[name] = values.tolist()
    gone = len(row["row_ids"]) - len(stays)
    row["row_ids"] = [row["row_ids"][number] for number in stays]
    if "learned_tokens" in row:
        learned = np.array(row["labels"]) != UNLEARNED
        row["learned_tokens"] = int((learned & (np.array(row["position_ids"]) > 0)).sum())
    return gone


def _rewrite(path: Path, change: Any) -> None:
    """Row group by row group, with the same schema and compression."""
    file = pq.ParquetFile(path)
    groups = file.metadata.num_row_groups
    codec = file.metadata.row_group(0).column(0).compression.lower() if groups else "zstd"
    with replacing(path) as partial, pq.ParquetWriter(partial, file.schema_arrow, compression=codec) as writer:
        for group in range(groups):
            writer.write_table(change(file.read_row_group(group)))
