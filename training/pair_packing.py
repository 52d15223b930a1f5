"""Preference pairs, packed: both sides of a pair are neighbours in one sequence, as documents of their own.

A sequence has room for two conversations of the greatest length, so every pair fits, and a micro-batch holds whole
pairs, whatever its size. Documents 2j and 2j + 1 of a sequence are the chosen and the rejected side of its pair j.
Packing is best-fit decreasing over the lengths of whole pairs, in windows of WINDOW pairs.

Imports no torch. Known limitation: the prompt that both sides begin with is computed twice.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.contract.atomic_write import replacing
from pipeline.contract.best_fit import best_fit_decreasing
from pipeline.contract.finished import Finished
from pipeline.contract.tokenised import PADDING

WINDOW = 8192
"""Pairs that are packed at once: bounds memory, and costs one partly filled sequence a window."""

COLUMNS = ["row_id", "chosen", "chosen_learned", "rejected", "rejected_learned"]


def packed_pairs(
    pairs: Path, target: Path, length: int, advance: Callable[[], object], finished: Finished | None = None
) -> int:
    """Packs Parquet files of pairs into Arrow files of sequences of `length` tokens; returns how many.

    Their columns are those of training/arrow.py, with the number of `pairs` instead of that of learned tokens.
    `advance` is called after each file. finished: what an earlier attempt has packed, which is not packed again.
    """
    schema = pa.schema(
        [
            ("input_ids", pa.list_(pa.int32(), length)),
            ("learned", pa.list_(pa.bool_(), length)),
            ("document_ids", pa.list_(pa.int16(), length)),
            ("pairs", pa.int32()),
        ]
    )
    target.mkdir(parents=True, exist_ok=True)
    count = 0
    for part in sorted(pairs.glob("*.parquet")):
        file = pq.ParquetFile(part)
        path = target / f"{part.stem}.arrow"
        if file.metadata.num_rows and not (finished and finished.has(path)):
            with replacing(path, durable=True) as partial, pa.ipc.new_stream(str(partial), schema) as writer:
                for batch in file.iter_batches(WINDOW, columns=COLUMNS):
                    writer.write_batch(_sequences(batch, schema, length))
            if finished:
                finished.add(path)
        if path.is_file():
            with pa.memory_map(str(path)) as mapped, pa.ipc.open_stream(mapped) as reader:
                count += sum(batch.num_rows for batch in reader)
        advance()
    return count


def packed_rows(pairs: Path, length: int) -> Iterator[list[str]]:
    """The row ids of the pairs in each sequence, in the order of the sequences that `packed_pairs` writes."""
    for part in sorted(pairs.glob("*.parquet")):
        for batch in pq.ParquetFile(part).iter_batches(WINDOW, columns=COLUMNS):
            rows = batch["row_id"].to_pylist()
            yield from ([rows[i] for i in boxed] for boxed in best_fit_decreasing(_lengths(batch), length))


def _lengths(batch: pa.RecordBatch) -> list[int]:
    """Tokens of each pair."""
    return sum(batch[side].value_lengths().to_numpy() for side in ("chosen", "rejected")).tolist()


def _sequences(batch: pa.RecordBatch, schema: pa.Schema, length: int) -> pa.RecordBatch:
    boxes = best_fit_decreasing(_lengths(batch), length)
    input_ids = np.zeros((len(boxes), length), np.int32)
    learned = np.zeros((len(boxes), length), np.bool_)
    document_ids = np.full((len(boxes), length), PADDING, np.int16)
    sides = [(_lists(batch[side]), _lists(batch[f"{side}_learned"])) for side in ("chosen", "rejected")]
    for number, box in enumerate(boxes):
        start = 0
        for place, pair in enumerate(box):
            for side, (tokens, marks) in enumerate(sides):
                assert marks[pair][1:].any(), f"{batch['row_id'][pair]}: a side of which nothing is learned"
                span = slice(start, start + len(tokens[pair]))
                input_ids[number, span], learned[number, span] = tokens[pair], marks[pair]
                document_ids[number, span] = 2 * place + side
                start = span.stop
    flat = (input_ids, learned, document_ids)
    lists = [pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), length) for values in flat]
    return pa.RecordBatch.from_arrays([*lists, pa.array([len(box) for box in boxes], pa.int32())], schema=schema)


def _lists(column: pa.ListArray) -> list[NDArray]:
    flat = column.flatten().to_numpy(zero_copy_only=False)
    return np.split(flat, np.cumsum(column.value_lengths().to_numpy())[:-1])
