"""embed: one vector a conversation segment.

The conversations of each file are cut into shards by row_id, of at most about `embed.shard_rows`, each of which becomes
a part, committed as soon as it is there. Batches are formed inside a shard, so a shard's bytes depend on its rows and
the model only (and, in the last bits, on the kind of processor). On a CPU a vector does not even depend on the rest of
its shard (see Encoder.rowwise): there the rows of a shard that an earlier artifact has are not encoded again.

Beside a GPU the shards are cut into word pieces by other processes and written by other threads, and the
vectors of one shard are copied while the next is encoded.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from configs.embed import Embed
from pipeline.contract.execute import StageContext
from pipeline.contract.parts import Part
from pipeline.contract.progress import Progress, say
from pipeline.contract.stage import config_slice
from pipeline.embed.encoder import Encoder
from pipeline.embed.model_folder import ModelFolder
from pipeline.embed.segmenter import Segmented, Segmenter, segments_schema
from pipeline.embed.segmenter_processes import processes_beside_an_accelerator, segmented
from pipeline.embed.shards import Earlier, shards_of, unchanged

WRITERS = 4

Write = Callable[[str, pa.Table], None]
"""Takes the name of a shard and embed's table of it."""


def embed(context: StageContext) -> None:
    """Leaves data/ (see docs/artifacts.md), and `first_char`, the character of the first turn where the
    segment starts, which is 0 unless that turn was cut.

    The ledger counts segments as rows out, because that is what lies in data/.
    """
    settings: Embed = context.config("embed")
    source = context.inputs["deduplicate"]
    conversations = source.ledger.rows_out
    files = sorted(source.parquet().glob("*.parquet"))
    raw = {k: v for k, v in context.run.input_fingerprints(context.stage.name).items() if k not in context.inputs}
    config = config_slice(context.stage, context.profile)
    shards: dict[Part, tuple[Path, str]] = {}
    for shard in (shard for file in files for shard in shards_of(file, settings.shard_rows)):
        shards[context.part(config, {**raw, "conversations": shard.digest})] = shard.file, shard.name
    with context.progress(conversations, "rows") as progress:
        parts = context.obtain(list(shards), lambda missing: _make(context, shards, missing, progress))
        progress.update(conversations)
    for (_, name), part in zip(shards.values(), parts, strict=True):
        context.link(part, {"data.parquet": f"data/{name}"})
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


def _make(context: StageContext, shards: dict[Part, tuple[Path, str]], missing: list[Part], progress: Progress) -> None:
    """Makes the parts of shards, as far as it can of vectors that are there."""
    settings, store = context.config("embed"), context.part_store
    names = {shards[part][1]: part for part in missing}
    encoder = Encoder(settings.model, context.config("embedding.device"), context.config("embedding.batch_size"))
    earlier = Earlier(context) if encoder.rowwise else None
    known: dict[str, pa.Table] = {}

    def wanted() -> Iterator[tuple[str, pa.Table]]:
        for file, _ in groupby(shards[part][0] for part in missing):
            vectors, said = earlier.of(file) if earlier else (None, None)
            for shard in (shard for shard in shards_of(file, settings.shard_rows) if shard.name in names):
                table = shard.table
                if vectors is not None:
                    same = unchanged(table, said)
                    ids = table["row_id"].combine_chunks().filter(same)
                    known[shard.name] = vectors.filter(pc.is_in(vectors["row_id"], ids))
                    table = table.filter(pc.invert(same)).combine_chunks()
                if table.num_rows:
                    yield shard.name, table
                else:
                    write(shard.name, known[shard.name].slice(0, 0))

    def write(name: str, table: pa.Table) -> None:
        if name in known:
            order = [("row_id", "ascending"), ("segment", "ascending")]
            table = pa.concat_tables([known.pop(name), table]).sort_by(order)
        with store.making(names[name]) as made:
            file = made.folder / "data.parquet"
            table = table.cast(segments_schema(encoder.dimensions)).combine_chunks()
            pq.write_table(table, file, compression="zstd", use_dictionary=["row_id"])
            made.ledger.rows_in = made.ledger.rows_out = table.num_rows

    encoded, before = 0, progress.done
    for encoded in write_vectors(wanted(), settings, encoder, write):
        progress.update(before + encoded)
    say(f"embed: {encoded:,} conversations encoded")


def write_vectors(
    shards: Iterable[tuple[str, pa.Table]], settings: Embed, encoder: Encoder, write: Write
) -> Iterator[int]:
    """Has embed's table of each shard written, by threads; yields how many conversations are done."""
    done, writing = 0, deque[Future[None]]()
    with ThreadPoolExecutor(WRITERS) as writers:
        for name, segments, vectors in _encoded(encoder, _segmented(encoder, shards, settings)):
            writing.append(writers.submit(write, name, segments.with_vectors(vectors)))
            if len(writing) > 2 * WRITERS:
                writing.popleft().result()
            done += segments.conversations
            yield done
        for last in writing:
            last.result()


def _segmented(
    encoder: Encoder, shards: Iterable[tuple[str, pa.Table]], settings: Embed
) -> Iterator[tuple[str, Segmented]]:
    if encoder.on_cpu:
        segmenter = Segmenter(encoder.folder, settings.max_tokens, settings.max_segments)
        return ((file, segmenter(table)) for file, table in shards)
    return segmented(shards, settings, processes_beside_an_accelerator())


def _encoded(encoder: Encoder, shards: Iterator[tuple[str, Segmented]]) -> Iterator[tuple[str, Segmented, np.ndarray]]:
    """With the vectors; on a GPU a shard's are waited for when the next one has begun."""
    under_way = deque[tuple[str, Segmented, Callable[[], np.ndarray]]]()
    for file, segments in shards:
        under_way.append((file, segments, encoder.begin(segments.tokens)))
        while len(under_way) > (0 if encoder.on_cpu else 1):
            file, segments, vectors = under_way.popleft()
            yield file, segments, vectors()
    for file, segments, vectors in under_way:
        yield file, segments, vectors()
