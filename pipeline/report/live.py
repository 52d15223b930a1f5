"""What a run is at while it goes on: read from a few small files, so that many may ask every other second.

Nothing is checked against a manifest here, which costs a look at every file of every artifact: that is the report's.
"""

import hashlib
import json
import os
import re
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline.contract.artifact import MANIFEST
from pipeline.contract.metrics_file import METRICS
from pipeline.contract.run import Run
from pipeline.contract.stages import STAGES
from pipeline.planning.run_plan import read_plan
from pipeline.report.followed_metrics import training_so_far
from pipeline.report.report import stage_fingerprints
from pipeline.report.stage_locks import holder
from pipeline.report.tracking import TRAIN

LOG_TAIL = 4096
"""Bytes of a log that are looked at for its last line."""

SHARE = re.compile(r": +(\d+)%  [\d,]+/[\d,]+ ")
"""How pipeline.contract.progress says how far a stage is."""


def live(run: Run) -> dict[str, Any]:
    """What the run is at, as JSON values.

    status: finished, failed, running or waiting (no stage is at work, and some are to come). recorded: changes
    whenever a stage has been recorded, so that the report has more to show. stages: {name, task, status (made, found,
    running, failed, missing), seconds that it took, since (seconds since 1970, of one that runs), by (another run that
    makes the artifact), planned (seconds), rows_in, rows_out, said (last line of its task's log), share (0 to 1)}.
    training: see `_training`; null before and after it. now: the clock by which to read `since`.
    """
    prints, outcomes = _fingerprints(run, recorded(run)), run.outcomes()
    planned = {s["stage"]: s["seconds"] for s in (read_plan(run).plan or {"stages": []})["stages"]}
    stages = [_stage(run, name, prints.get(name), outcomes.get(name), planned.get(name)) for name in STAGES]
    words = [stage["status"] for stage in stages]
    over = "waiting" if "missing" in words else "finished"
    return {
        "run": run.id,
        "status": next((word for word in ("running", "failed") if word in words), over),
        "recorded": recorded(run),
        "now": time.time(),
        "stages": stages,
        "training": _training(run, prints[TRAIN]) if TRAIN in prints and TRAIN not in outcomes else None,
    }


def recorded(run: Run) -> str:
    """Another text whenever a stage has recorded something since, or the run was begun anew."""
    files = sorted([run.folder / "profile.json", *(run.folder / "stages").glob("*.json")])
    times = []
    for file in files:
        with suppress(FileNotFoundError):
            times.append(f"{file.name} {file.stat().st_mtime_ns}")
    return hashlib.sha256("\n".join(times).encode()).hexdigest()[:16]


def is_over(run: Run) -> bool:
    """Whether every stage has recorded its outcome."""
    return all((run.folder / "stages" / f"{name}.json").is_file() for name in STAGES)


def _fingerprints(run: Run, state: str) -> dict[str, str]:
    """Those of all stages: what is to come is worked out once for every record, as it reads what stages read raw."""
    return _fingerprints_at(run.folder, state)


@lru_cache(maxsize=64)
def _fingerprints_at(folder: Path, state: str) -> dict[str, str]:  # noqa: ARG001, what decides the result
    return stage_fingerprints(Run(folder))


def _stage(
    run: Run, name: str, print_: str | None, outcome: dict[str, Any] | None, planned: float | None
) -> dict[str, Any]:
    task = STAGES[name].task
    entry: dict[str, Any] = {"name": name, "task": task, "status": "missing", "planned": planned}
    if outcome:
        rows = _rows(run.store.known(name, outcome["fingerprint"]).path / MANIFEST)
        return entry | rows | {"status": "found" if outcome["cached"] else "made", "seconds": outcome["seconds"]}
    if print_ is None:
        return entry
    lock, partial = (run.store.root / name / f".{print_}{kind}" for kind in (".lock", ".partial"))
    if held := holder(lock):
        said = last_line(run.folder / "logs" / f"{task}.log")
        share = SHARE.search(said)
        by = re.match(r"run (.+?), process", held.by)
        others = by[1] if by and by[1] != run.id else None
        share_said = int(share[1]) / 100 if share else None
        return entry | {"status": "running", "since": held.since, "by": others, "said": said, "share": share_said}
    return entry | {"status": "failed" if partial.is_dir() else "missing"}


def _rows(manifest: Path) -> dict[str, int | None]:
    """rows_in and rows_out of a committed artifact; null of one that has gone since."""
    try:
        return _ledger(manifest, manifest.stat().st_mtime_ns)
    except (OSError, ValueError, KeyError):
        return {"rows_in": None, "rows_out": None}


@lru_cache(maxsize=4096)  # an artifact changes only when somebody is erased from it
def _ledger(manifest: Path, written: int) -> dict[str, int | None]:  # noqa: ARG001, what decides the result
    ledger = json.loads(manifest.read_text(encoding="utf-8"))["ledger"]
    return {key: ledger[key] for key in ("rows_in", "rows_out")}


def last_line(log: Path) -> str:
    """The last line that is there whole; empty without a log."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - LOG_TAIL))
            lines = file.read().decode("utf-8", "replace").split("\n")[:-1]
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _training(run: Run, print_: str) -> dict[str, Any] | None:
    """As `training_so_far`, with `steps` that are asked for and `tokens` so far; None before the first step."""
    found = training_so_far(run.store.root / TRAIN / f".{print_}.partial" / METRICS)
    train = run.profile.train
    return found and found | {"steps": train.steps, "tokens": found["step"] * train.batch_tokens}
