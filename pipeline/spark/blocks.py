"""Arrow tables moved between tasks in blocks: the shuffle of rows without a cost a row.

A task cuts its table by target task and serialises each piece; each target task is given all of its own. What a
shuffle costs in Spark's JVM is a few microseconds a column and row, and a few a *block* here.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

Batches = Iterator[pa.RecordBatch]
BLOCKS = pa.schema({"target": pa.int32(), "kind": pa.string(), "block": pa.binary(), "bytes": pa.int64()})
"""kind names what a table is; a block is an Arrow IPC stream, null in a block that only starts its target."""

BLOCK_BYTES = 4 << 20


def cut(kind: str, table: pa.Table, targets: np.ndarray) -> Batches:
    """Blocks of a table. targets: the task that each row goes to, int [rows]."""
    if not table.num_rows:
        return
    order = np.argsort(targets, kind="stable")
    table = table.take(pa.array(order)).combine_chunks()
    found, first = np.unique(targets[order], return_index=True)
    ends = [*first[1:], len(order)]
    most = max(int(BLOCK_BYTES / max(table.nbytes / table.num_rows, 1)), 1)
    for target, start, end in zip(found.tolist(), first.tolist(), ends, strict=True):
        for at in range(start, end, most):
            yield block(kind, table.slice(at, min(most, end - at)), target)


def told(kind: str, table: pa.Table) -> Batches:
    """Blocks for whoever asked for the step (see Exchange.gather), and for no task."""
    yield from cut(kind, table, np.full(table.num_rows, -1))


def block(kind: str, table: pa.Table, target: int) -> pa.RecordBatch:
    """One block."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    data = sink.getvalue()
    return pa.record_batch(
        {
            "target": pa.array([target], pa.int32()),
            "kind": [kind],
            "block": pa.array([data.to_pybytes()], pa.binary()),
            "bytes": pa.array([data.size], pa.int64()),
        }
    )


class Received:
    """The blocks that one task was given."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        self.target = -1
        self._tables: dict[str, list[pa.Table]] = {}
        for batch in batches:
            for target, kind, data in zip(*(batch[name] for name in ("target", "kind", "block")), strict=True):
                self.target = target.as_py()
                if data.is_valid:
                    table = pa.ipc.open_stream(data.as_buffer()).read_all()
                    self._tables.setdefault(kind.as_py(), []).append(table)

    def table(self, kind: str, schema: pa.Schema) -> pa.Table:
        """All rows of a kind, in no particular order; none of them when no block came."""
        tables = self._tables.pop(kind, [])
        return pa.concat_tables(tables).combine_chunks() if tables else schema.empty_table()
