"""Where a row lies in the packed sequences and the pairs, which tokenise writes and training takes its batches from."""

from collections.abc import Sequence

import pyarrow.compute as pc

from pipeline.contract.artifact import Artifact

SHOWN = 8


def sequences_with(packed: Artifact, split: str, row: str) -> tuple[list[int], int]:
    """Numbers of the split's sequences that hold the row, and how many sequences there are."""
    rows = packed.read(f"packed/{split}").to_table(columns=["row_ids"])["row_ids"].combine_chunks()
    parents = pc.list_parent_indices(rows)
    held = pc.filter(parents, pc.equal(pc.list_flatten(rows), row))
    return sorted(set(held.to_pylist())), len(rows)


def pairs_with(tokenised: Artifact, split: str, row: str) -> int:
    """How many preference pairs of the split the row is the chosen side of."""
    if not any(tokenised.parquet(f"pairs/{split}").glob("*.parquet")):
        return 0
    return tokenised.read(f"pairs/{split}").count_rows(filter=pc.field("row_id") == row)


def counted(noun: str, numbers: Sequence[int]) -> str:
    """step 7; steps 7, 9; of many, the first."""
    more = ", …" if len(numbers) > SHOWN else ""
    return f"{noun}{'s' * (len(numbers) > 1)} {', '.join(f'{n:,}' for n in numbers[:SHOWN])}{more}"
