"""Corpora that a run is compared with: those accepted earlier, and evaluation sets."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from configs.acquire import Source
from configs.deduplicate import Deduplicate
from configs.errors import UserError
from pipeline.acquire.containers.malformed import Malformed
from pipeline.acquire.reading_plan import plan
from pipeline.acquire.shapes.detect import conversation_of
from pipeline.acquire.units import Unit, records
from pipeline.contract.artifact import check_part
from pipeline.contract.progress import say
from pipeline.deduplicate.reference_files import declared, locate
from pipeline.rows.ranges import Corpus
from pipeline.rows.schema import MESSAGES

ROWS_AT_ONCE = 4_000
SCHEMA = pa.schema([("row_id", pa.string()), ("messages", MESSAGES)])


def reference_corpora(config: Deduplicate, root: str, scratch: Path) -> list[Corpus]:
    """The earlier corpora and evaluation sets of a profile, ready to be read.

    What is not yet canonical Parquet is read as acquire reads it, and lies in `scratch` afterwards.
    Raises UserError when one is missing, holds no conversation, or is an artifact that is damaged.
    """
    corpora: list[Corpus] = []
    for key, kind, names in declared(config):
        for name in names:
            place = locate(key, name, root)
            check_part(place / "data")
            folder = canonical_folder(place)
            if folder is None:
                folder = scratch / f"{kind}-{len(corpora)}"
                _convert(key, name, place, folder)
            corpora.append(Corpus(name, kind, folder))
    return corpora


def canonical_folder(place: Path) -> Path | None:
    """The folder of canonical Parquet that a place is, or holds as data/; None when it holds something else."""
    for folder in (place / "data", place):
        files = sorted(folder.glob("*.parquet")) if folder.is_dir() else []
        if files and {"row_id", "messages"} <= set(pq.read_schema(files[0]).names):
            return folder
    return None


def _convert(key: str, name: str, place: Path, folder: Path) -> None:
    """Reads a place as acquire does, and writes row_id (file#ordinal) and messages of its conversations."""
    from pipeline.acquire.sources import source_files

    source = Source(name="reference", path=str(place))
    folder.mkdir(parents=True)
    kept = unread = 0
    with pq.ParquetWriter(folder / "part-00000.parquet", SCHEMA) as writer:
        for unit in plan(source, source_files(source)).units:
            for several in _batched(records(unit), ROWS_AT_ONCE):
                read = list(_conversations(unit, several))
                kept, unread = kept + len(read), unread + len(several) - len(read)
                ids, messages = zip(*read, strict=True) if read else ((), ())
                writer.write_table(pa.table([ids, messages], schema=SCHEMA))
    say(f"{key}: {name}: {kept:,} conversations; {unread:,} records could not be read as one")
    if not kept:
        raise UserError(f"{key}: {name} holds no conversation; give a shape that acquire reads, or Parquet")


def _conversations(unit: Unit, several: Iterable[tuple[int, Any]]) -> Iterator[tuple[str, list[dict[str, str]]]]:
    for ordinal, record in several:
        if isinstance(record, Malformed) or unit.layout is None:
            continue
        try:
            turns = conversation_of(record, unit.layout).messages
        except Malformed:
            continue
        yield f"{unit.file}#{ordinal}", [{"role": role, "content": content} for role, content in turns]


def _batched(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Lists of up to `size` items."""
    rest = iter(items)
    while several := list(islice(rest, size)):
        yield several
