"""Checkpoints that count only when they are whole.

DeepSpeed writes a checkpoint as a folder of files, one or more a rank, and keeps no checksum. Here
a checkpoint is complete when its marker lies beside those files: the marker is written after every
rank has finished, and holds the size and the sha256 of every file. A run resumes at the newest
checkpoint that agrees with its marker and whose best weights are what was kept (training/weights_folder.py), also
with another number of ranks, ZeRO stage or precision: each rank reads what it is to hold, and no more in memory, from
wherever that lies (training/saved_state.py, training/held_state.py).
"""

import shutil
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from deepspeed import DeepSpeedEngine
from pydantic import BaseModel

from pipeline.contract.metrics_file import METRICS
from pipeline.contract.progress import say
from training.held_state import give_to_model, places, trained_names
from training.job_config import JobConfig
from training.markers import MARKER, complete, mark_complete, marker_of
from training.saved_state import SavedState, rank_of
from training.space import require_space_on_all
from training.streaming import Part, Reading, stream
from training.weights_folder import kept_weights, weights_of

ADAM_BYTES = 12


class State(BaseModel):
    """What of training is neither weights nor optimiser. The order of data follows from the step."""

    step: int = 0
    best_step: int = 0
    best_loss: float | None = None
    without_improvement: int = 0
    seconds: float = 0.0
    skipped: list[int] = []
    """Steps whose batch was, or is to be, left out."""
    recent: list[float] = []
    """Losses of the steps before, which a spike is compared with."""

    @property
    def updates(self) -> int:
        """Steps that changed the weights."""
        return self.step - sum(step <= self.step for step in self.skipped)


def layout_of(job: JobConfig, precision: str) -> dict[str, Any]:
    """How the state is spread over ranks. precision: fp32, bf16 or fp8."""
    return {"ranks": job.world_size, "zero_stage": job.launch.zero_stage, "precision": precision}


def save_checkpoint(
    engine: DeepSpeedEngine, folder: Path, state: State, metrics: Path, layout: dict[str, Any], keep: int
) -> None:
    """Saves on all ranks, marks it complete, and deletes all but the newest `keep` complete ones.

    metrics: the file of measurements up to this step, which goes on from its copy in the checkpoint.
    layout: how the state is spread over the files (ranks, ZeRO stage, precision); for those who read the log.
    """
    path = checkpoint_of(folder, state.step)
    remedy = "free as much, or lower launch.keep_checkpoints; the next attempt goes on from the checkpoint before"
    require_space_on_all(folder, checkpoint_bytes(engine.module), "a checkpoint", remedy)
    engine.save_checkpoint(str(folder), tag=path.name, save_latest=False)
    if dist.get_rank() == 0:
        shutil.copyfile(metrics, path / METRICS)
    dist.barrier()
    checksums = _checksums(path, engine.device)
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


class NoneWholeError(Exception):
    """There is no checkpoint that is whole, and the engine holds some of one that is not."""


def load_newest(engine: DeepSpeedEngine, folder: Path, layout: dict[str, Any]) -> State:
    """Loads the newest complete checkpoint, and returns its state; a new state when there is none.

    It may have been written by another number of ranks, with another ZeRO stage or precision than `layout`. Files are
    hashed as they are loaded: raises NoneWholeError when none was whole, and the engine is no longer as it was.
    """
    spoiled, first = False, dist.get_rank() == 0
    for path in sorted(folder.glob("step-*"), reverse=True):
        marker = marker_of(path)
        if marker is None:
            damage = f"{path / MARKER} is damaged" if (path / MARKER).exists() else ""
        elif damage := _load(engine, folder, path, marker):
            spoiled = True
        else:
            if marker["layout"] != layout and first:
                was, now = (", ".join(f"{k} {v}" for k, v in told.items()) for told in (marker["layout"], layout))
                say(f"train: {path.name} was written with {was}; goes on with {now}")
            return State.model_validate(marker["state"])
        if damage and first:
            say(f"train: {damage}; looks for an older checkpoint than {path.name}")
    if spoiled:
        raise NoneWholeError
    return State()


def saved_states(folder: Path) -> list[State]:
    """The states of the complete checkpoints, newest first."""
    return [State.model_validate(marker["state"]) for marker in complete(folder).values()]


def _load(engine: DeepSpeedEngine, folder: Path, path: Path, marker: dict[str, Any]) -> str:
    """Gives the engine what a checkpoint holds. Returns what of it, or of the best weights that it goes with, is not
    what was written; the same on all ranks."""
    state = State.model_validate(marker["state"])
    best = weights_of(folder, state.best_step)
    kept = kept_weights(folder, state.best_step) if state.best_step else {}
    if kept is None:
        return f"{best}, the best weights so far, is damaged"
    if _names(path) != sorted(marker["files"]):
        return f"{path} is damaged"
    written = {path / name: entry for name, entry in marker["files"].items()}
    written |= {best / name: entry for name, entry in kept.items()}
    mine = _share(written)
    readings = {file: Reading(file, hashed=file in mine) for file in written}
    failure: Exception | None = None
    try:
        saved = SavedState(path, trained_names(engine))
        for place in places(engine, state.updates):
            for s in saved.stretches(place.quantity, place.name, place.offset, place.tensor.numel()):
                target = place.tensor[s.offset - place.offset :][: s.count]
                readings[path / s.file].parts.append(Part(s.begin, s.dtype, target))
    except Exception as error:  # what a damaged table of contents makes torch raise, or a file of another model
        failure = error
        for reading in readings.values():
            reading.parts = []
    found = stream([reading for reading in readings.values() if reading.hashed or reading.parts], engine.device)
    if wrong := _gathered([str(file) for file, entry in found.items() if entry != written[file]]):
        damaged = path if Path(wrong[-1]).parent == path else f"{best}, the best weights so far,"
        return f"{damaged} is damaged"
    if failure is not None:
        raise failure
    give_to_model(engine)
    engine.global_steps = state.step
    return ""


def _share(files: dict[Path, list]) -> list[Path]:
    """Those that this rank hashes: what a rank wrote, and most likely reads, and of all ranks' about as many bytes as
    the others."""
    ranks, loads = dist.get_world_size(), [0] * dist.get_world_size()
    wrote = {file: rank for file in files if (rank := rank_of(file.name)) is not None}
    mine = []
    for file in sorted(files, key=lambda file: (file not in wrote, -files[file][0], str(file))):
        rank = wrote[file] * ranks // (1 + max(wrote.values())) if file in wrote else loads.index(min(loads))
        loads[rank] += files[file][0]
        if rank == dist.get_rank():
            mine.append(file)
    return mine


def _names(path: Path) -> list[str]:
    names = [p.name for p in path.iterdir() if p.is_file()]
    return sorted(name for name in names if name != MARKER and not name.startswith("."))


def _checksums(folder: Path, device: torch.device) -> dict[str, list]:
    """File name to [bytes, sha256]; every rank reads its share of the files."""
    files = {folder / name: [(folder / name).stat().st_size] for name in _names(folder)}
    found = stream([Reading(file, hashed=True) for file in _share(files)], device)
    return dict(_gathered(sorted((file.name, entry) for file, entry in found.items())))


def _gathered(mine: list[Any]) -> list[Any]:
    """Sorted, of all ranks."""
    shares: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(shares, mine)
    return sorted(entry for share in shares for entry in share)
