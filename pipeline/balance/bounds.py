"""Which rows go so that topics, groups and emotions keep to their shares: how many of each kind, and why.

Pure functions, whoever counts the rows and draws their order."""

import json
from collections.abc import Callable, Iterable
from functools import reduce
from operator import and_
from typing import Any, NamedTuple, TypeVar

from configs.audit import OTHER_TOPIC
from configs.balance import Cap
from configs.errors import UserError
from pipeline.balance.caps import Kind, cuts
from pipeline.balance.topic_cap import rows_to_keep
from pipeline.contract.formatting import percent
from pipeline.contract.progress import say
from pipeline.rows.to_json import to_json

SPLITS = {"train", "validation", "test"}


class Bound(NamedTuple):
    """Of the rows of a kind, in the order that the seed draws, those at the places above low and up to high go."""

    kind: str
    low: int
    high: int
    rule: str
    evidence: str


def topic_counts(found: Iterable[tuple[str, str | None, int]]) -> dict[str, int]:
    """Topic to training rows. found: split, topic and their rows. Raises UserError when a split has no rows left."""
    counts: dict[str, int] = {}
    splits = set()
    for split, topic, rows in found:
        splits.add(split)
        if split == "train":
            counts[topic or OTHER_TOPIC] = counts.get(topic or OTHER_TOPIC, 0) + rows
    if empty := SPLITS - splits:
        raise UserError(
            f"balance: the review's removals leave {' and '.join(sorted(empty))} without rows; remove fewer topics or "
            "sources in the review, or add data"
        )
    return dict(sorted(counts.items()))


def topic_bounds(counts: dict[str, int], share: float, metrics: dict[str, Any]) -> list[Bound]:
    """What goes of the topics above their share."""
    keep = rows_to_keep(counts, share)
    metrics["topic_caps"] = keep
    if keep is None:
        names = ", ".join(sorted(counts))
        say(
            f"balance: {len(counts)} topics ({names}) cannot all stay below a share of {share}, so none was downsampled"
        )
    total, found = sum(counts.values()), []
    for topic, cap in (keep or {}).items():
        rows = counts[topic]
        say(f"balance: topic {topic} has {percent(rows / total)} of the training rows: {cap:,} of {rows:,} stay")
        evidence = {"topic": topic, "share": round(rows / total, 4), "cap": share}
        found.append(Bound(topic, cap, rows, "topic_over_cap", to_json(evidence)))
    return found


def columns_of(caps: list[Cap], there: Iterable[str]) -> list[str]:
    """The columns of annotate's data/ that caps are about. there: those that it has."""
    found = [name for name in ("mentions", "emotion") if name in there]
    if any(cap.emotion for cap in caps) and "emotion" not in found:
        raise UserError(
            "balance.caps: this run's annotate has no emotions; run annotate again, or cap groups and topics"
        )
    return found


Flag = TypeVar("Flag")


def flags(caps: list[Cap], condition: Callable[[str, str], Flag], true: Flag) -> list[Flag]:
    """Two of each cap: whether a row fulfils its conditions, and whether it is among those that its share is of.
    condition: of `group`, `emotion` or `topic`, and which one."""
    found = []
    for cap in caps:
        named = [name for name in ("group", "emotion", "topic") if getattr(cap, name)]
        found.append(reduce(and_, (condition(name, getattr(cap, name)) for name in named)))  # type: ignore[arg-type]
        found.append(true if cap.within == "all" else condition(cap.within, getattr(cap, cap.within)))
    return found


def cap_bounds(counts: dict[str, int], caps: list[Cap]) -> list[Bound]:
    """What goes of the rows above a cap. counts: a row's flags, each 1 or 0, to rows."""
    gone = cuts({_kind(name): rows for name, rows in counts.items()}, [cap.max_share for cap in caps])
    found = []
    for name, rows in counts.items():
        for cut in gone.get(_kind(name), []):
            cap = caps[cut.cap]
            rule = "group_over_cap" if cap.group else "emotion_over_cap" if cap.emotion else "topic_over_cap"
            evidence = cap.model_dump(exclude_none=True) | {"share": round(cut.share, 4)}
            found.append(Bound(name, rows - cut.rows, rows, rule, json.dumps(evidence)))
            rows -= cut.rows
    return found


def _kind(name: str) -> Kind:
    return tuple((name[at] == "1", name[at + 1] == "1") for at in range(0, len(name), 2))
