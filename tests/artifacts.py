"""Artifacts made by hand, so that what reads them can be tested without the stages before."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.contract.artifact import Artifact, Ledger
from pipeline.contract.run import Run
from pipeline.contract.stage import config_slice
from pipeline.contract.stages import STAGES
from pipeline.contract.tokenizer import saved_tokenizer

Row = dict[str, Any]


def commit(
    run: Run,
    name: str,
    rows: int,
    fill: Callable[[Path], object] = lambda _: None,
    ledger: Ledger | None = None,
    metrics: dict[str, Any] | None = None,
) -> Artifact:
    """Commits what `fill` writes into a folder as the run's artifact of a stage that kept all of so many rows, unless
    the ledger says otherwise."""
    stage, print_ = STAGES[name], run.fingerprint(name)
    with run.store.building(name, print_, resume=False) as partial:
        fill(partial)
        manifest = {
            "stage": name,
            "version": stage.version,
            "fingerprint": print_,
            "inputs": run.input_fingerprints(name),
            "config": config_slice(stage, run.profile),
            "ledger": ledger or Ledger(rows_in=rows, rows_out=rows),
            "metrics": metrics or {},
            "timing": {"started": "2026-01-01T00:00:00+00:00", "seconds": 1.0, "peak_memory_mb": 1},
            "libraries": {},
        }
        return run.store.commit(partial, manifest)


def commit_parts(
    run: Run, name: str, parts: list[list[Row]], schema: pa.Schema, **more: tuple[list[Row], pa.Schema]
) -> Artifact:
    """The same of rows: one Parquet file a part, in data/. more: folder to rows and their schema, beside data/."""

    def fill(folder: Path) -> None:
        for number, rows in enumerate(parts):
            write(rows, schema, folder / "data", number)
        for beside, (rows, of) in more.items():
            write(rows, of, folder / beside, 0)

    def write(rows: list[Row], of: pa.Schema, folder: Path, number: int) -> None:
        folder.mkdir(exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema=of), folder / f"part-{number:05d}.parquet")

    return commit(run, name, sum(map(len, parts)), fill)


def kept(artifact: Artifact) -> dict[str, Row]:
    """row_id to row of data/."""
    return {row["row_id"]: row for row in artifact.read().to_table().to_pylist()}


def pairs(artifact: Artifact) -> dict[str, Row]:
    """pair_id to row of pairs/."""
    return {row["pair_id"]: row for row in artifact.read("pairs").to_table().to_pylist()}


def dropped_pairs(artifact: Artifact) -> dict[str, tuple[str, dict[str, Any]]]:
    """pair_id to (rule, evidence) of dropped_pairs/."""
    rows = artifact.read("dropped_pairs").to_table().to_pylist()
    return {row["pair_id"]: (row["rule"], json.loads(row["evidence"])) for row in rows}


def dropped(artifact: Artifact) -> dict[str, tuple[str, dict[str, Any]]]:
    """row_id to (rule, evidence) of dropped/."""
    rows = artifact.read("dropped").to_table().to_pylist()
    return {row["row_id"]: (row["rule"], json.loads(row["evidence"])) for row in rows}


def files_with(root: Path, word: str) -> list[str]:
    """Files under a root whose bytes, Parquet values or packed tokens hold a word."""
    found = []
    for path in (p for p in root.rglob("*") if p.is_file() and not p.is_symlink()):
        held = word.encode() in path.read_bytes()
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            held |= word in json.dumps(table.to_pylist(), default=str)
            if "input_ids" in table.column_names:
                tokenizer = saved_tokenizer(path.parents[2] / "tokenizer")
                held |= any(word in tokenizer.decode(ids) for ids in table["input_ids"].to_pylist())
        if held:
            found.append(path.relative_to(root).as_posix())
    return found
