"""parlance verify: every file of every artifact against its manifest."""

from argparse import ArgumentParser, Namespace

from configs.errors import UserError
from pipeline.contract.artifact import Artifact, ArtifactStore
from pipeline.contract.options import Runs, add_root, root_of
from pipeline.contract.progress import Progress
from pipeline.contract.run import Run
from pipeline.contract.stages import STAGES


def command(parser: ArgumentParser) -> Runs:
    parser.epilog = """\
        Checks sizes, checksums, fingerprints and ledgers. Exit status 1 and one line a file when
        something was changed, lost or added."""
    add_root(parser)
    parser.add_argument("--run", help="only the artifacts of this run (default: all under the root)")
    return _verify


def _verify(options: Namespace) -> int:
    artifacts = _artifacts(options)
    damage: list[str] = []
    with Progress("verify", len(artifacts), "artifacts") as progress:
        for artifact in artifacts:
            damage += artifact.damage()
            progress.advance()
    for line in damage:
        print(line)
    if damage:
        print(f"{len(damage)} damaged")
        return 1
    files = sum(len(a.manifest["files"]) + 2 for a in artifacts if (a.path / "manifest.json").is_file())
    print(f"{len(artifacts)} artifacts, {files} files: all as their manifests say")
    return 0


def _artifacts(options: Namespace) -> list[Artifact]:
    root = root_of(options)
    if options.run:
        this = Run.open(root, options.run)
        artifacts = [a for a in (this.find(name) for name in STAGES) if a]
    else:
        artifacts = ArtifactStore(root).all()
    if not artifacts:
        raise UserError(f"{root}: no artifact to verify; `parlance run` or `make demo` makes some")
    return artifacts
