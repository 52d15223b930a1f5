"""The DeepSpeed engine of one rank."""

from datetime import timedelta
from typing import Any

import deepspeed
import torch
from deepspeed import DeepSpeedEngine
from deepspeed.accelerator import get_accelerator

from training.loss import SummedLoss
from training.model import build_model, unrounded_buffers
from training.optimizer import adamw
from training.plan import Plan

COLLECTIVE_TIMEOUT = timedelta(hours=2)
"""Longest wait for another rank: saving the weights of a large model keeps the others waiting."""


def start_distributed(plan: Plan) -> torch.device:
    """Joins the ranks, and returns this rank's device."""
    accelerator = get_accelerator()
    if accelerator.device_name() == "cpu":
        torch.set_num_threads(plan.launch.threads)
        # Training uses no operator of DeepSpeed's own. Its shared-memory one, for inference, would be
        # compiled for half a minute at the first start, and would need a compiler.
        deepspeed.ops.__compatible_ops__ = {}
    deepspeed.init_distributed(accelerator.communication_backend_name(), timeout=COLLECTIVE_TIMEOUT)
    return torch.device(accelerator.current_device_name())


def build_engine(plan: Plan, device: torch.device) -> tuple[DeepSpeedEngine, int]:
    """Model and AdamW inside DeepSpeed, and the number of parameters.

    engine(**batch) is the summed loss of a micro-batch.
    """
    model = build_model(plan, device)
    parameters = sum(p.numel() for p in model.parameters())
    optimizer = adamw(model, plan.train, fused=True)
    with unrounded_buffers(model):
        engine, *_ = deepspeed.initialize(
            model=SummedLoss(model), optimizer=optimizer, config=deepspeed_config(plan, device)
        )
    return engine, parameters


def precision(plan: Plan, device: torch.device) -> str:
    """fp32 or bf16. auto: bf16 on GPUs; fp32 on CPU, where bf16 without AMX is ten times slower."""
    if plan.train.precision != "auto":
        return plan.train.precision
    return "fp32" if device.type == "cpu" else "bf16"


def deepspeed_config(plan: Plan, device: torch.device) -> dict[str, Any]:
    """DeepSpeed's configuration; launch.deepspeed is merged over it."""
    bf16 = precision(plan, device) == "bf16"
    config: dict[str, Any] = {
        "train_micro_batch_size_per_gpu": plan.launch.micro_batch,
        "gradient_accumulation_steps": plan.accumulation,
        "gradient_clipping": plan.train.gradient_clipping,
        "zero_optimization": {"stage": plan.launch.zero_stage},
        "bf16": {"enabled": bf16},
        "steps_per_print": 1 << 62,
    }
    if bf16 and plan.launch.zero_stage:  # without ZeRO, DeepSpeed accumulates bf16 gradients in bf16 only
        config["data_types"] = {"grad_accum_dtype": "fp32"}
    return merged(config, plan.launch.deepspeed)


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`base` with the values of `over`, mapping by mapping."""
    result = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result
