"""Packed Parquet to Arrow files that every rank maps into memory. Imports no torch."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.contract.atomic_write import replacing
from pipeline.contract.finished import Finished
from pipeline.contract.tokenised import UNLEARNED


def arrow_copy(
    packed: Path,
    target: Path,
    sequence_length: int,
    advance: Callable[[], object],
    finished: Finished | None = None,
    mix: Sequence[str] = (),
) -> int:
    """Copies packed Parquet files to Arrow files, which can be memory-mapped; returns the sequences.

    Keeps `input_ids`, `learned` (one bit a token, instead of labels), `document_ids` as int16
    (a document has at least six tokens): 6.1 bytes a token; and `learned_tokens`, how many of a
    sequence are predicted (a document's first never is), so that every rank can count a global batch.
    Streams row group by row group. `advance` is called after each file. finished: what an earlier attempt has
    copied, which is not copied again. mix: the sources that have weights; then also `source`, the place of a sequence's
    source among them.
    """
    schema = pa.schema(
        [
            ("input_ids", pa.list_(pa.int32(), sequence_length)),
            ("learned", pa.list_(pa.bool_(), sequence_length)),
            ("document_ids", pa.list_(pa.int16(), sequence_length)),
            ("learned_tokens", pa.int32()),
            *([("source", pa.int16())] if mix else []),
        ]
    )
    read = ["input_ids", "labels", "document_ids", *(["source"] if mix else [])]
    target.mkdir(parents=True, exist_ok=True)
    sequences = 0
    for part in sorted(packed.glob("*.parquet")):
        file = pq.ParquetFile(part)
        sequences += file.metadata.num_rows
        path = target / f"{part.stem}.arrow"
        if file.metadata.num_rows and not (finished and finished.has(path)):
            with replacing(path, durable=True) as partial, pa.ipc.new_stream(str(partial), schema) as writer:
                for batch in file.iter_batches(1024, columns=read):
                    writer.write_batch(_compact(batch, schema, sequence_length, mix))
            if finished:
                finished.add(path)
        advance()
    return sequences


def _compact(batch: pa.RecordBatch, schema: pa.Schema, length: int, mix: Sequence[str]) -> pa.RecordBatch:
    flat = {name: batch[name].flatten() for name in ("input_ids", "labels", "document_ids")}
    flat["learned"] = pc.not_equal(flat.pop("labels"), UNLEARNED)
    documents_NL = flat["document_ids"].to_numpy().reshape(-1, length)
    learned_NL = flat["learned"].to_numpy(zero_copy_only=False).reshape(-1, length)
    predicted_NL = learned_NL[:, 1:] & (documents_NL[:, 1:] == documents_NL[:, :-1])
    lists = [
        pa.FixedSizeListArray.from_arrays(flat[name].cast(schema.field(name).type.value_type), length)
        for name in ("input_ids", "learned", "document_ids")
    ]
    counts = pa.array(predicted_NL.sum(1), pa.int32())
    sources = [pc.index_in(batch["source"], pa.array(mix)).cast(pa.int16())] if mix else []
    return pa.RecordBatch.from_arrays([*lists, counts, *sources], schema=schema)
