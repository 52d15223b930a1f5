"""What artifacts are made of: what one slice of the input becomes in a stage, made once, and then a link.

A part lies in parts/<stage>/<fingerprint>/ under the root, committed whole, with a manifest and a seal as an artifact
has them. Its fingerprint is of the content that it is made of, the stage's version and those settings that decide it,
and of nothing else. So a corpus that grows by a file has its other parts already, and the files of artifacts are
further names of the parts' files (copies, where a file system has no hard links): stages that read artifacts need not
know.

Parts are committed by the tasks that make them: what a killed attempt has finished, the next one finds.
"""

import fcntl
import json
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from configs.errors import UserError
from pipeline.contract.artifact import MANIFEST, PARTS, SEAL, Artifact, Ledger, seal_of, sync_all
from pipeline.contract.fingerprint import FileHashes, file_sha256, fingerprint
from pipeline.contract.lock import alone, await_free, hold, shared
from pipeline.contract.mirror import Mirror
from pipeline.contract.progress import say

PARTIAL, LOCK = ".partial", ".lock"

MOST_CLAIMED = 500
"""Parts that are made at a time: each is an open file, of which a process may have 1,024, unless it asks for more."""


@dataclass(frozen=True)
class Part:
    """What a part follows from, as an artifact does. inputs: label to content hash."""

    stage: str
    version: str
    config: dict[str, Any]
    inputs: dict[str, str]

    @cached_property
    def fingerprint(self) -> str:
        return fingerprint(self.stage, self.version, self.config, self.inputs)

    def __hash__(self) -> int:
        return hash(self.fingerprint)


@dataclass
class Making:
    """A part that is being made: the folder for its files, and what its manifest will say of them."""

    folder: Path
    ledger: Ledger = field(default_factory=Ledger)
    metrics: dict[str, Any] = field(default_factory=dict)


class PartStore:
    """parts/ under a root. Small, so that tasks on other machines can be sent it. run: who makes what is made."""

    def __init__(self, root: Path, run: str = "") -> None:
        self._root, self.run = root / PARTS, run

    @property
    def mirror(self) -> Mirror | None:
        return Mirror.of(self._root.parent)

    def look(self, parts: Iterable[Part], hashes: FileHashes) -> None:
        """Of a root in an object store: has here those of the parts that are there, and no others."""
        if mirror := self.mirror:
            mirror.bring_all([_place(part) for part in parts], hashes)

    def at(self, part: Part) -> Artifact:
        """The part where it lies, or would lie."""
        return Artifact(self._folder(part.stage) / part.fingerprint)

    def has(self, part: Part) -> bool:
        """Whether it was committed."""
        return (self.at(part).path / SEAL).is_file()

    def all(self) -> list[Artifact]:
        """Every part that was committed."""
        return [Artifact(path) for path in sorted(self._root.glob("*/[!.]*")) if path.is_dir()]

    def in_use(self, stage: str) -> AbstractContextManager[None]:
        """Within it no part of a stage is taken for garbage: it may be on its way into an artifact."""
        return shared(self._used(stage), f"{stage}: parlance gc looks through its parts, in")

    def unused(self, stage: str) -> AbstractContextManager[bool]:
        """Whether no process has parts of a stage in use; if so, none begins to within it."""
        return alone(self._used(stage))

    @contextmanager
    def making(self, part: Part) -> Iterator[Making]:
        """A folder to write a part's files to, which becomes the part when the body ends without an error. Where
        several make it at once, the first one's stays: they make the same."""
        started, clock = datetime.now(UTC), time.monotonic()
        target = self.at(part).path
        partial = target.with_name(f".{part.fingerprint}.{uuid.uuid4().hex}{PARTIAL}")
        try:
            partial.mkdir(parents=True)
        except OSError as error:
            raise UserError(f"{partial.parent}: cannot be written ({error.strerror}); set storage.root") from error
        try:
            made = Making(partial)
            yield made
            assert made.ledger.imbalance() == 0, f"{part.stage}: the ledger of a part does not balance: {made.ledger}"
            timing = {
                "started": started.isoformat(timespec="seconds"),
                "seconds": round(time.monotonic() - clock, 3),
            }
            _write_manifest(partial, part, made, {"run": self.run, **timing})
            sync_all(partial)
            if mirror := self.mirror:
                mirror.publish(partial, _place(part))
            with suppress(OSError):  # of a part that another task has committed meanwhile
                partial.rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        assert self.has(part), f"{target} could not be committed"

    def obtain(
        self,
        parts: Iterable[Part],
        hashes: FileHashes,
        make: Callable[[list[Part]], None],
        at_once: int = MOST_CLAIMED,
    ) -> tuple[dict[str, Artifact], set[str]]:
        """Fingerprint to part, found or made now; and the fingerprints of those that `make` was told to make.

        make: commits all parts that it is given, at_once at most. What another process is making at the time is waited
        for. A part that is not what was committed is made again.
        """
        wanted = {part.fingerprint: part for part in parts}
        self.sweep({part.stage for part in wanted.values()})
        self.look(wanted.values(), hashes)
        found: dict[str, Artifact] = {}
        made: set[str] = set()
        while missing := [part for part in wanted.values() if part.fingerprint not in found]:
            absent = [part for part in missing if not self._found(part, hashes, found)]
            with self._claimed(absent, at_once) as claimed:
                mine = [part for part in claimed if not self._found(part, hashes, found, remove=True)]
                if mine:
                    make(mine)
                found |= {part.fingerprint: self.at(part) for part in mine}
                made.update(part.fingerprint for part in mine)
        return found, made

    def _found(self, part: Part, hashes: FileHashes, found: dict[str, Artifact], remove: bool = False) -> bool:
        """Whether the part is there and whole; notes it then. remove: what is left of a damaged one, claimed before."""
        artifact = self.at(part)
        if not artifact.path.is_dir():
            return False
        if damage := artifact.changed(hashes):
            if remove:
                say(f"{part.stage}: {damage[0]}; the part is made again")
                shutil.rmtree(artifact.path)
                if mirror := self.mirror:
                    mirror.forget(_place(part))
            return False
        found[part.fingerprint] = artifact
        return True

    @contextmanager
    def _claimed(self, parts: Sequence[Part], at_once: int) -> Iterator[list[Part]]:
        """At most `at_once` of the parts that nobody else is making; of others only, waits for the first of them."""
        if not parts:
            yield []
            return
        with ExitStack() as stack:
            claimed = list(islice((part for part in parts if self._try(part, stack)), at_once))
            if not claimed:
                part = parts[0]
                await_free(self._lock(part), f"{part.stage}: a part of it is being made by")
            yield claimed
            for part in claimed:
                self._lock(part).unlink(missing_ok=True)  # who waits for it then finds the part

    def _try(self, part: Part, stack: ExitStack) -> bool:
        path = self._lock(part)
        path.parent.mkdir(parents=True, exist_ok=True)
        file: TextIO = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        hold(stack.enter_context(file), "", self.run)
        return True

    def sweep(self, stages: Iterable[str] = ("*",)) -> list[Path]:
        """Deletes what killed makers of parts of some stages left, and nothing of a live one; returns what."""
        found = []
        for left in (left for stage in sorted(stages) for left in self._root.glob(f"{stage}/.*{PARTIAL}")):
            lock = left.with_name(f".{left.name.split('.')[1]}{LOCK}")
            with suppress(BlockingIOError), lock.open("a+") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
                lock.unlink(missing_ok=True)
                found.append(left)
        return found

    def _folder(self, stage: str) -> Path:
        return self._root / stage

    def _used(self, stage: str) -> Path:
        return self._root / f".{stage}{LOCK}"

    def _lock(self, part: Part) -> Path:
        return self._folder(part.stage) / f".{part.fingerprint}{LOCK}"


def _place(part: Part) -> str:
    return f"{PARTS}/{part.stage}/{part.fingerprint}"


def _write_manifest(partial: Path, part: Part, made: Making, by: dict[str, Any]) -> None:
    files = sorted(p for p in partial.rglob("*") if p.is_file())
    entries = [
        {"path": p.relative_to(partial).as_posix(), "bytes": p.stat().st_size, "sha256": file_sha256(p)} for p in files
    ]
    manifest = {
        "stage": part.stage,
        "version": part.version,
        "fingerprint": part.fingerprint,
        "inputs": part.inputs,
        "config": part.config,
        "ledger": asdict(made.ledger),
        "metrics": made.metrics,
        "made": by,
        "files": entries,
    }
    (partial / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False), encoding="utf-8")
    (partial / SEAL).write_bytes(seal_of(partial / MANIFEST))
