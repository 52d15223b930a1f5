"""Training goes on with any number of ranks, ZeRO stage and precision, as if nothing had changed."""

from pathlib import Path

import pytest

from tests.training.jobs import Leg, Losses, losses_of, small_job
from training.job_config import JobConfig

RANKS = (1, 2, 4, 3)
STEPS = 5
"""Of each leg."""

RELAYS: dict[str, list[Leg]] = {
    "ZeRO 0, 1, 3, 2": [(stage, "fp32", False, "plain") for stage in (0, 1, 3, 2)],
    "ZeRO 3, 0, 2, 1": [(stage, "fp32", False, "plain") for stage in (3, 0, 2, 1)],
    "ZeRO 2, 3, 1, 0": [(stage, "fp32", False, "plain") for stage in (2, 3, 1, 0)],
    "ZeRO 1, 2, 0, 3": [(stage, "fp32", False, "plain") for stage in (1, 2, 0, 3)],
    "ZeRO 0, 0, 1, 1": [(stage, "fp32", False, "plain") for stage in (0, 0, 1, 1)],
    "ZeRO 2, 2, 3, 3": [(stage, "fp32", False, "plain") for stage in (2, 2, 3, 3)],
    "adapters": [(stage, "fp32", True, "auto") for stage in (2, 3, 0, 1)],
    "fused": [(stage, "fp32", False, "fused") for stage in (2, 3, 1, 3)],
    "bf16 between": [
        (0, "fp32", False, "plain"),
        (1, "bf16", False, "plain"),
        (0, "bf16", False, "plain"),
        (3, "fp32", False, "plain"),
    ],
}
"""Leg by leg. From every stage there is a way to every other."""

BF16_NOISE = 0.02
"""Nats a token: what 20 steps of which 10 are in bf16 may differ by, at a loss of about 5."""


def leg(before: tuple[JobConfig, Path], number: int) -> Losses:
    """The losses of the steps of one leg."""
    job, folder = before
    ranks, runs = RANKS[number], {name: legs[number] for name, legs in RELAYS.items()}
    launch = job.launch.model_copy(update={"ranks": ranks})
    job = job.model_copy(update={"world_size": ranks, "launch": launch})
    return losses_of(folder / f"leg {number}", job, (number * STEPS + 1, (number + 1) * STEPS), runs)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> tuple[JobConfig, Path]:
    folder = tmp_path_factory.mktemp("relay")
    settings = {"batch_tokens": 12 * 64, "warmup_steps": 4, "steps": 20}
    return small_job(folder, settings, {"ranks": 1, "micro_batch": 1}), folder


@pytest.fixture(scope="module")
def undisturbed(job: tuple[JobConfig, Path]) -> Losses:
    """All steps at a stretch, on one rank."""
    settings, folder = job
    whole = settings.model_copy(update={"checkpoints": folder / "undisturbed"})
    kinds: dict[str, Leg] = {"all weights": (0, "fp32", False, "plain"), "adapters": (0, "fp32", True, "plain")}
    return losses_of(folder / "whole", whole, (1, STEPS * len(RANKS)), kinds)


@pytest.fixture(scope="module")
def one_rank_first(job: tuple[JobConfig, Path]) -> Losses:
    return leg(job, 0)


@pytest.fixture(scope="module")
def then_two(job: tuple[JobConfig, Path], one_rank_first: Losses) -> Losses:
    return {name: one_rank_first[name] + losses for name, losses in leg(job, 1).items()}


@pytest.fixture(scope="module")
def then_four(job: tuple[JobConfig, Path], then_two: Losses) -> Losses:
    return {name: then_two[name] + losses for name, losses in leg(job, 2).items()}


@pytest.fixture(scope="module")
def then_three(job: tuple[JobConfig, Path], then_four: Losses) -> Losses:
    return {name: then_four[name] + losses for name, losses in leg(job, 3).items()}


@pytest.mark.parametrize("relay", RELAYS)
@pytest.mark.parametrize("ranks", ["one_rank_first", "then_two", "then_four", "then_three"])
def test_losses_are_those_of_one_rank_that_nobody_stopped(
    request: pytest.FixtureRequest, undisturbed: Losses, ranks: str, relay: str
) -> None:
    found = request.getfixturevalue(ranks)[relay]
    expected = undisturbed["adapters" if relay == "adapters" else "all weights"][: len(found)]
    within = BF16_NOISE if relay == "bf16 between" else 1e-6
    assert found == pytest.approx(expected, abs=within, rel=0)
    assert len(found) % STEPS == 0
    assert expected[-1] < expected[0]
