"""The files of a profile's sources that no run has read, and their conversations that none has."""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from configs.acquire import Source
from configs.profile import Profile
from pipeline.acquire.batches import Held, batches_of
from pipeline.acquire.reading_plan import plan
from pipeline.acquire.selection import threshold
from pipeline.acquire.sources import source_files, standing_still
from pipeline.acquire.units import Unit, count, numbered
from pipeline.contract.artifact import ArtifactStore
from pipeline.contract.objects import SourceFile
from pipeline.contract.raw_inputs import file_hashes
from pipeline.contract.sealed_json import DamagedError, read_sealed
from pipeline.rows.bans import Bans
from pipeline.rows.schema import CONVERSATIONS

Files = list[tuple[str, SourceFile]]
"""(name relative to the source, path) of each."""
Labels = dict[str, str]
"""Label (SOURCE/FILE) to content hash."""


@dataclass
class Unread:
    """labels: the files. rows: their conversations that no run has read; at_least: reading stopped before the end of
    them. sample: those of the lowest row_ids, which are hashes.
    """

    labels: Labels = field(default_factory=dict)
    rows: int = 0
    at_least: bool = False
    sample: pa.Table = field(default_factory=CONVERSATIONS.empty_table)

    @property
    def digest(self) -> str:
        """Names what was read: equal for equal files."""
        return sha256(
            "\n".join(f"{label} {hash_}" for label, hash_ in sorted(self.labels.items())).encode()
        ).hexdigest()


def unread(profile: Profile, store: ArtifactStore, keep: int) -> Unread:
    """Reads what is new, in this process, until watch.max_rows. keep: conversations of the sample, at most.

    Packages and data sets on the hub are never new: whoever changes them changes the profile or the environment.
    """
    root, found = store.root.parent, Unread()
    read = _read_by_runs(root)
    hashes = {hash_ for labels in read.values() for hash_ in labels.values()}
    bans = Bans.read(root)
    with standing_still(profile):
        for source in profile.acquire.sources:
            files = [(name, path) for name, path in source_files(source) if path.is_file()] if source.path else []
            new = _new_files(source, files, store, hashes, found.labels)
            known = _known_rows(store, read, source.name, new) if new else set()
            for unit in _units(source, files, new) if new else ():
                for batch in batches_of(unit, Held(), lambda _: None, bans):
                    if batch.schema == CONVERSATIONS:
                        _take(found, batch, known, keep)
                    if found.rows >= profile.watch.max_rows:
                        found.at_least = True
                        return found
    return found


def _new_files(source: Source, files: Files, store: ArtifactStore, hashes: set[str], labels: Labels) -> set[str]:
    """Names of the files whose content no run has read; noted in `labels`."""
    digests = file_hashes("acquire.sources", files, store.hashes)
    new = {name: digest for (name, _), digest in zip(files, digests, strict=True) if digest not in hashes}
    labels |= {f"{source.name}/{name}": digest for name, digest in new.items()}
    return set(new)


def _units(source: Source, files: Files, new: set[str]) -> list[Unit]:
    """How the new files are read. With a limit, those of their records that a run would read: all files are counted."""
    if not source.limit:
        return plan(source, ((name, path) for name, path in files if name in new)).units
    units = plan(source, files).units
    totals = [(unit.file, numbered([(unit, count(unit))])[1]) for unit in units]
    highest = threshold(totals, source.limit)
    return [replace(unit, threshold=highest) for unit in units if unit.file in new]


def _read_by_runs(root: Path) -> dict[str, Labels]:
    """Fingerprint of acquire's artifact to what was read for it, of every run; the latest is last."""
    outcomes = sorted((root / "runs").glob("*/stages/acquire.json"), key=lambda path: path.stat().st_mtime)
    found: dict[str, Labels] = {}
    for path in outcomes:
        if path.parents[1].is_symlink():
            continue
        with suppress(DamagedError, FileNotFoundError):
            outcome = read_sealed(path, "")
            found.pop(outcome["fingerprint"], None)
            found[outcome["fingerprint"]] = outcome.get("raw") or {}
    return found


def _known_rows(store: ArtifactStore, read: dict[str, Labels], source: str, files: set[str]) -> set[str]:
    """row_ids that the latest run has read out of files of these names, which have grown since."""
    for fingerprint, labels in reversed(read.items()):
        names = [name for name in files if f"{source}/{name}" in labels]
        artifact = None
        with suppress(DamagedError):
            artifact = store.find("acquire", fingerprint) if names else None
        if artifact:
            of_files = (pc.field("source") == source) & pc.field("origin", "file").isin(names)
            return set(artifact.read().to_table(columns=["row_id"], filter=of_files)["row_id"].to_pylist())
    return set()


def _take(found: Unread, batch: pa.RecordBatch, known: set[str], keep: int) -> None:
    new = pa.Table.from_batches([batch])
    if known:
        new = new.filter(pa.array([row_id not in known for row_id in batch["row_id"].to_pylist()]))
    found.rows += new.num_rows
    found.sample = pa.concat_tables([found.sample, new])
    if found.sample.num_rows > 2 * keep:
        found.sample = found.sample.sort_by("row_id").slice(0, keep)
