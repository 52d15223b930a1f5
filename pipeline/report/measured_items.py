"""What evaluations hold of single items, and how sure and how different runs are by them."""

import json
import math
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.contract.wilson import wilson
from pipeline.report.bootstrap import Interval, intervals

EVALUATION = "evaluation.json"
FEWEST = 10
"""Items below which an interval says nothing."""


class Measure(NamedTuple):
    """better: 1 where more is better, -1 where less is, 0 where neither. items: id to (value, size), whose sums' ratio
    is the figure."""

    name: str
    what: str
    digits: int
    better: int
    items: dict[str, tuple[float, float]]

    @property
    def share(self) -> bool:
        """Whether what is counted of every item is right or wrong."""
        return all(0 <= value <= size and value == int(value) for value, size in self.items.values())


class Compared(NamedTuple):
    """A measure of several runs. items: how many all of them have; own: each run's figure on these, or, where there are
    too few, on its own items. apart: its distance from the first run's, on the same items. None where there is none."""

    name: str
    what: str
    digits: int
    better: int
    items: int
    own: list[Interval | None]
    apart: list[Interval | None]


def compared(evaluations: tuple[Path | None, ...]) -> list[Compared]:
    """One entry a measure. evaluations: folders of evaluate's artifacts, None for a run that has none yet."""
    return _compared(evaluations, tuple(folder and (folder / EVALUATION).stat().st_mtime_ns for folder in evaluations))


@lru_cache(maxsize=64)  # by artifacts, which change only when somebody is erased from them
def _compared(evaluations: tuple[Path | None, ...], written: tuple[int | None, ...]) -> list[Compared]:  # noqa: ARG001
    each = [{m.name: m for m in measures(folder)} if folder else {} for folder in evaluations]
    names = list(dict.fromkeys(name for run in each for name in run))
    return [_one([run.get(name) for run in each]) for name in names]


def _one(runs: list[Measure | None]) -> Compared:
    there = {at: run for at, run in enumerate(runs) if run and len(run.items) >= FEWEST}
    known = next(run for run in runs if run)
    both = _in_common(list(there.values()))
    own: list[Interval | None] = [None] * len(runs)
    apart: list[Interval | None] = [None] * len(runs)
    if both:
        values = [[run.items[i][0] for i in both] for run in there.values()]
        found = intervals(values, [known.items[i][1] for i in both])
        for at, mine, distance in zip(there, *found, strict=True):
            own[at] = _share(mine, len(both)) if known.share else mine
            apart[at] = distance if at and 0 in there else None
    else:
        for at, run in there.items():
            values_N, sizes_N = zip(*run.items.values(), strict=True)
            [mine], _ = intervals([values_N], sizes_N)
            own[at] = _share(mine, len(values_N)) if known.share else mine
    return Compared(known.name, known.what, known.digits, known.better, len(both), own, apart)


def _in_common(runs: list[Measure]) -> list[str]:
    """Items that all runs have, as long; none when they are too few to tell anything."""
    if not runs:
        return []
    common = set.intersection(*(set(run.items) for run in runs))
    same = sorted(i for i in common if len({run.items[i][1] for run in runs}) == 1)
    return same if len(same) >= FEWEST else []


def _share(found: Interval, count: int) -> Interval:
    """Of right and wrong the interval is Wilson's, which is no point where all are alike; of several replies to one
    conversation, which are not independent, it counts the conversation."""
    return Interval(found.value, *wilson(found.value, count))


def measures(folder: Path) -> Iterator[Measure]:
    """What evaluation.json tells of single items (docs/artifacts.md)."""
    scores: dict[str, Any] = json.loads((folder / EVALUATION).read_text(encoding="utf-8"))
    rows = [row for row in scores.get("conversations", []) if len(row) > 3 and row[3]]
    bits = {row: (loss / math.log(2), float(size)) for row, loss, _, size, *_ in rows}
    yield Measure("Bits a byte", "test conversations", 3, -1, bits)
    said = [item for item in (scores.get("replies") or {}).get("items", []) if len(item) > 4]
    for name, place, digits, better in (
        ("ROUGE-L", 4, 3, 1),
        ("Words a reply", 1, 1, 0),
        ("Empty replies", 2, 3, -1),
        ("Looping replies", 3, 3, -1),
    ):
        yield Measure(name, "conversations", digits, better, _summed((item[0], float(item[place])) for item in said))
    for probe, found in (scores.get("probes") or {}).items():
        right = {str(item[0]): (float(item[1]), 1.0) for item in found.get("items", [])}
        yield Measure(f"Probe: {probe}", "items", 3, 0 if found.get("ideal") == 0.5 else 1, right)


def _summed(values: Iterable[tuple[str, float]]) -> dict[str, tuple[float, float]]:
    """Id to (sum, count): a conversation may have several replies, which are drawn together."""
    found: dict[str, tuple[float, float]] = {}
    for name, value in values:
        total, count = found.get(name, (0.0, 0.0))
        found[name] = total + value, count + 1
    return found
