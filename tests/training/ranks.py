"""How a script that a test starts on several ranks begins and ends."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import torch.distributed as dist

from training.job_config import JobConfig
from training.launcher import report_failure


def on_ranks(main: Callable[[JobConfig], None]) -> None:
    """Runs it with the job that the last argument names. A failure is told in the line that the launcher looks for."""
    try:
        main(JobConfig.model_validate_json(Path(sys.argv[-1]).read_text()))
        dist.barrier()
        dist.destroy_process_group()
    except BaseException as error:
        report_failure(int(os.environ["RANK"]), error)
        raise
