"""parlance rollback: the previous champion back in its place."""

from argparse import ArgumentParser, Namespace

from pipeline.contract.champion import note_champion
from pipeline.contract.options import Runs, add_root, root_of
from pipeline.contract.progress import say
from pipeline.contract.run import Run


def command(parser: ArgumentParser) -> Runs:
    add_root(parser)
    return _rollback


def _rollback(options: Namespace) -> None:
    root = root_of(options)
    profile = Run.open(root).profile
    from eval.registry import champion, rollback

    uri, name = profile.tracking.address(root), profile.promote.model_name
    say(rollback(uri, name))
    if record := champion(uri, name):
        note_champion(root, name, record.version, record.tags)
