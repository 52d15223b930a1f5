"""Earlier runs under the root tell how long stages took, and what they did to data."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.flops import flops_per_token
from configs.load import load_architecture
from configs.model import Architecture
from configs.profile import Profile
from pipeline.contract.artifact import MANIFEST, SEAL
from pipeline.contract.fingerprint import file_sha256
from pipeline.contract.stage import Stage
from pipeline.contract.stages import STAGES
from pipeline.planning.estimate import estimate
from pipeline.planning.history import measurements, shape

SOURCES = {"sources": [{"name": "chats"}]}


def leave(root: Path, stage: str, name: str, rows: tuple[int, int], seconds: float, **more: Any) -> None:
    """An artifact of rows of one message of 100 bytes."""
    folder = root / "artifacts" / stage / name
    (folder / "data").mkdir(parents=True)
    messages = [[{"role": "user", "content": "x" * 100}]] * rows[1]
    pq.write_table(pa.table({"messages": messages}), folder / "data" / "part-00000.parquet")
    manifest = {
        "stage": stage,
        "version": "1",
        "inputs": more.pop("inputs", {}),
        "config": more.pop("config", {}),
        "ledger": {"rows_in": rows[0], "rows_out": rows[1], "added": {}, "dropped": {}},
        "metrics": more.pop("metrics", {}),
        "timing": {"started": more.pop("started", "2026-11-22T00:00:00+00:00"), "seconds": seconds}
        | more.pop("timing", {}),
        "files": [{"path": "data/part-00000.parquet", "bytes": 50 * rows[1]}],
    }
    (folder / MANIFEST).write_text(json.dumps(manifest))
    (folder / SEAL).write_text(f"{file_sha256(folder / MANIFEST)}  {MANIFEST}\n")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """acquire of 1,000 rows, 800 of them conversations, of which clean kept half, in 20 and 30 seconds."""
    root = tmp_path / "root"
    leave(root, "acquire", "a", (1000, 800), 20.0, config={"acquire": SOURCES})
    leave(root, "score", "s", (800, 800), 25.0, inputs={"acquire": "a"})
    leave(root, "clean", "c", (800, 400), 30.0, inputs={"score": "s"})
    return root


def test_a_stage_is_measured_in_the_text_that_went_in(root: Path) -> None:
    found = {m.stage: (m.units, m.seconds) for m in measurements(root)}
    assert found == {"acquire": (0.08, 20.0), "score": (0.08, 25.0), "clean": (0.08, 30.0)}


def test_text_is_found_however_far_above_a_stage_it_lies(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, inputs in (("topics", ("clean",)), ("trial", ("topics",))):
        monkeypatch.setitem(STAGES, name, Stage(name, entry="trial:trial", inputs=inputs))
    leave(root, "topics", "t", (400, 400), 5.0, inputs={"clean": "c"})
    leave(root, "trial", "t", (400, 400), 6.0, inputs={"topics": "t"})
    assert {m.stage: (m.units, m.seconds) for m in measurements(root)}["trial"] == (0.04, 6.0)


def test_an_artifact_whose_input_was_deleted_is_passed_over(root: Path) -> None:
    leave(root, "deduplicate", "d", (400, 300), 9.0, inputs={"clean": "gone"})
    assert "deduplicate" not in {m.stage for m in measurements(root)}


def test_an_artifact_whose_rows_are_gone_is_passed_over(root: Path) -> None:
    (root / "artifacts/score/s/data/part-00000.parquet").unlink()
    assert {m.stage for m in measurements(root)} == {"acquire", "score"}


def test_an_artifact_of_parts_that_another_run_made_is_passed_over(root: Path) -> None:
    for name, parts in (("new", {"made": 3, "taken_over": 0}), ("grown", {"made": 1, "taken_over": 50})):
        leave(root, "clean", name, (800, 400), 1.0, inputs={"score": "s"}, timing={"parts": parts})
    assert sorted(m.seconds for m in measurements(root) if m.stage == "clean") == [1.0, 30.0]


def test_a_training_that_went_on_from_a_checkpoint_measures_nothing(root: Path) -> None:
    leave(root, "train", "t", (1, 1), 10.0, inputs={"tokenise": "x"}, metrics={"seconds": 500.0})
    assert "train" not in {m.stage for m in measurements(root)}


def test_a_training_knows_its_start_from_its_steps(root: Path) -> None:
    splits = {"splits": {"validation": {"sequences": 0}}, "vocabulary": 100}
    leave(root, "tokenise", "k", (1, 1), 1.0, metrics=splits, config={"tokenise": {"sequence_length": 32}})
    config = {"model": {"name": "tiny"}, "train": {"validation_every": 10, "validation_sequences": 8}}
    metrics = {"seconds": 50.0, "steps": 5, "tokens": 1_000_000}
    leave(root, "train", "t", (1, 1), 65.0, inputs={"tokenise": "k"}, metrics=metrics, config=config)
    trained = load_architecture("tiny").model_copy(update={"hidden_size": 768, "vocab_size": 49_152})
    (root / "artifacts/train/t/model").mkdir()
    (root / "artifacts/train/t/model/config.json").write_text(trained.model_dump_json())
    whole, start = (m for m in measurements(root) if m.stage == "train")
    assert (whole.seconds, start.units, start.seconds) == (65.0, 0.0, 15.0)
    assert whole.units == pytest.approx(flops_per_token(trained, 32) * 1_000_000 / 1e12)  # not those of model.name


def test_an_evaluation_is_measured_by_the_model_it_read(root: Path) -> None:
    splits = {"splits": {"test": {"tokens": 900_000}}}
    leave(root, "tokenise", "k", (1, 1), 1.0, metrics=splits, config={"tokenise": {"sequence_length": 32}})
    leave(root, "train", "t", (1, 1), 1.0, inputs={"tokenise": "k"})
    trained = load_architecture("tiny").model_copy(update={"vocab_size": 1000})
    (root / "artifacts/train/t/model").mkdir()
    (root / "artifacts/train/t/model/config.json").write_text(trained.model_dump_json())
    config = {"evaluate": {"generations": 1000, "max_new_tokens": 100}}
    leave(root, "evaluate", "e", (1, 1), 7.0, inputs={"train": "t", "tokenise": "k"}, config=config)
    (found,) = (m for m in measurements(root) if m.stage == "evaluate")
    assert found.units == pytest.approx(flops_per_token(trained, 32) / 3 * 1_000_000 / 1e12)


def test_a_model_whose_file_has_sizes_by_other_names_is_learned_from(root: Path) -> None:
    splits = {"splits": {"validation": {"sequences": 0}}, "vocabulary": 100}
    leave(root, "tokenise", "k", (1, 1), 1.0, metrics=splits, config={"tokenise": {"sequence_length": 32}})
    config = {"model": {}, "train": {"validation_every": 10, "validation_sequences": 8}}
    metrics = {"seconds": 50.0, "steps": 5, "tokens": 1_000_000}
    leave(root, "train", "t", (1, 1), 65.0, inputs={"tokenise": "k"}, metrics=metrics, config=config)
    own = {"model_type": "gpt2", "n_embd": 64, "n_layer": 3, "n_head": 4, "n_positions": 128, "vocab_size": 100}
    (root / "artifacts/train/t/model").mkdir()
    (root / "artifacts/train/t/model/config.json").write_text(json.dumps(own | {"tie_word_embeddings": True}))
    sizes = {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 4}
    sizes |= {"head_dim": 16, "intermediate_size": 256, "max_position_embeddings": 128, "vocab_size": 100}
    whole, _ = (m for m in measurements(root) if m.stage == "train")
    assert whole.units == pytest.approx(flops_per_token(Architecture(**sizes), 32) * 1_000_000 / 1e12)


def test_shares_and_sizes_of_the_newest_run_over_the_same_sources(root: Path) -> None:
    found = shape(root, ["chats"])
    assert found is not None
    assert found.kept == {"acquire": 0.8, "clean": 0.5}
    assert found.text_a_row == {"acquire": 100, "score": 100, "clean": 100}
    assert found.stored == {"acquire": 0.5, "score": 0.5, "clean": 0.5}
    assert found.origin == "the run of 2026-11-22 over the same sources"
    assert shape(root, ["others"]) is None


def test_the_plan_uses_what_earlier_runs_took_and_says_so(root: Path, demo: Callable[..., Profile]) -> None:
    plan = estimate(demo(), root)
    assert plan["data"]["rows"]["clean"] == 250
    assert plan["calibrated"]["clean"] == "measured here, newest 2026-11-22 (an earlier run)"
    assert plan["calibrated"]["balance"].startswith("configs/rates.yaml")
    clean = next(s for s in plan["stages"] if s["stage"] == "clean")
    assert clean["seconds"] == pytest.approx(30, rel=0.05)  # 0.02 MB instead of 0.08, of a stage that is mostly start


def test_a_root_that_does_not_exist_knows_nothing(tmp_path: Path) -> None:
    assert measurements(tmp_path / "nowhere") == []
    assert shape(tmp_path / "nowhere", ["chats"]) is None
