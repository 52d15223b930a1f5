"""A cheap look at the declared sources: how many records, how much text, without reading all of it."""

from dataclasses import dataclass, field
from random import Random

from configs.acquire import Source
from configs.errors import UserError
from pipeline.acquire.containers.gzipped import Stream
from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.packages import package_files
from pipeline.acquire.reading_plan import plan
from pipeline.acquire.shapes.detect import conversation_of
from pipeline.acquire.sources import source_files
from pipeline.acquire.units import Unit, records
from pipeline.contract.objects import SourceFile

MOST_FILES = 400
"""Files of a source that are opened, evenly spaced over its names."""

MOST_BYTES = 8 << 20
"""Bytes of a source that are read, spread over its files, where files can be read in part."""

LEAST_BYTES = 128 << 10
"""Bytes of each file that are read at least."""

MOST_RECORDS = 4000
LEAST_RECORDS = 50

Messages = list[tuple[str, str]]


@dataclass
class Sample:
    """What was seen of the sources, extended to all of their bytes.

    records: of all kinds; rows: conversations among them; text: UTF-8 bytes of their messages; messages: turns.
    exact: nothing had to be extended. some: conversations that were seen, as (role, content) pairs; kept: their bytes.
    parts: the sample of each source.
    """

    records: float = 0.0
    rows: float = 0.0
    text: float = 0.0
    messages: float = 0.0
    exact: bool = True
    some: list[Messages] = field(default_factory=list)
    kept: int = 0
    parts: list["Sample"] = field(default_factory=list)


def sample_sources(sources: list[Source], keep: int = 0) -> Sample:
    """A sample of every source. keep: bytes of conversations of each source that are kept in `some`.

    Raises UserError for a source that is not at hand: a path that does not exist, a data set on the hub.
    """
    total = Sample()
    for source in sources:
        found = _sample(source, keep)
        total.records += found.records
        total.rows += found.rows
        total.text += found.text
        total.messages += found.messages
        total.exact &= found.exact
        total.parts.append(found)
    if not total.rows:
        raise UserError("acquire.sources: no conversation found; set plan.rows.count and plan.rows.bytes")
    return total


def _sample(source: Source, keep: int) -> Sample:
    if source.hub:
        raise UserError(f"acquire.sources: {source.name}: {source.hub} is on the hub")
    files = package_files(source.package) if source.package else source_files(source)
    if not files:
        raise UserError(f"acquire.sources: {source.name}: {source.path} holds no file")
    every = max(1, -(-len(files) // MOST_FILES))
    chosen = files[::every]
    found = Sample(exact=every == 1)
    for unit in plan(source, chosen).units:
        if not unit.refused:
            _add(found, unit, keep, max(LEAST_BYTES, MOST_BYTES // len(chosen)))
    share = sum(_size(p) for _, p in chosen) / max(1, sum(_size(p) for _, p in files))
    scale = 1 / max(share, 1e-12)
    if source.limit and found.records * scale > source.limit:
        scale = source.limit / found.records
    for name in ("records", "rows", "text", "messages"):
        setattr(found, name, getattr(found, name) * scale)
    return found


def _add(found: Sample, unit: Unit, keep: int, most_bytes: int) -> None:
    """Reads about `most_bytes` of a unit, and counts them as the whole."""
    opened: list[Stream] = []
    seen = Sample()
    assert unit.container is not None
    whole = unit.container.read_whole
    consumed, ended = 0, True
    for _, record in records(unit, opened):
        seen.records += 1
        messages = _messages(record, unit)
        if messages:
            size = sum(len(text.encode("utf-8", "surrogatepass")) for _, text in messages)
            seen.rows += 1
            seen.text += size
            seen.messages += len(messages)
            if found.kept < keep:
                found.some.append(messages)
                found.kept += size
        consumed = opened[0].consumed if opened else 0
        if not whole and (seen.records >= MOST_RECORDS or (consumed >= most_bytes and seen.records >= LEAST_RECORDS)):
            ended = False
            break
    scale = 1.0
    if not ended:
        found.exact = False
        stated = unit.container.records(unit.path)
        scale = max(1.0, unit.size / max(1, consumed)) if stated is None else stated / seen.records
    for name in ("records", "rows", "text", "messages"):
        setattr(found, name, getattr(found, name) + getattr(seen, name) * scale)


def _messages(record: object, unit: Unit) -> Messages:
    if isinstance(record, Malformed) or unit.layout is None:
        return []
    try:
        return list(conversation_of(record, unit.layout).messages)
    except Malformed:
        return []


def _size(path: SourceFile) -> int:
    return path.stat().st_size


def drawn(sample: Sample, most_bytes: int, seed: int) -> list[Messages]:
    """Conversations of about `most_bytes` of text in all, from each source as many as its share of the rows.

    A source of which less was kept gives all that was.
    """
    share = min(1.0, most_bytes / sample.text)
    random = Random(seed)
    found: list[Messages] = []
    for part in sample.parts:
        found += random.sample(part.some, min(len(part.some), round(part.rows * share)))
    return found
