"""What a run is at while it goes on: read from a few small files, so that many may ask every other second.

Nothing is checked against a manifest here, which costs a look at every file of every artifact: that is the report's.
"""

import fcntl
import hashlib
import json
import math
import os
import re
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.contract.artifact import MANIFEST
from pipeline.contract.metrics_file import METRICS, parsed, thinned
from pipeline.contract.run import Run
from pipeline.contract.stages import STAGES
from pipeline.planning.run_plan import read_plan
from pipeline.report.report import stage_fingerprints
from pipeline.report.tracking import TRAIN

CURVES = (
    "loss",
    "validation_loss",
    "tokens_per_second",
    "mfu",
    "memory_gib",
    "preference_accuracy",
    "validation_preference_accuracy",
    "validation_bleu",
    "validation_rouge_l",
)
"""Of metrics.jsonl what is drawn while training goes on; each is there as soon as something was measured."""

POINTS = 300
SAMPLES = "validation_samples"
LOG_TAIL = 4096
"""Bytes of a log that are looked at for its last line."""

LOOKS_SECONDS = 1.0
"""A lock is looked at so often at most, however many ask: for that moment nobody else can take it."""

SHARE = re.compile(r": +(\d+)%  [\d,]+/[\d,]+ ")
"""How pipeline.contract.progress says how far a stage is."""


class Held(NamedTuple):
    """Who makes an artifact, as the lock's file says, and since when (seconds since 1970)."""

    by: str
    since: float


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
        rows = _rows(run.store.at(name, outcome["fingerprint"]).path / MANIFEST)
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


looked: dict[Path, tuple[float, Held | None]] = {}
looking = threading.Lock()


def holder(lock: Path) -> Held | None:
    """Who makes the artifact whose lock this is; None when nobody does."""
    with looking:
        at, found = looked.get(lock, (-LOOKS_SECONDS, None))
        now = time.monotonic()
        if now - at < LOOKS_SECONDS:
            return found
        if len(looked) > 4096:
            looked.clear()
        looked[lock] = now, (found := _holder(lock))
        return found


def _holder(lock: Path) -> Held | None:
    try:
        with lock.open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return Held(file.read(), os.fstat(file.fileno()).st_mtime)
    except OSError:
        pass
    return None


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
    """{steps, step, tokens, seconds_left, latest {metric: value}, curves {metric: [[step, value]]}, samples
    [step, [{prompt, reply, reference}]] of the latest validation, or null}; None before the first step."""
    train = run.profile.train
    with following:
        read = _followed(run.store.root / TRAIN / f".{print_}.partial" / METRICS)
        if read is None or not read.curves:
            return None
        return {
            "steps": train.steps,
            "step": read.step,
            "tokens": read.step * train.batch_tokens,
            "seconds_left": read.latest.get("seconds_left"),
            "latest": {name: read.latest[name] for name in CURVES if name in read.latest},
            "curves": {name: thinned(points[:-1], POINTS) + points[-1:] for name, points in read.curves.items()},
            "samples": read.samples,
        }


@dataclass
class Followed:
    """A metrics.jsonl as far as it has been read. inode, offset: which file that was, and its bytes that were."""

    inode: int
    offset: int = 0
    step: int = 0
    latest: dict[str, float] = field(default_factory=dict)
    curves: dict[str, list[list[float]]] = field(default_factory=dict)
    samples: tuple[int, list[dict[str, str]]] | None = None

    def take(self, line: dict[str, Any]) -> None:
        self.step = max(self.step, line["step"])
        if SAMPLES in line:
            self.samples = line["step"], line[SAMPLES]
        for name, value in line.items():
            if isinstance(value, int | float) and math.isfinite(value) and name != "step":
                self.latest[name] = value
                if name in CURVES:
                    self.curves.setdefault(name, []).append([line["step"], float(f"{value:.5g}")])


MOST_FOLLOWED = 32
follows: dict[Path, Followed] = {}
following = threading.Lock()


def _followed(path: Path) -> Followed | None:
    """The file as it is now, of which only what is new is read; None when there is none. Under `following`."""
    try:
        with path.open("rb") as file:
            state = os.fstat(file.fileno())
            known = follows.pop(path, None)
            if known is None or state.st_ino != known.inode or state.st_size < known.offset:
                known = Followed(state.st_ino)  # training began, or went on at a checkpoint, which is a new file
            file.seek(known.offset)
            new = file.read()
    except FileNotFoundError:
        return None
    whole = new[: new.rfind(b"\n") + 1]
    known.offset += len(whole)
    for line in parsed(whole.decode("utf-8").splitlines()):
        known.take(line)
    follows[path] = known
    while len(follows) > MOST_FOLLOWED:
        follows.pop(next(iter(follows)))
    return known
