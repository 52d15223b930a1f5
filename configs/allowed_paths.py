"""Where runs under Airflow may read and write: a wall around whatever a profile, a trigger or both together say.

The guard (configs/guard.py) says what a trigger may set, and trusts profiles. Where others than the operator of a
server write profiles, $PARLANCE_ALLOWED_PATHS bounds them too: folders, with `:` between them. It is looked at when a
run is configured or planned, and again before each of its tasks.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from configs.addresses import is_address
from configs.errors import UserError

VARIABLE = "PARLANCE_ALLOWED_PATHS"
ADDRESSES = "PARLANCE_ALLOWED_ADDRESSES"
"""Addresses in object stores, with white space between them, which may be used where VARIABLE is set."""

PATHS = (
    "storage.root",
    "acquire.sources.path",
    "deduplicate.earlier",
    "deduplicate.evaluation_sets",
    "clean.translation.model",
    "clean.pii.recogniser_model",
    "embed.model",
    "audit.emotion.training_data",
    "audit.lexicon",
    "audit.topic_examples",
    "findings.reference_audit",
    "balance.selection.examples",
    "balance.generator.model",
    "tokenise.tokenizer",
    "model.pretrained",
    "launch.hostfile",
    "evaluate.probe_files",
    "evaluate.task_folder",
    "tracking.uri",
)
"""Keys that name files, folders, or addresses that may be such. No task of a run opens those of `serving`."""

WRITTEN = ("storage.root", "tracking.uri")
"""Of these, what is no address is a folder, which is made where it is not there."""


def check_paths(profile: BaseModel) -> None:
    """Raises UserError for the first path of a profile that does not lie in an allowed folder, links resolved."""
    if VARIABLE not in os.environ:
        return
    for key in PATHS:
        for value in values_of(profile, key):
            check_path(key, value)


def check_path(key: str, value: str) -> None:
    """The same of one value. Names on the hub, of packages and of runs, and servers, are no paths."""
    if VARIABLE in os.environ and is_address(value):
        _check_address(key, value)
        return
    place = path_in(value) or (value if key in WRITTEN and ":" not in value else None)
    if VARIABLE not in os.environ or place is None:
        return
    roots = [Path(os.path.realpath(part)) for part in os.environ[VARIABLE].split(os.pathsep) if part]
    found = Path(os.path.realpath(place))
    outside = found if not within(found, roots) else link_out_of(found, roots)
    if outside:
        raise UserError(
            f"{key}: {place[:200]!r} {'is' if outside == found else 'leads'} outside the folders that this server "
            f"allows; the operator can add its folder to {VARIABLE}"
        )


def _check_address(key: str, value: str) -> None:
    allowed = [address.rstrip("/") for address in os.environ.get(ADDRESSES, "").split()]
    if ".." in value.split("/") or not any(value == one or value.startswith(f"{one}/") for one in allowed):
        raise UserError(
            f"{key}: {value[:200]!r} is under no address that this server allows; "
            f"the operator can add it to {ADDRESSES}"
        )


def path_in(value: str) -> str | None:
    """The path that a value names, if it names one; of SQLite's addresses their file."""
    scheme, separator, rest = value.partition(":")
    if separator and (scheme == "file" or scheme.startswith("sqlite")):
        return rest.removeprefix("//" if scheme == "file" else "///").partition("?")[0] or None
    if value.startswith(("/", ".", "~")) or "\\" in value:
        return os.path.expanduser(value)
    return value if "\0" not in value and os.path.exists(value) else None


def within(path: Path, places: list[Path]) -> bool:
    """Whether a path without links is one of the places, or lies in one."""
    return any(path == place or place in path.parents for place in places)


def link_out_of(folder: Path, places: list[Path]) -> Path | None:
    """The first link below a folder that leads out of the places."""
    for parent, folders, files in os.walk(folder):
        for inner in (Path(parent, name) for name in (*folders, *files)):
            if inner.is_symlink() and not within(Path(os.path.realpath(inner)), places):
                return inner
    return None


def values_of(profile: BaseModel, key: str) -> Iterator[str]:
    """The texts under a dotted key, also those in lists and mappings."""
    found: list[Any] = [profile]
    for part in key.split("."):
        found = [one for section in found for one in _each(getattr(section, part, None))]
    yield from (value for value in found if isinstance(value, str))


def _each(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else [value]
