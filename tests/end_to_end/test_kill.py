"""Killed with SIGKILL in the middle of stages and started again, a run ends as if nothing had happened."""

from pipeline.contract.run import Run
from pipeline.contract.stages import STAGES
from tests.end_to_end.conftest import Small


def test_a_run_that_was_killed_ends_with_the_fingerprints_of_an_undisturbed_one(
    demo: Small, interrupted: Small
) -> None:
    left, right = Run.open(demo.root), Run.open(interrupted.root)
    assert {n: left.fingerprint(n) for n in STAGES} == {n: right.fingerprint(n) for n in STAGES}
    assert all(right.find(n) for n in STAGES)


def test_training_that_was_killed_has_the_losses_of_an_undisturbed_one(demo: Small, interrupted: Small) -> None:
    left, right = demo.report["training"], interrupted.report["training"]
    assert left["validation_loss"] == right["validation_loss"]
    assert left["steps"] == right["steps"]


def test_nothing_half_written_is_left(interrupted: Small) -> None:
    folders = (interrupted.root / name for name in ("artifacts", "parts"))
    left = [p for folder in folders for p in folder.glob("*/.*") if p.suffix != ".lock"]
    assert left == []
