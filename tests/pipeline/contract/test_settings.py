"""Settings that a stage may read outside its fingerprint leave its output as it is; those that may not, enter it."""

from pathlib import Path

import pytest

from configs.errors import UserError
from configs.load import load_profile
from pipeline.contract.run import Run


@pytest.mark.parametrize(
    ("setting", "ours"),
    [
        ("{gradient_clipping: 0.001}", r"gradient_clipping is not passed on, set train\.gradient_clipping instead"),
        ("{gradient_accumulation_steps: 1}", r"set train\.batch_tokens and launch\.micro_batch instead"),
        ("{train_batch_size: 8, fp16: {enabled: true}}", r"set train\.batch_tokens instead; fp16 .* train\.precision"),
        ("{zero_optimization: {stage: 3}}", r"zero_optimization\.stage is not passed on, set launch\.zero_stage"),
        ("{zero_optimization: true}", r"zero_optimization must be a mapping; its stage is launch\.zero_stage"),
        ("{optimizer: {type: Adam}}", r"set train\.learning_rate"),
    ],
)
def test_deepspeed_is_not_told_what_another_key_decides(setting: str, ours: str) -> None:
    with pytest.raises(UserError, match=rf"launch\.deepspeed: .*{ours}"):
        load_profile("scratch", [f"launch.deepspeed={setting}"])


def fingerprint(root: Path, stage: str, *more: str) -> str:
    data = root / "data.jsonl"
    data.write_text("{}\n")
    overrides = [f"storage.root={root}", "embed.model=any", *more]
    return Run.begin(load_profile("scratch", overrides, str(data)), "test").fingerprint(stage)


@pytest.mark.parametrize(
    ("stage", "settings"),
    [
        ("train", "launch.deepspeed={wall_clock_breakdown: true}"),
        ("train", "launch.deepspeed={comms_logger: {enabled: true}, steps_per_print: 10}"),
        ("train", "launch.log_every=7"),
        ("acquire", "spark.conf={spark.executor.memory: 16g, spark.sql.shuffle.partitions: '512'}"),
        ("promote", "tracking.experiment=another"),
    ],
)
def test_what_only_says_or_measures_or_divides_the_work_keeps_the_fingerprint(
    tmp_path: Path, stage: str, settings: str
) -> None:
    assert fingerprint(tmp_path, stage, settings) == fingerprint(tmp_path, stage, "seed=20")


@pytest.mark.parametrize(
    ("stage", "settings"),
    [
        ("train", "launch.deepspeed={zero_optimization: {reduce_scatter: false}}"),
        ("train", "launch.deepspeed={zero_optimization: {offload_optimizer: {device: cpu}}}"),
        ("train", "launch.deepspeed={a_setting_of_a_later_version: 1}"),
        ("acquire", "spark.conf={spark.sql.ansi.enabled: 'false'}"),
        ("promote", "tracking.uri=http://mlflow:5000"),
    ],
)
def test_what_may_change_the_output_changes_the_fingerprint(tmp_path: Path, stage: str, settings: str) -> None:
    assert fingerprint(tmp_path, stage, settings) != fingerprint(tmp_path, stage, "seed=20")


@pytest.mark.parametrize("divided", ["launch.ranks=1", "launch.micro_batch=2", "launch.layers=compiled"])
@pytest.mark.parametrize("dropout", ["train.dropout=0.1", "model.lora={dropout: 0.1}"])
def test_how_a_batch_is_divided_counts_where_something_is_left_out_of_it(
    tmp_path: Path, divided: str, dropout: str
) -> None:
    assert fingerprint(tmp_path, "train", divided) == fingerprint(tmp_path, "train")
    assert fingerprint(tmp_path, "train", divided, dropout) != fingerprint(tmp_path, "train", dropout)
