"""parlance watch: whether new data or feedback are reason to train anew."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

from configs.profile import Profile
from pipeline.contract.atomic_write import write_text
from pipeline.contract.champion import champion_noted
from pipeline.contract.mirror import Mirror, root_folder
from pipeline.contract.options import Runs, add_profile, add_root, profile_of
from pipeline.contract.progress import say
from pipeline.watch.reasons import Ratings


def command(parser: ArgumentParser) -> Runs:
    parser.epilog = "Changes nothing and starts nothing; the DAG watch_conversations does, by what this finds."
    add_root(parser)
    add_profile(parser)
    parser.add_argument("--out", help="JSON file to write what was found to")
    return _watch


def _watch(options: Namespace) -> None:
    from pipeline.contract.artifact import ArtifactStore
    from pipeline.watch.watch import told, watched

    profile = profile_of(options)
    root = root_folder(profile.storage.root)
    if mirror := Mirror.of(root):
        mirror.pull_runs()
    found = watched(profile, ArtifactStore(root), _ratings(profile, root))
    for line in told(found):
        say(f"watch: {line}")
    if options.out:
        write_text(Path(options.out), json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def _ratings(profile: Profile, root: Path) -> Ratings:
    """Of the champion's replies; none where nobody is served."""
    from serving.dialogue.dialogue import FOLDER, database_of
    from serving.dialogue.ratings import ratings_since

    since = champion_noted(root, profile.promote.model_name)
    if since is None or not (profile.serving.dialogue.database or (root / FOLDER / "sessions.db").is_file()):
        return Ratings()
    database = database_of(profile, root)
    try:
        return ratings_since(database, since)
    finally:
        database.close()
