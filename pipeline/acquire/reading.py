"""A source as it is read: its files in slices, and how those files are read that were looked at."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from configs.acquire import Source
from pipeline.acquire.batches import Held
from pipeline.acquire.containers.container import WHOLE, Outcome
from pipeline.acquire.reading_plan import Plan, check_mapping, look
from pipeline.acquire.selection import threshold
from pipeline.acquire.slices import File, Slice, groups
from pipeline.acquire.units import Unit, numbered
from pipeline.contract.objects import SourceFile

Count = Callable[[list[Unit]], list[tuple[Outcome, Outcome]]]
"""Of each unit the outcomes of counting its records."""


@dataclass(eq=False)
class Reading:
    """A source and its files. plan, units: of the files that were looked at. pieces: the ranges of large files. limit:
    the highest position hash that is kept, if there are more records than the source may have; available: those."""

    source: Source
    files: list[File]
    plan: Plan
    units: dict[str, Unit] = field(default_factory=dict)
    pieces: dict[str, list[Unit]] = field(default_factory=dict)
    limit: int | None = None
    available: int = 0
    _records: dict[str, int] = field(default_factory=dict)
    _told: list[str] = field(default_factory=list)

    def look(self, names: set[str], tell: Callable[[], None] = lambda: None) -> None:
        """Opens these files, to see how they are read."""
        new = [(file.name, file.path) for file in self.files if file.name in names - self.units.keys()]
        found = look(self.source, _told(new, tell))
        self.units |= {unit.file: unit for unit in found.units}
        order = {file.name: place for place, file in enumerate(self.files)}
        self.plan.units = sorted(self.units.values(), key=lambda unit: order[unit.file])
        self.plan.columns |= found.columns

    def news(self) -> list[str]:
        """Plan.description, without what was told before."""
        new = [line for line in self.plan.description() if line not in self._told]
        self._told += new
        return new

    def check(self, parts: list[Held]) -> None:
        """Refuses a mapping that no table has, when the files that were looked at are tables. parts: what was found."""
        units = self.plan.units
        if units and all(unit.container.is_table for unit in units if unit.container and not unit.refused):
            seen = {c for columns in self.plan.columns.values() for c in columns}
            check_mapping(self.source, seen.union(*(part.columns for part in parts)), self.plan.columns)

    def apply_limit(self, ranges: int, count: Count) -> None:
        """Counts the records of all files, which were looked at, and decides which are kept."""
        if self.source.limit:
            totals = self._number([unit.file for unit in self.plan.units], ranges, count)
            self.limit = threshold(totals.items(), self.source.limit)
            self.available = sum(totals.values())

    def slices(self, size: int, ranges: int) -> Iterator[Slice]:
        """What becomes one part each. Files of more than `ranges` bytes, which were looked at, may be several."""
        for group in groups(self.files, size):
            large = self.units.get(group[0].name) if len(group) == 1 and group[0].size > ranges else None
            pieces = self.pieces.setdefault(large.file, large.split(ranges)) if large and not large.refused else []
            if len(pieces) < 2:
                yield Slice(self.source.name, group)
            else:
                yield from (Slice(self.source.name, group, piece.part) for piece in pieces)

    def settings(self) -> dict[str, Any]:
        """What of the profile, and of the records to be kept, decides a part of the source."""
        given = self.source.model_dump(mode="json", exclude={"path", "weight", "limit"})
        return {"source": given} | ({"highest_position_hash": self.limit} if self.limit is not None else {})

    def number_ranges(self, slices: list[Slice], ranges: int, count: Count) -> None:
        """Finds the number of the first record of each range among the slices, where the range itself does not say."""
        files = dict.fromkeys(s.files[0].name for s in slices if s.range != WHOLE)
        self._number([f for f in files if not _knows(self.units[f])], ranges, count)

    def _number(self, files: list[str], ranges: int, count: Count) -> dict[str, int]:
        """Counts the ranges of files, once; the records of each file."""
        new = [name for name in files if name not in self._records]
        pieces = [self.units[name].split(ranges) for name in new]
        outcomes = iter(count([unit for several in pieces for unit in several]))
        for name, several in zip(new, pieces, strict=True):
            self.pieces[name], self._records[name] = numbered([(unit, next(outcomes)) for unit in several])
        return {name: self._records[name] for name in files}

    def units_of(self, piece: Slice) -> list[Unit]:
        """What is read for a slice, whose files were looked at and whose range was numbered."""
        if piece.range == WHOLE:
            found = [self.units[file.name] for file in piece.files]
        else:
            found = [u for u in self.pieces[piece.files[0].name] if u.part.start == piece.range.start]
        return [replace(unit, threshold=self.limit) for unit in found]

    def facts(self, piece: Slice) -> list[dict[str, Any]]:
        """Of each file of a slice how it is read, for the metrics and for messages."""
        return [self._fact(self.units[file.name]) for file in piece.files]

    def _fact(self, unit: Unit) -> dict[str, Any]:
        layout = unit.layout
        return {
            "file": unit.file,
            "shape": layout.shape if layout else None,
            "text_columns": list(layout.text_columns) if layout else [],
            "columns": self.plan.columns.get(unit.file, []),
            "refused": str(unit.refused) if unit.refused else None,
        }


def _told(files: list[tuple[str, SourceFile]], tell: Callable[[], None]) -> Iterator[tuple[str, SourceFile]]:
    for file in files:
        yield file
        tell()


def _knows(unit: Unit) -> bool:
    """Whether the ranges of a file know the numbers of their records."""
    return unit.container is not None and unit.container.parts_numbered
