"""Checkpoints that count only when they are whole.

DeepSpeed writes a checkpoint as a folder of files, one or more a rank, and keeps no checksum. Here
a checkpoint is complete when its marker lies beside those files: the marker is written after every
rank has finished, and holds the size and the sha256 of every file. A run resumes at the newest
checkpoint that agrees with its marker and whose best weights are what was kept (training/weights_folder.py).
"""

import shutil
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from deepspeed import DeepSpeedEngine
from pydantic import BaseModel

from pipeline.contract.progress import say
from training.checksums import checksum
from training.layout import MARKER, refuse_another
from training.markers import complete, mark_complete, marker_of
from training.metrics import METRICS
from training.space import require_space_on_all
from training.weights_folder import kept_weights, weights_of

ADAM_BYTES = 12


class State(BaseModel):
    """What of training is neither weights nor optimiser. The order of data follows from the step."""

    step: int = 0
    best_step: int = 0
    best_loss: float | None = None
    without_improvement: int = 0
    seconds: float = 0.0


def save_checkpoint(
    engine: DeepSpeedEngine, folder: Path, state: State, metrics: Path, layout: dict[str, Any], keep: int
) -> None:
    """Saves on all ranks, marks it complete, and deletes all but the newest `keep` complete ones.

    metrics: the file of measurements up to this step, which goes on from its copy in the checkpoint.
    layout: what must be equal for the files to be loaded again (ranks, ZeRO stage, precision).
    """
    path = checkpoint_of(folder, state.step)
    remedy = "free as much, or lower launch.keep_checkpoints; the next attempt goes on from the checkpoint before"
    require_space_on_all(folder, checkpoint_bytes(engine.module), "a checkpoint", remedy)
    engine.save_checkpoint(str(folder), tag=path.name, save_latest=False)
    if dist.get_rank() == 0:
        shutil.copyfile(metrics, path / METRICS)
    dist.barrier()
    checksums = _checksums(path, _files(path))
    if dist.get_rank() == 0:
        mark_complete(path, state.model_dump(), layout, checksums, keep)
    dist.barrier()


def checkpoint_bytes(model: torch.nn.Module) -> int:
    """About what DeepSpeed writes for all ranks: the weights, and of those that are trained fp32 weights and Adam's
    two moments (Rajbhandari et al. 2020, ZeRO, section 3.1)."""
    sizes = [(getattr(p, "ds_numel", p.numel()), p.element_size(), p.requires_grad) for p in model.parameters()]
    return sum(count * (bytes_ + ADAM_BYTES * trained) for count, bytes_, trained in sizes)


def checkpoint_of(folder: Path, step: int) -> Path:
    """The folder of the checkpoint after a step."""
    return folder / f"step-{step:08d}"


def load_newest(engine: DeepSpeedEngine, folder: Path, layout: dict[str, Any]) -> State:
    """Loads the newest complete checkpoint, and returns its state; a new state when there is none.

    Raises UserError when it was written by another number of ranks, ZeRO stage or precision.
    """
    for path in sorted(folder.glob("step-*"), reverse=True):
        marker = marker_of(path)
        damage = _damage(folder, path, marker)
        if damage or marker is None:
            if damage and dist.get_rank() == 0:
                say(f"train: {damage}; looks for an older checkpoint than {path.name}")
            continue
        refuse_another(marker["layout"], layout, path)
        engine.load_checkpoint(str(folder), tag=path.name)
        return State.model_validate(marker["state"])
    return State()


def saved_states(folder: Path) -> list[State]:
    """The states of the complete checkpoints, newest first."""
    return [State.model_validate(marker["state"]) for marker in complete(folder).values()]


def _damage(folder: Path, path: Path, marker: dict[str, Any] | None) -> str:
    """What of a checkpoint, or of the best weights that it goes with, is not what was written. The same on all ranks;
    empty for one that is whole, or was never completed."""
    if marker is None:
        return f"{path / MARKER} is damaged" if (path / MARKER).exists() else ""
    if _checksums(path, _files(path)) != marker["files"]:
        return f"{path} is damaged"
    best = marker["state"]["best_step"]
    kept = kept_weights(folder, best) if best else {}
    if kept is None or _checksums(weights_of(folder, best), list(kept)) != kept:
        return f"{weights_of(folder, best)}, the best weights so far, is damaged"
    return ""


def _files(path: Path) -> list[str]:
    names = [p.name for p in path.iterdir() if p.is_file()]
    return sorted(name for name in names if name != MARKER and not name.startswith("."))


def _checksums(folder: Path, names: list[str]) -> dict[str, list]:
    """File name to [bytes, sha256]; every rank reads its share of the files."""
    mine = {name: checksum(folder / name) for name in names[dist.get_rank() :: dist.get_world_size()]}
    shares: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(shares, mine)
    return {name: entry for share in shares for name, entry in sorted(share.items())}
