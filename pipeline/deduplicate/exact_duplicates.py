"""Which rows have a text that a better row has too."""

import numpy as np
import pyarrow as pa
import xxhash

from pipeline.rows.text_hash import text_hash
from pipeline.rows.turns import turns_of

TEXTS = pa.schema(
    {
        "text": pa.binary(16),
        "rank": pa.int8(),
        "chars": pa.int32(),
        "repaired": pa.int32(),
        "row_id": pa.string(),
        "ordinal": pa.int64(),
    }
)
"""What exact duplicates are found by: the hash of the text, and what decides which row is best."""

BEST_FIRST = [
    ("rank", "ascending"),
    ("chars", "descending"),
    ("repaired", "ascending"),
    ("row_id", "ascending"),
    ("ordinal", "ascending"),
]
"""Which row of a set of duplicates stays: an evaluation row or an earlier one before any new one, then the
longest, then the least repaired, then the one with the smallest row_id, of which two corpora may have one each."""


def text_hashes(table: pa.Table) -> pa.Array:
    if "text_hash" in table.column_names:
        texts = table["text_hash"].to_pylist()
    else:
        texts = [text_hash(turns) for turns in turns_of(table["messages"])]
    return pa.array([xxhash.xxh3_128_digest(text.encode()) for text in texts], pa.binary(16))


def exact_duplicates(rows: pa.Table) -> pa.Table:
    """(ordinal, matched_ordinal, matched) for every row of TEXTS that is not the best of its text."""
    if not rows.num_rows:
        return pa.table({"ordinal": rows["ordinal"], "matched_ordinal": rows["ordinal"], "matched": rows["row_id"]})
    halves = np.frombuffer(rows["text"].combine_chunks().buffers()[1], np.uint64).reshape(-1, 2)[: rows.num_rows]
    order = np.lexsort((halves[:, 1], halves[:, 0]))
    ordered = halves[order]
    same = (ordered[1:] == ordered[:-1]).all(axis=1)
    group = np.cumsum(np.concatenate([[False], ~same]))
    several = np.bincount(group)[group] > 1
    equal = rows.take(pa.array(order[several])).append_column("group", pa.array(group[several]))
    equal = equal.sort_by([("group", "ascending"), *BEST_FIRST])
    groups = equal["group"].to_numpy()
    best = np.flatnonzero(np.concatenate([[True], groups[1:] != groups[:-1]])) if len(groups) else groups
    sizes = np.diff(np.append(best, len(groups)))
    matched = equal.take(pa.array(np.repeat(best, sizes), pa.int64()))
    loses = np.ones(len(groups), bool)
    loses[best] = False
    return pa.table(
        {
            "ordinal": equal["ordinal"],
            "matched_ordinal": matched["ordinal"],
            "matched": matched["row_id"],
        }
    ).filter(pa.array(loses))
