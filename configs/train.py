"""How the model is trained, and on what."""

import re
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from configs.deepspeed import refused
from configs.preferences import Dpo, Orpo
from configs.section import Section


class Train(Section):
    """What decides the trained weights."""

    objective: Literal["sft", "dpo", "orpo"] = Field(
        "sft", description="What is learned: replies (sft), or which of two replies is better (dpo, orpo)"
    )
    dpo: Dpo = Field(default_factory=Dpo, description="What objective dpo is made of")
    orpo: Orpo = Field(default_factory=Orpo, description="What objective orpo is made of")
    steps: int = Field(500, ge=1, description="Most optimiser steps")
    batch_tokens: int = Field(2048, ge=32, description="Tokens in a global batch, over all ranks and accumulation")
    learning_rate: float = Field(2e-3, gt=0, le=1, description="Peak learning rate")
    min_learning_rate_share: float = Field(0.1, ge=0, le=1, description="Final learning rate over the peak")
    warmup_steps: int = Field(20, ge=0, description="Steps of linear warm-up")
    schedule: Literal["cosine", "warmup-stable-decay"] = Field(
        "cosine", description="After the warm-up: a cosine, or the peak until a short decay at the end"
    )
    decay_share: float = Field(
        0.1, gt=0, le=1, description="Share of all steps in which warmup-stable-decay decays; cosine ignores it"
    )
    weight_decay: float = Field(0.1, ge=0, le=1, description="AdamW decay, on matrices only")
    beta1: float = Field(0.9, ge=0, lt=1, description="AdamW beta1")
    beta2: float = Field(0.95, ge=0, lt=1, description="AdamW beta2")
    gradient_clipping: float = Field(1.0, gt=0, description="Largest gradient norm")
    dropout: float = Field(0.0, ge=0, lt=1, description="Dropout of attention probabilities, Llama's only one")
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="Share of each target spread over the vocabulary; never in validation"
    )
    precision: Literal["auto", "fp32", "bf16", "fp8"] = Field(
        "auto",
        description="auto is bf16 on GPUs, fp32 on CPU; fp8 is bf16 with matrix products in 8 bits (Hopper)",
    )
    validation_every: int = Field(50, ge=1, description="Steps between validations")
    validation_sequences: int = Field(
        128, ge=1, description="Most sequences measured in a validation, evenly spaced over the split"
    )
    validation_replies: int = Field(
        8, ge=0, description="Prompts of the validation split answered for BLEU, ROUGE-L and samples; 0 answers none"
    )
    validation_reply_tokens: int = Field(24, ge=1, description="Longest of these replies (tokens)")
    validation_replies_every: int = Field(1, ge=1, description="Validations between those that answer prompts")
    patience: int = Field(5, ge=1, description="Validations without improvement before training stops")
    checkpoint_every: int = Field(100, ge=1, description="Steps between checkpoints")
    deterministic: bool = Field(False, description="Only deterministic kernels, slower: equal runs are equal bits")
    activation_checkpointing: Literal["none", "selective", "full"] = Field(
        "none",
        description="What the backward pass recomputes to save memory: nothing, every second layer, or every layer",
    )

    @model_validator(mode="after")
    def _warm_up_fits(self) -> "Train":
        if self.warmup_steps >= self.steps:
            raise ValueError(f"warmup_steps ({self.warmup_steps}) must be below steps ({self.steps})")
        if self.schedule == "warmup-stable-decay" and self.warmup_steps + self.decay_steps > self.steps:
            raise ValueError(
                f"warmup_steps ({self.warmup_steps}) and the decay ({self.decay_steps} steps, decay_share of steps) "
                f"must fit into steps ({self.steps})"
            )
        return self

    @model_validator(mode="after")
    def _tokens_are_smoothed_in_sft_only(self) -> "Train":
        if self.label_smoothing and self.prefers:
            raise ValueError(f"label_smoothing is for sft, not {self.objective}; set train.dpo.label_smoothing")
        return self

    @property
    def prefers(self) -> bool:
        """Whether pairs are learned from, not conversations."""
        return self.objective != "sft"

    @property
    def sides(self) -> int:
        """Conversations that may fill a sequence of training: the two sides of a pair share one of twice the length."""
        return 2 if self.prefers else 1

    def precision_on(self, gpu: bool) -> Literal["fp32", "bf16", "fp8"]:
        """What `precision` comes to: bf16 without AMX is ten times slower than fp32 on CPU."""
        if self.precision != "auto":
            return self.precision
        return "bf16" if gpu else "fp32"

    @property
    def decay_steps(self) -> int:
        """Steps of the final decay of warmup-stable-decay."""
        return max(1, round(self.decay_share * self.steps))


class Spikes(Section):
    """What becomes of a batch whose loss is not a number, or a spike."""

    policy: Literal["stop", "skip", "rollback"] = Field(
        "stop",
        description="stop: end when the loss is not a number, and tell of a spike; skip: leave the batch out; "
        "rollback: go back to the newest checkpoint, and then leave it out",
    )
    deviations: float = Field(
        8.0, gt=0, description="A spike is so many standard deviations above the mean of the 64 losses before"
    )
    batches: int = Field(1, ge=1, description="Batches that rollback leaves out: the spike's, and those before it")
    budget: int = Field(10, ge=0, description="Most batches left out; more end training")


class Launch(Section):
    """Where training runs. Does not change the loss beyond rounding, with three exceptions, which are part of train's
    fingerprint: what of `deepspeed` may change the weights; `spikes`, where batches may be left out; and, with dropout,
    ranks, micro_batch and layers, since what is left out is drawn by rank and micro-batch.
    """

    ranks: int = Field(2, ge=1, description="Processes on this machine, one a GPU; with a hostfile its slots count")
    hostfile: str | None = Field(None, description="File of lines HOST slots=N: training runs there, over ssh")
    micro_batch: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        4,
        description="Sequences that a rank holds at once; auto: the fastest number of those that should fit, measured",
    )
    sequence_parallel: int = Field(
        1, ge=1, description="Ranks that share each sequence (Ulysses), for sequences that one cannot hold; 1: none do"
    )
    zero_stage: Literal[0, 1, 2, 3] = Field(1, description="DeepSpeed ZeRO stage")
    layers: Literal["auto", "plain", "fused", "compiled"] = Field(
        "auto",
        description="How a layer is computed: as transformers does, in few fused steps, or by torch.compile. auto: on "
        "GPUs fused for Llama, and for others compiled below ZeRO stage 3; else plain",
    )
    threads: int = Field(1, ge=1, description="CPU threads a rank")
    log_every: int = Field(1, ge=1, description="Steps between lines of metrics.jsonl, MLflow and TensorBoard")
    profile_steps: str | None = Field(None, description="Steps A-B, as 10-12, that torch's profiler traces")
    spikes: Spikes = Field(default_factory=Spikes, description="What becomes of a batch whose loss is none, or a spike")
    hang_seconds: float = Field(
        1800, gt=0, description="Longest wait for a step, a validation or a checkpoint before a rank counts as hung"
    )
    restarts: int = Field(0, ge=0, description="How often ranks are started again after one was killed or hung")
    fewest_machines: int = Field(
        0, ge=0, description="Machines of the hostfile that a restart may go on with when others are lost; 0: all"
    )
    keep_checkpoints: int = Field(2, ge=1, description="Newest checkpoints kept")
    deepspeed: dict[str, Any] = Field(
        default_factory=dict, description="Further DeepSpeed settings, of those that no other key decides"
    )

    @field_validator("deepspeed")
    @classmethod
    def _not_ours(cls, settings: dict[str, Any]) -> dict[str, Any]:
        if wrong := refused(settings):
            raise ValueError(wrong)
        return settings

    @property
    def profiled(self) -> tuple[int, int] | None:
        """The first and the last step that are traced."""
        if self.profile_steps is None:
            return None
        first, last = self.profile_steps.split("-")
        return int(first), int(last)

    @field_validator("profile_steps")
    @classmethod
    def _steps_in_order(cls, steps: str | None) -> str | None:
        found = re.fullmatch(r"([1-9]\d*)-([1-9]\d*)", steps or "1-1")
        if not found or int(found[1]) > int(found[2]):
            raise ValueError("must be the first and the last step, as 10-12")
        return steps
