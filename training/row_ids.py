"""Whose rows a batch was made of. Imports no torch."""

from collections.abc import Iterable

import pyarrow.parquet as pq

from training.job_config import JobConfig
from training.pair_packing import packed_rows


def row_ids(job: JobConfig, sequences: Iterable[int]) -> list[str]:
    """The row ids of these sequences of the training split, in their order, each once."""
    wanted = [int(number) for number in sequences]
    if job.train.prefers:
        held = list(packed_rows(job.tokenised / "pairs" / "train", job.packed_length))
        return list(dict.fromkeys(row for number in wanted for row in held[number]))
    found: dict[int, list[str]] = {}
    first = 0
    for path in sorted((job.tokenised / "packed" / "train").glob("*.parquet")):
        file = pq.ParquetFile(path)
        end = first + file.metadata.num_rows
        if here := sorted({number for number in wanted if first <= number < end}):
            column = file.read(["row_ids"])["row_ids"]
            found |= {number: column[number - first].as_py() for number in here}
        first = end
    return list(dict.fromkeys(row for number in wanted for row in found[number]))
