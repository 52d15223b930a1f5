"""What lies under a root and nobody needs: runs beyond those that are kept, and their artifacts and parts."""

import shutil
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from configs.errors import UserError
from pipeline.contract.artifact import PARTIAL, Artifact, ArtifactStore
from pipeline.contract.mirror import Mirror, withdraw
from pipeline.contract.parts import PartStore
from pipeline.contract.progress import say
from pipeline.contract.run import Run
from pipeline.contract.stages import STAGES

GOING = ".deleted"

YOUNG_DAYS = 1.0
"""What was made so lately stays: it may be on its way into an artifact, or into the record of a run."""


@dataclass(frozen=True)
class Garbage:
    """What may go. bytes: what that gives back; a file that also has a name in what stays gives nothing."""

    root: Path
    runs: list[Path]
    artifacts: list[Path]
    parts: list[Path]
    bytes: int

    def delete(self) -> None:
        """Runs first, artifacts before the parts that they are made of: what remains of an interrupted deletion is
        whole, and goes the next time."""
        for left in half_deleted(self.root):
            shutil.rmtree(left, ignore_errors=True)
        for path in (*self.runs, *self.artifacts):
            remove(path)
        for stage, parts in groupby(self.parts, key=lambda path: path.parent.name):
            with PartStore(self.root).unused(stage) as unused:
                if not unused:
                    say(f"{stage}: a run has begun to use its parts; they stay")
                for path in parts if unused else ():
                    remove(path)
        if mirror := Mirror.of(self.root):
            mirror.sweep(time.time() - YOUNG_DAYS * 86_400)


def remove(path: Path) -> None:
    """Deletes a folder; for whoever reads, it is gone before the first file of it is. Of a root in an object store it
    goes there first; files that other artifacts have too stay."""
    withdraw(path)
    aside = path.with_name(f".{path.name}{GOING}")
    path.rename(aside)
    shutil.rmtree(aside)


def half_deleted(root: Path) -> list[Path]:
    """What interrupted deletions left under a root."""
    return [*root.glob(f"*/.*{GOING}"), *root.glob(f"*/*/.*{GOING}")]


def garbage(root: Path, keep: int | None, models: Iterable[Path]) -> Garbage:
    """What neither the newest `keep` runs (None: all) need nor the promoted models do, with all that these follow from.

    models: folders of models in artifacts. The runs that made those are kept, and those that a kept run compares with,
    and those for which a stage is running. Of a stage that is using its parts all of them are kept.
    Raises DamagedError when a kept run cannot tell what it needs.
    """
    store, parts, mirror = ArtifactStore(root), PartStore(root), Mirror.of(root)
    if mirror:
        mirror.pull_all()
        mirror.pull_runs()
    made = mirror.times() if mirror else {}

    def days(path: Path) -> float:
        """Days since a folder got its name, or its manifest came into the store."""
        when = made.get(path.relative_to(root).as_posix(), time.time()) if mirror else path.lstat().st_ctime
        return (time.time() - when) / 86_400

    runs = sorted(_runs(root), key=lambda run: (run.folder / "profile.json").stat().st_mtime, reverse=True)
    promoted = [model.parent for model in models if store.root in model.parents]
    kept = {run.id: run for run in (runs if keep is None else runs[:keep])}
    kept |= {run.id: run for run in runs if any(path in promoted for path in _recorded(run))}
    if going_on := _being_made(store):
        kept |= {run.id: run for run in runs if not going_on.isdisjoint(_expected(run))}
    waiting = list(kept.values())
    needed: set[Path] = set()
    roots = list(promoted)
    while waiting:
        run = waiting.pop()
        roots += [*_recorded(run), *_expected(run)]
        for name in (*run.profile.deduplicate.earlier, *run.profile.deduplicate.evaluation_sets):
            other = next((other for other in runs if name in (other.id, other.folder.name)), None)
            if other and other.id not in kept:
                kept[other.id] = other
                waiting.append(other)
            roots.append(Path(name).resolve())
    while roots:
        path = roots.pop()
        if path in needed or path.parent.parent != store.root or not path.is_dir():
            continue
        needed.add(path)
        inputs = Artifact(path).manifest["inputs"]
        roots += [store.root / name / print_ for name, print_ in inputs.items() if name in STAGES]
    of_parts = {part.path for path in needed for part in Artifact(path).made_of}
    artifacts = [a.path for a in store.all() if a.path not in needed and days(a.path) > YOUNG_DAYS]
    loose = [p.path for p in parts.all() if p.path not in of_parts and days(p.path) > YOUNG_DAYS]
    used = {stage for stage in {path.parent.name for path in loose} if _in_use(parts, stage)}
    loose = [path for path in loose if path.parent.name not in used]
    old = [run.folder for run in runs if run.id not in kept]
    going = [*artifacts, *loose]
    freed = _freed_there(mirror, going) if mirror else _freed([*old, *going])
    return Garbage(root, old, artifacts, loose, freed)


def _runs(root: Path) -> list[Run]:
    found = (root / "runs").glob("[!.]*/profile.json")
    return [Run(path.parent) for path in found if not path.parent.is_symlink()]


def _being_made(store: ArtifactStore) -> set[Path]:
    """The artifacts that live processes are making."""
    left = (left for left in store.leftovers() if left.suffix == PARTIAL and store.is_held(left))
    return {left.with_name(left.stem.removeprefix(".")) for left in left}


def _in_use(parts: PartStore, stage: str) -> bool:
    with parts.unused(stage) as unused:
        return not unused


def _recorded(run: Run) -> list[Path]:
    return [run.store.at(name, outcome["fingerprint"]).path for name, outcome in run.outcomes().items()]


def _expected(run: Run) -> list[Path]:
    """The artifacts that stages of a run would find, which have not been there yet."""
    found = []
    for name in STAGES:
        with suppress(UserError):  # of a source that is gone
            found.append(run.store.at(name, run.fingerprint(name)).path)
    return found


def _freed_there(mirror: Mirror, going: list[Path]) -> int:
    """Bytes of files that only what goes has, and of those that nothing has."""
    kept = {digest for place in mirror.here() if place not in going for digest in Artifact(place).digests.values()}
    entries = {e["sha256"]: e["bytes"] for place in going for e in Artifact(place).manifest["files"]}
    lost = mirror.sweep(time.time() - YOUNG_DAYS * 86_400, dry=True)
    return lost + sum(size for digest, size in entries.items() if digest not in kept)


def _freed(folders: list[Path]) -> int:
    sizes: dict[tuple[int, int], int] = {}
    going: Counter[tuple[int, int]] = Counter()
    names: dict[tuple[int, int], int] = {}
    for stat in (p.lstat() for folder in folders for p in folder.rglob("*") if p.is_file()):
        inode = stat.st_dev, stat.st_ino
        going[inode] += 1
        sizes[inode], names[inode] = stat.st_size, stat.st_nlink
    return sum(size for inode, size in sizes.items() if going[inode] == names[inode])
