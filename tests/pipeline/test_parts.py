"""A corpus that changes week by week: what is taken over of the week before is, byte for byte, what a run from nothing
makes, and only what is new is made."""

import json
import shutil
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from benchmarks.corpus import exchanges
from configs.acquire import Source
from pipeline.acquire import slices
from pipeline.contract.execute import execute
from pipeline.contract.run import Run
from pipeline.contract.stages import stages_of

TASKS = ("acquire", "clean", "deduplicate")
BY_PART = ("acquire", "score", "clean")
NOT_COMPARED = {"shuffle_bytes_a_row"}
ROWS = 60

Files = dict[str, list[tuple[str, str]]]


@pytest.fixture(autouse=True)
def _small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "LEAST_BYTES", 2000)


@pytest.fixture(scope="module")
def said() -> list[list[tuple[str, str]]]:
    """Files' worth of real exchanges."""
    found = exchanges(Source(name="chitchat", package="chitchat-dataset"))
    return [list(islice(found, ROWS)) for _ in range(8)]


@pytest.fixture
def begin(make_run: Callable[..., Run], tmp_path: Path) -> Callable[..., Run]:
    """begin(files, root, run) begins a run on a folder that holds these files."""

    def make(files: Files, root: str, run_id: str) -> Run:
        folder = tmp_path / "conversations"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, rows in files.items():
            lines = [json.dumps({"prompt": prompt, "response": reply}) + "\n" for prompt, reply in rows]
            (folder / name).write_text("".join(lines))
        settings = [f"storage.root={tmp_path / root}", "deduplicate.test_share=0.1", "deduplicate.validation_share=0.1"]
        return make_run(data=folder, overrides=settings, run_id=run_id)

    return make


def left(run: Run) -> dict[str, Any]:
    """What the stages of a run left, as far as it must not depend on what was there before."""
    found = {}
    for name in (stage.name for task in TASKS for stage in stages_of(task)):
        artifact = run.artifact(name)
        assert artifact.damage() == []
        manifest = artifact.manifest
        metrics = {k: v for k, v in manifest["metrics"].items() if k not in NOT_COMPARED}
        found[name] = [manifest["fingerprint"], manifest["files"], manifest["ledger"], metrics]
    return found


def done(run: Run) -> Run:
    for task in TASKS:
        execute(run, task)
    return run


def parts(root: Path) -> dict[str, int]:
    return {name: len(list((root / "parts" / name).glob("[!.]*"))) for name in BY_PART}


def weeks(said: list[list[tuple[str, str]]]) -> Iterator[tuple[str, Files, int]]:
    """What happens, the files after it, and how many parts a stage makes for it."""
    files: Files = {f"{number}.jsonl": rows for number, rows in enumerate(said[:5])}
    yield "begins", dict(files), 5
    yield "grows", dict(files := {**files, "5.jsonl": said[5]}), 1
    yield "grows before others", dict(files := {"0a.jsonl": said[6], **files}), 1
    yield "a file is replaced", dict(files := {**files, "2.jsonl": said[7]}), 1
    yield "a file is removed", dict(files := {k: v for k, v in files.items() if k != "1.jsonl"}), 0
    yield "a file is renamed", {("renamed.jsonl" if k == "3.jsonl" else k): v for k, v in files.items()}, 1


def test_a_run_on_what_has_changed_is_a_run_from_nothing(
    begin: Callable[..., Run], said: list[list[tuple[str, str]]], tmp_path: Path
) -> None:
    before = dict.fromkeys(BY_PART, 0)
    for number, (what, files, new) in enumerate(weeks(said)):
        grown = left(done(begin(files, "root", f"week-{number}")))
        assert parts(tmp_path / "root") == {name: count + new for name, count in before.items()}, what
        before = parts(tmp_path / "root")
        assert grown == left(done(begin(files, f"from-nothing-{number}", "first"))), what
