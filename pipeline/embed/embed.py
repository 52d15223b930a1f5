"""embed: one vector a conversation segment.

The conversations of each file are cut into shards by row_id, of at most about `embed.shard_rows`, each of which becomes
a part, committed as soon as it is there. Batches are formed inside a shard, so a shard's bytes depend on its rows and
the model only (and, in the last bits, on the kind of processor), whichever GPU of several it was. On a CPU a vector
does not even depend on the rest of its shard (see Encoder.rowwise): there the rows of a shard that an earlier artifact
has are not encoded again, and the new ones of many shards are encoded together.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from configs.embed import Embed
from pipeline.contract.artifact import Artifact
from pipeline.contract.execute import StageContext
from pipeline.contract.parts import MOST_CLAIMED, Part, PartStore
from pipeline.contract.progress import Progress, say
from pipeline.contract.stage import config_slice
from pipeline.embed.device_processes import DeviceProcesses, Wanted
from pipeline.embed.encoder import devices_of
from pipeline.embed.model_folder import ModelFolder
from pipeline.embed.segmenter import segments_schema
from pipeline.embed.shard_encoder import ShardEncoder
from pipeline.embed.shards import Earlier, ShardedFile
from pipeline.rows.ordered import allow_open_files


def embed(context: StageContext) -> None:
    """Leaves data/ (see docs/artifacts.md), and `first_char`, the character of the first turn where the
    segment starts, which is 0 unless that turn was cut.

    The ledger counts segments as rows out, because that is what lies in data/.
    """
    settings: Embed = context.config("embed")
    source = context.inputs["deduplicate"]
    conversations = source.ledger.rows_out
    files = sorted(source.parquet().glob("*.parquet"))
    devices = devices_of(context.config("embedding.device"))
    shards = _shards(context, files, len(devices))
    parts = _obtained(context, shards, conversations, devices)
    for wanted, made in zip(shards.values(), parts, strict=True):
        context.link(made, {"data.parquet": f"data/{wanted.name}"})
    written = sum(part.ledger.rows_out for part in parts)
    if not parts:
        _empty(context.out / "data", settings)
    context.ledger.rows_in = conversations
    context.ledger.rows_out = written
    context.ledger.added = {"further segments": written - conversations}
    context.metrics |= {"segments": written, "shards": len(parts)}


def _empty(folder: Path, settings: Embed) -> None:
    folder.mkdir()
    schema = segments_schema(ModelFolder(settings.model).config["hidden_size"])
    pq.write_table(schema.empty_table(), folder / "part-00000.parquet")


def _shards(context: StageContext, files: list[Path], at_once: int) -> dict[Part, Wanted]:
    """The part that each shard becomes. at_once: files that are read side by side."""
    raw = {k: v for k, v in context.run.input_fingerprints(context.stage.name).items() if k not in context.inputs}
    config, rows = config_slice(context.stage, context.profile), context.config("embed").shard_rows

    def read(file: Path) -> list[tuple[int, int, str]]:
        return [(shard.number, shard.table.num_rows, shard.digest) for shard in ShardedFile(file, rows)]

    found: dict[Part, Wanted] = {}
    with ThreadPoolExecutor(at_once) as readers:
        for file, digests in zip(files, readers.map(read, files), strict=True):
            for number, count, digest in digests:
                part = context.part(config, {**raw, "conversations": digest})
                found[part] = Wanted(file, number, count, part)
    return found


def _obtained(
    context: StageContext, shards: dict[Part, Wanted], conversations: int, devices: list[str]
) -> list[Artifact]:
    """The part of each shard. What encodes is started when one is missing."""
    encoding: DeviceProcesses | _ThisProcess | None = None
    there = sum(wanted.rows for part, wanted in shards.items() if context.part_store.has(part))
    with context.progress(conversations, "rows") as progress, ExitStack() as stack:
        progress.resume_at(there)

        def make(missing: list[Part]) -> None:
            nonlocal encoding
            encoding = encoding or stack.push(_encoding(context, devices[: len(missing)], progress))
            encoded = 0
            for now in encoding.encode([shards[part] for part in missing]):
                progress.advance(now - encoded)
                encoded = now
            say(f"embed: {encoded:,} conversations encoded")

        parts = context.obtain(list(shards), make, allow_open_files(MOST_CLAIMED * len(devices)))
        progress.update(conversations)
    if isinstance(encoding, DeviceProcesses):
        context.part_store.sweep({context.stage.name})  # what a process that was killed was writing
    return parts


def _encoding(context: StageContext, devices: list[str], progress: Progress) -> "DeviceProcesses | _ThisProcess":
    if len(devices) == 1:
        return _ThisProcess(context, progress)
    write = _PartWriter(context.part_store)
    return DeviceProcesses(devices, context.config("embed"), context.config("embedding"), write)


@dataclass(frozen=True)
class _PartWriter:
    """Makes the part of a shard of embed's table of it."""

    store: PartStore

    def __call__(self, part: Part, table: pa.Table) -> None:
        with self.store.making(part) as made:
            schema = segments_schema(table.schema.field("vector").type.list_size)
            pq.write_table(
                table.cast(schema).combine_chunks(),
                made.folder / "data.parquet",
                compression="zstd",
                use_dictionary=["row_id"],
            )
            made.ledger.rows_in = made.ledger.rows_out = table.num_rows


class _ThisProcess(AbstractContextManager["_ThisProcess"]):
    """Encodes on the one device that there is, what no earlier artifact has the vectors of. progress: told of those."""

    def __init__(self, context: StageContext, progress: Progress) -> None:
        self._progress = progress
        self._rows: int = context.config("embed").shard_rows
        self._encoder = ShardEncoder(context.config("embed"), context.config("embedding"))
        self._earlier = Earlier(context) if self._encoder.rowwise else None
        self._known: dict[Part, pa.Table] = {}
        self._write_part = _PartWriter(context.part_store)

    def encode(self, shards: list[Wanted]) -> Iterator[int]:
        """As DeviceProcesses does; yields how many conversations are encoded."""
        return self._encoder.write(_together(self._unknown(shards), self._rows if self._earlier else 1), self._write)

    def _unknown(self, shards: list[Wanted]) -> Iterator[tuple[Part, pa.Table]]:
        """The rows of each shard that have no vectors yet; where all have them, it is written."""
        for path, wanted in groupby(shards, lambda shard: shard.file):
            known = self._earlier.of(path) if self._earlier else None
            file = ShardedFile(path, self._rows)
            for part, table in ((shard.target, file.shard(shard.number).table) for shard in wanted):
                if known:
                    same, self._known[part] = known.of(table)
                    self._progress.advance(pc.sum(same).as_py() or 0)
                    table = table.filter(pc.invert(same))
                if table.num_rows:
                    yield part, table
                else:
                    self._write_part(part, self._known.pop(part))

    def _write(self, group: "_Group", table: pa.Table) -> None:
        for part, ids in group:
            own = table.filter(pc.is_in(table["row_id"], ids)) if len(group) > 1 else table
            if part in self._known:
                order = [("row_id", "ascending"), ("segment", "ascending")]
                own = pa.concat_tables([self._known.pop(part), own]).sort_by(order)
            self._write_part(part, own)

    def __exit__(self, *_: object) -> None:
        self._encoder.__exit__()


_Group = list[tuple[Part, pa.Array]]
"""Parts, and the row ids of each."""


def _together(shards: Iterator[tuple[Part, pa.Table]], rows: int) -> Iterator[tuple[_Group, pa.Table]]:
    """Shards that follow one another as one, of at least so many rows (the last may have fewer): a few new rows of each
    of many shards would leave the cores waiting."""
    group: _Group = []
    tables: list[pa.Table] = []
    for part, table in shards:
        group.append((part, table["row_id"].combine_chunks()))
        tables.append(table)
        if sum(len(ids) for _, ids in group) >= rows:
            yield group, pa.concat_tables(tables).combine_chunks()
            group, tables = [], []
    if group:
        yield group, pa.concat_tables(tables).combine_chunks()
