"""How the model is trained, and on what."""

from typing import Any, Literal

from pydantic import Field, model_validator

from configs.section import Section


class Train(Section):
    """What decides the trained weights."""

    steps: int = Field(500, ge=1, description="Most optimiser steps")
    batch_tokens: int = Field(2048, ge=32, description="Tokens in a global batch, over all ranks and accumulation")
    learning_rate: float = Field(2e-3, gt=0, le=1, description="Peak learning rate")
    min_learning_rate_share: float = Field(0.1, ge=0, le=1, description="Final learning rate over the peak")
    warmup_steps: int = Field(20, ge=0, description="Steps of linear warm-up")
    weight_decay: float = Field(0.1, ge=0, le=1, description="AdamW decay, on matrices only")
    beta1: float = Field(0.9, ge=0, lt=1, description="AdamW beta1")
    beta2: float = Field(0.95, ge=0, lt=1, description="AdamW beta2")
    gradient_clipping: float = Field(1.0, gt=0, description="Largest gradient norm")
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", description="auto is bf16 on GPUs, fp32 on CPU")
    validation_every: int = Field(50, ge=1, description="Steps between validations")
    validation_sequences: int = Field(
        128, ge=1, description="Most sequences measured in a validation, evenly spaced over the split"
    )
    patience: int = Field(5, ge=1, description="Validations without improvement before training stops")
    checkpoint_every: int = Field(100, ge=1, description="Steps between checkpoints")
    activation_checkpointing: bool = Field(False, description="Recompute activations in the backward pass")

    @model_validator(mode="after")
    def _warm_up_fits(self) -> "Train":
        if self.warmup_steps >= self.steps:
            raise ValueError(f"warmup_steps ({self.warmup_steps}) must be below steps ({self.steps})")
        return self


class Launch(Section):
    """Where training runs. Does not change the loss beyond rounding."""

    ranks: int = Field(2, ge=1, description="Processes on this machine, one a GPU")
    hostfile: str | None = Field(None, description="DeepSpeed hostfile, for several machines")
    micro_batch: int = Field(4, ge=1, description="Sequences that one rank holds at once")
    zero_stage: Literal[0, 1, 2, 3] = Field(1, description="DeepSpeed ZeRO stage")
    threads: int = Field(1, ge=1, description="CPU threads a rank")
    keep_checkpoints: int = Field(2, ge=1, description="Newest checkpoints kept")
    deepspeed: dict[str, Any] = Field(default_factory=dict, description="Settings passed to DeepSpeed as they are")
