"""Preference pairs made by hand, as the stage tokenise writes them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

Side = tuple[list[int], list[bool]]
"""Tokens of a whole conversation, and which of them are learned."""

SIDES = ("chosen", "rejected")
SCHEMA = pa.schema(
    [
        ("row_id", pa.string()),
        *(
            field
            for side in SIDES
            for field in ((side, pa.list_(pa.int32())), (f"{side}_learned", pa.list_(pa.bool_())))
        ),
    ]
)


def write_pairs(pairs: list[tuple[str, Side, Side]], path: Path) -> None:
    """(row id, chosen, rejected) as one Parquet file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    for row_id, *sides in pairs:
        row: dict[str, object] = {"row_id": row_id}
        for name, (tokens, learned) in zip(SIDES, sides, strict=True):
            row |= {name: tokens, f"{name}_learned": learned}
        rows.append(row)
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path)


def side(prompt: list[int], reply: list[int]) -> Side:
    """A conversation whose reply is learned."""
    return prompt + reply, [False] * len(prompt) + [True] * len(reply)
