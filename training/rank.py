"""How the process of a rank begins and ends."""

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import torch.distributed as dist
from transformers.utils.logging import disable_progress_bar

from configs.errors import RESTART, RestartError, UserError
from pipeline.contract.shortage import shortage
from pipeline.contract.stages import STAGES
from training.job_config import JobConfig
from training.launcher import end_with_stdin, report_failure


def on_rank(work: Callable[[JobConfig], None]) -> None:
    """Does the work of the job that the last argument names. A failure is told in a line that `launch` looks for."""
    disable_progress_bar()
    job = JobConfig.model_validate_json(Path(sys.argv[-1]).read_text(encoding="utf-8"))
    if job.launch.hostfile is None:
        end_with_stdin()
    try:
        work(job)
    except BaseException as error:
        told = shortage(error, job.checkpoints, [STAGES["train"]]) or error
        if not isinstance(told, UserError | RestartError):
            traceback.print_exc()
        report_failure(int(os.environ["RANK"]), told)
        # a rank that waits for another would never come to the end of the interpreter
        os._exit(RESTART if isinstance(told, RestartError) else 1)
    dist.destroy_process_group()
