"""index: the vectors of the corpus that trains, with what a search shows of each.

The store is not a data artifact: its points follow from the inputs, its files differ between runs. A corpus that has
grown by little costs little: of Qdrant Edge, the newest earlier store is copied, and only points that are new or
different are upserted, and those that are gone deleted (pipeline.index.held). On a server a collection is loaded beside
the one in use, and an alias shows which that is (pipeline.index.bulk_load).

An attempt that was killed goes on, on a server, behind the blocks that it noted, without asking the server what it has.
Qdrant Edge begins anew, as nobody could tell whether the pages that were left are what was written.
"""

import json
import shutil
from pathlib import Path

from configs.credentials import masked
from configs.vectors import Vectors
from pipeline.contract.atomic_write import write_text
from pipeline.contract.execute import StageContext
from pipeline.index.held import FILE, HeldFile, Journal, Known, bring, earlier, forget
from pipeline.index.points import blocks, schema_of
from pipeline.index.samples import Samples, verify

FLUSHED_EVERY = 10_000
"""Points that Qdrant Edge takes in before it is told to write; a flush takes 20 ms, also of nothing."""


def index(context: StageContext) -> None:
    """Leaves store/ (Qdrant Edge) or nothing (a server), held.parquet {row_id, segments, digest}, and index.json
    {engine, collection, alias, points, dimensions, url}.

    A point is one segment of a row that balance kept, with the payload {row_id, source, topic, split, user (where there
    is one), segment, text (the segment's first 300 characters)}. Rows that balance added are encoded here.
    Raises UserError when the server cannot be reached, or does not hold what was sent.
    """
    settings: Vectors = context.config("vectors")
    dimensions = schema_of(context.inputs["embed"]).field("vector").type.list_size
    if settings.url:
        from pipeline.index.bulk_load import load

        journal = Journal(context.scratch / "blocks")
        collection = load(context, settings, dimensions, journal)
        told = journal.write(context.out / FILE)
    else:
        collection = settings.collection
        told = _filled_edge(context, context.out / "store", dimensions)
    about = {
        "engine": "qdrant-server" if settings.url else "qdrant-edge",
        "collection": collection,
        "alias": settings.collection if settings.url else None,
        "points": told.points,
        "dimensions": dimensions,
        "url": masked(settings.url),
    }
    write_text(context.out / "index.json", json.dumps(about, indent=1) + "\n")
    context.ledger.rows_in = context.ledger.rows_out = told.rows
    context.metrics["points"] = told.points


def _filled_edge(context: StageContext, folder: Path, dimensions: int) -> HeldFile:
    from pipeline.index.qdrant_edge import EdgeStore

    shutil.rmtree(folder, ignore_errors=True)
    before = earlier(context, dimensions)
    if before:
        shutil.copytree(before.path / "store", folder)
    store, known, samples = EdgeStore(folder, dimensions), Known(before), Samples()
    batch_size, upserted = context.config("vectors.batch_size"), 0
    try:
        with (
            HeldFile(context.out / FILE) as told,
            context.progress(context.inputs["balance"].ledger.rows_out) as progress,
        ):
            for block in blocks(context):
                brought = bring(store, block.rows, block.segments, known.until(block.last), batch_size)
                told.add(brought.held)
                if (upserted + brought.upserted) // FLUSHED_EVERY > upserted // FLUSHED_EVERY:
                    store.flush()
                upserted += brought.upserted
                samples.add(block)
                progress.advance(block.rows.num_rows)
        forget(store, known.until())
        store.flush()
        store.optimise()
        verify(store, told.points, samples)
    finally:
        store.close()
    context.parts_made = {"made": upserted, "taken_over": told.points - upserted}
    return told
