"""parlance gc: what no run that is kept needs, and no champion or challenger."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from configs.errors import UserError
from pipeline.contract.formatting import size
from pipeline.contract.options import Runs, add_root, root_of
from pipeline.contract.progress import say
from pipeline.contract.run import Run

SQLITE = "sqlite:///"


def command(parser: ArgumentParser) -> Runs:
    parser.epilog = """\
        Says what would go, and how much that is; --delete deletes it. Kept is what the runs need, what champion and
        challenger follow from with the runs that made them, what a running stage uses, and what is younger than a day.
        The space of a file that a kept artifact has too is not counted. Artifacts made again later are the same."""
    add_root(parser)
    parser.add_argument("--keep", type=int, metavar="N", help="keep the newest N runs, and delete the others with it")
    parser.add_argument("--delete", action="store_true", help="do it")
    return _gc


def _gc(options: Namespace) -> None:
    from pipeline.contract.garbage import garbage

    root = root_of(options)
    if options.keep is not None and options.keep < 1:
        raise UserError(f"--keep {options.keep}: at least one run is kept; give 1 or more")
    found = garbage(root, options.keep, _models(root))
    for kind, paths in (("run", found.runs), ("artifact", found.artifacts), ("part", found.parts)):
        for path in paths:
            print(f"{kind} {path.relative_to(root)}")
    counts = f"{len(found.runs):,} runs, {len(found.artifacts):,} artifacts and {len(found.parts):,} parts"
    if options.delete:
        found.delete()
    say(f"{counts}, {size(found.bytes)}: {'deleted' if options.delete else 'would go; --delete deletes them'}")


def _models(root: Path) -> list[Path]:
    """The folders of the champions and challengers, and of the champions before them, of all runs under the root."""
    from eval.registry import PREVIOUS, challenger, champion, numbered

    profiles = [Run(path.parent).profile for path in (root / "runs").glob("[!.]*/profile.json")]
    registries = {(profile.tracking.address(root), profile.promote.model_name) for profile in profiles}
    found = []
    for uri, name in sorted(registries):
        if uri.startswith(SQLITE) and not Path(uri.removeprefix(SQLITE)).is_file():
            continue  # nothing has been promoted, and asking would make it
        records = [record for record in (champion(uri, name), challenger(uri, name)) if record]
        for record in records:
            if before := record.tags.get(PREVIOUS):
                records.append(numbered(uri, name, int(before)))
        found += [record.here for record in records]
    return found
