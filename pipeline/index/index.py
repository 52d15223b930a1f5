"""index: the vectors of the corpus that trains, with what a search shows of each.

The store is not a data artifact: its points follow from the inputs, its files differ between runs.
On a server an attempt that was killed goes on: points that the collection already holds are not sent again. Qdrant
Edge begins anew, as nobody could tell whether the pages that were left are what was written.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from configs.credentials import masked
from configs.embed import Embed
from configs.errors import UserError
from configs.vectors import Vectors
from pipeline.contract.artifact import Artifact
from pipeline.contract.atomic_write import write_text
from pipeline.contract.execute import StageContext
from pipeline.embed.encoder import Encoder
from pipeline.embed.segmenter import Segmenter
from pipeline.embed.segments import Segment
from pipeline.index.store import TEXT_CHARS, VectorStore, point_id
from pipeline.rows.ordered import in_order, in_shards

SAMPLES = 16
COLUMNS = ["row_id", "source", "topic", "split", "messages"]


def index(context: StageContext) -> None:
    """Leaves store/ (Qdrant Edge) or nothing (a server), and index.json {engine, collection, points,
    dimensions, url}.

    A point is one segment of a row that balance kept, with the payload {row_id, source, topic, split,
    segment, text (the segment's first 300 characters)}. Rows that balance added are encoded here.
    Raises UserError when the server cannot be reached.
    """
    settings: Vectors = context.config("vectors")
    rows = context.inputs["balance"].ledger.rows_out
    dimensions = _dimensions(context.inputs["embed"])
    collection = settings.collection
    if settings.url:
        collection += f"-{context.run.fingerprint('index')[:12]}"
    store = _open(settings, context.out / "store", collection, dimensions)
    points = encoded = 0
    samples: list[tuple[str, np.ndarray]] = []
    try:
        with context.progress(rows) as progress:
            for block in _blocks(context):
                ids = [point_id(payload["row_id"], payload["segment"]) for payload in block.payloads]
                _upsert(store, ids, block, settings.batch_size)
                points += len(ids)
                encoded += block.encoded
                if len(samples) < SAMPLES:
                    samples.append((ids[0], block.vectors_ND[0]))
                progress.advance(block.rows)
        store.optimise()
        _verify(store, points, samples)
    finally:
        store.close()
    about = {
        "engine": "qdrant-server" if settings.url else "qdrant-edge",
        "collection": collection,
        "points": points,
        "dimensions": dimensions,
        "url": masked(settings.url),
    }
    write_text(context.out / "index.json", json.dumps(about, indent=1) + "\n")
    context.ledger.rows_in = context.ledger.rows_out = rows
    context.metrics |= {"points": points, "encoded": encoded}


class _Block(NamedTuple):
    """The points of some conversations, and how many of these were encoded just now."""

    rows: int
    encoded: int
    payloads: list[dict[str, Any]]
    vectors_ND: np.ndarray


def _blocks(context: StageContext) -> Iterator[_Block]:
    """Balance's rows in order of row_id, joined with embed's segments, in the same order."""
    settings: Embed = context.config("embed")
    encoder: Encoder | None = None
    segments = _Segments(context.inputs["embed"])
    for rows in in_shards(context.inputs["balance"].parquet(), COLUMNS, settings.shard_rows):
        found = segments.of(rows["row_id"])
        added = rows.filter(pc.invert(pc.is_in(rows["row_id"], found["row_id"].combine_chunks())))
        if added.num_rows:
            encoder = encoder or Encoder(
                settings.model, context.config("embedding.device"), context.config("embedding.batch_size")
            )
            cut = Segmenter(encoder.folder, settings.max_tokens, settings.max_segments)(added)
            found = pa.concat_tables([found, cut.with_vectors(encoder.encode(cut.tokens))])
        yield _Block(rows.num_rows, added.num_rows, _payloads(rows, found), _matrix(found))


class _Segments:
    """Embed's segments, taken in ascending order of row_id."""

    def __init__(self, embed: Artifact) -> None:
        self._tables = in_order(embed.parquet())
        self._held = pq.read_schema(min(embed.parquet().glob("*.parquet"))).empty_table()

    def of(self, row_ids: pa.ChunkedArray) -> pa.Table:
        """The segments of the given rows, which lie after those asked for before."""
        last = row_ids[-1].as_py()
        while self._held.num_rows == 0 or self._held["row_id"][-1].as_py() <= last:
            more = next(self._tables, None)
            if more is None:
                break
            self._held = pa.concat_tables([self._held, more])
        past = pc.sum(pc.less_equal(self._held["row_id"], last)).as_py() or 0
        known, self._held = self._held.slice(0, past), self._held.slice(past)
        return known.filter(pc.is_in(known["row_id"], row_ids.combine_chunks()))


def _payloads(rows: pa.Table, found: pa.Table) -> list[dict[str, Any]]:
    """What a search shows of each segment."""
    by_id = {row["row_id"]: row for row in rows.to_pylist()}
    payloads = []
    for part in found.drop_columns(["vector"]).to_pylist():
        row = by_id[part["row_id"]]
        turns = [m["content"] for m in row["messages"]]
        segment = Segment(part["first_turn"], part["last_turn"], part["first_char"], [])
        named = {key: row[key] for key in ("row_id", "source", "topic", "split")}
        payloads.append({**named, "segment": part["segment"], "text": segment.text(turns, TEXT_CHARS)})
    return payloads


def _matrix(found: pa.Table) -> np.ndarray:
    vectors = found["vector"].combine_chunks()
    return vectors.flatten().to_numpy().reshape(found.num_rows, -1)


def _dimensions(embed: Artifact) -> int:
    return pq.read_schema(min(embed.parquet().glob("*.parquet"))).field("vector").type.list_size


def _open(settings: Vectors, folder: Path, collection: str, dimensions: int) -> VectorStore:
    if settings.url:
        from pipeline.index.qdrant_server import ServerStore

        return ServerStore.connect(settings, collection, dimensions)
    from pipeline.index.qdrant_edge import EdgeStore

    shutil.rmtree(folder, ignore_errors=True)
    return EdgeStore(folder, dimensions)


def _upsert(store: VectorStore, ids: list[str], block: _Block, batch_size: int) -> None:
    """Sends the points that the store lacks."""
    for start in range(0, len(ids), batch_size):
        part = range(start, min(start + batch_size, len(ids)))
        wanted = store.missing([ids[i] for i in part])
        chosen = [i for i in part if ids[i] in wanted]
        if chosen:
            store.upsert([ids[i] for i in chosen], block.vectors_ND[chosen], [block.payloads[i] for i in chosen])
    store.flush()


def _verify(store: VectorStore, points: int, samples: list[tuple[str, np.ndarray]]) -> None:
    """The store holds every point and no other, and finds points by their own vectors."""
    held = store.count()
    if held != points:
        raise UserError(
            f"index: the store holds {held:,} points instead of {points:,}; delete the collection or the partial "
            "folder and run the stage again"
        )
    for point, vector_D in samples:
        nearest = store.search(vector_D, 1)
        if not nearest or nearest[0].score < 0.999:
            raise UserError(f"index: point {point} is not found by its own vector; delete the store and run again")
