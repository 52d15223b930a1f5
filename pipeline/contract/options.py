"""Options that commands share, and what they name: a root, a run, a profile, a reviewer's answer."""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from configs.errors import UserError
from configs.load import load_profile, profile_names
from configs.profile import Profile
from pipeline.contract.mirror import root_folder
from pipeline.contract.run import Run

Runs = Callable[[Namespace], int | None]
"""What a command does with its options. Returns the exit status; None is 0."""


def add_root(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--root",
        help="folder or address of artifacts/ and runs/ (default: $PARLANCE_ROOT, or the profile's storage.root, var)",
    )


def root_of(options: Namespace) -> Path:
    """The root that --root or the environment names."""
    return root_folder(_given_root(options) or "var")


def add_run(parser: ArgumentParser) -> None:
    parser.add_argument("--run", default="latest", help="id or folder of a run (default: latest)")


def run_of(options: Namespace) -> Run:
    """The run that --run names, by id or by folder. Raises UserError when there is none."""
    folder = Path(options.run).resolve()
    if not folder.is_dir():
        return Run.open(root_of(options), options.run)
    if not (folder / "profile.json").is_file():
        raise UserError(f"{folder}: not a run, it holds no profile.json; `parlance run` makes one")
    return Run(folder)


def add_profile(parser: ArgumentParser) -> None:
    parser.add_argument("--profile", default="demo", help=f"a YAML file, or one of: {', '.join(profile_names())}")
    parser.add_argument("--data", help="file or folder of conversations that replaces the profile's sources")
    parser.add_argument(
        "-o", "--override", action="append", default=[], metavar="SECTION.KEY=VALUE", help="change a setting"
    )


def profile_of(options: Namespace, *more: str) -> Profile:
    """The profile that --profile names, with --root, --data and --override, and `more` overrides, applied."""
    root = _given_root(options)
    overrides = [f"storage.root={root}"] if root else []
    return load_profile(options.profile, [*overrides, *options.override, *more], options.data)


def add_answer(parser: ArgumentParser) -> None:
    parser.add_argument("--decision", choices=("approve", "reject"), help="review: the human's answer")
    parser.add_argument("--by", default="command line", help="review: who answers")


def _given_root(options: Namespace) -> str | None:
    return options.root or os.environ.get("PARLANCE_ROOT")
