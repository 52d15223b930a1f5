"""The stage contract: fingerprint, cache, commit, ledger, damage."""

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.errors import UserError
from configs.load import load_profile
from configs.profile import Profile
from pipeline.contract.artifact import Artifact
from pipeline.contract.execute import StageContext, run_stage
from pipeline.contract.fingerprint import FileHashes, fingerprint
from pipeline.contract.run import Run
from pipeline.contract.stage import Stage, config_slice
from pipeline.contract.stages import STAGES, TASKS

CALLS: list[str] = []


def three_rows_one_dropped(context: StageContext) -> None:
    CALLS.append(context.stage.name)
    _write(context.out / "data", ["a", "b"])
    _write(context.out / "dropped", ["c"])
    context.ledger.rows_in, context.ledger.rows_out = 3, 2
    context.ledger.dropped = {"too_short": 1}


def loses_a_row(context: StageContext) -> None:
    _write(context.out / "data", ["a", "b"])
    context.ledger.rows_in, context.ledger.rows_out = 3, 2


def miscounts_what_lies_there(context: StageContext) -> None:
    _write(context.out / "data", ["a", "b"])
    context.ledger.rows_in = context.ledger.rows_out = 3


def writes_then_sleeps(context: StageContext) -> None:
    _write(context.out / "data", ["half"])
    if not (context.run.folder / "second").exists():
        (context.run.folder / "second").touch()
        time.sleep(60)
    context.ledger.rows_in = context.ledger.rows_out = 1


def _write(folder: Path, rows: list[str]) -> None:
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.table({"row_id": rows}), folder / "part-00000.parquet")


def test_an_artifact_that_exists_is_found_and_not_made_again(run: Run, declare: Callable[..., Stage]) -> None:
    stage = declare(three_rows_one_dropped)
    CALLS.clear()
    first, second = run_stage(stage, run), run_stage(stage, run)
    assert first.path == second.path
    assert CALLS == ["trial"]
    assert run.outcomes()["trial"]["cached"] is False  # it was this run that made it


def test_the_manifest_says_what_was_made_of_what(run: Run, declare: Callable[..., Stage]) -> None:
    manifest = run_stage(declare(three_rows_one_dropped, config=("seed",)), run).manifest
    assert manifest["ledger"] == {"rows_in": 3, "rows_out": 2, "added": {}, "dropped": {"too_short": 1}}
    assert manifest["config"] == {"seed": 20}
    assert [f["path"] for f in manifest["files"]] == ["data/part-00000.parquet", "dropped/part-00000.parquet"]
    assert manifest["fingerprint"] == fingerprint("trial", "1", {"seed": 20}, {})


@pytest.mark.parametrize("function", [loses_a_row, miscounts_what_lies_there])
def test_a_stage_that_loses_a_row_fails_and_leaves_no_artifact(
    run: Run, declare: Callable[..., Stage], function: Callable[[StageContext], None]
) -> None:
    stage = declare(function)
    with pytest.raises(AssertionError, match="ledger"):
        run_stage(stage, run)
    assert run.find("trial") is None


def test_a_changed_setting_changes_only_the_fingerprints_that_depend_on_it(run: Run, tmp_path: Path) -> None:
    data, root = str(tmp_path / "chat.jsonl"), f"storage.root={tmp_path / 'root'}"
    other = Run.begin(
        load_profile("scratch", [root, "train.steps=77", "launch.ranks=1", "spark.master=local[1]"], data), "2"
    )
    changed = {name for name in STAGES if run.fingerprint(name) != other.fingerprint(name)}
    assert changed == {"train", "evaluate", "promote"}


def test_weights_of_sources_change_training_alone_and_having_any_also_how_it_is_packed(tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.jsonl" for name in ("a", "b")]
    for file in files:
        file.write_text("{}\n")

    def prints(name: str, *weights: float | None) -> dict[str, str]:
        given = [{} if weight is None else {"weight": weight} for weight in weights]
        sources = [{"name": f.stem, "path": str(f), **more} for f, more in zip(files, given, strict=True)]
        settings = [f"storage.root={tmp_path / 'root'}", f"acquire.sources={json.dumps(sources)}"]
        found = Run.begin(load_profile("scratch", settings), name)
        return {stage: found.fingerprint(stage) for stage in STAGES}

    plain, even, uneven = prints("plain", None, None), prints("even", 1, None), prints("uneven", 3, 1)
    after = {"train", "evaluate", "promote"}
    assert {stage for stage in STAGES if even[stage] != uneven[stage]} == after
    assert {stage for stage in STAGES if plain[stage] != even[stage]} == {"tokenise", "base"} | after


def test_a_changed_byte_of_a_source_changes_every_later_fingerprint_and_its_path_none(run: Run, tmp_path: Path) -> None:
    root = f"storage.root={tmp_path / 'root'}"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "chat.jsonl").write_text("{}\n")
    moved = Run.begin(load_profile("scratch", [root], str(elsewhere / "chat.jsonl")), "moved")
    assert moved.fingerprint("promote") == run.fingerprint("promote")
    (elsewhere / "chat.jsonl").write_text("{ }\n")
    edited = Run.begin(load_profile("scratch", [root], str(elsewhere / "chat.jsonl")), "edited")
    same = {name for name in STAGES if edited.fingerprint(name) == run.fingerprint(name)}
    assert same == {"sentiment"}, "its model is learned from labelled texts, whatever the corpus is"


def test_every_changed_missing_or_added_file_is_named(run: Run, declare: Callable[..., Stage]) -> None:
    artifact = run_stage(declare(three_rows_one_dropped), run)
    assert artifact.damage() == []
    for file in sorted(p for p in artifact.path.rglob("*") if p.is_file()):
        sound = file.read_bytes()
        for position in (0, len(sound) // 2, len(sound) - 1):
            file.write_bytes(sound[:position] + bytes([sound[position] ^ 1]) + sound[position + 1 :])
            assert any(artifact.path.name in line for line in Artifact(artifact.path).damage()), (file, position)
        file.write_bytes(sound)
    (artifact.path / "stray").touch()
    assert Artifact(artifact.path).damage() == [f"{artifact.path / 'stray'}: not in the manifest"]
    (artifact.path / "stray").unlink()
    (artifact.path / "data" / "part-00000.parquet").unlink()
    assert Artifact(artifact.path).damage() == [f"{artifact.path / 'data' / 'part-00000.parquet'}: missing"]


def _visit(folder: Path) -> None:
    stage = Stage("trial", entry=f"{__name__}:writes_then_sleeps")
    STAGES["trial"] = stage
    run_stage(stage, Run(folder))


def test_a_killed_stage_leaves_nothing_that_is_read_and_the_next_attempt_finishes(
    run: Run, declare: Callable[..., Stage]
) -> None:
    stage = declare(writes_then_sleeps)
    process = multiprocessing.get_context("fork").Process(target=_visit, args=(run.folder,))
    process.start()
    while not (run.folder / "second").exists():
        time.sleep(0.02)
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert run.find("trial") is None
    assert run_stage(stage, run).damage() == []


def test_two_processes_that_race_for_one_artifact_end_with_one_whole(run: Run, declare: Callable[..., Stage]) -> None:
    declare(writes_then_sleeps)
    (run.folder / "second").touch()
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_visit, args=(run.folder,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [p.exitcode for p in processes] == [0, 0, 0, 0]
    artifact = run.find("trial")
    assert artifact is not None
    assert artifact.damage() == []
    assert [p.name for p in artifact.path.parent.iterdir() if p.suffix == ".partial"] == []


def test_the_dag_has_the_twelve_tasks_of_the_design_and_the_generator_in_order() -> None:
    assert TASKS == (
        "acquire",
        "clean",
        "deduplicate",
        "embed",
        "sentiment",
        "audit",
        "review",
        "generate",
        "balance",
        "index",
        "tokenise",
        "train",
        "evaluate",
        "promote",
    )


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_every_declared_stage_has_its_function_and_reads_earlier_stages_only(stage: Stage) -> None:
    assert callable(stage.load())
    before = list(STAGES)[: list(STAGES).index(stage.name)]
    assert set(stage.inputs) <= set(before)


def refuses(profile: Profile) -> None:
    raise UserError(f"seed: {profile.seed} is not lucky")


def names_its_seed(profile: Profile, hashes: FileHashes) -> dict[str, str]:  # noqa: ARG001
    return {"seed": str(profile.seed)}


def test_a_stage_refuses_a_profile_when_its_check_does(run: Run) -> None:
    with pytest.raises(UserError, match="seed: 20 is not lucky"):
        Stage("trial", entry="", check=f"{__name__}:refuses").refuse(run.profile)
    Stage("trial", entry="").refuse(run.profile)


def test_a_stage_without_raw_inputs_has_none(run: Run) -> None:
    assert Stage("trial", entry="", raw=f"{__name__}:names_its_seed").raw_inputs(run.profile, run.file_hashes) == {
        "seed": "20"
    }
    assert Stage("trial", entry="").raw_inputs(run.profile, run.file_hashes) == {}


def test_a_stage_is_its_own_task_unless_another_is_named() -> None:
    assert Stage("trial", entry="").task == "trial"
    assert Stage("trial", entry="", task="group").task == "group"


def test_what_decides_an_output_is_plain_values_without_the_places_of_sources(run: Run) -> None:
    values = config_slice(Stage("trial", entry="", config=("seed", "acquire", "embed.model")), run.profile)
    assert values == json.loads(json.dumps(values))
    assert list(values) == ["seed", "acquire", "embed.model"]
    (source,) = values["acquire"]["sources"]
    assert source["name"] == "chat"
    assert "path" not in source
