"""embed: one vector a conversation segment.

Shards of `embed.shard_rows` conversations in the order of row_id, one file each, written atomically: a
killed attempt goes on at the first shard that is missing, or is not what was written. Batches are formed
inside a shard, so a shard's bytes depend on its rows and the model only (and, in the last bits, on the kind
of processor).
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from configs.embed import Embed
from pipeline.contract.atomic_write import replacing
from pipeline.contract.execute import StageContext
from pipeline.contract.finished import Finished
from pipeline.contract.progress import say
from pipeline.embed.encoder import Encoder
from pipeline.embed.shard import embedded, segments_schema
from pipeline.rows.ordered import in_shards


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
    encoder: Encoder | None = None
    written = resumed = done = 0
    with context.progress(conversations, "rows") as progress:
        shards = in_shards(source.parquet(), ["row_id", "messages"], settings.shard_rows)
        for number, shard in enumerate(shards):
            file = data / f"part-{number:05d}.parquet"
            done += shard.num_rows
            if finished.has(file):
                resumed += 1
                progress.resume_at(done)
            else:
                encoder = encoder or Encoder(
                    settings.model, context.config("embedding.device"), context.config("embedding.batch_size")
                )
                _write(embedded(shard, encoder, settings), file)
                finished.add(file)
                progress.update(done)
            written += pq.read_metadata(file).num_rows
    if not conversations:
        encoder = Encoder(settings.model, "cpu")
        _write(pa.table([[]] * 6, schema=segments_schema(encoder.dimensions)), data / "part-00000.parquet")
    if resumed:
        say(f"embed: {resumed} shards were already there from an earlier attempt")
    context.ledger.rows_in = conversations
    context.ledger.rows_out = written
    context.ledger.added = {"further segments": written - conversations}
    context.metrics |= {"segments": written, "shards": -(-conversations // settings.shard_rows)}


def _write(table: pa.Table, file: Path) -> None:
    with replacing(file, durable=True) as partial:
        pq.write_table(table, partial, compression="zstd", use_dictionary=["row_id"])
