"""Training is told to stop soon (pipeline/contract/notice.py): the ranks agree on the step to stop after."""

import os
from pathlib import Path

import torch.distributed as dist

from pipeline.contract.notice import notice_of

LEAD = 2
"""Steps between the notice and the stop: a rank may be one step ahead of rank 0, and none may have passed it."""

KEY = "parlance/stop after"


def store() -> dist.Store:
    """What the ranks met in: a rank leaves word there for others, and nobody waits."""
    return dist.distributed_c10d._get_default_store()


class Notice:
    """One rank's ear for it."""

    def __init__(self, folder: Path, rank: int) -> None:
        self._file, self._rank, self._store = notice_of(folder), rank, store()
        self._given = False

    def stops_after(self, step: int) -> bool:
        """Whether training ends here; to be asked after every step, on all ranks."""
        if self._rank == 0 and not self._given and os.path.exists(self._file):
            self._given = True
            self._store.set(KEY, str(step + LEAD))
        return self._store.check([KEY]) and step >= int(self._store.get(KEY))
