"""The whole pipeline under Airflow, from conversations that a package carries to a promoted model."""

import json
import os
import re
import shutil
import stat
from pathlib import Path

import pytest

from pipeline.contract.artifact import ArtifactStore
from pipeline.contract.run import Run
from pipeline.contract.stages import STAGES
from tests.end_to_end.conftest import PLANTED, SMALL, Small, demonstrate, parlance
from training.order import global_batch


def test_the_run_makes_every_artifact_and_its_report_has_what_users_read(demo: Small) -> None:
    report = demo.report
    assert [s["name"] for s in report["stages"]] == list(STAGES)
    for stage in report["stages"]:
        assert stage["rows_in"] + sum(stage["added"].values()) == stage["rows_out"] + sum(stage["dropped"].values())
    assert report["training"]["ranks"] == 2
    assert report["training"]["steps"] == 24
    assert report["training"]["train_loss"][-1][1] < report["training"]["train_loss"][0][1]
    assert report["evaluation"]["perplexity"] > 1
    assert report["evaluation"]["bleu"]["signature"].startswith("nrefs:1")
    assert report["evaluation"]["samples"]
    assert set(report["evaluation"]["rouge"]) >= {"rouge1", "rouge2", "rougeL", "rougeLsum"}
    assert report["vectors"]["points"] > 0
    assert report["promotion"]["decision"] == "promoted"


def test_the_run_was_planned_and_the_next_plan_knows_what_it_took(demo: Small) -> None:
    compared = demo.report["plan"]
    assert [row["stage"] for row in compared["stages"]] == list(STAGES)
    assert all(row["real"] is not None for row in compared["stages"])
    assert [row["stage"] for row in compared["stages"] if not row["planned"] > 0] == [
        "generate",
        "base",
    ]  # there are none
    overrides = [part for setting in SMALL for part in ("-o", setting)]
    again = parlance(demo.root, "plan", "--profile", "scratch", "--json", *overrides)
    assert again.status == 0, again.output
    plan = json.loads(again.output)
    assert all(
        s["origin"].startswith("measured here") for s in plan["stages"] if s["stage"] not in ("generate", "base")
    )
    assert plan["data"]["origin"]["shares"].endswith("over the same sources")


def test_the_second_run_finds_every_artifact(demo: Small) -> None:
    again = demonstrate(demo.root)
    assert again.status == 0, again.output
    assert [s["name"] for s in again.report["stages"] if not s["cached"]] == []


def test_every_file_is_as_its_manifest_says_and_a_flipped_byte_is_named(demo: Small, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(demo.root / "artifacts", root / "artifacts")
    sound = parlance(root, "verify")
    assert sound.status == 0, sound.output
    victim = next((root / "artifacts" / "clean").glob("*/data/*.parquet"))
    victim.write_bytes(victim.read_bytes()[:-1] + b"?")
    damaged = parlance(root, "verify")
    assert damaged.status == 1
    assert f"{victim}: contents changed" in damaged.output


def test_nothing_that_a_run_leaves_or_says_holds_a_credential(demo: Small) -> None:
    files = [Path(folder, name) for folder, _, names in os.walk(demo.root) for name in names]
    texts = {file: file.read_bytes() for file in files if file.is_file() and not file.is_symlink()}
    found = {word: {f.name for f, text in texts.items() if word in text} for word in set(planted())}
    assert {"profile.json", "report.json", "report.html", "plan.json"} <= found.pop(b"Zebra01Quagga")
    assert len(found) == 13
    assert {name for names in found.values() for name in names} == {"credentials.json"}
    assert [word for word in found if word.decode() in demo.output] == []
    [apart] = [file for file in files if file.name == "credentials.json"]
    assert stat.S_IMODE(apart.stat().st_mode) == 0o600
    assert Run(apart.parent).profile.spark.conf == PLANTED["spark"]["conf"]  # type: ignore[index]


def planted() -> list[bytes]:
    return re.findall(rb"Zebra\d\dQuagga", json.dumps(PLANTED).encode())


def test_a_dropped_and_a_kept_row_tell_their_story(demo: Small) -> None:
    run = Run.open(demo.root)
    dropped = run.artifact("deduplicate").read("dropped").head(1).to_pylist()[0]
    story = parlance(demo.root, "explain", dropped["row_id"])
    assert story.status == 0, story.output
    assert f"deduplicate: dropped by rule {dropped['rule']}" in story.output
    rows = run.artifact("balance").read().to_table(columns=["row_id", "split"]).to_pylist()
    kept = next(r["row_id"] for r in rows if r["split"] == "train")
    story = parlance(demo.root, "explain", kept)
    assert "acquire: read from source" in story.output
    assert "tokenise: packed into train sequence" in story.output


def test_a_row_tells_in_which_step_it_was_learned_or_that_training_ended_before_its_turn(demo: Small) -> None:
    run = Run.open(demo.root)
    sequences = run.artifact("tokenise").read("packed/train").to_table()["row_ids"].to_pylist()
    steps = {row: set[int]() for row_ids in sequences for row in row_ids}
    for step in range(1, 24 + 1):
        for number in global_batch(step, 1024 // 128, len(sequences), run.profile.seed):
            for row in sequences[number]:
                steps[row].add(step)
    at_once = next(row for row, held in steps.items() if len(held) == 1)
    never = next(row for row, held in steps.items() if not held)
    words = f"train: learned from in epoch 1, step {min(steps[at_once])} of 24"
    assert words in parlance(demo.root, "explain", at_once).output
    words = "train: not reached: 24 steps of 8 sequences ended before its turn"
    assert words in parlance(demo.root, "explain", never).output


def test_the_index_finds_conversations_by_meaning(demo: Small) -> None:
    found = parlance(demo.root, "search", "do you like music?", "--limit", "3")
    assert found.status == 0, found.output
    assert len(found.output.strip().splitlines()) == 3
    assert parlance(demo.root, "verify").status == 0  # searching changed nothing


def test_the_champion_answers(demo: Small) -> None:
    reply = parlance(demo.root, "chat", "--say", "Hello!", "--max-new-tokens", "8", "--temperature", "5")
    assert reply.status == 0, reply.output
    assert reply.output.strip()


@pytest.mark.parametrize("name", [n for n in STAGES if n not in ("generate", "index", "train", "evaluate", "promote")])
def test_another_root_gives_the_same_bytes_in_every_data_artifact(demo: Small, interrupted: Small, name: str) -> None:
    def files(root: Path) -> list[tuple[str, str]]:
        return [
            (f["path"], f["sha256"])
            for artifact in ArtifactStore(root).all()
            if artifact.manifest["stage"] == name
            for f in artifact.manifest["files"]
        ]

    assert files(demo.root) == files(interrupted.root) != []
