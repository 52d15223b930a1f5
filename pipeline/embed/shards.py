"""The conversations of one file in shards, each of which becomes a part, and what of them has vectors already."""

import hashlib
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.contract.artifact import Artifact
from pipeline.contract.execute import StageContext
from pipeline.contract.fingerprint import FileHashes
from pipeline.contract.stage import config_slice
from pipeline.rows.turns import turns_of

READ = ["row_id", "messages"]


@dataclass(frozen=True)
class Shard:
    """Conversations of a file whose row ids begin alike, in order. table: row_id and messages."""

    file: Path
    number: int
    table: pa.Table

    @property
    def name(self) -> str:
        return shard_name(self.file, self.number)

    @property
    def digest(self) -> str:
        """sha256 of the row ids, of how many turns each conversation has, and of what they say."""
        messages = self.table["messages"].combine_chunks()
        found = hashlib.sha256()
        _update(found, self.table["row_id"].combine_chunks())
        found.update(messages.value_lengths().fill_null(0).to_numpy().tobytes())
        _update(found, messages.flatten().field("content").fill_null(""))
        return found.hexdigest()


def shard_name(file: Path, number: int) -> str:
    """The file of a shard's vectors."""
    return f"{file.stem}-{number:05d}.parquet"


def _update(found: "hashlib._Hash", texts: pa.StringArray) -> None:
    """Hashes lengths, and then texts, from where they lie in memory."""
    offsets = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1, 4 * texts.offset) if len(texts) else [0]
    found.update(np.diff(offsets).tobytes())
    found.update(memoryview(texts.buffers()[2] or b"")[offsets[0] : offsets[-1]])


class ShardedFile:
    """A file sorted by row_id in shards, of about `rows` rows at most; an empty one has none.

    Their number is a power of two, and they share the space of row ids evenly: a row more or less changes its own.
    """

    def __init__(self, file: Path, rows: int) -> None:
        self.file = file
        self._table = pq.read_table(file, columns=READ)
        self._count = 1
        while self._table.num_rows > self._count * rows:
            self._count *= 2

    def __iter__(self) -> Iterator[Shard]:
        return (shard for shard in map(self.shard, range(self._count)) if shard.table.num_rows)

    def shard(self, number: int) -> Shard:
        start, stop = self._rows_before(number), self._rows_before(number + 1)
        return Shard(self.file, number, self._table.slice(start, stop - start).combine_chunks())

    def _rows_before(self, number: int) -> int:
        if number in (0, self._count):
            return self._table.num_rows if number else 0
        ids, bound = self._table["row_id"], f"{-(-(number << 32) // self._count):08x}"
        return bisect_left(range(len(ids)), bound, key=lambda row: ids[row].as_py())


class Earlier:
    """The vectors that an earlier artifact has of the same conversations, file by file.

    Of the artifacts that the same encoder and settings made, the newest that has the file counts. A conversation counts
    whose turns are the same there.
    """

    def __init__(self, context: StageContext) -> None:
        stage, store = context.stage, context.run.store
        config, raw = config_slice(stage, context.profile), context.run.input_fingerprints(stage.name)
        raw.pop("deduplicate")
        self._hashes: FileHashes = context.run.file_hashes
        self._found: list[tuple[Artifact, Artifact]] = []
        for known in store.newest(stage.name, stage.version):
            if known.manifest["config"] != config:
                continue
            inputs = dict(known.manifest["inputs"])
            read = store.at("deduplicate", inputs.pop("deduplicate"))
            if inputs == raw and read.sealed:
                self._found.append((known, read))

    def of(self, file: Path) -> tuple[pa.Table | None, pa.Table]:
        """Embed's table of conversations of a file, or None, and the conversations: row_id and messages."""
        for known, read in self._found:
            source = read.parquet() / file.name
            digests = {known.path / path: digest for path, digest in known.digests.items() if _is_of(path, file)}
            if digests and f"data/{file.name}" in read.digests:
                digests[source] = read.digests[f"data/{file.name}"]
                if all(p.is_file() for p in digests) and self._hashes.of(digests) == digests:
                    shards = sorted(p for p in digests if p != source)
                    return pa.concat_tables(pq.ParquetFile(p).read() for p in shards), pq.read_table(
                        source, columns=READ
                    )
        return None, pa.table({name: pa.nulls(0) for name in READ})


def _is_of(path: str, file: Path) -> bool:
    return path.startswith("data/") and path.rpartition("-")[0] == f"data/{file.stem}"


def unchanged(shard: pa.Table, before: pa.Table) -> pa.Array:
    """Of each row of a shard, whether it is in `before` with the same turns."""
    common = before.filter(pc.is_in(before["row_id"], shard["row_id"].combine_chunks()))
    said = dict(zip(common["row_id"].to_pylist(), turns_of(common["messages"]), strict=True)) if common.num_rows else {}
    now = zip(shard["row_id"].to_pylist(), turns_of(shard["messages"]), strict=True)
    return pa.array([row_id in said and said[row_id] == turns for row_id, turns in now], pa.bool_())
