"""Which pairs of rows are worth comparing: those that share a band of their MinHash signatures."""

import numpy as np
import pyarrow as pa

from configs.deduplicate import Deduplicate
from pipeline.deduplicate.hashed_words import HashedWords
from pipeline.deduplicate.minhash import bands_of
from pipeline.deduplicate.shingles import LONG_SIZES, SHORT_SIZES, SHORT_WORDS, shingle_sets
from pipeline.deduplicate.similarity import only

BUCKETS = pa.schema({"bucket": pa.uint64(), "key": pa.uint64(), "ordinal": pa.int64()})
PAIRS = pa.schema({"pair": pa.uint64()})
"""Two ordinals in 64 bits, the smaller one above."""


def buckets_of(rows: pa.Table, ordinals: np.ndarray, config: Deduplicate) -> pa.Table:
    """BUCKETS: the band hashes of each row, each of which is a bucket.

    rows: features. Conversations of about SHORT_WORDS words have the bands of both kinds of shingles.
    """
    hashed = HashedWords.from_arrow(rows).plain
    words = hashed.row_words
    keys = rows["key"].to_numpy()
    columns_of_kinds = []
    for wanted, sizes in (
        (words <= SHORT_WORDS / config.jaccard, SHORT_SIZES),
        (words >= SHORT_WORDS * config.jaccard, LONG_SIZES),
    ):
        sets = shingle_sets(only(hashed, wanted), sizes, unique=False)
        place, bands = bands_of(sets, config.permutations, config.bands)
        place = np.repeat(place, config.bands)
        columns_of_kinds.append((bands.reshape(-1), keys[place], ordinals[place]))
    return pa.table([np.concatenate(columns) for columns in zip(*columns_of_kinds, strict=True)], schema=BUCKETS)


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
