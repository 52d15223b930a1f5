"""Some steps of several trainings, each on from where the ranks before have left it: relay_ranks.py JOB.

plan.json beside the job: `steps`, the first and the last; `runs`, name to ZeRO stage, precision, whether there are
adapters (the job's, or such of rank 4), and launch.layers. Losses go to found.json, by name. Checkpoints lie in
job.checkpoints/<name>.
"""

import json

import torch.distributed as dist

from configs.model import Lora
from tests.training.ranks import on_ranks
from training.checkpoint import State, layout_of, load_newest, save_checkpoint
from training.communication import CommunicationClock
from training.data import PackedSequences
from training.engine import build_engine, start_distributed
from training.job_config import JobConfig
from training.prefetch import rank_batch
from training.step import optimiser_step


def main(job: JobConfig) -> None:
    device = start_distributed(job)
    clock, data, rank = CommunicationClock(device), PackedSequences(job.sequences / "train"), dist.get_rank()
    plan = json.loads((job.out / "plan.json").read_text())
    first, last = plan["steps"]
    found = {}
    for name, (stage, precision, adapters, layers) in plan["runs"].items():
        this = job.model_copy(
            update={
                "launch": job.launch.model_copy(update={"zero_stage": stage, "layers": layers}),
                "train": job.train.model_copy(update={"precision": precision}),
                "lora": (job.lora or Lora(rank=4, alpha=8)) if adapters else None,
            }
        )
        folder, layout = job.checkpoints / name, layout_of(this, precision)
        engine, _ = build_engine(this, device)
        assert load_newest(engine, folder, layout).step == first - 1
        outcomes = [
            optimiser_step(engine, this, rank_batch(this, data, n, rank), clock) for n in range(first, last + 1)
        ]
        save_checkpoint(engine, folder, State(step=last), job.out / "plan.json", layout, keep=1)
        found[name] = [outcome.loss for outcome in outcomes]
        engine.destroy()
    if rank == 0:
        (job.out / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    on_ranks(main)
