"""The honest estimate of training, and what it refuses."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from configs.errors import UserError
from configs.profile import Profile
from pipeline.planning.estimate import estimate

Make = Callable[..., Profile]


@pytest.fixture
def plan(cluster: Make, tmp_path: Path) -> Callable[..., dict]:
    return lambda *overrides: estimate(cluster(*overrides), tmp_path / "root")


def test_time_is_flop_over_peak_times_utilisation_times_scaling_times_gpus(plan: Callable[..., dict]) -> None:
    honest = plan("plan.assumptions.mfu=0.5", "plan.assumptions.scaling=0.9")["honest"]
    tokens = 12_000 * 2_097_152
    flop = 6 * 3_212_749_824 + 12 * 28 * 3072 * 4096
    assert honest["tokens"] == tokens
    assert honest["flops_a_token"] == flop
    assert honest["compute"] == pytest.approx(tokens * flop / (32 * 312e12 * 0.5 * 0.9))
    assert honest["efficiency"] == pytest.approx(0.45)


def test_a_gpu_that_was_not_measured_says_so_unless_the_profile_gives_its_rate(plan: Callable[..., dict]) -> None:
    assert any("A100-80GB was not measured" in w for w in plan()["warnings"])
    assert not any("was not measured" in w for w in plan("plan.assumptions.mfu=0.5")["warnings"])
    assert not any("was not measured" in w for w in plan("plan.hardware.gpu=H200-141GB")["warnings"])


def test_interruptions_cost_half_an_interval_and_a_restart_each(plan: Callable[..., dict]) -> None:
    settings = ("plan.assumptions.failures_a_gpu_day=0.01", "plan.assumptions.restart_minutes=30")
    honest = plan(*settings)["honest"]
    work = honest["compute"] + honest["validation"] + honest["checkpoints"]
    between = 86_400 / (0.01 * 32)
    lost = 500 * work / 12_000 / 2 + 1800
    assert honest["interruptions"] == pytest.approx((work + honest["failures"]) / between)
    assert honest["failures"] == pytest.approx(honest["interruptions"] * lost)
    each = 2 * honest["checkpoint_bytes"] / (1e9 * 4)
    assert honest["best_checkpoint_steps"] == round(math.sqrt(2 * each * between) / (work / 12_000))


def test_nothing_is_lost_where_nothing_fails(plan: Callable[..., dict]) -> None:
    assert plan("plan.assumptions.failures_a_gpu_day=0")["honest"]["failures"] == 0


def test_more_than_four_epochs_are_warned_about_with_the_figure(plan: Callable[..., dict]) -> None:
    [book] = [w for w in plan()["warnings"] if w.startswith("plan.textbook.epochs")]
    assert "asks for 1,000 epochs" in book
    assert "250 times the time" in book
    assert not any(w.startswith("train.steps") for w in plan()["warnings"])
    assert any(w.startswith("train.steps asks for") for w in plan("train.steps=100000")["warnings"])


def test_a_micro_batch_that_does_not_fit_is_warned_about_with_what_does(plan: Callable[..., dict]) -> None:
    found = plan("plan.hardware.gpu=A100-40GB")
    [warning] = [w for w in found["warnings"] if w.startswith("launch.micro_batch")]
    largest = next(m["largest"] for m in found["memory"] if m["chosen"])
    assert f"do not fit A100-40GB; the largest that does at ZeRO stage 1 is {largest}" in warning


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("plan.hardware.gpu=A100", r"plan\.hardware\.gpu: 'A100' is not a known GPU; did you mean A100-80GB\?"),
        ("plan.hardware.gpu=", r"plan\.hardware\.gpu: missing, and plan\.hardware\.gpus is set"),
        ("plan.hardware.gpus=1024", r"plan\.hardware\.gpus: 1024 ranks for a batch of 512 sequences"),
        ("plan.rows.count=400", r"plan\.hardware\.machines: 16 machines with 512 cores for 400 rows"),
        ("plan.rows.count=", r"plan\.rows\.count: missing, and the data is not at hand"),
        ("plan.hardware.training_machines=64", r"plan\.hardware\.training_machines: 64 machines for 32 GPUs"),
        ("plan.hardware.gpus=", r"plan\.hardware\.gpus: missing, and the hosts cannot be counted"),
        ("launch.hostfile=", r"plan\.hardware\.gpus: 32, but launch\.ranks is 8"),
        ("plan.assumptions.failures_a_gpu_day=50", r"failures_a_gpu_day: .* training never ends"),
        ("plan.rates.cleen={start: 1}", r"plan\.rates: 'cleen' is not a stage; stages are: acquire, score"),
        ("plan.deployment.latency_seconds=0.1", r"plan\.deployment\.latency_seconds: 0\.1, but one request alone"),
        ("plan.deployment.context_tokens=131000", r"plan\.deployment\.context_tokens: .* the model takes 131072"),
        ("plan.deployment.gpu=L4", r"plan\.deployment\.gpu: 'L4' is not a known GPU; did you mean L4-24GB\?"),
        ("model.name=llama", r"model\.name: 'llama' is not in configs/models"),
        ("model.pretrained=/nowhere", r"model\.pretrained: /nowhere/config\.json cannot be read"),
    ],
)
def test_absurd_and_missing_values_name_their_key(plan: Callable[..., dict], override: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as refused:
        plan(override)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "override",
    [
        "plan.rows.count=0",
        "plan.rows.bytes=-1",
        "plan.hardware.machines=0",
        "plan.assumptions.mfu=1.2",
        "plan.prices.gpu_hour=-2",
        "plan.deployment.daily_users=0",
        "plan.textbook.seconds_a_row=0",
        "plan.hardwear=1",
    ],
)
def test_values_out_of_bounds_are_refused_with_their_key(cluster: Make, override: str) -> None:
    with pytest.raises(UserError, match=override.split("=")[0].replace(".", r"\.")):
        cluster(override)
