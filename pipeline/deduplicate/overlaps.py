"""Training rows with an exchange that a held-out row has too.

Near-equal conversations share a group, so they cannot straddle splits; this finds what longer conversations have in
common.
"""

import numpy as np
import pyarrow as pa

HELD_OUT = ("test", "validation")
"""In this order: an overlap with the test split is told before one with the validation split."""

EXCHANGES = pa.schema({"exchange": pa.int64(), "split": pa.int8(), "ordinal": pa.int64(), "row_id": pa.string()})
"""An exchange of a row (see exchanges.py). split: its place in HELD_OUT, -1 for training rows, whose row_id is null."""

OVERLAPS = pa.schema({"ordinal": pa.int64(), "split": pa.int8(), "matched": pa.string()})
"""A training row, the held-out split that it overlaps, and the row of it that has the exchange."""


def exchanges_of(rows: pa.Table, ordinals: pa.Array, splits: pa.Array) -> pa.Table:
    """EXCHANGES of some rows: all of those that train, and what is substantial of those that are held out.

    rows: their features, with marked_exchanges; ordinals, splits: of each.
    """
    exchanges = rows["exchanges"].combine_chunks()
    marked = exchanges.flatten().to_numpy()
    number = np.array([HELD_OUT.index(split) if split in HELD_OUT else -1 for split in splits.to_pylist()], np.int8)
    row = np.repeat(np.arange(len(exchanges)), exchanges.value_lengths().to_numpy())
    counts = (number[row] < 0) | (marked & 1 == 1)
    kept = pa.array(row[counts])
    names = pa.array(rows["row_id"].to_pylist(), mask=number < 0, type=pa.string())
    columns = [pa.array(marked[counts] & ~1), pa.array(number).take(kept), ordinals.take(kept), names.take(kept)]
    return pa.table(columns, schema=EXCHANGES)


def overlaps(exchanges: pa.Table) -> pa.Table:
    """OVERLAPS, one for each exchange that a training row shares: with the first of HELD_OUT that has it, and there
    with the smallest row_id.
    """
    trains = np.less(exchanges["split"].to_numpy(), 0)
    held_out = exchanges.filter(pa.array(~trains)).sort_by(
        [("exchange", "ascending"), ("split", "ascending"), ("row_id", "ascending")]
    )
    training = exchanges.filter(pa.array(trains))
    known, first = np.unique(held_out["exchange"].to_numpy(), return_index=True)
    asked = training["exchange"].to_numpy()
    shared = np.flatnonzero(np.isin(asked, known))
    matched = held_out.take(pa.array(first[np.searchsorted(known, asked[shared])], pa.int64()))
    ordinals = training["ordinal"].take(pa.array(shared))
    return pa.table([ordinals, matched["split"], matched["row_id"]], schema=OVERLAPS)
