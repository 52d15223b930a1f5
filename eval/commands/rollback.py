"""parlance rollback: the previous champion back in its place."""

from argparse import ArgumentParser, Namespace

from pipeline.contract.options import Runs, add_root, root_of
from pipeline.contract.progress import say
from pipeline.contract.run import Run


def command(parser: ArgumentParser) -> Runs:
    add_root(parser)
    return _rollback


def _rollback(options: Namespace) -> None:
    root = root_of(options)
    profile = Run.open(root).profile
    from eval.registry import rollback

    say(rollback(profile.tracking.address(root), profile.promote.model_name))
