"""Corpora that a run is compared with: those accepted earlier, and evaluation sets."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from configs.acquire import Source
from configs.deduplicate import Deduplicate
from configs.errors import UserError
from pipeline.acquire.malformed import Malformed
from pipeline.acquire.reading_plan import plan
from pipeline.acquire.shapes.detect import conversation_of
from pipeline.acquire.units import Unit, records
from pipeline.contract.artifact import MANIFEST
from pipeline.progress import say
from pipeline.rows.ranges import Corpus, Kind

DATA = ("deduplicate", "balance")
"""Stages whose rows a run has accepted; the later one is taken when a run is named."""

ROWS_AT_ONCE = 4_000
SCHEMA = pa.schema(
    {
        "row_id": pa.string(),
        "messages": pa.list_(pa.struct({"role": pa.string(), "content": pa.string()})),
    }
)


def reference_corpora(config: Deduplicate, root: str, scratch: Path) -> list[Corpus]:
    """The earlier corpora and evaluation sets of a profile, ready to be read.

    What is not yet canonical Parquet is read as acquire reads it, and lies in `scratch` afterwards.
    Raises UserError when one is missing or holds no conversation.
    """
    found: list[Corpus] = []
    for key, kind, names in _declared(config):
        for name in names:
            place = locate(key, name, root)
            folder = canonical_folder(place)
            if folder is None:
                folder = scratch / f"{kind}-{len(found)}"
                _convert(key, name, place, folder)
            found.append(Corpus(name, kind, folder))
    return found


def reference_files(config: Deduplicate, root: str) -> Iterator[tuple[str, Path]]:
    """(label, file) of what the reference corpora are made of: a manifest for an artifact, else every file."""
    for key, _, names in _declared(config):
        for name in names:
            place = locate(key, name, root)
            if (place / MANIFEST).is_file():
                yield f"{key}/{name}/{MANIFEST}", place / MANIFEST
                continue
            files = [place] if place.is_file() else sorted(p for p in place.rglob("*") if p.is_file())
            yield from ((f"{key}/{name}/{file.name}", file) for file in files if not file.name.startswith("."))


def _declared(config: Deduplicate) -> Iterator[tuple[str, Kind, list[str]]]:
    yield "deduplicate.earlier", "earlier", config.earlier
    yield "deduplicate.evaluation_sets", "evaluation", config.evaluation_sets


def locate(key: str, name: str, root: str) -> Path:
    """The file or folder that an entry of the profile means; of a run, its latest artifact with accepted rows.

    Raises UserError when there is none.
    """
    stages = Path(root) / "runs" / name / "stages"
    if stages.is_dir() and name != "latest":
        for stage in reversed(DATA):
            if (stages / f"{stage}.json").is_file():
                made = json.loads((stages / f"{stage}.json").read_text())["fingerprint"]
                return Path(root) / "artifacts" / stage / made
        raise UserError(f"{key}: run {name} has accepted no rows yet; let its stage deduplicate finish first")
    if Path(name).exists():
        return Path(name)
    raise UserError(f"{key}: {name} is neither a run under {root} nor a file or folder; correct the entry")


def canonical_folder(place: Path) -> Path | None:
    """The folder of canonical Parquet that a place is, or holds as data/; None when it holds something else."""
    for folder in (place / "data", place):
        files = sorted(folder.glob("*.parquet")) if folder.is_dir() else []
        if files and {"row_id", "messages"} <= set(pq.read_schema(files[0]).names):
            return folder
    return None


def _convert(key: str, name: str, place: Path, folder: Path) -> None:
    """Reads a place as acquire does, and writes row_id (file#ordinal) and messages of its conversations."""
    from pipeline.contract.raw_inputs import source_files  # which imports this module

    source = Source(name="reference", path=str(place))
    folder.mkdir(parents=True)
    kept = unread = 0
    with pq.ParquetWriter(folder / "part-00000.parquet", SCHEMA) as writer:
        for unit in plan(source, source_files(source)).units:
            for several in _batched(records(unit), ROWS_AT_ONCE):
                found = list(_conversations(unit, several))
                kept, unread = kept + len(found), unread + len(several) - len(found)
                ids, messages = zip(*found, strict=True) if found else ((), ())
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
