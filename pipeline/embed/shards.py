"""The conversations of one file in shards, each of which becomes a part, and what of them has vectors already."""

import hashlib
from bisect import bisect_left, bisect_right
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


@dataclass(frozen=True)
class Known:
    """What an earlier artifact has of the conversations of a file, in order of row_id.

    conversations: row_id and messages. vectors: embed's table of them.
    """

    conversations: pa.Table
    vectors: pa.Table

    def of(self, shard: pa.Table) -> tuple[pa.Array, pa.Table]:
        """Of each row of a shard whether it was there with the same turns, and the vectors of those that were."""
        ids = shard["row_id"].combine_chunks()
        same = unchanged(shard, _between(self.conversations, ids))
        vectors = _between(self.vectors, ids)
        return same, vectors.filter(pc.is_in(vectors["row_id"], ids.filter(same)))


def _between(table: pa.Table, ids: pa.StringArray) -> pa.Table:
    """The rows from the first to the last id."""
    column = table["row_id"]

    def at(row: int) -> str:
        return str(column[row].as_py())

    start = bisect_left(range(len(column)), ids[0].as_py(), key=at)
    return table.slice(start, bisect_right(range(len(column)), ids[-1].as_py(), key=at) - start)


class Earlier:
    """The vectors that an earlier artifact has of the same conversations, file by file.

    Of the artifacts that the same encoder and settings made, the newest that has the file counts.
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

    def of(self, file: Path) -> Known | None:
        for known, read in self._found:
            source = read.parquet() / file.name
            digests = {known.path / path: digest for path, digest in known.digests.items() if _is_of(path, file)}
            if digests and f"data/{file.name}" in read.digests:
                digests[source] = read.digests[f"data/{file.name}"]
                if all(p.is_file() for p in digests) and self._hashes.of(digests) == digests:
                    shards = sorted(p for p in digests if p != source)
                    vectors = pa.concat_tables(pq.ParquetFile(p).read() for p in shards)
                    return Known(pq.read_table(source, columns=READ), vectors)
        return None


def _is_of(path: str, file: Path) -> bool:
    return path.startswith("data/") and path.rpartition("-")[0] == f"data/{file.stem}"


def unchanged(shard: pa.Table, before: pa.Table) -> pa.BooleanArray:
    """Of each row of a shard, whether it is in `before` with the same turns."""
    at = pc.index_in(shard["row_id"].combine_chunks(), value_set=before["row_id"].combine_chunks())
    found_N = at.is_valid().to_numpy(zero_copy_only=False)
    now, then = shard["messages"].combine_chunks(), before["messages"].combine_chunks()
    found_N[found_N] = _same_turns(now.filter(at.is_valid()), then.take(at.drop_null()))
    return pa.array(found_N)


def _same_turns(now: pa.ListArray, then: pa.ListArray) -> np.ndarray:
    """[N]: of each conversation of two lists, whether it has the same roles and texts; a null is an empty text."""
    lengths_N, lengths_then_N = (list_.value_lengths().fill_null(0).to_numpy() for list_ in (now, then))
    same_N = lengths_N == lengths_then_N
    turns, turns_then = (list_.filter(pa.array(same_N)).flatten() for list_ in (now, then))
    other_T = np.zeros(len(turns), bool)
    for name in ("role", "content"):
        a, b = (part.field(name).fill_null("") for part in (turns, turns_then))
        other_T |= pc.not_equal(a, b).to_numpy(zero_copy_only=False)
    others_before = np.r_[0, other_T.cumsum()]
    ends = lengths_N[same_N].cumsum()
    same_N[same_N] = others_before[ends] == others_before[ends - lengths_N[same_N]]
    return same_N
