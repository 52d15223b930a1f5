"""Hand-made input artifacts, so that one stage can be run without those before it."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from configs.load import load_profile
from pipeline.contract.artifact import Artifact
from pipeline.contract.run import Run
from tests.artifacts import commit_parts

MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
STRINGS = ("row_id", "source", "split", "language", "cluster")
DEDUPLICATED = pa.schema([*((name, pa.string()) for name in STRINGS), ("messages", MESSAGES)])
BALANCED = pa.schema([*DEDUPLICATED, *((name, pa.string()) for name in ("topic", "augmentation", "parent"))])


def conversation(*turns: str, source: str = "hand", **more: Any) -> dict[str, Any]:
    """A row of deduplicate; its row_id follows from its turns."""
    row_id = hashlib.md5("\n".join(turns).encode()).hexdigest()
    messages = [{"role": ("user", "assistant")[i % 2], "content": turn} for i, turn in enumerate(turns)]
    row = {"row_id": row_id, "source": source, "split": "train", "language": "en", "cluster": row_id}
    return {**row, "messages": messages, **more}


@pytest.fixture
def begin(tmp_path: Path) -> Callable[..., Run]:
    """begin(*overrides, name="root") starts a run of the demo profile under tmp_path/name, without Spark."""

    def start(*overrides: str, name: str = "root") -> Run:
        settings = [f"storage.root={tmp_path / name}", "spark.master=local[2]", *overrides]
        return Run.begin(load_profile("scratch", settings), "test")

    return start


@pytest.fixture
def commit() -> Callable[..., Artifact]:
    """commit(run, stage, rows, schema, files=2) commits an artifact whose data/ holds the rows, as its stage would."""

    def store(run: Run, stage: str, rows: list[dict[str, Any]], schema: pa.Schema, files: int = 2) -> Artifact:
        parts: list[list[dict[str, Any]]] = [[] for _ in range(files)]
        for row in sorted(rows, key=lambda row: row["row_id"]):
            parts[int(row["row_id"][:8], 16) % files].append(row)
        return commit_parts(run, stage, parts, schema)

    return store


@pytest.fixture
def deduplicated(commit: Callable[..., Artifact]) -> Callable[..., Artifact]:
    """deduplicated(run, conversations, files=2) commits an artifact of deduplicate, and clean's, of which it drops
    nothing."""

    def both(run: Run, rows: list[dict[str, Any]], files: int = 2) -> Artifact:
        commit(run, "clean", rows, DEDUPLICATED, files)
        return commit(run, "deduplicate", rows, DEDUPLICATED, files)

    return both


@pytest.fixture
def balanced(commit: Callable[..., Artifact]) -> Callable[..., Artifact]:
    """balanced(run, conversations) commits an artifact of balance."""
    return lambda run, rows: commit(run, "balance", [{"topic": "small talk", **row} for row in rows], BALANCED)


@pytest.fixture
def talk() -> Callable[..., dict[str, Any]]:
    """talk("turn", "turn", …, source=…) is a row of deduplicate."""
    return conversation
