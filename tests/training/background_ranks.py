"""One of two ranks: the same state, written while training waits and while it goes on: background_ranks.py JOB.

Leaves DIR/<case>/blocking and DIR/<case>/background under job.checkpoints, and found.json: by case the losses of the
steps after the checkpoint, with and without one under way.
"""

import json
from pathlib import Path

import torch.distributed as dist
from deepspeed import DeepSpeedEngine

from tests.training.ranks import on_ranks
from training.background_checkpoint import BackgroundCheckpoints
from training.checkpoint import State, load_newest, save_checkpoint
from training.communication import CommunicationClock
from training.data import PackedSequences
from training.engine import build_engine, start_distributed
from training.job_config import JobConfig
from training.prefetch import rank_batch
from training.step import optimiser_step
from training.weights import save_weights

CASES = {"0": (0, "fp32"), "1": (1, "fp32"), "2": (2, "fp32"), "3": (3, "fp32"), "1 in bf16": (1, "bf16")}
BEFORE, AFTER = 2, 3


def main(job: JobConfig) -> None:
    device = start_distributed(job)
    clock, data = CommunicationClock(device), PackedSequences(job.sequences / "train")
    state = State(step=BEFORE, best_step=BEFORE)
    found: dict[str, dict[str, list[float]]] = {}

    def steps(engine: DeepSpeedEngine, this: JobConfig, numbers: range) -> list[float]:
        return [optimiser_step(engine, this, rank_batch(this, data, s, dist.get_rank()), clock).loss for s in numbers]

    for case, (stage, precision) in CASES.items():
        this = job.model_copy(
            update={
                "launch": job.launch.model_copy(update={"zero_stage": stage}),
                "train": job.train.model_copy(update={"precision": precision}),
            }
        )
        folder, later = job.checkpoints / case, range(BEFORE + 1, BEFORE + AFTER + 1)
        engine, _ = build_engine(this, device)
        steps(engine, this, range(1, BEFORE + 1))
        ways = {way: this.model_copy(update={"checkpoints": folder / way}) for way in ("blocking", "background")}
        with BackgroundCheckpoints(engine, ways["background"], {}) as checkpoints:
            save_weights(engine, ways["blocking"], BEFORE)
            save_checkpoint(
                engine, folder / "blocking", State(step=BEFORE, best_step=BEFORE), Path(__file__), {}, keep=1
            )
            checkpoints.prepare()
            checkpoints.keep_weights(BEFORE)
            assert checkpoints.save(state, Path(__file__))
            assert checkpoints.under_way
            second = steps(engine, this, later)
        assert not checkpoints.under_way
        engine.destroy()
        engine, _ = build_engine(this, device)
        assert load_newest(engine, folder / "background", {}).step == BEFORE
        found[case] = {"went on": second, "resumed": steps(engine, this, later)}
        engine.destroy()
    if dist.get_rank() == 0:
        (job.out / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    on_ranks(main)
