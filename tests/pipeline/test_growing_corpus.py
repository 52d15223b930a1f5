"""A corpus that changes week by week: what is taken over of the week before is, byte for byte, what a run from nothing
makes, and only what is new is made."""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

from benchmarks.corpus import exchanges
from configs.acquire import Source
from pipeline.acquire.slices import LEAST_BYTES
from pipeline.cli import main
from pipeline.contract.artifact import ArtifactStore
from pipeline.contract.execute import execute
from pipeline.contract.fingerprint import file_sha256
from pipeline.contract.parts import PartStore
from pipeline.contract.run import Run
from pipeline.contract.stages import stages_of
from pipeline.report.explain import explain
from pipeline.rows.bans import Bans
from serving.erasure.erase import erase
from tests.artifacts import files_with
from tests.kills import killed_and_run_again

TASKS = ("acquire", "clean", "deduplicate", "embed")
SOME = TASKS[:2]
WITH_AUDIT = (*TASKS, "sentiment", "audit")
BY_PART = ("acquire", "score", "clean")
NOT_COMPARED = {"shuffle_bytes_a_row"}
ROWS = 60
PADDING = " " * (LEAST_BYTES // ROWS)
"""So that each file is a slice of its own."""

WORD = "zyzzyva"
ASKED = f"What does a {WORD} eat when the winter comes to the valley?"

Files = dict[str, list[tuple[str, ...]]]
"""Name to rows: (prompt, reply), or (prompt, reply, user)."""


@pytest.fixture(scope="module")
def said() -> list[list[tuple[str, ...]]]:
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
            names = ("prompt", "response", "user_id")
            lines = [json.dumps(dict(zip(names, row, strict=False))) + PADDING for row in rows]
            (folder / name).write_text("\n".join(lines))
        settings = [f"storage.root={tmp_path / root}", "deduplicate.test_share=0.1", "deduplicate.validation_share=0.1"]
        return make_run(data=folder, overrides=settings, run_id=run_id)

    return make


def left(run: Run, tasks: tuple[str, ...] = TASKS) -> dict[str, Any]:
    """What the stages of a run left, as far as it must not depend on what was there before."""
    found = {}
    for name in (stage.name for task in tasks for stage in stages_of(task)):
        artifact = run.artifact(name)
        assert artifact.damage() == []
        manifest = artifact.manifest
        metrics = {k: v for k, v in manifest["metrics"].items() if k not in NOT_COMPARED}
        found[name] = [manifest["fingerprint"], manifest["files"], manifest["ledger"], metrics]
    return found


def splits(run: Run) -> dict[str, str]:
    table = run.artifact("deduplicate").read().to_table(columns=["row_id", "split"])
    return dict(zip(*(column.to_pylist() for column in table.columns), strict=True))


def done(run: Run, tasks: tuple[str, ...] = TASKS) -> Run:
    for task in tasks:
        execute(run, task)
    return run


def parts(root: Path) -> dict[str, int]:
    return {name: len(list((root / "parts" / name).glob("[!.]*"))) for name in BY_PART}


def weeks(said: list[list[tuple[str, ...]]]) -> Iterator[tuple[str, Files, int, tuple[str, ...]]]:
    """What happens, the files after it, how many parts a stage makes for it, and which tasks are run."""
    files: Files = {f"{number}.jsonl": rows for number, rows in enumerate(said[:5])}
    yield "begins", dict(files), 5, TASKS
    yield "grows", dict(files := {**files, "5.jsonl": said[5]}), 1, SOME
    yield "grows before others", dict(files := {"0a.jsonl": said[6], **files}), 1, SOME
    yield "a file is replaced", dict(files := {**files, "2.jsonl": said[7]}), 1, SOME
    yield "a file is removed", dict(files := {k: v for k, v in files.items() if k != "1.jsonl"}), 0, SOME
    yield "a file is renamed", {("renamed.jsonl" if k == "3.jsonl" else k): v for k, v in files.items()}, 1, TASKS


def test_a_conversation_does_not_leave_the_test_split_because_others_came(
    begin: Callable[..., Run], said: list[list[tuple[str, ...]]]
) -> None:
    """Others that are new, that give other answers to the same prompts, and that repeat what is there."""
    files: Files = {f"{number}.jsonl": rows for number, rows in enumerate(said[:4])}
    before = splits(done(begin(files, "root", "before"), TASKS[:3]))
    answers = [(prompt, reply) for (prompt, _), (_, reply) in zip(said[0], reversed(said[1]), strict=True)]
    grown = {**files, "5.jsonl": said[5], "6.jsonl": answers, "7.jsonl": said[2][:20]}
    after = splits(done(begin(grown, "root", "after"), TASKS[:3]))
    stayed = before.keys() & after.keys()
    held_out = {row for row in stayed if before[row] != "train"}
    assert len(held_out) > 20
    assert {row for row in held_out if after[row] == "train"} == set()


def test_a_run_on_what_has_changed_is_a_run_from_nothing(
    begin: Callable[..., Run], said: list[list[tuple[str, ...]]], tmp_path: Path
) -> None:
    before = dict.fromkeys(BY_PART, 0)
    for number, (what, files, new, tasks) in enumerate(weeks(said)):
        grown = done(begin(files, "root", f"week-{number}"), tasks)
        assert parts(tmp_path / "root") == {name: count + new for name, count in before.items()}, what
        before = parts(tmp_path / "root")
        if number:
            assert left(grown, tasks) == left(done(begin(files, f"from-nothing-{number}", "first"), tasks), tasks), what
    assert main(["verify", "--root", str(tmp_path / "root")]) == 0
    made_of = [part for part in grown.artifact("deduplicate").made_of if "keys.parquet" in part.digests]
    keys = Counter(part.manifest["made"]["run"] for part in made_of)
    assert keys == {"week-0": 2, "week-5": 4}, "of two files nothing has changed"
    table = grown.artifact("acquire").read().to_table(filter=pc.field("origin", "file") == "0.jsonl")
    story = explain(grown, table["row_id"][0].as_py())
    assert {"acquire", "score", "clean"} <= {line.split(":")[0].strip() for line in story if "from run week-0" in line}


def test_a_killed_run_on_what_has_changed_is_a_run_from_nothing(
    begin: Callable[..., Run], said: list[list[tuple[str, ...]]]
) -> None:
    files: Files = {f"{number}.jsonl": rows for number, rows in enumerate(said[:3])}
    done(begin(files, "root", "before"))
    run = begin({**files, "3.jsonl": said[3]}, "root", "after")
    for task, trials in killed_and_run_again(run, acquire=1, clean=2, deduplicate=1, embed=1).items():
        assert trials["differing"] == [], task
    assert left(run) == left(done(begin({**files, "3.jsonl": said[3]}, "from-nothing", "first")))


def test_who_was_erased_does_not_come_back_from_a_part(
    begin: Callable[..., Run], said: list[list[tuple[str, ...]]], tmp_path: Path
) -> None:
    """Ada is in two files, of which one is in parts only; what she said stands in a third without a name."""
    root, hers = tmp_path / "root", (ASKED, f"A {WORD} eats palms.")
    files: Files = {"bob.jsonl": [(*row, "bob") for row in said[0]], "ada.jsonl": [*said[1], (*hers, "ada")]}
    done(begin(files, "root", "before"), SOME)
    files |= {"nobody.jsonl": [*said[2], hers], "more.jsonl": [*said[3], (f"{ASKED} And why?", "Palms.", "ada")]}
    lost = done(begin(files, "root", "lost"), WITH_AUDIT)
    for name in (stage.name for task in WITH_AUDIT for stage in stages_of(task)):
        shutil.rmtree(lost.artifact(name).path)
    assert len(files_with(root, WORD)) > 3 * 5

    certificate, remaining = erase(lost.profile, root, "ada")

    assert (remaining, files_with(root, WORD)) == ([], [])
    deleted = Counter(part["stage"] for part in json.loads(certificate.read_text())["statement"]["parts_deleted"])
    assert {deleted[name] for name in BY_PART} == {3}
    assert min(deleted[name] for name in ("deduplicate", "embed", "annotate")) >= 2
    assert [line for part in PartStore(root).all() for line in part.damage()] == []
    assert [line for artifact in ArtifactStore(root).all() for line in artifact.damage()] == []

    after = done(begin(files, "root", "after"), WITH_AUDIT)
    for name in ("acquire", "annotate"):
        assert after.artifact(name).manifest["timing"]["parts"] == {"made": 3, "taken_over": 1}
    assert after.artifact("acquire").ledger.dropped == {"erased": 3}
    assert files_with(root, WORD) == []
    shutil.copytree(root / "erasures", tmp_path / "from-nothing" / "erasures")
    assert left(after, WITH_AUDIT) == left(done(begin(files, "from-nothing", "first"), WITH_AUDIT), WITH_AUDIT)


def test_a_part_that_an_interrupted_erasure_left_is_not_used(
    begin: Callable[..., Run], said: list[list[tuple[str, ...]]], tmp_path: Path
) -> None:
    """The ban is written first: from then on, nothing that was read before counts."""
    files: Files = {"bob.jsonl": said[0], "ada.jsonl": [*said[1], (ASKED, "Palms.", "ada")]}
    run = done(begin(files, "root", "before"), SOME)
    Bans().adding("ada", [], [file_sha256(tmp_path / "conversations" / "ada.jsonl")]).write(tmp_path / "root")
    again = done(begin(files, "root", "after"), SOME)
    assert again.artifact("acquire").manifest["timing"]["parts"] == {"made": 1, "taken_over": 1}
    for name in BY_PART:
        assert again.artifact(name).path != run.artifact(name).path
        assert WORD not in json.dumps(again.artifact(name).read().to_table(columns=["messages"]).to_pylist())
