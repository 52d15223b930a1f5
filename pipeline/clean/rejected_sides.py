"""The worse sides of preferences, repaired and masked under the prompts that they share with the better ones."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from pipeline.clean.scores.conversations import Preparation, Turns, prepare
from pipeline.clean.scores.words import known_words
from pipeline.rows.parquet import write_table
from pipeline.rows.schema import MESSAGES
from pipeline.rows.turns import turns_of

ROWS_PER_BATCH = 2_000


def mask_sides(rejected: Path, data: Path, target: Path, preparation: Preparation) -> int:
    """Writes the sides of a file, repaired and masked; returns their number. data: the conversations preferred to them.

    The values that prompt and worse side have in common have one placeholder. Rare words stay.
    """
    table = pq.ParquetFile(rejected).read()
    batches = (pa.Table.from_batches([batch]) for batch in table.to_batches(ROWS_PER_BATCH))
    pieces = [masked_sides(batch, [str(data)], preparation) for batch in batches]
    write_table(pa.concat_tables([table.slice(0, 0), *pieces]), target)
    return table.num_rows


def masked_sides(table: pa.Table, better: list[str], preparation: Preparation) -> pa.Table:
    """The table with its messages repaired and masked. better: files of the conversations, in order of row id."""
    sides = turns_of(table["messages"])
    prompts = _prompts(table, better)
    words = known_words()
    words.limit()
    contents = prepare(words, [p + side for p, side in zip(prompts, sides, strict=True)], preparation).contents
    found, start = [], 0
    for prompt, side in zip(prompts, sides, strict=True):
        start += len(prompt)
        texts = contents[start : start + len(side)]
        found.append([{"role": role, "content": text} for (role, _), text in zip(side, texts, strict=True)])
        start += len(side)
    place = table.schema.get_field_index("messages")
    return table.set_column(place, "messages", pa.array(found, MESSAGES))


def _prompts(table: pa.Table, better: list[str]) -> list[Turns]:
    """The turns that each side shares with its conversation."""
    ids = table["row_id"]
    if not len(ids):
        return []
    row_id, bounds = pc.field("row_id"), pc.min_max(ids)
    near = (row_id >= bounds["min"]) & (row_id <= bounds["max"])  # files are in order of row id: most are not opened
    found = ds.dataset(better).to_table(columns=["row_id", "messages"], filter=near & row_id.isin(ids.combine_chunks()))
    turns = dict(zip(found["row_id"].to_pylist(), turns_of(found["messages"]), strict=True))
    shared = zip(ids.to_pylist(), table["shared"].to_pylist(), strict=True)
    return [turns[name][:count] for name, count in shared]
