"""The losses of some steps in each precision, written by rank 0: curve_ranks.py JOB.

Takes 50 steps in fp32 on two ranks; 200 in fp32 and in bf16 on one.
"""

import json

import torch.distributed as dist

from tests.training.ranks import on_ranks
from training.communication import CommunicationClock
from training.data import PackedSequences
from training.engine import build_engine, start_distributed
from training.job_config import JobConfig
from training.prefetch import Prefetch
from training.step import optimiser_step


def main(job: JobConfig) -> None:
    device = start_distributed(job)
    clock = CommunicationClock(device)
    runs = [("fp32", 50)] if job.world_size == 2 else [("fp32", 200), ("bf16", 200)]
    losses: dict[str, list[float]] = {}
    for precision, steps in runs:
        this = job.model_copy(update={"train": job.train.model_copy(update={"precision": precision})})
        engine, _ = build_engine(this, device)
        losses[precision] = []
        with Prefetch(this, PackedSequences(job.sequences / "train"), 1, dist.get_rank(), device) as batches:
            for batch in batches:
                losses[precision].append(optimiser_step(engine, this, batch, clock).loss)
                if batch.step == steps:
                    break
        tied = engine.module.model
        assert tied.lm_head.weight is tied.model.embed_tokens.weight
        engine.destroy()
    if dist.get_rank() == 0:
        (job.out / f"losses-{job.world_size}.json").write_text(json.dumps(losses))


if __name__ == "__main__":
    on_ranks(main)
