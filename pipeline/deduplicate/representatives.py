"""Which rows of a cluster of near duplicates stay, and for which of them each of the others goes."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from configs.deduplicate import Deduplicate
from pipeline.deduplicate.exact_duplicates import BEST_FIRST
from pipeline.deduplicate.hashed_words import COLUMNS, HashedWords
from pipeline.deduplicate.near_duplicates import duplicates
from pipeline.deduplicate.shingles import SHORT_WORDS
from pipeline.deduplicate.similarity import Compared

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
CLUSTERED = pa.schema(
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


def represent(members: pa.Table, config: Deduplicate) -> pa.Table:
    """CLUSTERED: which rows of each component stay, and the row that stays for each of the others.

    members: MEMBERS, whole components. The rows of a component are visited best first. The first stays,
    and every row that duplicates it goes; then the best of what is left stays, and so on. So every
    dropped row is verified against the row that represents it, and a chain of small changes never drops
    a row far from what is kept. Rows of rank below 2 all stay. All components are worked on at once,
    round by round, so a round costs one comparison of each row that is left.
    """
    members = members.sort_by([("component", "ascending"), *BEST_FIRST])
    component, rank = members["component"].to_numpy(), members["rank"].to_numpy()
    count = len(component)
    compared = Compared(HashedWords.from_arrow(members), config.jaccard)
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
    return _clustered(members, component, rank, matched, jaccards)


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


def _clustered(
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
        schema=CLUSTERED,
    )
