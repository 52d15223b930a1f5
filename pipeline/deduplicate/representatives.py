"""Which rows of a cluster of near duplicates stay, and for which of them each of the others goes."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from configs.deduplicate import Deduplicate
from pipeline.deduplicate.connected_components import COMPONENTS
from pipeline.deduplicate.exact_duplicates import BEST_FIRST
from pipeline.deduplicate.hashed_words import COLUMNS, HashedWords
from pipeline.deduplicate.near_duplicates import duplicates
from pipeline.deduplicate.shingles import SHORT_WORDS
from pipeline.deduplicate.similarity import Compared
from pipeline.deduplicate.verdicts import SIMILARITY, Known, similarity_of, verdicts_of

MEMBERS = pa.schema(
    {
        "component": pa.int64(),
        "ordinal": pa.int64(),
        "row_id": pa.string(),
        "rank": pa.int8(),
        "chars": pa.int32(),
        "repaired": pa.int32(),
    }
)
MEMBERS_WITH_WORDS = pa.schema([*MEMBERS, *(pa.field(name, kind) for name, kind in COLUMNS.items())])
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


MOST_TOLD = 64
"""Questions a row of a component, of which the verdicts are told: a huge one of many rows that stay has more than are
worth keeping, and is compared again."""

Answers = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Of the places of rows and of the rows that may stay for them: (similarity, known), see Known.of."""


class Represented(NamedTuple):
    """CLUSTERED of the components that were settled, the VERDICTS that settled them (see MOST_TOLD), and COMPONENTS of
    the rows of others, about which something would have to be known."""

    clustered: pa.Table
    verdicts: pa.Table
    unsettled: pa.Table


def represent(members: pa.Table, config: Deduplicate) -> Represented:
    """Which rows of each component stay, and the row that stays for each of the others. members: MEMBERS_WITH_WORDS,
    whole components."""
    members = _in_order(members)
    compared = Compared(HashedWords.from_arrow(members), config.jaccard)

    def compare(others: np.ndarray, best: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        asked = np.flatnonzero(_may_match(compared, others, best, config.jaccard))
        found = duplicates(compared, others[asked], compared, best[asked], config.jaccard, config.side_jaccard)
        similarity = np.zeros(len(others), np.uint16)
        similarity[asked] = similarity_of(*found)
        return similarity, np.ones(len(others), bool)

    return _represent(members, compare)


def represent_known(members: pa.Table, known: Known) -> Represented:
    """The same of MEMBERS, by what is known of them alone."""
    members = _in_order(members)
    ordinals = members["ordinal"].to_numpy()
    return _represent(members, lambda others, best: known.of(ordinals[others], ordinals[best]))


def _in_order(members: pa.Table) -> pa.Table:
    return members.sort_by([("component", "ascending"), *BEST_FIRST])


def _represent(members: pa.Table, answers: Answers) -> Represented:
    """The rows of a component are visited best first. The first stays, and every row that duplicates it goes; then the
    best of what is left stays, and so on. So every dropped row is verified against the row that represents it, and a
    chain of small changes never drops a row far from what is kept. Rows of rank below 2 all stay. All components are
    worked on at once, round by round, so a round costs one comparison of each row that is left.
    """
    component, rank, ordinal = (members[name].to_numpy() for name in ("component", "rank", "ordinal"))
    count = len(component)
    place = np.cumsum(_begins(component)) - 1
    settled = np.ones(place[-1] + 1 if count else 0, bool)
    matched, similarity = np.full(count, -1), np.zeros(count, np.uint16)
    sizes, questions = np.bincount(place, minlength=len(settled)), np.zeros(len(settled), np.int64)
    told = [np.empty((3, 0), np.int32)]
    left = np.arange(count)
    while len(left):
        begins = _begins(component[left])
        best = left[begins][np.cumsum(begins) - 1]
        others, against = left[~begins], best[~begins]
        new = rank[others] == 2
        asked, by = others[new], against[new]
        found, known = answers(asked, by)
        settled[place[asked[~known]]] = False
        questions += np.bincount(place[asked], minlength=len(settled))
        few = questions <= MOST_TOLD * sizes
        told.append(np.stack([asked, by, found]).astype(np.int32)[:, known & few[place[asked]]])
        gone = found > 0
        matched[asked[gone]], similarity[asked[gone]] = by[gone], found[gone]
        stays = settled[place[others]]
        stays[np.flatnonzero(new)[gone]] = False
        left = others[stays]
    first, second, found = np.concatenate(told, axis=1)
    kept = (settled & (questions <= MOST_TOLD * sizes))[place[first]]
    first, second, found = first[kept], second[kept], found[kept]
    whole = settled[place]
    unsettled = pa.table([ordinal[~whole], component[~whole]], schema=COMPONENTS)
    clustered = _clustered(members, component, np.where(whole, rank, -1), matched, similarity)
    return Represented(clustered, verdicts_of(ordinal[first], ordinal[second], found), unsettled)


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
    members: pa.Table, component: np.ndarray, rank: np.ndarray, matched: np.ndarray, similarity: np.ndarray
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
            pa.array(similarity[new] / SIMILARITY, mask=~has_match),
        ],
        schema=CLUSTERED,
    )
