"""What is done to a decoder's layers before training: 8-bit products, recomputation, compilation."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import MethodType
from typing import Literal

import torch
from transformers import PreTrainedModel
from transformers.models.llama.modeling_llama import LlamaDecoderLayer

from configs.errors import UserError
from training.blocks import blocks
from training.gathering import gather_whole
from training.job_config import JobConfig
from training.llama_layer import FusedLayer, suits, use_fused_layers
from training.trainable_tokens import logits

Kind = Literal["plain", "fused", "compiled"]


def prepare_layers(model: PreTrainedModel, job: JobConfig, device: torch.device, fp8: bool) -> None:
    """Applies what the job asks for, in place. Raises UserError where the device or the model does not allow it.

    Layers are fused by hand where that is known to be right (training/llama_layer.py), and else compiled.
    """
    recompute(model, job.train.activation_checkpointing)
    kind = job.launch.layers
    if kind == "auto":
        kind = fastest_kind(model, job, device)
    if fp8:
        check_fp8(kind, device)
    if kind == "fused":
        if not suits(model):
            raise UserError("launch.layers: fused is for Llama's layers without dropout or bias; set auto")
        if fp8 and job.lora:
            raise UserError("train.precision: fp8 has no products for adapters; use bf16, or train without model.lora")
        use_fused_layers(model, fp8)
        if job.launch.zero_stage == 3:
            gather_whole(blocks(model))
    elif kind == "compiled":
        for layer in blocks(model):
            layer.compile()


def fastest_kind(model: PreTrainedModel, job: JobConfig, device: torch.device) -> Kind:
    """What launch.layers=auto comes to. Fusing pays on GPUs, and of adapters on CPUs.

    Under ZeRO-3 nothing is compiled: its hooks in every submodule would cut the layers into pieces.
    """
    if suits(model) and (device.type == "cuda" or job.lora):
        return "fused"
    return "compiled" if device.type == "cuda" and job.launch.zero_stage < 3 else "plain"


def kind_of(model: PreTrainedModel) -> Kind:
    """How the layers are computed."""
    layer = blocks(model)[0]
    if isinstance(layer, FusedLayer):
        return "fused"
    return "plain" if layer._compiled_call_impl is None else "compiled"


@contextmanager
def as_transformers_runs(model: PreTrainedModel) -> Iterator[None]:
    """While the body runs, layers, attention and head compute as transformers' own, from the weights as they are.

    The layers of training know whole documents only, not a cache of what was said before; its head gives a loss.
    """
    layers, head, attention = blocks(model), model.get_output_embeddings(), model.config._attn_implementation
    parts, classes = [*layers, head], [layer.__class__ for layer in layers]
    loss, compiled = vars(head).pop("forward"), [part._compiled_call_impl for part in parts]
    head.forward = MethodType(logits, head)
    for part in parts:
        part._compiled_call_impl = None
    if kind_of(model) == "fused":
        for layer in layers:
            layer.__class__ = LlamaDecoderLayer
    # What it would choose itself: by torch, where that computes all that its attention does.
    model.config._attn_implementation = "sdpa" if model._supports_sdpa else "eager"
    try:
        yield
    finally:
        model.config._attn_implementation = attention
        head.forward = loss
        for part, call in zip(parts, compiled, strict=True):
            part._compiled_call_impl = call
        for layer, own in zip(layers, classes, strict=True):
            layer.__class__ = own


def recompute(model: PreTrainedModel, kind: str) -> None:
    """Activation checkpointing of every layer (full) or every second one (selective)."""
    if kind == "none":
        return
    model.gradient_checkpointing_enable({"use_reentrant": False})
    if kind == "selective":
        for layer in list(blocks(model))[1::2]:
            layer.gradient_checkpointing = False


def check_fp8(kind: str, device: torch.device) -> None:
    """Raises UserError unless layers of this kind can multiply in 8 bits here."""
    if device.type != "cuda" or torch.cuda.get_device_capability(device) < (8, 9):
        raise UserError("train.precision: fp8 needs a GPU of compute capability 8.9 or higher (Ada, Hopper); use bf16")
    if kind != "fused":
        raise UserError(f"train.precision: fp8 needs launch.layers fused, not {kind}; use bf16")
