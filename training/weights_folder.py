"""A folder of weights that AutoModelForCausalLM loads, and what is known of it. Imports no DeepSpeed."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import GenerationConfig, PretrainedConfig, PreTrainedModel

from configs.model import Lora
from pipeline.contract.sealed_json import DamagedError, read_sealed, write_sealed
from training import lora
from training.checksums import checksums
from training.job_config import JobConfig
from training.trainable_tokens import State, token_indices

ADAPTER_FOLDER = "adapter"


@dataclass(frozen=True)
class Recipe:
    """What of a model is not weights, and where those go: best-<step> in job.checkpoints."""

    kind: type[PreTrainedModel]
    config: PretrainedConfig
    generation: GenerationConfig
    job: JobConfig
    step: int


def weights_of(folder: Path, step: int) -> Path:
    """The folder of the weights kept of one step."""
    return folder / f"best-{step:08d}"


def write_weights(state: State, recipe: Recipe) -> Path:
    """Writes the folder, all or nothing, and what it holds to best-<step>.json.

    state: name to whole weight, tied ones once. With LoRA the weights are merged, and the adapter lies in the folder
    adapter/ inside.
    """
    job, path = recipe.job, weights_of(recipe.job.checkpoints, recipe.step)
    partial = job.checkpoints / f".{path.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    if job.lora:
        _save_adapter(state, job, job.lora, partial / ADAPTER_FOLDER)
        state = lora.merged(state, job.lora, job.new_tokens)
    with torch.device("meta"):
        whole = recipe.kind(recipe.config)
    whole.load_state_dict(state, strict=False, assign=True)
    whole.tie_weights()
    whole.generation_config = recipe.generation
    whole.save_pretrained(partial)
    shutil.rmtree(path, ignore_errors=True)
    write_sealed(_list_of(path), {"files": checksums(partial)})
    partial.rename(path)
    return path


def _save_adapter(state: State, job: JobConfig, settings: Lora, folder: Path) -> None:
    folder.mkdir(parents=True)
    tokens = token_indices(state, job.new_tokens)
    config = lora.lora_config(settings, job.pretrained, tokens)
    config.target_modules = sorted(settings.target_modules)  # peft holds a set, whose order is another in each process
    config.save_pretrained(str(folder))
    save_file(lora.adapter(state), folder / "adapter_model.safetensors", metadata={"format": "pt"})


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
