"""Which pairs of rows are worth comparing: those that share a band of their MinHash signatures."""

import numpy as np
import pyarrow as pa

from configs.deduplicate import Deduplicate
from pipeline.deduplicate.hashed_words import HashedWords, starts
from pipeline.deduplicate.minhash import bands_of
from pipeline.deduplicate.shingles import LONG_SIZES, SHORT_SIZES, SHORT_WORDS, shingle_sets
from pipeline.deduplicate.similarity import only

BUCKETS = pa.schema({"bucket": pa.uint64(), "key": pa.uint64(), "ordinal": pa.int64()})
PAIRS = pa.schema({"pair": pa.uint64()})
"""Two ordinals in 64 bits, the smaller one above."""


def bands_of_rows(hashed: HashedWords, config: Deduplicate) -> pa.ListArray:
    """The band hashes of each conversation (list<uint64>), each of which is a bucket; without words there are none.

    Conversations of about SHORT_WORDS words have the bands of both kinds of shingles.
    """
    hashed = hashed.plain
    words = hashed.row_words
    found = []
    for wanted, sizes in (
        (words <= SHORT_WORDS / config.jaccard, SHORT_SIZES),
        (words >= SHORT_WORDS * config.jaccard, LONG_SIZES),
    ):
        sets = shingle_sets(only(hashed, wanted), sizes, unique=False)
        place, bands = bands_of(sets, config.permutations, config.bands)
        found.append((np.repeat(place, config.bands), bands.reshape(-1)))
    rows, hashes = (np.concatenate(columns) for columns in zip(*found, strict=True))
    order = np.argsort(rows, kind="stable")
    ends = starts(np.bincount(rows, minlength=len(words)))
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.array(hashes[order]))


def buckets_of(rows: pa.Table, ordinals: np.ndarray) -> pa.Table:
    """BUCKETS of some rows. rows: their `key` and `bands`."""
    bands = rows["bands"].combine_chunks()
    row = np.repeat(np.arange(len(bands)), bands.value_lengths().to_numpy())
    columns = [bands.flatten(), pa.array(rows["key"].to_numpy()[row]), pa.array(ordinals[row])]
    return pa.table(columns, schema=BUCKETS)


def candidate_pairs(buckets: pa.Table, neighbours: int, new_rows: int) -> tuple[np.ndarray, int]:
    """(pairs, bounded): each row with the `neighbours` rows before it in its bucket, by key; no pair twice.

    So a bucket of up to neighbours + 1 rows gives all its pairs, and a huge one costs linear time and
    memory; bounded is the number of buckets with more rows. Pairs without a new row (ordinal below
    new_rows) are left out.
    """
    bucket, key, ordinal = (buckets[name].to_numpy() for name in ("bucket", "key", "ordinal"))
    order = np.argsort(bucket)
    ordered = bucket[order]
    same = ordered[1:] == ordered[:-1]
    shared = np.zeros(len(order), bool)
    shared[1:] |= same
    shared[:-1] |= same
    order = order[shared]
    order = order[np.lexsort((ordinal[order], key[order], bucket[order]))]
    bucket, ordinal = bucket[order], ordinal[order]
    pairs = [np.empty(0, np.uint64)]
    bounded = 0
    here = np.arange(len(bucket))
    for distance in range(1, neighbours + 2):
        here = here[here + distance < len(bucket)]
        here = here[bucket[here] == bucket[here + distance]]
        if not len(here):
            break
        if distance > neighbours:
            bounded = len(np.unique(bucket[here]))
            break
        a, b = ordinal[here], ordinal[here + distance]
        low, high = np.minimum(a, b), np.maximum(a, b)
        wanted = (low < new_rows) & (low != high)
        pairs.append(np.unique(low[wanted].astype(np.uint64) << np.uint64(32) | high[wanted].astype(np.uint64)))
    return np.unique(np.concatenate(pairs)), bounded


def ends(pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ordinals of the two rows of each pair, the smaller one first."""
    return (pairs >> np.uint64(32)).astype(np.int64), (pairs & np.uint64(0xFFFFFFFF)).astype(np.int64)
