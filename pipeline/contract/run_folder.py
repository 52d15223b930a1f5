"""One run, one folder under runs/: which it is, by the run's name."""

import hashlib
import re
from pathlib import Path

from configs.errors import UserError
from pipeline.contract.atomic_write import write_text

NAME = "run-name"
"""The file of a run's folder that holds the run's name, of which the folder's may be an abbreviation."""

LATEST, PROFILE = "latest", "profile.json"
LONGEST, READABLE, DIGITS = 200, 180, 12


def folder_name(run: str) -> str:
    """The name itself where a folder can have it, as 20260102T030405; else what of it can be read, and a hash of it.

    Airflow's contain colons and plus signs, which are not kept, so that the readable part may be another run's too.
    """
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", run)
    if safe == run and len(run) <= LONGEST and not run.startswith(".") and run != LATEST:
        return run
    return f"{safe.lstrip('.')[:READABLE] or 'run'}-{hashlib.sha256(run.encode()).hexdigest()[:DIGITS]}"


def folder_of(runs: Path, run: str) -> Path:
    """The folder of a run under `runs`, be it there or not: also one that was made before names had hashes."""
    folder = runs / folder_name(run)
    if not folder.exists():
        before = runs / name_without_hash(run)
        if (before / PROFILE).is_file() and not (before / NAME).exists():
            return before
    return folder


def claim(folder: Path, run: str) -> None:
    """Makes the folder the run's. Raises UserError when it is another's."""
    name = folder / NAME
    if name.is_file() and (owner := name.read_text(encoding="utf-8")) != run:
        raise UserError(f"run {run}: its folder {folder} is that of run {owner}; give the run another id")
    write_text(name, run)


def name_without_hash(run: str) -> str:
    """What folder_name was until names that a folder cannot have got a hash."""
    name = re.sub(r"[^A-Za-z0-9._-]", "_", run)[:LONGEST]
    return f"run-{name}" if name.startswith(".") or name == LATEST else name
