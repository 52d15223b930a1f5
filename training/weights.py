"""Writes weights as a folder that AutoModelForCausalLM loads."""

import shutil
from pathlib import Path

import deepspeed
import torch
import torch.distributed as dist
from deepspeed import DeepSpeedEngine
from safetensors.torch import save_file
from transformers import PreTrainedModel

from configs.model import Lora
from pipeline.contract.sealed_json import DamagedError, read_sealed, write_sealed
from training import lora
from training.checksums import checksums
from training.job_config import JobConfig
from training.space import require_space_on_all
from training.trainable_tokens import State, token_indices

ADAPTER_FOLDER = "adapter"


def weights_of(folder: Path, step: int) -> Path:
    """The folder of the weights kept of one step."""
    return folder / f"best-{step:08d}"


def save_weights(engine: DeepSpeedEngine, job: JobConfig, step: int) -> Path:
    """Collects the weights on rank 0 and writes them to best-<step> beside the checkpoints, all or nothing, and what
    they are to best-<step>.json.

    With LoRA the weights are merged, and the adapter lies in the folder adapter/ inside.
    """
    model: PreTrainedModel = engine.module.model
    state = gather(model, engine.zero_optimization_stage() == 3)
    path = weights_of(job.checkpoints, step)
    needed = sum(weight.numel() * weight.element_size() for weight in state.values())
    require_space_on_all(job.checkpoints, needed, "a model", "free as much, and run the same command: it goes on")
    if dist.get_rank() == 0:
        partial = job.checkpoints / f".{path.name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        if job.lora:
            _save_adapter(state, job, job.lora, partial / ADAPTER_FOLDER)
            state = lora.merged(state, job.lora, job.new_tokens)
        with torch.device("meta"):
            whole = type(model)(model.config)
        whole.load_state_dict(state, strict=False, assign=True)
        whole.tie_weights()
        whole.generation_config = model.generation_config
        whole.save_pretrained(partial)
        shutil.rmtree(path, ignore_errors=True)
        write_sealed(_list_of(path), {"files": checksums(partial)})
        partial.rename(path)
    dist.barrier()
    return path


def _save_adapter(state: State, job: JobConfig, settings: Lora, folder: Path) -> None:
    folder.mkdir(parents=True)
    tokens = token_indices(state, job.new_tokens)
    lora.lora_config(settings, job.pretrained, tokens).save_pretrained(str(folder))
    save_file(lora.adapter(state), folder / "adapter_model.safetensors", metadata={"format": "pt"})


def gather(model: torch.nn.Module, partitioned: bool) -> dict[str, torch.Tensor]:
    """Name to whole weight on the CPU, tied ones once; on rank 0, and empty on the others.

    partitioned: the weights are spread over the ranks (ZeRO-3); gathered one at a time.
    """
    state = {}
    for name, parameter in model.named_parameters():
        if partitioned:
            with deepspeed.zero.GatheredParameters([parameter]):
                weight = parameter.detach().cpu().clone() if dist.get_rank() == 0 else None
        else:
            weight = parameter.detach().cpu() if dist.get_rank() == 0 else None
        if weight is not None:
            state[name] = weight
    return state


def kept_weights(folder: Path, step: int) -> dict[str, list] | None:
    """File to [bytes, sha256] of the weights kept of a step, as they were written; None when nobody can tell."""
    try:
        return read_sealed(_list_of(weights_of(folder, step)), "")["files"]
    except (DamagedError, FileNotFoundError):
        return None


def forget_weights(folder: Path, needed: set[int]) -> None:
    """Deletes the weights of all steps but `needed`."""
    keep = [weights_of(folder, step) for step in needed]
    for path in folder.glob("best-*"):
        if path not in keep and path.is_dir():
            _list_of(path).unlink(missing_ok=True)
            shutil.rmtree(path)


def _list_of(weights: Path) -> Path:
    return weights.with_suffix(".json")
