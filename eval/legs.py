"""The legs that a model stands on: what two evaluations hold of the same items, one comparison each."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from eval.paired import Statistic, change, fewer, less, more, nearer_half

Evaluation = dict[str, Any]
"""What a leg is made of in evaluation.json: conversations, replies, probes. `missing`: part to why it is not there."""

EVEN = 0.5
"""The ideal of a probe of pairs, in which neither side is right."""


@dataclass(frozen=True)
class Pair:
    """Values of the same items before and after, and the figures that they come to.

    unit: of the figures. what: the items, in the plural. why: what there was nothing to compare for; then there are no
    values, and perhaps no figure before.
    """

    name: str
    unit: str
    what: str
    statistic: Statistic
    before_N: np.ndarray
    after_N: np.ndarray
    before: float | None
    after: float | None
    why: str = ""

    @property
    def relative(self) -> bool:
        """Whether a gain is relative to the figure before; else it is the difference of two shares."""
        return self.statistic in (less, change)

    @property
    def both_ways(self) -> bool:
        """Whether more is as bad as less."""
        return self.statistic is change


def pairs_of(
    before: Evaluation, after: Evaluation, attributes: dict[str, tuple[str, str]], least: int
) -> Iterator[Pair]:
    """Every leg of the model `after`, beside the same of the model `before`.

    attributes: row_id to (source, topic); those with fewer than `least` conversations in common are no legs, nor is
    one that has them all.
    """
    ours, theirs = ({row: rest for row, *rest in side["conversations"]} for side in (after, before))
    both = sorted(ours.keys() & theirs.keys())
    yield _loss("loss", both, theirs, ours)
    yield from _replies(before, after, least)
    yield from _probes(before, after, least)
    for position, kind in enumerate(("source", "topic")):
        groups: dict[str, list[str]] = defaultdict(list)
        for row_id in both:
            groups[attributes[row_id][position]].append(row_id)
        for name, rows in sorted(groups.items()):
            if least <= len(rows) < len(both):
                yield _loss(f"{kind}:{name}", rows, theirs, ours)


def _loss(name: str, rows: list[str], before: dict[str, list[float]], after: dict[str, list[float]]) -> Pair:
    """The same text is of as many bytes to both, whatever their tokens, so that nats are compared as they are."""
    before_N, after_N = (np.array([side[row][0] for row in rows]) for side in (before, after))
    bits = math.log(2) * max(1, sum(after[row][2] for row in rows))
    figures = float(before_N.sum()) / bits, float(after_N.sum()) / bits
    return Pair(name, "bits a byte", "conversations", less, before_N, after_N, *figures)


REPLIES: tuple[tuple[str, str, int, Statistic], ...] = (
    ("rouge_l", "ROUGE-L", 3, more),
    ("reply_length", "words", 0, change),
    ("empty_replies", "share", 1, fewer),
    ("looping_replies", "share", 2, fewer),
)
"""(leg, unit, place in an item of `replies` behind its row_id, statistic)."""


def _replies(before: Evaluation, after: Evaluation, least: int) -> Iterator[Pair]:
    ours, theirs = (_by_conversation(side.get("replies", {}).get("items", [])) for side in (after, before))
    for name, unit, place, statistic in REPLIES:
        yield _common(
            (name, unit, "conversations", statistic),
            {row: values[place] for row, values in theirs.items()},
            {row: values[place] for row, values in ours.items()},
            before.get("missing", {}).get("replies", ""),
            least,
        )


def _by_conversation(items: list[list[Any]]) -> dict[str, list[float]]:
    """row_id to the means of its replies, which are not independent of each other."""
    found: dict[str, list[list[float]]] = defaultdict(list)
    for row, *values in items:
        found[row].append(values)
    return {row: np.mean(values, axis=0).tolist() for row, values in found.items()}


def _probes(before: Evaluation, after: Evaluation, least: int) -> Iterator[Pair]:
    theirs = before.get("probes", {})
    for name, probe in after.get("probes", {}).items():
        why = before.get("missing", {}).get("probes", "") or ("" if name in theirs else "the other model was not asked")
        even = probe["ideal"] == EVEN
        yield _common(
            (f"probe:{name}", *(("preference", "pairs", nearer_half) if even else ("accuracy", "items", more))),
            dict(theirs.get(name, {}).get("items", [])),
            dict(probe["items"]),
            why,
            least,
        )


def _common(
    leg: tuple[str, str, str, Statistic], before: dict[str, float], after: dict[str, float], why: str, least: int
) -> Pair:
    """Over the items that both have."""
    name, unit, what, statistic = leg
    both = sorted(before.keys() & after.keys())
    if not why and len(both) < least:
        why = f"{len(both)} {what} in common, fewer than promote.min_items ({least})"
    if not why and statistic is change and not any(before[item] for item in both):
        why = "nothing was said before"
    if why:
        none = np.zeros(0)
        return Pair(name, unit, what, statistic, none, none, _mean(before.values()), _mean(after.values()), why)
    before_N, after_N = (np.array([side[item] for item in both], np.float64) for side in (before, after))
    return Pair(name, unit, what, statistic, before_N, after_N, float(before_N.mean()), float(after_N.mean()))


def _mean(values: Collection[float]) -> float | None:
    return sum(values) / len(values) if values else None
