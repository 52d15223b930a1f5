"""Units of reading: a file, or a part of one that can be read without the rest."""

from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from pipeline.acquire.containers.container import WHOLE, Container, Outcome, Part, Records, is_rest
from pipeline.acquire.containers.gzipped import Stream
from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.selection import Selected
from pipeline.acquire.shapes.layout import Layout
from pipeline.contract.objects import SourceFile

RANGE_BYTES = 64 << 20
SAMPLE_RECORDS = 200


@dataclass(frozen=True)
class Unit:
    """What one task reads at once.

    file: name relative to the source. part: of the file. threshold: largest position hash kept, None
    keeps all. size: bytes, for progress. refused: the file is one quarantined record; its container may
    be unknown. licence: of the source.
    """

    source: str
    file: str
    path: SourceFile
    container: Container | None
    layout: Layout | None = None
    licence: str | None = None
    part: Part = WHOLE
    threshold: int | None = None
    size: int = 0
    refused: Malformed | None = None

    def split(self, range_bytes: int = RANGE_BYTES) -> list["Unit"]:
        """Ranges of about range_bytes; the unit itself when it is small or cannot be split.

        Raises Malformed (unreadable_file) for a Parquet file without a readable footer.
        """
        if self.container is None or not self.container.splittable or self.size <= range_bytes:
            return [self]
        parts = self.container.split(self.path, self.size, range_bytes)
        return [replace(self, part=part, size=size) for part, size in parts]


def records(unit: Unit, opened: list[Stream] | None = None) -> Records:
    """(ordinal, record or Malformed) of each record of a unit that the limit keeps.

    What stands for a refused file, or for the rest of a truncated one, is given whatever the limit.

    opened: receives the stream, for a caller who watches how far it is.
    """
    if unit.refused is not None:
        yield 0, unit.refused
        return
    assert unit.container is not None
    columns = unit.layout.columns if unit.layout else None
    following = unit.part.first
    try:
        with Stream(unit.path, unit.container.gzipped, unit.container.encoding) as stream:
            if opened is not None:
                opened.append(stream)
            wanted = Selected(unit.file, unit.threshold)
            for ordinal, record in unit.container.read(stream, unit.part, wanted, columns):
                yield ordinal, record
                following = ordinal + 1
    except Malformed as problem:
        yield following, problem
    except OSError as error:
        yield following, Malformed("unreadable_file", error.strerror or type(error).__name__)


def sample(unit: Unit) -> list[Any]:
    """The first good records of a unit. Raises Malformed, the first one, when there is no good record."""
    found = [record for _, record in islice(records(unit), SAMPLE_RECORDS)]
    good = [record for record in found if not isinstance(record, Malformed)]
    if not good:
        raise found[0] if found else Malformed("empty_file", "no records")
    return good


def count(unit: Unit) -> tuple[Outcome, Outcome]:
    """The records of a unit, if it begins outside and if it begins inside quotes (differs for CSV only)."""
    if unit.refused is not None:
        return Outcome(0, False), Outcome(0, False)
    assert unit.container is not None
    try:
        with Stream(unit.path, unit.container.gzipped, unit.container.encoding) as stream:
            if outcomes := unit.container.count(stream, unit.part):
                return outcomes
        found = sum(not is_rest(record) for _, record in records(unit))
    except (Malformed, OSError):
        found = 1
    return Outcome(found, False), Outcome(found, False)


def numbered(ranges: list[tuple[Unit, tuple[Outcome, Outcome]]]) -> tuple[list[Unit], int]:
    """The ranges of one file, in order, with the number of their first record and how they begin; and its records."""
    found, first, inside = [], 0, False
    for unit, outcomes in ranges:
        found.append(replace(unit, part=replace(unit.part, first=first, inside_quotes=inside)))
        outcome = outcomes[inside]
        first += outcome.rows
        inside = outcome.open
    return found, first
