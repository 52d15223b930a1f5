"""One of two ranks, of which the second works slowly, and then hangs: hanging_ranks.py JOB."""

import time

import torch
import torch.distributed as dist
from deepspeed import comm

from tests.training.ranks import on_ranks
from training.communication import CommunicationClock
from training.engine import start_distributed
from training.job_config import JobConfig
from training.pace import WINDOW, Pace
from training.watchdog import Watchdog


def main(job: JobConfig) -> None:
    device = start_distributed(job)
    rank, clock = dist.get_rank(), CommunicationClock(device)
    pace = Pace(rank, job.world_size)
    with Watchdog(rank, job.launch.hang_seconds, job.traces) as watchdog:
        for step in range(2 * WINDOW + 2):
            time.sleep(0.06 if rank else 0.01)
            comm.all_reduce(torch.ones(1))
            pace.step(step, clock.take())
            watchdog.beats(f"step {step}")
        if rank:
            read_a_file_that_never_comes()
        comm.all_reduce(torch.ones(1))


def read_a_file_that_never_comes() -> None:
    time.sleep(600)


if __name__ == "__main__":
    on_ranks(main)
