"""The DeepSpeed engine of one rank."""

import os
from typing import Any

import deepspeed
import torch
from deepspeed import DeepSpeedEngine
from deepspeed.accelerator import get_accelerator
from deepspeed.utils import safe_set_full_fp32_param
from torch import nn
from transformers import PreTrainedModel

from configs.errors import UserError
from training.accumulation import accumulate_in_fp32
from training.attention import NAME
from training.gathering import prefetching
from training.job_config import JobConfig
from training.layers import prepare_layers
from training.loss import SummedLoss
from training.model import build_model, unrounded_buffers
from training.optimizer import adamw
from training.preferences import PreferenceLoss
from training.rendezvous import COLLECTIVE_TIMEOUT, meet
from training.sequence_parallel import SharedSequences
from training.trainable_tokens import ROWS


def start_distributed(job: JobConfig) -> torch.device:
    """Joins the ranks, and returns this rank's device."""
    accelerator = get_accelerator()
    gpu = None
    if accelerator.device_name() == "cpu":
        torch.set_num_threads(job.launch.threads)
        # Training uses no operator of DeepSpeed's own. Its shared-memory one, for inference, would be
        # compiled for half a minute at the first start, and would need a compiler.
        deepspeed.ops.__compatible_ops__ = {}
    else:
        gpu = torch.device(accelerator.device_name(int(os.environ["LOCAL_RANK"])))
        accelerator.set_device(gpu.index)
    if job.train.deterministic:
        only_deterministic_kernels()
    backend = accelerator.communication_backend_name()
    meet(backend, job.world_size, gpu)
    deepspeed.init_distributed(backend, timeout=COLLECTIVE_TIMEOUT)
    return torch.device(accelerator.current_device_name())


def build_engine(job: JobConfig, device: torch.device) -> tuple[DeepSpeedEngine, int]:
    """Model and AdamW inside DeepSpeed, and the number of the model's parameters, adapters left out.

    engine(**batch) is the summed loss of a micro-batch.
    """
    model = build_model(job, device)
    prepare_layers(model, job, device, fp8=precision(job, device) == "fp8")
    own = (p for name, p in model.named_parameters() if ".lora_" not in name and not name.endswith(ROWS))
    parameters = sum(p.numel() for p in own)
    return engine_of(loss_of(model, job), job, device), parameters


def loss_of(model: PreTrainedModel, job: JobConfig) -> SummedLoss:
    """The model with the loss of train.objective around it."""
    if job.train.prefers:
        return PreferenceLoss(model, job.train)
    ranks = job.launch.sequence_parallel
    return SummedLoss(model, job.train.label_smoothing, shared_sequences(model, ranks) if ranks > 1 else None)


def shared_sequences(model: PreTrainedModel, ranks: int) -> SharedSequences:
    """Raises UserError for a model whose attention is not training's own."""
    if model.config._attn_implementation != NAME:
        raise UserError("launch.sequence_parallel: layers with attention of their own cannot share sequences; set 1")
    return SharedSequences(ranks)


def engine_of(module: nn.Module, job: JobConfig, device: torch.device) -> DeepSpeedEngine:
    """The module and its AdamW inside DeepSpeed."""
    optimizer = adamw(module, job.train, fused=True)
    begins = job.pretrained and job.launch.zero_stage and precision(job, device) != "fp32"
    exact = lost_in_bf16(module) if begins else {}
    config = deepspeed_config(job, device, prefetching(module))
    with unrounded_buffers(module):
        engine, *_ = deepspeed.initialize(model=module, optimizer=optimizer, config=config)
    for parameter, weights in exact.items():
        safe_set_full_fp32_param(parameter, weights.to(parameter.device))
    accumulate_in_fp32(engine)
    return engine


def lost_in_bf16(module: nn.Module) -> dict[nn.Parameter, torch.Tensor]:
    """The trained weights that bf16 rounds, on the CPU.

    DeepSpeed makes its fp32 weights of the rounded ones. Each would stand midway between two steps of bf16's grid, and
    the model would not change before the sum of many small updates had carried it over. Without ZeRO it does not let
    them be set.
    """
    trained = (p for p in module.parameters() if p.requires_grad)
    return {p: p.detach().cpu().clone() for p in trained if not torch.equal(p.bfloat16().float(), p)}


def only_deterministic_kernels() -> None:
    """Kernels that add up in an order that varies are replaced, or refused with an error that names them.

    cuBLAS needs a workspace of its own for it, set before it is first used (CUDA's cuBLAS guide, "Results
    reproducibility"; torch's notes on reproducibility). Memory that is written before it is read need not be
    filled: DeepSpeed allocates gigabytes of it in every step.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False


def precision(job: JobConfig, device: torch.device) -> str:
    """fp32, bf16 or fp8, for this device."""
    return job.train.precision_on(device.type != "cpu")


def deepspeed_config(job: JobConfig, device: torch.device, gathering: dict[str, int]) -> dict[str, Any]:
    """DeepSpeed's configuration; launch.deepspeed is merged over it. gathering: see training/gathering.py."""
    bf16 = precision(job, device) != "fp32"
    config: dict[str, Any] = {
        "train_micro_batch_size_per_gpu": job.micro_batch,
        "gradient_accumulation_steps": job.accumulation,
        "gradient_clipping": job.train.gradient_clipping,
        "zero_optimization": {"stage": job.launch.zero_stage} | gathering,
        "bf16": {"enabled": bf16, "immediate_grad_update": True},
        "steps_per_print": 1 << 62,
    }
    if bf16 and job.launch.zero_stage:  # without ZeRO, DeepSpeed accumulates bf16 gradients in bf16 only
        config["data_types"] = {"grad_accum_dtype": "fp32"}
    return merged(config, job.launch.deepspeed)


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`base` with the values of `over`, mapping by mapping."""
    result = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result
