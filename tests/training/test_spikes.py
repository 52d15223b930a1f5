"""A batch whose loss is a spike is told of with its rows, and is left out where that is asked for."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from configs.errors import UserError
from configs.train import Spikes as Settings
from pipeline.contract.metrics_file import METRICS, read_metrics
from pipeline.contract.spikes import read_spikes
from tests.training.jobs import small_job
from training.checkpoint import State
from training.data import PackedSequences
from training.job_config import JobConfig
from training.launcher import launch
from training.row_ids import row_ids
from training.spikes import RollbackError, Spikes

STEPS, BAD = 24, 20


def spiked(folder: Path, spikes: dict[str, Any]) -> tuple[JobConfig, Path]:
    """A job of two ranks, the batch of one step of which is noise, with these settings; and its file."""
    folder.mkdir(exist_ok=True)
    lengths = {"batch_tokens": 4 * 64, "steps": STEPS, "warmup_steps": 4, "checkpoint_every": 9}
    ranks = {"ranks": 2, "micro_batch": 1, "spikes": Settings(**spikes)}
    job = small_job(folder, lengths | {"validation_every": STEPS, "validation_replies": 0}, ranks)
    data = PackedSequences(job.sequences / "train")
    assert len(data) >= STEPS * 4, "so that each sequence is in one batch"
    (file,) = (job.sequences / "train").glob("*.arrow")
    table = pa.ipc.open_stream(file.read_bytes()).read_all()
    ids = np.array(table["input_ids"].to_pylist())
    for sequence in data.indices(job, BAD):
        ids[sequence] = np.random.default_rng(int(sequence)).integers(3, 512, 64)
    field = table.schema.field("input_ids")
    noisy = pa.FixedSizeListArray.from_arrays(pa.array(ids.reshape(-1), pa.int32()), 64)
    table = table.set_column(table.schema.get_field_index("input_ids"), field, noisy)
    with pa.ipc.new_stream(str(file), table.schema) as writer:
        writer.write_table(table)
    path = folder / "job.json"
    path.write_text(job.model_dump_json())
    return job, path


def trained(folder: Path, **spikes: Any) -> tuple[JobConfig, dict[int, float], list[int]]:
    """The job, the losses of its steps, and the steps that were left out."""
    job, path = spiked(folder, {"deviations": 2.0} | spikes)
    launch(path, job.launch, job.checkpoints)
    lines = read_metrics(job.out / METRICS)
    losses = {line["step"]: line["loss"] for line in lines if "loss" in line}
    return job, losses, [line["step"] for line in lines if "left_out" in line]


@pytest.fixture(scope="module")
def skipped(tmp_path_factory: pytest.TempPathFactory) -> tuple[JobConfig, dict[int, float], list[int]]:
    return trained(tmp_path_factory.mktemp("skipped"), policy="skip")


def test_a_spike_is_told_of_with_the_rows_of_its_batch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job, losses, left_out = trained(tmp_path)
    assert len(losses) == STEPS
    assert not left_out
    assert losses[BAD] > losses[BAD - 1] + 1
    (spike,) = read_spikes(job.traces).values()
    batch = PackedSequences(job.sequences / "train").indices(job, BAD)
    assert (spike.step, spike.action, spike.loss) == (BAD, "kept", losses[BAD])
    assert spike.rows == row_ids(job, batch)
    assert len(spike.rows) >= len(batch)
    line = rf"step {BAD}: the loss is [\d.]+, [\d.]+ standard deviations above .*; kept; rows {spike.rows[0]}, "
    assert re.search(line, capsys.readouterr().out)


def test_its_batch_is_left_out(skipped: tuple[JobConfig, dict[int, float], list[int]]) -> None:
    job, losses, left_out = skipped
    assert left_out == [BAD]
    assert sorted(losses) == [step for step in range(1, STEPS + 1) if step != BAD]
    assert read_spikes(job.traces)[BAD].action == "left out"


def test_after_a_rollback_all_is_as_if_it_had_been_left_out_at_once(
    tmp_path: Path, skipped: tuple[JobConfig, dict[int, float], list[int]]
) -> None:
    job, losses, left_out = trained(tmp_path, policy="rollback")
    assert left_out == [BAD]
    assert losses == skipped[1]
    assert read_spikes(job.traces)[BAD].action == "rolled back"


class Seen:
    """An outcome, as far as spikes are told by it."""

    left_out = False

    def __init__(self, step: int, measured: float) -> None:
        self.step, self.measured = step, measured


def watch(folder: Path, **settings: Any) -> tuple[Spikes, State]:
    job, _ = spiked(folder, settings)
    state = State()
    spikes = Spikes(job, state, PackedSequences(job.sequences / "train"))
    for step in range(1, 17):
        seen: Any = Seen(step, 2 + 0.01 * (step % 2))
        spikes.seen(seen)
    return spikes, state


@pytest.mark.usefixtures("one_rank")
@pytest.mark.parametrize("loss", [math.nan, math.inf, 3.0])
def test_rollback_leaves_out_the_batches_before_as_well(tmp_path: Path, loss: float) -> None:
    spikes, state = watch(tmp_path, policy="rollback", batches=3)
    seen: Any = Seen(17, loss)
    with pytest.raises(RollbackError) as back:
        spikes.seen(seen)
    assert back.value.skipped == [15, 16, 17]
    state.skipped = back.value.skipped
    refuses = spikes.refusal(15)
    assert refuses is not None
    assert refuses(2.0)
    assert spikes.refusal(14) is None


@pytest.mark.usefixtures("one_rank")
def test_the_budget_is_kept(tmp_path: Path) -> None:
    spikes, state = watch(tmp_path, policy="skip", budget=2)
    for step in (17, 18):
        refuses = spikes.refusal(step)
        assert refuses is not None
        assert not refuses(2.02)
        assert refuses(9.0)
    assert state.skipped == [17, 18]
    assert state.model_copy(update={"step": 18}).updates == 16
    refuses = spikes.refusal(19)
    assert refuses is not None
    with pytest.raises(UserError, match=r"3 batches would be left out, launch\.spikes\.budget is 2; .* --spike 19"):
        refuses(math.nan)
