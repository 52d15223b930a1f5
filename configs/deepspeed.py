"""Which of DeepSpeed's settings a profile may pass on, and which of them decide the weights."""

from collections.abc import Iterator
from typing import Any

OURS = {
    "train_batch_size": "train.batch_tokens",
    "train_micro_batch_size_per_gpu": "launch.micro_batch",
    "gradient_accumulation_steps": "train.batch_tokens and launch.micro_batch",
    "managed_gradient_accumulation": "train.batch_tokens and launch.micro_batch",
    "gradient_clipping": "train.gradient_clipping",
    "optimizer": "train.learning_rate, train.weight_decay, train.beta1 and train.beta2",
    "scheduler": "train.schedule",
    "activation_checkpointing": "train.activation_checkpointing",
    "zero_optimization.stage": "launch.zero_stage",
    **dict.fromkeys(("fp16", "bf16", "bfloat16", "amp", "torch_autocast", "data_types"), "train.precision"),
}
"""What training/engine.py sets or replaces, to the key of the profile that decides it."""

WITHOUT_EFFECT = (
    "steps_per_print",
    "wall_clock_breakdown",
    "memory_breakdown",
    "dump_state",
    "log_level",
    "timers",
    "comms_logger",
    "flops_profiler",
    "tensorboard",
    "wandb",
    "comet",
    "csv_monitor",
)
"""What DeepSpeed only says or measures (docs/_pages/config-json.md of DeepSpeed, Logging, Monitoring, Profiler).
A setting that is not here counts as one that changes the weights: offloading steps another AdamW, and with some
communication settings versions of DeepSpeed have left ranks out of a sum."""


def refused(settings: dict[str, Any]) -> str | None:
    """What is wrong with the settings of a profile, or None."""
    if not isinstance(settings.get("zero_optimization", {}), dict):
        return "zero_optimization must be a mapping; its stage is launch.zero_stage"
    taken = [key for key in _keys(settings) if key in OURS]
    if taken:
        return "; ".join(f"{key} is not passed on, set {OURS[key]} instead" for key in taken)
    return None


def deciding(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that may change the weights, and so are part of train's fingerprint."""
    return {key: value for key, value in settings.items() if key not in WITHOUT_EFFECT}


def _keys(settings: dict[str, Any]) -> Iterator[str]:
    """Dotted, of both levels."""
    for key, value in settings.items():
        yield key
        if isinstance(value, dict):
            yield from (f"{key}.{inner}" for inner in value)
