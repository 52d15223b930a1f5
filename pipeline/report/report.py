"""The report of one run: everything a reader asks of it, collected from manifests and artifacts.

It can be built at any moment of a run, also of a failed one: what has not been made is null.
"""

import json
import math
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from configs.credentials import masked
from configs.errors import UserError
from pipeline.contract.artifact import Artifact
from pipeline.contract.atomic_write import write_text
from pipeline.contract.fingerprint import file_sha256, fingerprint
from pipeline.contract.progress import say
from pipeline.contract.run import Run
from pipeline.contract.sealed_json import DamagedError, read_sealed, write_sealed
from pipeline.contract.stage import Stage, config_slice
from pipeline.contract.stages import STAGES, conversations_into
from pipeline.drift.drift import DRIFT, NONE_YET, OWN, read_drift
from pipeline.planning.run_plan import comparison, read_plan
from pipeline.report.dropped_examples import rules_of
from pipeline.report.finding_examples import examples_of
from pipeline.report.stage_locks import holder_now
from pipeline.report.tracking import TRAIN, tracking

UNFINISHED_SECONDS = 15.0
"""A page of an unfinished run is rebuilt when it is older than this."""

PAGE = "page_sha256"
"""Key of report.json, which is sealed, that holds the hash of the page."""

REMEDY = "`parlance report` writes it anew"
TEMPLATES = Path(__file__).parent / "templates"


def build_report(run: Run) -> dict[str, Any]:
    """The report as JSON values; the keys are described in docs/artifacts.md.

    Parts whose artifact is missing or damaged are null. Numbers that JSON cannot hold become null.
    """
    prints = stage_fingerprints(run)
    made, damaged = _made(run, prints)
    stages = [_stage_entry(run, stage, prints.get(name), made.get(name)) for name, stage in STAGES.items()]
    for entry in stages:
        if entry["name"] in damaged:
            entry["status"] = "damaged"
    report = {
        "run": run.id,
        **_when(run, stages),
        "profile": masked(run.profile.model_dump(mode="json")),
        "stages": stages,
        "plan": _plan(run, stages),
        "tracking": tracking(run, prints.get(TRAIN)),
        "rules": rules_of(made),
        "data": _data(made),
        **_facts(made),
        "drift": _drift(run),
    }
    _show_rows(report["audit"], made, run)
    return _finite(report)


def _made(run: Run, prints: dict[str, str]) -> tuple[dict[str, Artifact], dict[str, str]]:
    """Stage to artifact of those that are whole, and stage to a line of those that are damaged."""
    made: dict[str, Artifact] = {}
    damaged: dict[str, str] = {}
    for name, print_ in prints.items():
        try:
            if found := run.store.find(name, print_):
                made[name] = found
        except DamagedError as error:
            damaged[name] = str(error)
    return made, damaged


def _facts(made: dict[str, Artifact]) -> dict[str, Any]:
    """Part of the report to the JSON file of the stage that makes it, as the stages declare."""
    shown = {name: stage.shown for name, stage in STAGES.items() if stage.shown.facts}
    found = {about.part: _json(made.get(name), about.facts) for name, about in shown.items()}
    found["legs"] = (found["promotion"] or {}).pop("legs", [])
    return found | {"evaluation": _evaluation(made.get("evaluate"), found["evaluation"])}


def _show_rows(audit: dict[str, Any] | None, made: dict[str, Artifact], run: Run) -> None:
    """Gives each finding `shown`: its examples with their text."""
    found = (audit or {}).get("findings") or []
    for finding, shown in zip(found, examples_of(found, made.get("deduplicate"), run.profile.audit), strict=True):
        finding["shown"] = shown


def _drift(run: Run) -> dict[str, Any] | None:
    """The corpus against the champion's (pipeline.drift), or `why` it was not compared; null before that was looked
    for, and without another corpus. It is no finding of the audit, whose artifact does not depend on the champion.
    """
    found = read_drift(run)
    if found is None or found.get("why") in (NONE_YET, OWN):
        return None
    return {key: value for key, value in found.items() if key != "of"}


def _plan(run: Run, stages: list[dict[str, Any]]) -> dict[str, Any] | None:
    """What was planned when the run began against what each stage took; null without a plan."""
    seconds = {s["name"]: s["seconds"] for s in stages if s["seconds"] is not None and s["status"] == "made"}
    return comparison(read_plan(run).plan, seconds, {s["name"] for s in stages if s["status"] == "found"})


def write_report(run: Run) -> Path:
    """Writes runs/<id>/report.json and report.html; returns the path of the page."""
    from pipeline.report.page import render_page  # matplotlib, which is_current does not need

    for line in _made(run, stage_fingerprints(run))[1].values():
        say(f"report: {line}")
    report = build_report(run)
    page, numbers = _files(run)
    write_text(page, render_page(report, audit_plots(run)))
    write_sealed(numbers, report | {PAGE: file_sha256(page)})
    run.share()
    return page


def damage(run: Run) -> list[str]:
    """The line for the file of the written report that is not what was written; none without a report, and of one
    that was written before there were seals."""
    page, numbers = _files(run)
    try:
        hash_ = read_sealed(numbers, REMEDY).get(PAGE)
    except FileNotFoundError:
        return []
    except DamagedError as error:
        return [str(error)]
    whole = hash_ is None or (page.is_file() and file_sha256(page) == hash_)
    return [] if whole else [f"{page}: is not what was written; {REMEDY}"]


def is_current(run: Run) -> bool:
    """Whether the written page is whole and shows all that the run has recorded, in the present design."""
    page, numbers = _files(run)
    if not (page.is_file() and numbers.is_file()):
        return False
    status = _written_status(run.folder, _identity(page), _identity(numbers))
    if status is None:
        return False
    written = page.stat().st_mtime
    older = [
        run.folder / "profile.json",
        *run.folder.glob(DRIFT),
        *(run.folder / "stages").glob("*.json"),
        *TEMPLATES.iterdir(),
    ]
    if written < max(path.stat().st_mtime for path in older):
        return False
    return status == "finished" or time.time() - written < UNFINISHED_SECONDS


@lru_cache(maxsize=512)  # by what a file system says of both files, as pipeline.contract.fingerprint knows files
def _written_status(folder: Path, page: tuple[int, ...], numbers: tuple[int, ...]) -> str | None:  # noqa: ARG001
    """The run's status that the written report says; None when the report is not what was written."""
    run = Run(folder)
    return None if damage(run) else json.loads(_files(run)[1].read_text(encoding="utf-8"))["status"]


def _identity(path: Path) -> tuple[int, ...]:
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _files(run: Run) -> tuple[Path, Path]:
    return run.folder / "report.html", run.folder / "report.json"


def audit_plots(run: Run) -> dict[str, bytes]:
    """Name to SVG of the bias audit's plots."""
    audit = _made(run, stage_fingerprints(run))[0].get("audit")
    return {p.stem: p.read_bytes() for p in sorted((audit.path / "plots").glob("*.svg"))} if audit else {}


def stage_fingerprints(run: Run) -> dict[str, str]:
    """Stage to fingerprint, as far as they can be known.

    What the run recorded counts, even when a raw file has changed or gone since; the rest follows
    from it.
    """
    outcomes = run.outcomes()
    known: dict[str, str] = {}
    for name, stage in STAGES.items():
        if name in outcomes:
            known[name] = outcomes[name]["fingerprint"]
        elif all(other in known for other in stage.inputs):
            try:
                inputs = {other: known[other] for other in stage.inputs}
                inputs |= stage.raw_inputs(run.profile, run.file_hashes)
            except (UserError, OSError):
                continue
            known[name] = fingerprint(name, stage.version, config_slice(stage, run.profile), inputs)
    return known


def _stage_entry(run: Run, stage: Stage, print_: str | None, artifact: Artifact | None) -> dict[str, Any]:
    """One row of the stages' table. status: made, found, running, failed, damaged or missing."""
    outcome = run.outcomes().get(stage.name)
    entry: dict[str, Any] = {
        "name": stage.name,
        "task": stage.task,
        "status": "missing",
        "seconds": outcome["seconds"] if outcome else None,
        "started": outcome["started"] if outcome else None,
        "cached": outcome["cached"] if outcome else artifact is not None,
        "rows_in": None,
        "rows_out": None,
        "dropped": {},
        "added": {},
        "fingerprint": print_,
        "made_in_seconds": None,
        "peak_memory_mb": None,
        "bytes": None,
        "metrics": {},
        "libraries": {},
    }
    if artifact is None:
        return entry | {"status": _unmade(run, stage.name, print_)}
    manifest, ledger = artifact.manifest, artifact.ledger
    return entry | {
        "status": "found" if entry["cached"] else "made",
        "rows_in": ledger.rows_in,
        "rows_out": ledger.rows_out,
        "dropped": ledger.dropped,
        "added": ledger.added,
        "made_in_seconds": manifest.get("timing", {}).get("seconds"),
        "peak_memory_mb": manifest.get("timing", {}).get("peak_memory_mb"),
        "bytes": sum(file["bytes"] for file in manifest["files"]),
        "metrics": artifact.metrics,
        "libraries": manifest.get("libraries", {}),
    }


def _unmade(run: Run, name: str, print_: str | None) -> str:
    """Why there is no artifact: it is running (a process holds its lock), failed half-way, or missing."""
    folder = run.store.root / name
    if print_ is None or not (folder / f".{print_}.partial").is_dir():
        return "missing"
    return "running" if holder_now(folder / f".{print_}.lock") else "failed"


def _when(run: Run, stages: list[dict[str, Any]]) -> dict[str, Any]:
    """status of the run; when its first stage started and its last ended (ISO 8601); seconds between, and of work."""
    words = [stage["status"] for stage in stages]
    status = next(
        (w for w in ("damaged", "failed", "running") if w in words), "unfinished" if "missing" in words else "finished"
    )
    visits = [(datetime.fromisoformat(stage["started"]), stage["seconds"]) for stage in run.outcomes().values()]
    if not visits:
        return {"status": status, "started": None, "finished": None, "seconds": None, "work_seconds": None}
    started = min(start for start, _ in visits)
    ended = max(start + timedelta(seconds=seconds) for start, seconds in visits)
    return {
        "status": status,
        "started": started.isoformat(timespec="seconds"),
        "finished": ended.isoformat(timespec="seconds"),
        "seconds": round((ended - started).total_seconds(), 3),
        "work_seconds": round(sum(seconds for _, seconds in visits), 3),
    }


def _data(made: dict[str, Artifact]) -> dict[str, Any] | None:
    """Rows by source from what was read to what was kept, and by split; and preference pairs by stage.

    kept counts the human rows of the latest stage whose conversations are on their way to training (named by
    `stage`), added its synthetic ones; splits counts both.
    """
    if "acquire" not in made:
        return None
    latest = next(name for name in _towards_training() if name in made)
    read = _count(made["acquire"], "data", ("source",))
    quarantined = _count(made["acquire"], "dropped", ("source",))
    columns = ("source", "split", "augmentation")
    kept = _count(made[latest], "data", columns)
    by_source: dict[str, dict[str, int]] = {}
    splits: dict[str, int] = {}
    for counts, label in ((read, "read"), (quarantined, "read"), (quarantined, "quarantined"), (kept, "kept")):
        for (source, split, augmentation), rows in counts.items():
            entry = by_source.setdefault(source, {"read": 0, "quarantined": 0, "kept": 0, "added": 0})
            entry["added" if augmentation else label] += rows
            if label == "kept" and split:
                splits[split] = splits.get(split, 0) + rows
    return {"stage": latest, "by_source": dict(sorted(by_source.items())), "splits": splits, "pairs": _pairs(made)}


def _pairs(made: dict[str, Artifact]) -> dict[str, dict[str, Any]]:
    """Stage to its preference pairs: in, out, and dropped by rule; of stages without any, nothing."""
    found = {}
    for name, metrics in ((name, made[name].metrics) for name in STAGES if name in made):
        if "pairs_cut" in metrics:  # tokenise counts by split
            out = sum(split["rows"] for split in metrics["pairs"].values())
            left = {rule: n for rule, n in metrics["pairs_cut"].items() if n and not rule.endswith("_shortened")}
            found[name] = {"in": out + sum(left.values()), "out": out, "dropped": left}
        elif "pairs" in metrics:
            found[name] = metrics["pairs"]
    return found


def _towards_training() -> Iterator[str]:
    """The stages through which conversations come to be packed, the latest first. A branch is not among them."""
    name = next(name for name, stage in STAGES.items() if stage.holds == "packed tokens")
    while (before := conversations_into(name)) != name:
        yield before
        name = before


@lru_cache(maxsize=256)  # an artifact never changes, and a page of a running run is built again and again
def _count(artifact: Artifact, name: str, columns: tuple[str, ...]) -> dict[tuple[str, str | None, str | None], int]:
    """(source, split, augmentation) to rows, file by file; a column that a file lacks counts as null."""
    counts: dict[tuple[str, str | None, str | None], int] = {}
    for part in sorted(artifact.parquet(name).glob("*.parquet")):
        present = [c for c in columns if c in pq.read_schema(part).names]
        table: pa.Table = pq.read_table(part, columns=present).group_by(present).aggregate([([], "count_all")])
        for row in table.to_pylist():
            key = (row["source"] or "", row.get("split"), row.get("augmentation"))
            counts[key] = counts.get(key, 0) + row["count_all"]
    return counts


def _json(artifact: Artifact | None, name: str) -> Any:
    return artifact.json(name) if artifact and (artifact.path / name).is_file() else None


def _evaluation(artifact: Artifact | None, scores: dict[str, Any] | None) -> dict[str, Any] | None:
    """evaluation.json without the scores of single conversations, replies and items, for the gate only; and the
    samples."""
    if scores is None:
        return None
    return _together(scores) | {"samples": _json(artifact, "samples.json") or []}


def _together(scores: dict[str, Any]) -> dict[str, Any]:
    """The figures of a model, and of its base, less the scores of single conversations, replies and probes' items."""
    shown = {key: value for key, value in scores.items() if key != "conversations"}
    if replies := shown.get("replies"):
        shown["replies"] = {key: value for key, value in replies.items() if key != "items"}
    if probes := shown.get("probes"):
        shown["probes"] = {name: {k: v for k, v in found.items() if k != "items"} for name, found in probes.items()}
    if base := shown.get("base"):
        shown["base"] = _together(base)
    return shown


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
