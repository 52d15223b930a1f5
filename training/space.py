"""Room on the disk, asked for before ranks write together: when it lacks, all of them say so and none waits."""

from pathlib import Path

import torch.distributed as dist

from configs.errors import UserError
from pipeline.contract.shortage import require_space


def require_space_on_all(folder: Path, needed: int, what: str, remedy: str) -> None:
    """Raises UserError on every rank when rank 0 finds less than `needed` bytes (of rank 0) left for the folder."""
    lacking: list[str | None] = [None]
    if dist.get_rank() == 0:
        try:
            require_space(folder, needed, what, remedy)
        except UserError as error:
            lacking = [str(error)]
    dist.broadcast_object_list(lacking)
    if lacking[0]:
        raise UserError(lacking[0])
