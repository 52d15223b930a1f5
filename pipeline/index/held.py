"""What lies in a store already, and what has to be done for it to hold a block."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.contract.artifact import Artifact
from pipeline.contract.atomic_write import replacing
from pipeline.contract.execute import StageContext
from pipeline.index.points import HELD, LAST, InOrder, held, points_of
from pipeline.index.store import VectorStore, point_id

FILE = "held.parquet"
"""HELD of the whole index, in order of row_id."""

ROWS_A_GROUP = 1 << 16
"""Of that file."""


class Brought(NamedTuple):
    """What was done for a block. held: HELD of its rows."""

    held: pa.Table
    upserted: int


def earlier(context: StageContext, dimensions: int, collection: str | None = None) -> Artifact | None:
    """The newest whole index of Qdrant Edge with vectors of that size, or of a collection on a server; of this version
    of the stage, as digests tell nothing of others."""
    for known in context.run.store.newest("index", context.stage.version):
        if FILE in known.digests:
            about = known.json("index.json")
            same = about["collection"] == collection if collection else about["url"] is None
            if same and about["dimensions"] == dimensions and not known.changed(context.run.file_hashes):
                return known
    return None


class Known:
    """HELD of an earlier index, taken block by block; None: of a store that is new."""

    def __init__(self, index: Artifact | None) -> None:
        self._rows = InOrder(_tables(index.path / FILE) if index else iter(()), HELD)

    def until(self, last: str = LAST) -> pa.Table:
        """The rows up to a row_id, and after those taken before."""
        return self._rows.until(last)


def _tables(file: Path) -> Iterator[pa.Table]:
    with pq.ParquetFile(file) as opened:
        for batch in opened.iter_batches():
            yield pa.Table.from_batches([batch])


def bring(store: VectorStore, rows: pa.Table, segments: pa.Table, known: pa.Table, batch_size: int) -> Brought:
    """Has the store hold the points of rows and no others of a span of row ids. known: HELD of what it has there."""
    now = held(rows, segments)
    before, after = _by_row(known), _by_row(now)
    wanted = [row_id for row_id, about in after.items() if before.get(row_id) != about]
    if len(wanted) < len(after):
        rows, segments = (t.filter(pc.is_in(t["row_id"], pa.array(wanted, pa.string()))) for t in (rows, segments))
    points = points_of(rows, segments)
    for part in points.batches(batch_size):
        store.upsert(*part)
    gone = {row_id: (after[row_id][0] if row_id in after else 0, count) for row_id, (count, _) in before.items()}
    _remove(store, gone)
    return Brought(now, len(points.ids))


def forget(store: VectorStore, known: pa.Table) -> None:
    """Removes the points of rows, given as HELD."""
    _remove(store, {row_id: (0, count) for row_id, (count, _) in _by_row(known).items()})


def _by_row(told: pa.Table) -> dict[str, tuple[int, bytes]]:
    """row_id to segments and digest."""
    row_ids, *about = (told[name].to_pylist() for name in HELD.names)
    return dict(zip(row_ids, zip(*about, strict=True), strict=True))


def _remove(store: VectorStore, gone: dict[str, tuple[int, int]]) -> None:
    """gone: row_id to the first segment that goes, and the one after the last."""
    store.remove([point_id(row_id, segment) for row_id, span in gone.items() for segment in range(*span)])


class Journal:
    """HELD of each block that has been brought, in a folder, so that a later attempt need not ask the store."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)

    def clear(self) -> None:
        shutil.rmtree(self._folder)
        self._folder.mkdir()

    def done(self) -> dict[int, Path]:
        """Number of each block to its file, in order."""
        found = {int(path.stem): path for path in self._folder.glob("[!.]*.parquet")}
        return dict(sorted(found.items()))

    def note(self, number: int, brought: pa.Table) -> None:
        with replacing(self._folder / f"{number}.parquet", durable=True) as partial:
            pq.write_table(brought, partial, use_dictionary=False)

    def points(self) -> int:
        """How many points all blocks have."""
        return sum(int(pc.sum(pq.read_table(path)["segments"]).as_py() or 0) for path in self.done().values())

    def write(self, file: Path) -> "HeldFile":
        """Writes all blocks as one file."""
        with HeldFile(file) as told:
            for path in self.done().values():
                told.add(pq.read_table(path))
        return told


class HeldFile:
    """FILE as it is written, block by block. rows, points: how many it tells of."""

    def __init__(self, file: Path) -> None:
        self.rows = self.points = 0
        self._writer = pq.ParquetWriter(file, HELD, compression="zstd", use_dictionary=False)
        self._blocks: list[pa.Table] = []

    def __enter__(self) -> "HeldFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._write()
        self._writer.close()

    def add(self, block: pa.Table) -> None:
        self.rows += block.num_rows
        self.points += pc.sum(block["segments"]).as_py() or 0
        self._blocks.append(block)
        if sum(table.num_rows for table in self._blocks) >= ROWS_A_GROUP:
            self._write()

    def _write(self) -> None:
        if self._blocks:
            self._writer.write_table(pa.concat_tables(self._blocks))
        self._blocks = []
