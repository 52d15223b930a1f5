"""What will be read of each source, and how: decided on the driver from the first records of each file."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from configs.acquire import Source
from configs.credentials import masked
from configs.errors import UserError
from pipeline.acquire.containers.detect import container_of
from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.packages import package_of
from pipeline.acquire.shapes.detect import layout_of
from pipeline.acquire.shapes.layout import Layout
from pipeline.acquire.shapes.names import names
from pipeline.acquire.units import Unit, sample
from pipeline.contract.objects import SourceFile


@dataclass
class Plan:
    """The units of a source, one a file, and the columns that the first records of its files have."""

    source: Source
    units: list[Unit] = field(default_factory=list)
    columns: dict[str, list[str]] = field(default_factory=dict)

    @property
    def layouts(self) -> list[Layout]:
        return list(dict.fromkeys(unit.layout for unit in self.units if unit.layout))

    def description(self) -> list[str]:
        """One line for each container and layout that was found, and one for each refused file."""
        kinds = Counter((str(u.container), str(u.layout)) for u in self.units if u.layout)
        lines = [
            f"{self.source.name}: {count:,} {'file' if count == 1 else 'files'}, {container}, {layout}"
            for (container, layout), count in sorted(kinds.items())
        ]
        refused = [f"{self.source.name}: {u.file}: not read, {u.refused}" for u in self.units if u.refused]
        return lines + refused[:20] + ([f"{len(refused) - 20:,} more files not read"] if len(refused) > 20 else [])


def plan(source: Source, files: Iterable[tuple[str, SourceFile]]) -> Plan:
    """How each file of a source will be read. Raises UserError for a mapping to columns that no table has.

    files: (name relative to the source, path).
    """
    found = look(source, files)
    if all(unit.container.is_table for unit in found.units if unit.container and not unit.refused):
        check_mapping(source, {c for columns in found.columns.values() for c in columns}, found.columns)
    return found


def look(source: Source, files: Iterable[tuple[str, SourceFile]]) -> Plan:
    """The same of some files of a source, which may have no mapped column though others have."""
    found = Plan(source)
    for name, path in files:
        unit = Unit(source.name, name, path, None, licence=masked(source.licence))
        found.units.append(_package(unit, source.package) if source.package else _file(unit, source, found.columns))
    return found


def check_mapping(source: Source, seen: set[str], columns: dict[str, list[str]]) -> None:
    """Raises UserError when the profile maps a column that is in no record.

    seen: the columns of all records. columns: file to columns of its first records, for the message.
    """
    if source.columns is None or not columns:
        return
    given = source.columns.model_dump(exclude_none=True)
    for key, value in given.items():
        for column in value if isinstance(value, list) else [value]:
            if column not in seen:
                file, there = next(iter(columns.items()))
                raise UserError(
                    f"acquire.sources: {source.name}: columns.{key}: no record has a column {column!r}; "
                    f"{file} has: {', '.join(there)}"
                )


def _package(unit: Unit, name: str) -> Unit:
    package = package_of(name)
    return replace(unit, container=package.CONTAINER, layout=package.LAYOUT, size=unit.path.stat().st_size)


def _file(unit: Unit, source: Source, columns: dict[str, list[str]]) -> Unit:
    try:
        unit = replace(unit, container=container_of(unit.path, source.encoding or ""))
        unit = replace(unit, size=unit.path.stat().st_size)
        first = sample(unit)
        columns[unit.file] = names(first)
        layout = layout_of(source, first)
        if layout is None:
            there = ", ".join(columns[unit.file][:40]) or "none"
            raise Malformed("unknown_shape", f"columns: {there}")
    except OSError as error:
        problem = Malformed("unreadable_file", error.strerror or type(error).__name__)
    except Malformed as error:
        problem = error
    else:
        return replace(unit, layout=layout)
    return replace(unit, size=0, refused=problem)
