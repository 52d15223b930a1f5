"""What is to lie in the index: the segments of balance's rows, block by block, and the points that they are."""

import hashlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from configs.embed import Embed
from pipeline.contract.artifact import Artifact
from pipeline.contract.execute import StageContext
from pipeline.embed.segments import Segment
from pipeline.index.store import TEXT_CHARS, point_id
from pipeline.rows.ordered import ahead, in_order, in_shards

COLUMNS = ["row_id", "source", "user_id", "topic", "split", "messages"]
PLACES = ["segment", "first_turn", "last_turn", "first_char"]
"""Columns of embed that say what a segment is of its conversation."""
LAST = "g"
"""After every row_id, which are hexadecimal."""


class Block(NamedTuple):
    """Some conversations in order of row_id, and their segments with vectors. done: by an earlier attempt; rows that
    balance added have no segments then."""

    number: int
    rows: pa.Table
    segments: pa.Table
    done: bool

    @property
    def last(self) -> str:
        """The last row_id."""
        return str(self.rows["row_id"][-1])

    def first(self) -> "Points":
        """One point of the block, none of a block that has no segments."""
        segment = self.segments.slice(0, 1)
        return points_of(self.rows.filter(pc.is_in(self.rows["row_id"], segment["row_id"].combine_chunks())), segment)


@dataclass(frozen=True)
class Points:
    """Ids, unit vectors [N, D] and payloads of points."""

    ids: list[str]
    vectors_ND: np.ndarray
    payloads: list[dict[str, Any]]

    def batches(self, size: int) -> Iterator[tuple[list[str], np.ndarray, list[dict[str, Any]]]]:
        """What a store's upsert takes, at most `size` points at a time."""
        for start in range(0, len(self.ids), size):
            part = slice(start, start + size)
            yield self.ids[part], self.vectors_ND[part], self.payloads[part]


def blocks(context: StageContext, done: Collection[int] = ()) -> Iterator[Block]:
    """The blocks of embed.shard_rows conversations. Adds up in metrics how many of these had no vector (`encoded`).
    done: numbers of blocks that an earlier attempt has brought, whose new rows are not encoded again."""
    context.metrics["encoded"] = 0
    settings: Embed = context.config("embed")
    embedded: Callable[[pa.Table], pa.Table] | None = None
    segments = InOrder(ahead(in_order(context.inputs["embed"].parquet())), schema_of(context.inputs["embed"]))
    source = context.inputs["balance"].parquet()
    there = pq.read_schema(min(source.glob("*.parquet"))).names
    columns = [name for name in COLUMNS if name in there]
    for number, rows in enumerate(in_shards(source, columns, settings.shard_rows)):
        found = segments.until(rows["row_id"][-1].as_py())
        found = found.filter(pc.is_in(found["row_id"], rows["row_id"].combine_chunks()))
        added = rows.filter(pc.invert(pc.is_in(rows["row_id"], found["row_id"].combine_chunks())))
        context.metrics["encoded"] += added.num_rows
        if added.num_rows and number not in done:
            embedded = embedded or _embedder(context)
            found = pa.concat_tables([found, embedded(added)])
        yield Block(number, rows, found, number in done)


def _embedder(context: StageContext) -> Callable[[pa.Table], pa.Table]:
    """From rows that embed has not read to its table of them."""
    from pipeline.embed.encoder import Encoder  # torch, which processes that only send points need not load
    from pipeline.embed.segmenter import Segmenter

    settings: Embed = context.config("embed")
    encoder = Encoder(settings.model, context.config("embedding.device"), context.config("embedding.batch_size"))
    segmenter = Segmenter(encoder.folder, settings.max_tokens, settings.max_segments)

    def embedded(rows: pa.Table) -> pa.Table:
        cut = segmenter(rows)
        return cut.with_vectors(encoder.encode(cut.tokens))

    return embedded


def schema_of(embed: Artifact) -> pa.Schema:
    """Embed's columns; vector is a list of as many as there are dimensions."""
    return pq.read_schema(min(embed.parquet().glob("*.parquet")))


class InOrder:
    """Rows of tables that follow one another by row_id, taken up to one row_id after the other."""

    def __init__(self, tables: Iterator[pa.Table], schema: pa.Schema) -> None:
        self._tables, self._held = tables, schema.empty_table()

    def until(self, last: str) -> pa.Table:
        """The rows up to `last`, and after those taken before."""
        while self._held.num_rows == 0 or self._held["row_id"][-1].as_py() <= last:
            more = next(self._tables, None)
            if more is None:
                break
            self._held = pa.concat_tables([self._held, more])
        past = pc.sum(pc.less_equal(self._held["row_id"], last)).as_py() or 0
        taken, self._held = self._held.slice(0, past), self._held.slice(past)
        return taken


def points_of(rows: pa.Table, segments: pa.Table) -> Points:
    """The points of the segments of rows, with what a search shows of each."""
    by_id = {row["row_id"]: row for row in rows.to_pylist()}
    payloads = []
    for part in segments.drop_columns(["vector"]).to_pylist():
        row = by_id[part["row_id"]]
        turns = [m["content"] for m in row["messages"]]
        segment = Segment(part["first_turn"], part["last_turn"], part["first_char"], [])
        named = {key: row[key] for key in ("row_id", "source", "topic", "split")}
        user = {"user": row["user_id"]} if row.get("user_id") else {}
        payloads.append({**named, **user, "segment": part["segment"], "text": segment.text(turns, TEXT_CHARS)})
    return Points([point_id(p["row_id"], p["segment"]) for p in payloads], _vectors(segments), payloads)


def _vectors(segments: pa.Table) -> np.ndarray:
    """[N, D]."""
    vectors = segments["vector"].combine_chunks()
    return vectors.flatten().to_numpy().reshape(segments.num_rows, vectors.type.list_size)


HELD = pa.schema([("row_id", pa.string()), ("segments", pa.int32()), ("digest", pa.binary(8))])
"""What the index holds of a row. digest: of all that the payloads and vectors of its points follow from, in one version
of the stage."""


def held(rows: pa.Table, segments: pa.Table) -> pa.Table:
    """HELD of the rows that have segments, in order of row_id. A conversation's segments follow each other."""
    ids = segments["row_id"].combine_chunks()
    row_ids = ids.to_numpy(zero_copy_only=False)
    firsts = np.flatnonzero(np.r_[True, row_ids[1:] != row_ids[:-1]][: len(row_ids)])
    ends = np.r_[firsts, len(row_ids)][1:]
    ids = ids.take(pa.array(firsts))
    about = rows if ids.equals(rows["row_id"].combine_chunks()) else _of(rows, ids)
    named = zip(*(about[name].to_pylist() for name in sorted(set(about.column_names) - {"messages"})), strict=True)
    vectors_ND, places_NP = _vectors(segments), np.stack([segments[name].to_numpy() for name in PLACES], axis=1)
    digests = []
    for first, end, row, said in zip(firsts, ends, named, _said(about["messages"]), strict=True):
        digest = hashlib.blake2b(repr(row).encode(), digest_size=8)
        for part in (*said, vectors_ND[first:end], places_NP[first:end]):
            digest.update(part.data)
        digests.append(digest.digest())
    return pa.table([ids, ends - firsts, digests], schema=HELD).sort_by("row_id")


def _of(rows: pa.Table, ids: pa.Array) -> pa.Table:
    return rows.take(pc.index_in(ids, value_set=rows["row_id"].combine_chunks()))


def _said(messages: pa.ChunkedArray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Of each conversation the bytes of all its turns, and how many each has."""
    column = messages.combine_chunks()
    contents = column.values.field("content")
    _, ends, text = contents.buffers()
    ends_T = np.frombuffer(ends, np.int32)[contents.offset : contents.offset + len(contents) + 1]
    lengths_T, bytes_ = np.diff(ends_T), np.frombuffer(text or b"", np.uint8)
    for first, end in pairwise(column.offsets.to_pylist()):
        yield bytes_[ends_T[first] : ends_T[end]], lengths_T[first:end]
