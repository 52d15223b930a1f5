"""What a query (tokenise.select) leaves out of a file, and the hash of what it does not. Imports no encoder."""

from pathlib import Path

import pyarrow.parquet as pq
import xxhash

RULE = "not_in_query"


def left_out(folder: Path | None, file: Path) -> dict[str, str]:
    """row_id to evidence of the rows of a file of balance that the query leaves out."""
    if folder is None:
        return {}
    found: dict[str, str] = {}
    for part in sorted((folder / f"file={file.name}").glob("*.parquet")):
        table = pq.ParquetFile(part).read(["row_id", "why"])
        found |= dict(zip(*(table[name].to_pylist() for name in ("row_id", "why")), strict=True))
    return found


def of_row(row_id: str) -> int:
    """A row's part of the result's hash, 128 bits: they are added, so that order does not matter (AdHash: Bellare and
    Micciancio 1997, A New Paradigm for Collision-free Hashing)."""
    return xxhash.xxh3_128_intdigest(row_id.encode())


def result_hash(total: int) -> str:
    """32 hex digits of the sum over the rows."""
    return f"{total % (1 << 128):032x}"
