"""What a stage leaves behind: a folder of files, described by a manifest and committed whole."""

import fcntl
import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.errors import UserError
from pipeline.contract.atomic_write import remove_partials, sync, write_text
from pipeline.contract.cache import MANIFEST, SEAL
from pipeline.contract.fingerprint import FileHashes, ReadOnce, file_sha256, fingerprint, link_or_copy
from pipeline.contract.lock import await_free, hold
from pipeline.contract.mirror import Mirror
from pipeline.contract.progress import say
from pipeline.contract.sealed_json import DamagedError

if TYPE_CHECKING:
    import pyarrow.dataset as ds

ARTIFACTS, PARTS = "artifacts", "parts"
MADE_BY = "its artifact is being made by"

PARTIAL, SCRATCH, DAMAGED = ".partial", ".scratch", ".damaged"
"""How the names of folders beside an artifact end: what is being made, what is needed for that, what was set aside."""

LINGERING_SECONDS = 10.0
"""How long workers of a killed attempt may go on writing: they notice its end when they next tell it something."""

UNTOUCHED_DAYS = 14
"""How long what a resumable stage was killed over is kept for a run that may go on with it."""

HASHES = "hashes.journal"
"""Under the root: what is remembered of files that were read."""


@dataclass
class Ledger:
    """rows in + rows added = rows out + rows dropped, by rule (rows are conversations)."""

    rows_in: int = 0
    rows_out: int = 0
    added: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)

    def imbalance(self) -> int:
        """Rows unaccounted for; 0 when the ledger balances."""
        return self.rows_in + sum(self.added.values()) - self.rows_out - sum(self.dropped.values())


def total(ledgers: Iterable[Ledger]) -> Ledger:
    """The sum of the ledgers of parts."""
    rows_in = rows_out = 0
    added, dropped = Counter[str](), Counter[str]()
    for ledger in ledgers:
        rows_in, rows_out = rows_in + ledger.rows_in, rows_out + ledger.rows_out
        added.update(ledger.added)
        dropped.update(ledger.dropped)
    return Ledger(rows_in, rows_out, dict(sorted(added.items())), dict(sorted(dropped.items())))


@dataclass(frozen=True)
class Artifact:
    """A committed artifact."""

    path: Path

    @cached_property
    def manifest(self) -> dict[str, Any]:
        return json.loads((self.path / MANIFEST).read_text(encoding="utf-8"))

    @property
    def sealed(self) -> bool:
        """Whether the manifest is what was committed; of the files it tells nothing."""
        seal = self.path / SEAL
        return seal.is_file() and seal.read_bytes() == seal_of(self.path / MANIFEST)

    @property
    def ledger(self) -> Ledger:
        return Ledger(**self.manifest["ledger"])

    @property
    def metrics(self) -> dict[str, Any]:
        return self.manifest["metrics"]

    @cached_property
    def digests(self) -> dict[str, str]:
        """Path of each file to its sha256, as committed."""
        return {entry["path"]: entry["sha256"] for entry in self.manifest["files"]}

    def parquet(self, name: str = "data") -> Path:
        """The folder of Parquet files called `name`."""
        return self.path / name

    def read(self, name: str = "data") -> "ds.Dataset":
        """The Parquet files called `name`, in the order of their names."""
        import pyarrow.dataset as ds  # takes a second, which a found artifact need not cost

        return ds.dataset(sorted(str(p) for p in (self.path / name).glob("*.parquet")), format="parquet")

    def json(self, name: str) -> Any:
        """The parsed contents of a JSON file of the artifact."""
        return json.loads((self.path / name).read_text(encoding="utf-8"))

    @property
    def part_files(self) -> dict[str, "Artifact"]:
        """Path of each file that is a part's, to the part."""
        return {e["path"]: Artifact(self._parts / e["part"]) for e in self.manifest["files"] if "part" in e}

    @property
    def made_of(self) -> list["Artifact"]:
        """The parts that have the artifact's files, or were read to make them."""
        of_files = {part.path.name for part in self.part_files.values()}
        return [Artifact(self._parts / name) for name in sorted(of_files.union(self.manifest.get("made_of", ())))]

    @property
    def _parts(self) -> Path:
        return self.path.parents[2] / PARTS / self.path.parent.name

    def damage(self, hashes: ReadOnce | None = None) -> list[str]:
        """One line for each file that is missing, changed or unexpected, and for what contradicts itself; empty when
        all is well. Reads every file. hashes: those that were read already."""
        return self.changed(hashes or ReadOnce()) + (self.contradictions() if self.sealed else [])

    def contradictions(self) -> list[str]:
        """One line for each thing in which the manifest contradicts itself."""
        found, manifest, m = [], self.path / MANIFEST, self.manifest
        if fingerprint(m["stage"], m["version"], m["config"], m["inputs"]) != m["fingerprint"]:
            found.append(f"{manifest}: the fingerprint does not follow from the manifest")
        if Ledger(**m["ledger"]).imbalance():
            found.append(f"{manifest}: the ledger does not balance")
        return found

    def changed(self, hashes: FileHashes | ReadOnce) -> list[str]:
        """One line for each file that is missing, changed or unexpected. hashes: remembers what it has read."""
        try:
            return list(self._changed(hashes))
        except OSError as error:
            return [f"{error.filename or self.path}: cannot be read ({error.strerror})"]

    def _changed(self, hashes: FileHashes | ReadOnce) -> Iterator[str]:
        manifest = self.path / MANIFEST
        if not self.sealed:
            yield f"{manifest}: does not match {SEAL}"
            return
        expected = {entry["path"]: entry for entry in self.manifest["files"]}
        present = {_relative(p, self.path): p for p in _entries(self.path)}
        whole = []
        for name, entry in expected.items():
            file = present.get(name)
            if file is None:
                yield f"{self.path / name}: missing"
            elif not file.is_file():
                yield f"{file}: {'a link that leads nowhere' if file.is_symlink() else 'no longer a file'}"
            elif file.stat().st_size != entry["bytes"]:
                yield f"{file}: {file.stat().st_size} bytes instead of {entry['bytes']}"
            else:
                whole.append(file)
        for file, digest in hashes.of(whole).items():
            if digest != expected[_relative(file, self.path)]["sha256"]:
                yield f"{file}: contents changed (sha256 differs from the manifest)"
        yield from (f"{present[name]}: not in the manifest" for name in sorted(present.keys() - expected.keys()))


def check_part(folder: Path) -> None:
    """Raises DamagedError when a folder lies in an artifact that is not what was committed; others are as they are.
    One of a root in an object store is here afterwards, if it is there."""
    artifact = folder.resolve().parent
    in_store = len(artifact.parents) > 2 and artifact.parents[1].name == ARTIFACTS
    if in_store and ((artifact / MANIFEST).is_file() or Mirror.of(artifact.parents[2])):
        ArtifactStore(artifact.parents[2]).find(artifact.parent.name, artifact.name)


class ArtifactStore:
    """artifacts/<stage>/<fingerprint>/ under a root folder."""

    def __init__(self, root: Path) -> None:
        self.root = root / ARTIFACTS
        self.hashes = FileHashes(root / HASHES)
        self.mirror = Mirror.of(root)

    def find(self, stage: str, print_: str) -> Artifact | None:
        """The committed artifact, or None. Raises DamagedError when it is not what was committed."""
        artifact = self.at(stage, print_)
        if self.mirror and not self.mirror.bring(_place(stage, print_), self.hashes):
            return None
        if not artifact.path.is_dir():
            return None
        damage = artifact.changed(self.hashes)
        if damage and self.mirror:  # of the copy that is here
            say(f"{damage[0]}; it is fetched again")
            shutil.rmtree(artifact.path)
            self.mirror.bring(_place(stage, print_), self.hashes)
            damage = artifact.changed(self.hashes)
        if damage:
            more = f" (and {len(damage) - 1:,} more)" if len(damage) > 1 else ""
            raise DamagedError(f"{damage[0]}{more}; the artifact is not used, the run that needs it makes it again")
        return artifact

    def at(self, stage: str, print_: str) -> Artifact:
        """The artifact where it lies, or would lie, whether it is there and whole or not."""
        return Artifact(self.root / stage / print_)

    def known(self, stage: str, print_: str) -> Artifact:
        """The same, with the manifest that an object store has; its files may be there alone."""
        if self.mirror:
            with suppress(DamagedError):
                self.mirror.pull(_place(stage, print_))
        return self.at(stage, print_)

    def all(self) -> list[Artifact]:
        """Every artifact that was committed, whole or damaged. Of a root in an object store, those that are known here:
        Mirror.pull_all makes them all known."""
        return [Artifact(path) for path in sorted(self.root.glob("*/[!.]*")) if path.is_dir()]

    def newest(self, stage: str, version: str | None = None) -> list[Artifact]:
        """The artifacts of a stage that are here, the newest first; whether their files are whole is not looked at.
        version: of this version of it only."""
        found = []
        for path in (self.root / stage).glob("[!.]*"):
            artifact = Artifact(path)
            with suppress(OSError):  # of one that is deleted meanwhile
                if artifact.sealed and (version is None or version == artifact.manifest["version"]):
                    found.append((str(artifact.manifest.get("timing", {}).get("started", "")), artifact))
        return [artifact for _, artifact in sorted(found, key=lambda pair: pair[0], reverse=True)]

    def set_aside(self, stage: str, print_: str) -> Path:
        """Renames an artifact that is damaged, so that it can be made again; goes with the next commit. Under lock."""
        aside, damaged = self._beside(stage, print_, DAMAGED), self.root / stage / print_
        shutil.rmtree(aside, ignore_errors=True)
        if self.mirror:
            self.mirror.forget(_place(stage, print_))
            damaged.mkdir(parents=True, exist_ok=True)
        return damaged.rename(aside)

    @contextmanager
    def building(self, stage: str, print_: str, resume: bool, run: str = "") -> Iterator[Path]:
        """The partial folder of an artifact, held by one process at a time; `run` is told to who waits for it.

        A second process waits here, and says so, until the first has committed or died: the lock goes with the
        process, however it ends. What an earlier attempt left there, and in the folder beside it whose name ends
        with SCRATCH, is kept when `resume`, else deleted.
        """
        folder = self.root / stage
        if self.mirror:
            self.mirror.cache.shrink()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = self._lock(stage, print_).open("a+", encoding="utf-8")
        except OSError as error:
            raise UserError(
                f"{folder}: cannot be written ({error.strerror}); set storage.root to a writable folder"
            ) from error
        with lock:
            hold(lock, f"{stage}: {MADE_BY}", run)
            partial, scratch = self._beside(stage, print_, PARTIAL), self._beside(stage, print_, SCRATCH)
            for left in (partial, scratch):
                if not resume:
                    _remove(left)
                remove_partials(left)
            partial.mkdir(exist_ok=True)
            for name in (MANIFEST, SEAL):  # of an attempt that was killed between writing them and the rename
                (partial / name).unlink(missing_ok=True)
            yield partial
            if self._committed(stage, print_) and partial.exists():  # by another process, while this one waited
                shutil.rmtree(partial)

    def await_others(self, stage: str, print_: str, tell: Callable[[str], object] = say) -> None:
        """Waits while another process makes the artifact, as `building` would."""
        await_free(self._lock(stage, print_), f"{stage}: {MADE_BY}", tell)

    def commit(self, partial: Path, manifest: dict[str, Any]) -> Artifact:
        """Checks the ledger, writes the manifest last, and renames the folder into its place; then deletes what lies
        beside it. A crash in between leaves that to `sweep`.

        manifest: its `parts`, path of a file to fingerprint of the part that it is a link to, become the files' own.
        """
        self._describe(partial, manifest)
        stage, print_ = manifest["stage"], manifest["fingerprint"]
        target = self.root / stage / print_
        if not self._committed(stage, print_):
            if self.mirror:
                self.mirror.publish(partial, _place(stage, print_))
            if target.exists():
                shutil.rmtree(target)
            partial.rename(target)
        else:
            shutil.rmtree(partial)
        self._clear(stage, print_)
        return Artifact(target)

    @contextmanager
    def rewriting(self, artifact: Artifact) -> Iterator[tuple[Path, dict[str, Any]]]:
        """A copy of an artifact, and its manifest with a Ledger, to take rows out of; in its place when the body ends
        without an error. The copy's files are links: they are to be replaced or deleted, not written into.

        Raises UserError while a process makes the artifact. A crash leaves the old one, or the new one to `recover`.
        """
        stage, print_ = artifact.path.parent.name, artifact.path.name
        with self._lock(stage, print_).open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(f"{artifact.path}: {MADE_BY} a run; wait until it has ended, or stop it") from None
            copy, aside = self._beside(stage, print_, PARTIAL), self._beside(stage, print_, DAMAGED)
            _remove(copy)
            shutil.copytree(artifact.path, copy, copy_function=link_or_copy)
            manifest = {**artifact.manifest, "ledger": artifact.ledger}
            yield copy, manifest
            manifest["parts"] = self._still_of_parts(artifact, copy)
            self._describe(copy, manifest)
            if self.mirror:
                self.mirror.publish(copy, _place(stage, print_), anew=True)
            shutil.rmtree(aside, ignore_errors=True)
            artifact.path.rename(aside)
            copy.rename(artifact.path)
            sync(artifact.path.parent)
            shutil.rmtree(aside)

    def recover(self) -> None:
        """Puts what `rewriting` had finished into its place, where a crash came between its two renames."""
        for copy in self.root.glob(f"*/.*{PARTIAL}"):
            target = copy.with_name(copy.stem.removeprefix("."))
            if (copy / SEAL).is_file() and not target.exists() and copy.with_suffix(DAMAGED).is_dir():
                copy.rename(target)

    def leftovers(self) -> list[Path]:
        """What lies beside artifacts: of attempts under way, killed ones, and damaged artifacts."""
        return sorted(p for p in self.root.glob("*/.*") if p.suffix in (PARTIAL, SCRATCH, DAMAGED))

    def is_held(self, left: Path) -> bool:
        """Whether a live process works on what lies beside an artifact."""
        with left.with_suffix(".lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def sweep(self, stage: str, print_: str, resumable: bool) -> None:
        """Deletes what killed attempts at the stage's artifacts left and nobody will use: all of it beside an artifact
        that is there; of other fingerprints than `print_`, all, or what a resumable stage left UNTOUCHED_DAYS ago.

        What a live process holds is left alone.
        """
        for left in sorted((self.root / stage).glob(".*")):
            other = left.stem.removeprefix(".")
            if left.suffix not in (PARTIAL, SCRATCH, DAMAGED) or not left.exists():
                continue
            with suppress(BlockingIOError), self._lock(stage, other).open("a+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                forgotten = other != print_ and (not resumable or _untouched_days(left) > UNTOUCHED_DAYS)
                if self._committed(stage, other) or forgotten:
                    self._clear(stage, other)

    def _describe(self, folder: Path, manifest: dict[str, Any]) -> None:
        """Checks the ledger, and writes manifest and seal durably. manifest: as `commit` takes it."""
        ledger: Ledger = manifest["ledger"]
        parts: dict[str, str] = manifest.pop("parts", {})
        _check_rows(folder, manifest["stage"], ledger)
        remove_partials(folder)
        digests = self.hashes.of(sorted(_files(folder)))
        files = [_entry(_relative(p, folder), p.stat().st_size, digest, parts) for p, digest in digests.items()]
        manifest = {**manifest, "ledger": asdict(ledger), "files": files}
        write_text(folder / MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False))
        write_text(folder / SEAL, seal_of(folder / MANIFEST).decode())
        sync_all(folder)

    def _still_of_parts(self, artifact: Artifact, copy: Path) -> dict[str, str]:
        """Path of each file that a copy has as the artifact has it, to the part that it belongs to."""
        parts = {name: part.path.name for name, part in artifact.part_files.items() if (copy / name).is_file()}
        now = self.hashes.of(copy / name for name in parts)
        return {name: part for name, part in parts.items() if now[copy / name] == artifact.digests[name]}

    def _clear(self, stage: str, print_: str) -> None:
        """Deletes what lies beside an artifact. The lock's file stays: another process may be waiting for it."""
        sync(self.root / stage)  # the artifact has its name on disk before what could make it again goes
        for kind in (PARTIAL, SCRATCH, DAMAGED):
            shutil.rmtree(self._beside(stage, print_, kind), ignore_errors=True)

    def _beside(self, stage: str, print_: str, kind: str) -> Path:
        return self.root / stage / f".{print_}{kind}"

    def _lock(self, stage: str, print_: str) -> Path:
        return self._beside(stage, print_, ".lock")

    def _committed(self, stage: str, print_: str) -> bool:
        return (self.root / stage / print_ / SEAL).is_file()


def _place(stage: str, print_: str) -> str:
    return f"{ARTIFACTS}/{stage}/{print_}"


def _check_rows(partial: Path, stage: str, ledger: Ledger) -> None:
    """The ledger balances, and agrees with the rows that lie in data/ and dropped/."""
    import pyarrow.parquet as pq

    assert ledger.imbalance() == 0, f"{stage}: the ledger does not balance: {ledger}"
    for name, rows in (("data", ledger.rows_out), ("dropped", sum(ledger.dropped.values()))):
        folder = partial / name
        if folder.is_dir():
            held = sum(pq.read_metadata(p).num_rows for p in folder.glob("*.parquet"))
            assert held == rows, f"{stage}: {name}/ holds {held} rows, the ledger says {rows}"


def _entry(path: str, size: int, digest: str, parts: dict[str, str]) -> dict[str, Any]:
    """What a manifest says of a file."""
    entry = {"path": path, "bytes": size, "sha256": digest}
    return entry | {"part": parts[path]} if path in parts else entry


def _untouched_days(folder: Path) -> float:
    """Days since anything in a folder was written."""
    times = [p.lstat().st_mtime for p in (folder, *folder.rglob("*"))]
    return (time.time() - max(times)) / 86_400


def _remove(folder: Path) -> None:
    """Deletes a folder in which workers of a killed attempt may still be writing."""
    until = time.monotonic() + LINGERING_SECONDS
    while folder.exists():
        try:
            shutil.rmtree(folder)
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def _files(folder: Path) -> list[Path]:
    return [p for p in _entries(folder) if p.is_file()]


def _entries(folder: Path) -> list[Path]:
    """All but the folders below a folder, its manifest and its seal: files, and links that may lead nowhere."""
    own = (folder / MANIFEST, folder / SEAL)
    return [p for p in folder.rglob("*") if p not in own and (p.is_symlink() or not p.is_dir())]


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def seal_of(manifest: Path) -> bytes:
    """The line that sha256sum prints for the manifest."""
    return f"{file_sha256(manifest) if manifest.is_file() else 'missing'}  {MANIFEST}\n".encode()


def sync_all(folder: Path) -> None:
    """Everything on disk before the rename makes it visible."""
    for path in [*_files(folder), *(p for p in folder.rglob("*") if p.is_dir()), folder]:
        sync(path)
