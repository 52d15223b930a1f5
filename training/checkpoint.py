"""Checkpoints that count only when they are whole.

DeepSpeed writes a checkpoint as a folder of files, one or more a rank, and keeps no checksum. Here
a checkpoint is complete when its marker lies beside those files: the marker is written after every
rank has finished, and holds the size and the sha256 of every file. A run resumes at the newest
checkpoint that agrees with its marker.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import torch.distributed as dist
from deepspeed import DeepSpeedEngine
from pydantic import BaseModel

from pipeline.contract.atomic_write import write_text
from pipeline.contract.fingerprint import file_sha256
from pipeline.contract.progress import say
from training.layout import MARKER, refuse_another


class State(BaseModel):
    """What of training is neither weights nor optimiser. The order of data follows from the step."""

    step: int = 0
    best_step: int = 0
    best_loss: float | None = None
    without_improvement: int = 0
    seconds: float = 0.0


def save_checkpoint(engine: DeepSpeedEngine, folder: Path, state: State, layout: dict[str, Any], keep: int) -> None:
    """Saves on all ranks, marks it complete, and deletes all but the newest `keep` complete ones.

    layout: what must be equal for the files to be loaded again (ranks, ZeRO stage, precision).
    """
    tag = f"step-{state.step:08d}"
    engine.save_checkpoint(str(folder), tag=tag, save_latest=False)
    dist.barrier()
    checksums = _checksums(folder / tag)
    if dist.get_rank() == 0:
        marker = {"state": state.model_dump(), "layout": layout, "files": checksums}
        write_text(folder / tag / MARKER, json.dumps(marker, indent=1))
        for old in checkpoints(folder)[keep:]:
            shutil.rmtree(old)
    dist.barrier()


def load_newest(engine: DeepSpeedEngine, folder: Path, layout: dict[str, Any]) -> State:
    """Loads the newest complete checkpoint, and returns its state; a new state when there is none.

    Raises UserError when it was written by another number of ranks, ZeRO stage or precision.
    """
    for path in checkpoints(folder):
        marker = json.loads((path / MARKER).read_text(encoding="utf-8"))
        if _checksums(path) != marker["files"]:
            if dist.get_rank() == 0:
                say(f"train: {path.name} is damaged, looks for an older checkpoint")
            continue
        refuse_another(marker["layout"], layout, path)
        engine.load_checkpoint(str(folder), tag=path.name)
        return State.model_validate(marker["state"])
    return State()


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints that have a marker, newest first."""
    return sorted((m.parent for m in folder.glob(f"step-*/{MARKER}")), reverse=True)


def saved_states(folder: Path) -> list[State]:
    """The states of the complete checkpoints, newest first."""
    return [State.model_validate(json.loads((c / MARKER).read_text())["state"]) for c in checkpoints(folder)]


def _checksums(path: Path) -> dict[str, list]:
    """File name to [bytes, sha256]; every rank reads its share of the files."""
    files = sorted(p for p in path.iterdir() if p.is_file() and p.name != MARKER and not p.name.startswith("."))
    mine = {p.name: [p.stat().st_size, file_sha256(p)] for p in files[dist.get_rank() :: dist.get_world_size()]}
    shares: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(shares, mine)
    return {name: entry for share in shares for name, entry in sorted(share.items())}
