"""The prefetched batches are those that seed and step say, whatever happens to the thread."""

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.jobs import small_job
from training.data import PackedSequences
from training.job_config import JobConfig
from training.order import global_batch
from training.prefetch import Prefetch, rank_batch

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> JobConfig:
    train = {"steps": 9, "batch_tokens": 8 * 64}
    return small_job(tmp_path_factory.mktemp("prefetch"), train, {"ranks": 2, "micro_batch": 2})


@pytest.fixture
def data(job: JobConfig) -> Iterator[PackedSequences]:
    yield PackedSequences(job.sequences / "train")
    assert "prefetch" not in {thread.name for thread in threading.enumerate()}


def test_batches_come_in_the_order_and_with_the_contents_of_their_steps(job: JobConfig, data: PackedSequences) -> None:
    with Prefetch(job, data, 3, 1, CPU) as batches:
        found = list(batches)
    assert [batch.step for batch in found] == list(range(3, 10))
    for batch in found:
        expected = rank_batch(job, data, batch.step, 1)
        assert batch.learned == expected.learned
        for part, other in zip(batch.batches, expected.batches, strict=True):
            for name, value in other.items():
                torch.testing.assert_close(part[name], value, rtol=0, atol=0)


def test_every_rank_knows_the_learned_tokens_of_all(job: JobConfig, data: PackedSequences) -> None:
    indices = global_batch(2, job.batch_sequences, len(data), job.seed)
    whole = data.batch(indices, len(indices))
    ranks = [rank_batch(job, data, 2, rank) for rank in (0, 1)]
    assert ranks[0].learned == ranks[1].learned == len(whole["targets"])
    assert sum(len(part["targets"]) for rank in ranks for part in rank.batches) == len(whole["targets"])


def test_leaving_early_ends_the_thread(job: JobConfig, data: PackedSequences) -> None:
    with Prefetch(job, data, 1, 0, CPU) as batches:
        assert next(iter(batches)).step == 1


@pytest.mark.usefixtures("data")
def test_an_error_while_preparing_is_the_error_of_its_step(job: JobConfig) -> None:
    class Damaged(PackedSequences):
        def batch(self, indices: np.ndarray, size: int) -> Any:
            if self.asked == 4:
                raise OSError("the disk is gone")
            self.asked += 1
            return super().batch(indices, size)

        asked = 0

    damaged = Damaged(job.sequences / "train")
    with Prefetch(job, damaged, 1, 0, CPU) as batches:
        steps = iter(batches)
        assert [next(steps).step, next(steps).step] == [1, 2]  # of two micro-batches each
        with pytest.raises(OSError, match="the disk is gone"):
            next(steps)


@pytest.mark.usefixtures("data")
def test_waiting_is_measured(job: JobConfig) -> None:
    release = threading.Event()

    class Slow(PackedSequences):
        def batch(self, indices: np.ndarray, size: int) -> Any:
            release.wait()
            return super().batch(indices, size)

    threading.Timer(0.2, release.set).start()
    with Prefetch(job, Slow(job.sequences / "train"), 1, 0, CPU) as batches:
        next(iter(batches))
        assert batches.take_waited() > 0.1
        assert batches.take_waited() == 0
