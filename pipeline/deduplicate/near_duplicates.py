"""Near duplicates: candidates by bands, every pair verified, one representative a cluster."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from configs.deduplicate import Deduplicate
from pipeline.deduplicate.hashed_words import COLUMNS, Spoken
from pipeline.deduplicate.minhash import bands_of
from pipeline.deduplicate.shingles import LONG_SIZES, SHORT_SIZES, SHORT_WORDS, shingle_sets
from pipeline.deduplicate.similarity import Compared, duplicates, only

BUCKETS = pa.schema({"bucket": pa.uint64(), "key": pa.uint64(), "ordinal": pa.int64()})
PAIRS = pa.schema({"pair": pa.uint64()})
"""Two ordinals in 64 bits, the smaller one above."""

SPOKEN = pa.schema({"ordinal": pa.int64(), **COLUMNS})
MEMBERS = pa.schema(
    {
        "component": pa.int64(),
        "ordinal": pa.int64(),
        "row_id": pa.string(),
        "rank": pa.int8(),
        "chars": pa.int32(),
        "repaired": pa.int32(),
        **COLUMNS,
    }
)
PLACED = pa.schema(
    {
        "ordinal": pa.int64(),
        "cluster": pa.string(),
        "shared": pa.bool_(),
        "matched_ordinal": pa.int64(),
        "matched": pa.string(),
        "jaccard": pa.float64(),
    }
)
"""A member of a component: its cluster's name, whether several rows of the cluster stay, and the row that stays
for it (null when it stays itself)."""


def buckets_of(rows: pa.Table, ordinals: np.ndarray, config: Deduplicate) -> pa.Table:
    """BUCKETS: the band hashes of each row, each of which is a bucket.

    rows: signed rows. Conversations of about SHORT_WORDS words have the bands of both kinds of shingles.
    """
    spoken = Spoken.from_arrow(rows)
    words = spoken.row_words
    keys = rows["key"].to_numpy()
    found = []
    for wanted, sizes in (
        (words <= SHORT_WORDS / config.jaccard, SHORT_SIZES),
        (words >= SHORT_WORDS * config.jaccard, LONG_SIZES),
    ):
        sets = shingle_sets(only(spoken, wanted), sizes, unique=False)
        place, bands = bands_of(sets, config.permutations, config.bands)
        place = np.repeat(place, config.bands)
        found.append((bands.reshape(-1), keys[place], ordinals[place]))
    return pa.table([np.concatenate(columns) for columns in zip(*found, strict=True)], schema=BUCKETS)


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


def judge(pairs: np.ndarray, first: pa.Table, second: pa.Table, config: Deduplicate) -> pa.Table:
    """(a, b, jaccard, duplicate): the true similarity of every pair, and whether it makes a duplicate.

    first, second: SPOKEN rows with the smaller and the larger ordinals of the pairs.
    """
    a, b = ends(pairs)
    compared, places = [], []
    for rows, ordinals in ((first, a), (second, b)):
        there = rows["ordinal"].to_numpy()
        order = np.argsort(there)
        places.append(order[np.searchsorted(there[order], ordinals)])
        compared.append(Compared(Spoken.from_arrow(rows), config.jaccard))
    jaccard, duplicate = duplicates(compared[0], places[0], compared[1], places[1], config.jaccard, config.side_jaccard)
    return pa.table({"a": a, "b": b, "jaccard": jaccard, "duplicate": duplicate})


def represent(members: pa.Table, config: Deduplicate) -> pa.Table:
    """PLACED: which rows of each component stay, and the row that stays for each of the others.

    members: MEMBERS, whole components. The rows of a component are visited best first. The first stays,
    and every row that duplicates it goes; then the best of what is left stays, and so on. So every
    dropped row is verified against the row that represents it, and a chain of small changes never drops
    a row far from what is kept. Rows of rank below 2 all stay. All components are worked on at once,
    round by round, so a round costs one comparison of each row that is left.
    """
    order = [("component", "ascending"), ("rank", "ascending"), ("chars", "descending")]
    members = members.sort_by([*order, ("repaired", "ascending"), ("row_id", "ascending")])
    component, rank = members["component"].to_numpy(), members["rank"].to_numpy()
    count = len(component)
    compared = Compared(Spoken.from_arrow(members), config.jaccard)
    matched, jaccards = np.full(count, -1), np.zeros(count)
    left = np.arange(count)
    while len(left):
        of = component[left]
        begins = _begins(of)
        best = left[begins][np.cumsum(begins) - 1]
        others, against = left[~begins], best[~begins]
        asked = np.flatnonzero((rank[others] == 2) & _may_match(compared, others, against, config.jaccard))
        jaccard, duplicate = duplicates(
            compared, others[asked], compared, against[asked], config.jaccard, config.side_jaccard
        )
        gone = asked[duplicate]
        matched[others[gone]], jaccards[others[gone]] = against[gone], jaccard[duplicate]
        left = np.delete(others, gone)
    return _placed(members, component, rank, matched, jaccards)


def _begins(ordered: np.ndarray) -> np.ndarray:
    """Whether each place begins a run of equal values."""
    begins = np.ones(len(ordered), bool)
    begins[1:] = ordered[1:] != ordered[:-1]
    return begins


def _may_match(compared: Compared, a: np.ndarray, b: np.ndarray, jaccard: float) -> np.ndarray:
    """Whether sizes allow a similarity of `jaccard`: sets of m and n elements cannot exceed min / max."""
    short = np.minimum(compared.words[a], compared.words[b]) <= SHORT_WORDS
    in_short, in_long = np.diff(compared.short.bounds), np.diff(compared.long.bounds)
    x, y = np.where(short, in_short[a], in_long[a]), np.where(short, in_short[b], in_long[b])
    return np.minimum(x, y) >= (jaccard - 0.001) * np.maximum(x, y)  # similarities are rounded


def _placed(
    members: pa.Table, component: np.ndarray, rank: np.ndarray, matched: np.ndarray, jaccards: np.ndarray
) -> pa.Table:
    names = members["row_id"]
    new = np.flatnonzero(rank == 2)
    named = pa.table({"component": component[new], "row_id": names.take(pa.array(new))})
    order = pc.sort_indices(named, sort_keys=[("component", "ascending"), ("row_id", "ascending")])
    by_name = new[order.to_numpy()]
    firsts = by_name[_begins(component[by_name])]
    own = np.searchsorted(component[firsts], component[new])
    stays = np.bincount(own[matched[new] < 0], minlength=len(firsts))
    has_match = matched[new] >= 0
    at = pa.array(np.maximum(matched[new], 0), mask=~has_match)
    return pa.table(
        [
            members["ordinal"].take(pa.array(new)),
            names.take(pa.array(firsts[own])),
            pa.array(stays[own] > 1),
            members["ordinal"].take(at),
            names.take(at),
            pa.array(jaccards[new], mask=~has_match),
        ],
        schema=PLACED,
    )
