"""parlance verify: every file of every artifact against its manifest, and the records of runs."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from configs.errors import UserError
from pipeline.contract.artifact import Artifact, ArtifactStore
from pipeline.contract.fingerprint import ReadOnce
from pipeline.contract.mirror import root_name
from pipeline.contract.options import Runs, add_root, root_of
from pipeline.contract.parts import PartStore
from pipeline.contract.progress import Progress
from pipeline.contract.run import Run
from pipeline.contract.stages import STAGES


def command(parser: ArgumentParser) -> Runs:
    parser.epilog = """\
        Reads every file: sizes, checksums, fingerprints and ledgers of artifacts and of their parts, profiles, records
        and reports of runs, what is remembered of files. Exit status 1 and a line for each that was changed, lost or
        added."""
    add_root(parser)
    parser.add_argument("--run", help="only this run and its artifacts (default: all under the root)")
    return _verify


def _verify(options: Namespace) -> int:
    from pipeline.report import report

    root = root_of(options)
    store = ArtifactStore(root)
    if store.mirror and not options.run:
        store.mirror.pull_all()
        store.mirror.pull_runs()
    runs = [Run.open(root, options.run)] if options.run else _runs(root)
    damage = [line for run in runs for line in (*run.damage(), *report.damage(run))]
    recorded = {artifact.path: line for run in runs for artifact, line in _recorded(run)}
    artifacts = [Artifact(path) for path in recorded if path.is_dir()] if options.run else store.all()
    if not artifacts and not recorded:
        raise UserError(f"{root_name(root)}: no artifact to verify; `parlance run` or `make demo` makes some")
    damage += [line for path, line in recorded.items() if not path.is_dir()]
    if lines := store.hashes.memory.damaged():
        damage.append(
            f"{store.hashes.memory.path}: {lines:,} lines damaged, which do not count; the files are read again"
        )
    parts = _parts(store, artifacts) if options.run else PartStore(root).all()
    with Progress("verify", len(artifacts) + len(parts), "artifacts and parts") as progress:
        for found in _damage(store, [*artifacts, *parts], unreadable=not options.run):
            damage += found
            progress.advance()
    for line in damage:
        print(line)
    for run in runs if options.run and not damage else []:
        for line in run.changes():
            print(f"{line}; the run's artifacts are of what it read")
    if damage:
        print(f"{len(damage)} damaged; `parlance run` makes artifacts again that are damaged or gone")
        return 1
    files = sum(len(a.manifest["files"]) + 2 for a in artifacts)
    of_parts = f" of {len(parts)} parts" if parts else ""
    print(f"{len(artifacts)} artifacts{of_parts}, {files} files: all as their manifests say")
    return 0


def _damage(store: ArtifactStore, wholes: list[Artifact], unreadable: bool) -> Iterator[list[str]]:
    """What is wrong with each artifact or part, where it is kept; of an object store also those, if `unreadable`, of
    which the manifest is not what was written."""
    if not (mirror := store.mirror):
        read = ReadOnce()
        yield from (whole.damage(read) for whole in wholes)
        return
    known: dict[str, str] = {}
    here = {whole.path.relative_to(mirror.folder).as_posix(): whole for whole in wholes}
    for place, whole in here.items():
        yield mirror.damage(place, known) + (whole.contradictions() if whole.sealed else [])
    for place in sorted(mirror.times().keys() - here.keys()) if unreadable else ():
        yield mirror.damage(place, known)


def _parts(store: ArtifactStore, artifacts: list[Artifact]) -> list[Artifact]:
    """The parts that artifacts are made of. One that is gone is no damage: it is made again when it is needed."""
    found = {part.path: part for artifact in artifacts if artifact.sealed for part in artifact.made_of}
    if store.mirror:
        store.mirror.pull_each(path.relative_to(store.mirror.folder).as_posix() for path in found)
    return [part for part in found.values() if part.path.is_dir()]


def _runs(root: Path) -> list[Run]:
    return [Run(path.parent) for path in sorted((root / "runs").glob("*/profile.json")) if not path.parent.is_symlink()]


def _recorded(run: Run) -> Iterator[tuple[Artifact, str]]:
    """What the run's stages recorded, each with the line for when it is gone; and what they would find."""
    outcomes = run.outcomes()
    for name in STAGES:
        if name in outcomes:
            artifact = run.store.known(name, outcomes[name]["fingerprint"])
            yield artifact, f"{artifact.path}: gone, and run {run.id} recorded it"
            continue
        with suppress(UserError):  # of sources that are gone, or a profile that is damaged, which is told elsewhere
            artifact = run.store.known(name, run.fingerprint(name))
            if artifact.path.is_dir():
                yield artifact, ""
