"""A collection of a Qdrant server filled by many processes, each a client of its own.

This process reads and joins, as Arrow; the others make points of it and send them, without waiting for the server to
take them in. Which blocks were sent is noted here, so a later attempt asks the server nothing. In the end the server is
asked how many points it has, and for some of them.
"""

import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial

import pyarrow as pa

from configs.vectors import Vectors
from pipeline.contract.execute import StageContext
from pipeline.contract.process_group import die_with_spawner
from pipeline.contract.progress import say
from pipeline.index import collection
from pipeline.index.held import Brought, Journal, Known, bring, earlier, forget
from pipeline.index.points import Block, blocks
from pipeline.index.qdrant_server import ServerStore, client_of
from pipeline.index.samples import Samples, verify, verify_held


def load(context: StageContext, settings: Vectors, dimensions: int, journal: Journal) -> str:
    """Fills the collection of the stage's fingerprint, or with vectors.in_place the one in use, has the alias show it,
    and deletes the oldest ones. Returns the collection's name."""
    alias, own = settings.collection, f"{settings.collection}-{context.run.fingerprint('index')[:12]}"
    client = client_of(settings)
    store = ServerStore(client, own, settings)
    try:
        known = None
        if settings.in_place and (name := collection.in_use(store, alias)):
            known = earlier(context, dimensions, name)
            store = ServerStore(client, name if known else own, settings)
        if collection.begin(store, settings, dimensions):
            journal.clear()  # what was noted was sent to a collection that is gone
        points, samples = _send(context, store, settings, Known(known), journal, deferred=known is None)
        collection.arrived(store, points)
        if store.count() != points:
            journal.clear()  # nobody knows what is missing; the next attempt sends all once more
        verify_held(store, points, samples)
        collection.build_graph(store)
        verify(store, points, samples)
        collection.note_whole(store)
        collection.use(store, alias)
        collection.retire(store, alias, settings.kept)
        return store.collection
    finally:
        store.close()


def _send(
    context: StageContext, store: ServerStore, settings: Vectors, known: Known, journal: Journal, deferred: bool
) -> tuple[int, Samples]:
    """Brings all blocks that are not noted; returns how many points the collection is to have, and some of them."""
    before, samples, upserted = journal.done(), Samples(), 0
    if before:
        say(f"index: {len(before):,} blocks were sent by an earlier attempt")
    with context.progress(context.inputs["balance"].ledger.rows_out) as progress:

        def wanted() -> Iterator[tuple[Block, pa.Table]]:
            for block in blocks(context, before):
                had = known.until(block.last)
                samples.add(block)
                if block.done:
                    progress.advance(block.rows.num_rows)
                else:
                    yield block, had

        for block, brought in _brought(wanted(), store, settings, deferred):
            journal.note(block.number, brought.held)
            upserted += brought.upserted
            progress.advance(block.rows.num_rows)
    forget(store, known.until())
    points = journal.points()
    context.parts_made = {"made": upserted, "taken_over": points - upserted}
    return points, samples


def _brought(
    wanted: Iterable[tuple[Block, pa.Table]], store: ServerStore, settings: Vectors, deferred: bool
) -> Iterator[tuple[Block, Brought]]:
    """Each block with what was done for it, in their order; two blocks a process are under way at most."""
    if settings.clients == 1:
        own = ServerStore(store.client, store.collection, settings, deferred)
        for block, had in wanted:
            yield block, bring(own, block.rows, block.segments, had, settings.batch_size)
        return
    context = multiprocessing.get_context("spawn")  # a fork would inherit the locks of gRPC's threads
    start = partial(_start, settings, store.collection, deferred)
    under_way = deque[tuple[Block, Future[Brought]]]()
    with ProcessPoolExecutor(settings.clients, context, start) as pool:
        for block, had in wanted:
            under_way.append((block, pool.submit(_bring, *map(_packed, (block.rows, block.segments, had)))))
            if len(under_way) > 2 * settings.clients:
                first, future = under_way.popleft()
                yield first, future.result()
        for first, future in under_way:
            yield first, future.result()


_store: ServerStore
_batch_size: int


def _start(settings: Vectors, name: str, deferred: bool) -> None:
    global _store, _batch_size
    die_with_spawner()
    _store, _batch_size = ServerStore(client_of(settings), name, settings, deferred), settings.batch_size


def _bring(rows: pa.Buffer, segments: pa.Buffer, known: pa.Buffer) -> Brought:
    return bring(_store, _read(rows), _read(segments), _read(known), _batch_size)


def _packed(table: pa.Table) -> pa.Buffer:
    """The rows alone: pickle would send the whole table that they are a slice of."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue()


def _read(packed: pa.Buffer) -> pa.Table:
    return pa.ipc.open_stream(packed).read_all()
