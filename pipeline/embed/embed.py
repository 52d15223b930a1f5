"""embed: one vector a conversation segment.

Shards of `embed.shard_rows` conversations in the order of row_id, one file each, written atomically: a
killed attempt goes on with the shards that are missing, or are not what was written. Batches are formed
inside a shard, so a shard's bytes depend on its rows and the model only (and, in the last bits, on the kind
of processor).

Beside a GPU the shards are cut into word pieces by other processes and written by other threads, and the
vectors of one shard are copied while the next is encoded.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from configs.embed import Embed, Embedding
from pipeline.contract.atomic_write import replacing
from pipeline.contract.execute import StageContext
from pipeline.contract.finished import Finished
from pipeline.contract.progress import say
from pipeline.embed.encoder import Encoder
from pipeline.embed.model_folder import ModelFolder
from pipeline.embed.segmenter import Segmented, Segmenter, segments_schema
from pipeline.embed.segmenter_processes import processes_beside_an_accelerator, segmented
from pipeline.rows.ordered import in_shards

WRITERS = 4


def embed(context: StageContext) -> None:
    """Leaves data/ (see docs/artifacts.md), and `first_char`, the character of the first turn where the
    segment starts, which is 0 unless that turn was cut.

    The ledger counts segments as rows out, because that is what lies in data/.
    """
    settings: Embed = context.config("embed")
    source = context.inputs["deduplicate"]
    conversations = source.ledger.rows_out
    data = context.out / "data"
    data.mkdir(exist_ok=True)
    finished = Finished(context.scratch / "finished.journal", context.out)
    with context.progress(conversations, "rows") as progress:
        shards = Shards(source.parquet(), data, settings.shard_rows, finished)
        for done in write_vectors(shards, settings, context.config("embedding"), finished):
            progress.update(shards.resumed_rows + done)
    if not conversations:
        _write(
            segments_schema(ModelFolder(settings.model).config["hidden_size"]).empty_table(), shards.file(0), finished
        )
    if shards.resumed:
        say(f"embed: {shards.resumed} shards were already there from an earlier attempt")
    written = sum(pq.read_metadata(file).num_rows for file in data.iterdir())
    context.ledger.rows_in = conversations
    context.ledger.rows_out = written
    context.ledger.added = {"further segments": written - conversations}
    context.metrics |= {"segments": written, "shards": -(-conversations // settings.shard_rows)}


class Shards:
    """The conversations of `source` whose vectors are not in `data` yet: (file to write, row_id and messages)."""

    def __init__(self, source: Path, data: Path, rows: int, finished: Finished) -> None:
        self._source, self._data, self._rows, self._finished = source, data, rows, finished
        self.resumed = self.resumed_rows = 0

    def file(self, number: int) -> Path:
        return self._data / f"part-{number:05d}.parquet"

    def __iter__(self) -> Iterator[tuple[Path, pa.Table]]:
        for number, table in enumerate(in_shards(self._source, ["row_id", "messages"], self._rows)):
            if self._finished.has(self.file(number)):
                self.resumed += 1
                self.resumed_rows += table.num_rows
            else:
                yield self.file(number), table


def write_vectors(
    shards: Iterable[tuple[Path, pa.Table]], settings: Embed, embedding: Embedding, finished: Finished
) -> Iterator[int]:
    """Writes a file for each shard, and notes it as finished; yields how many conversations are done."""
    waiting = iter(shards)
    first = next(waiting, None)
    if first is None:
        return
    encoder = Encoder(settings.model, embedding.device, embedding.batch_size)
    shards, done, writing = chain([first], waiting), 0, deque[Future[None]]()
    with ThreadPoolExecutor(WRITERS) as writers:
        for file, segments, vectors in _encoded(encoder, _segmented(encoder, shards, settings)):
            writing.append(writers.submit(_write, segments.with_vectors(vectors), file, finished))
            if len(writing) > 2 * WRITERS:
                writing.popleft().result()
            done += segments.conversations
            yield done
        for last in writing:
            last.result()


def _segmented(
    encoder: Encoder, shards: Iterable[tuple[Path, pa.Table]], settings: Embed
) -> Iterator[tuple[Path, Segmented]]:
    if encoder.on_cpu:
        segmenter = Segmenter(encoder.folder, settings.max_tokens, settings.max_segments)
        return ((file, segmenter(table)) for file, table in shards)
    return segmented(shards, settings, processes_beside_an_accelerator())


def _encoded(
    encoder: Encoder, shards: Iterator[tuple[Path, Segmented]]
) -> Iterator[tuple[Path, Segmented, np.ndarray]]:
    """With the vectors; on a GPU a shard's are waited for when the next one has begun."""
    under_way = deque[tuple[Path, Segmented, Callable[[], np.ndarray]]]()
    for file, segments in shards:
        under_way.append((file, segments, encoder.begin(segments.tokens)))
        while len(under_way) > (0 if encoder.on_cpu else 1):
            file, segments, vectors = under_way.popleft()
            yield file, segments, vectors()
    for file, segments, vectors in under_way:
        yield file, segments, vectors()


def _write(table: pa.Table, file: Path, finished: Finished) -> None:
    with replacing(file, durable=True) as partial:
        pq.write_table(table, partial, compression="zstd", use_dictionary=["row_id"])
    finished.add(file)
