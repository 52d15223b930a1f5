"""Keeps the weights of a step, gathered from the ranks."""

from copy import deepcopy
from pathlib import Path

import deepspeed
import torch
import torch.distributed as dist
from deepspeed import DeepSpeedEngine
from transformers import PreTrainedModel

from training.job_config import JobConfig
from training.space import require_space_on_all
from training.weights_folder import Recipe, weights_of, write_weights

REMEDY = "free as much, and run the same command: it goes on"


def save_weights(engine: DeepSpeedEngine, job: JobConfig, step: int) -> Path:
    """Collects the weights on rank 0 and writes them (training/weights_folder.py) while training waits."""
    partitioned = engine.zero_optimization_stage() == 3
    if partitioned:  # a validation leaves some on their way, fetched ahead for a backward pass that does not come
        engine.empty_partition_cache()
    state = gather(engine.module.model, partitioned)
    needed = sum(weight.numel() * weight.element_size() for weight in state.values())
    require_space_on_all(job.checkpoints, needed, "a model", REMEDY)
    if dist.get_rank() == 0:
        write_weights(state, recipe_of(engine, job, step))
    dist.barrier()
    return weights_of(job.checkpoints, step)


def recipe_of(engine: DeepSpeedEngine, job: JobConfig, step: int) -> Recipe:
    """What of the engine's model is not weights."""
    model: PreTrainedModel = engine.module.model
    config = deepcopy(model.config)
    config._attn_implementation = "eager"  # which every class has; training's own is known to ranks only
    assert model.generation_config is not None
    return Recipe(type(model), config, model.generation_config, job, step)


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
