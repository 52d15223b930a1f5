"""How a model is spread over ranks: what a checkpoint can only be loaded with again. Imports no torch."""

from pathlib import Path
from typing import Any

from configs.errors import UserError
from pipeline.contract.sealed_json import DamagedError, read_sealed
from training.job_config import JobConfig

MARKER = "complete.json"


def layout_of(job: JobConfig, precision: str) -> dict[str, Any]:
    """What must be equal for a checkpoint to be loaded. precision: fp32, bf16 or fp8."""
    return {"ranks": job.world_size, "zero_stage": job.launch.zero_stage, "precision": precision}


def refuse_another(was: dict[str, Any], now: dict[str, Any], checkpoint: Path) -> None:
    """Raises UserError when the checkpoint was written with another layout than `now`."""
    if was != now:
        before, after = (", ".join(f"{key} {value}" for key, value in layout.items()) for layout in (was, now))
        raise UserError(
            f"launch: the checkpoint {checkpoint} was written with {before}, not {after}; "
            f"set them as they were, or delete {checkpoint.parent} to start again"
        )


def refuse_resume(job: JobConfig) -> None:
    """Raises UserError when the ranks would refuse the newest checkpoint, before they start.

    Known limitation: on the machines of a hostfile an automatic precision is known to the ranks only.
    """
    newest = max(job.checkpoints.glob(f"step-*/{MARKER}"), default=None)
    if newest is None:
        return
    try:
        was = read_sealed(newest, "")["layout"]
    except (DamagedError, FileNotFoundError):
        return  # damaged: the ranks look for an older one
    precision = job.train.precision_on(gpu=False)
    if job.train.precision == "auto":
        import torch

        known = job.launch.hostfile is None
        precision = job.train.precision_on(torch.cuda.is_available()) if known else was["precision"]
    refuse_another(was, layout_of(job, precision), newest.parent)
