"""The ranks meet, and are as many as the job was made for."""

import os
import time
from datetime import timedelta

import torch
import torch.distributed as dist

from configs.errors import UserError
from pipeline.contract.progress import say

PATIENCE = timedelta(minutes=5)
"""Longest wait for the other ranks to start: libraries load slowly from a folder that many machines share."""

COLLECTIVE_TIMEOUT = timedelta(hours=2)
"""Longest wait for another rank at work: saving the weights of a large model keeps the others waiting."""

SPEAKS_SECONDS = 10.0


def meet(backend: str, world_size: int, gpu: torch.device | None = None, patience: timedelta = PATIENCE) -> None:
    """Starts torch's process group once all ranks are there; rank 0 says how many are missing meanwhile.

    gpu: this rank's, which the group is bound to, as DeepSpeed does where there are several ranks.
    Raises UserError at once when the launcher started another number of ranks than `world_size`, which decides
    what each of them computes; TimeoutError when some do not come.
    """
    rank, started = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    if started != world_size:
        raise UserError(
            f"launch: {started} ranks were started, and the batches are divided among {world_size}; "
            f"check launch.ranks and launch.hostfile, which may have changed since"
        )
    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    try:
        store = dist.TCPStore(address, port, world_size, rank == 0, patience, wait_for_workers=False)
    except dist.DistNetworkError as error:
        raise TimeoutError(f"rank 0 does not answer at {address}:{port} ({error})") from error
    begun = spoken = time.monotonic()
    store.add("arrived", 1)
    while missing := world_size - store.add("arrived", 0):
        now = time.monotonic()
        if now - begun > patience.total_seconds():
            raise TimeoutError(
                f"{missing} of {world_size} ranks have not started within {patience.total_seconds():.0f} s; "
                f"look at the machines of launch.hostfile"
            )
        if rank == 0 and now - spoken > SPEAKS_SECONDS:
            spoken = now
            say(f"train: waits for {missing} of {world_size} ranks to start, {now - begun:.0f} s so far")
        time.sleep(0.1)
    bound = gpu if world_size > 1 else None
    dist.init_process_group(
        backend, store=store, rank=rank, world_size=world_size, timeout=COLLECTIVE_TIMEOUT, device_id=bound
    )
