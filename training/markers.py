"""Which checkpoints are complete: those that a marker lies in. Imports neither torch nor DeepSpeed."""

import shutil
from pathlib import Path
from typing import Any

from pipeline.contract.sealed_json import DamagedError, read_sealed, write_sealed

MARKER = "complete.json"


def mark_complete(path: Path, state: dict[str, Any], layout: dict[str, Any], files: dict[str, list], keep: int) -> None:
    """Marks a checkpoint whose files are all safe, and deletes all but the newest `keep` complete ones.

    state: training.checkpoint.State. layout: training.checkpoint.layout_of. files: name to
    [bytes, sha256].
    """
    write_sealed(path / MARKER, {"state": state, "layout": layout, "files": files})
    kept = list(complete(path.parent))[:keep]
    for old in path.parent.glob("step-*"):
        if old not in kept:
            delete(old)


def delete(path: Path) -> None:
    """Deletes a checkpoint, if there is one: the marker first, or a crash leaves half a checkpoint that has one."""
    (path / MARKER).unlink(missing_ok=True)
    shutil.rmtree(path, ignore_errors=not path.exists())


def complete(folder: Path) -> dict[Path, dict[str, Any]]:
    """The checkpoints that have a marker which is what was written, newest first, and what it holds."""
    found = {path: marker_of(path) for path in sorted(folder.glob("step-*"), reverse=True)}
    return {path: marker for path, marker in found.items() if marker}


def marker_of(path: Path) -> dict[str, Any] | None:
    """What the marker of a checkpoint holds; None without one that is what was written."""
    try:
        return read_sealed(path / MARKER, "")
    except (DamagedError, FileNotFoundError):
        return None
