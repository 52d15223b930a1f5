"""The stage train with preference pairs, on two ranks."""

import json
from pathlib import Path

import pytest

from configs.errors import UserError
from configs.load import load_profile
from pipeline.contract.artifact import Artifact
from pipeline.contract.execute import execute
from pipeline.report.page import render_page
from pipeline.report.report import build_report
from tests.training.tokenised import LENGTH, begin_run
from training.job_config import check
from training.lineage import trained

PAIRS = ["train.objective=dpo", f"train.batch_tokens={8 * LENGTH}", "train.steps=8", "train.validation_every=4"]


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("raw") / "raw.jsonl"
    path.write_text("{}\n")
    return path


def test_training_tells_of_held_out_pairs_before_and_at_its_best(
    tmp_path: Path, raw: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = begin_run(tmp_path, PAIRS, raw)
    (artifact,) = execute(run, "train")
    facts = artifact.json("training.json")
    before, best = facts["preferences"]["before"], facts["preferences"]["best"]
    assert (before["preference_accuracy"], before["reward_margin"]) == (0.5, 0)
    assert best["preference_accuracy"] > 0.9
    assert best["reward_margin"] > 1
    assert facts["validation_loss"][0] == [0, before["loss"]]
    assert dict(facts["validation_loss"])[facts["best_step"]] == best["loss"]
    assert [step for step, _ in facts["preferences"]["reward_margin"]] == list(range(1, 9))
    assert lines_of(artifact, "validation_reward_margin") == [0, 4, 8]
    told = capfd.readouterr().out
    assert "train: reference, train: " in told
    assert "step 0: validation loss 0.6931, 50.0% of pairs right, reward margin 0.0000" in told
    page = render_page(build_report(run), {})
    assert "Held-out pairs before training" in page
    assert 'aria-label="Reward margin by step"' in page
    assert "loss (nats per pair)" in page
    explained = {next(trained(run, f"{number:032x}")).partition(":")[0].partition(",")[0] for number in range(200)}
    assert explained == {"learned from in epoch 1", "not reached"}  # 32 sequences, and there are more


def lines_of(artifact: Artifact, name: str) -> list[int]:
    """The steps at which metrics.jsonl has a figure."""
    lines = [json.loads(line) for line in (artifact.path / "metrics.jsonl").read_text().splitlines()]
    return [line["step"] for line in lines if name in line]


def test_too_few_pairs_are_refused_with_the_remedy(tmp_path: Path, raw: Path) -> None:
    run = begin_run(tmp_path, ["train.objective=dpo", f"train.batch_tokens={1024 * LENGTH}"], raw)
    with pytest.raises(UserError, match=r"fill \d+ sequences of 128 tokens, a batch takes 512; set train\.batch_to"):
        execute(run, "train")


def test_a_run_without_pairs_is_told_where_they_come_from(tmp_path: Path, raw: Path) -> None:
    run = begin_run(tmp_path, ["train.objective=orpo", f"train.batch_tokens={8 * LENGTH}"], raw, pairs=False)
    with pytest.raises(UserError, match=r"orpo learns from preference pairs, and there are none; give a source whose"):
        execute(run, "train")


def test_a_batch_counts_both_sides_of_its_pairs(raw: Path) -> None:
    settings = ["train.objective=dpo", "tokenise.sequence_length=64", "launch.ranks=2", "launch.micro_batch=1"]
    with pytest.raises(UserError, match=r"launch\.micro_batch × sides of a pair × .* = 2 × 1 × 2 × 64 = 256; set"):
        check(load_profile("scratch", [*settings, "train.batch_tokens=128"], str(raw)))
    check(load_profile("scratch", [*settings, "train.batch_tokens=256"], str(raw)))
