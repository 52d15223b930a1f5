"""Builds the model that training starts from."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from configs.errors import UserError
from configs.model import Architecture
from pipeline.contract.cpu_products import use_onednn
from pipeline.contract.pretrained import pretrained_source
from pipeline.contract.tokenizer import saved_tokenizer
from pipeline.contract.turns import stop_tokens
from training import attention
from training.agreement import settle_attention
from training.job_config import JobConfig
from training.lora import add_adapters


def build_model(job: JobConfig, device: torch.device) -> PreTrainedModel:
    """A Llama in float32 with weights drawn from the seed, or pretrained ones. Attention is training/attention.py's."""
    torch.manual_seed(job.seed)
    if job.pretrained:
        model = _pretrained(job, job.pretrained)
        model.to(device)  # type: ignore[arg-type]
        set_dropout(model, 0.0)
        settle_attention(model, job.pretrained, job.sequence_length)
    else:
        assert job.architecture is not None
        with device:
            model = LlamaForCausalLM(llama_config(job.architecture, job.vocabulary))
    generation = generation_config(saved_tokenizer(job.tokenizer))
    for name in ("bos", "eos", "pad"):
        setattr(model.config, f"{name}_token_id", getattr(generation, f"{name}_token_id"))
    model.generation_config = generation
    set_dropout(model, job.train.dropout)
    if job.lora:
        add_adapters(model, job.lora, job.new_tokens)
    if device.type == "cpu":
        use_onednn(model)
    model.train()
    return model


def llama_config(architecture: Architecture, vocabulary: int) -> LlamaConfig:
    """transformers' configuration of an architecture; vocabulary: where the architecture fixes none."""
    values = architecture.model_dump(exclude={"rope_theta", "rope_scaling", "vocab_size"})
    rope = {"rope_type": "default", **(architecture.rope_scaling or {}), "rope_theta": architecture.rope_theta}
    config = LlamaConfig(
        **values,
        vocab_size=architecture.vocab_size or vocabulary,
        rope_parameters=rope,
        attention_bias=False,
        pad_token_id=None,  # as padding_idx it would freeze one row of the embedding
    )
    config._attn_implementation = attention.NAME
    return config


def set_dropout(model: PreTrainedModel, probability: float) -> None:
    """Dropout of attention probabilities while training, and no other, whatever pretrained weights came with.

    Modules hold it as a number (`attention_dropout`) or as a layer (`attn_dropout`), and others beside it (Phi's
    `resid_dropout`, GPT-2's `embd_pdrop`, OPT's `layerdrop`).
    """
    model.config.get_text_config().attention_dropout = probability
    for path, module in model.named_modules():
        if isinstance(module, nn.Dropout):
            module.p = probability if "attn_drop" in path or "attention_drop" in path else 0.0
        for name, value in vars(module).items():
            if isinstance(value, float) and re.search("drop(out|$)", name):
                of_attention = "attention" in name or "attn" in name
                setattr(module, name, probability if of_attention else 0.0)


@contextmanager
def unrounded_buffers(model: nn.Module) -> Iterator[None]:
    """Whatever the body casts the model to, its buffers come out as they were.

    DeepSpeed casts a whole model to bf16, and with it the rotary frequencies, a buffer, to 8 bits:
    at position 4,096 the angles would be off by many radians, and differ from those at inference.
    """
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    yield
    for name, buffer in before.items():
        owner, _, last = name.rpartition(".")
        setattr(model.get_submodule(owner), last, buffer)


def generation_config(tokenizer: PreTrainedTokenizerBase) -> GenerationConfig:
    """Stops at the end of a turn, of the sequence, or of the text."""
    return GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=stop_tokens(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        do_sample=True,
        temperature=0.8,
        top_p=0.95,
    )


def _pretrained(job: JobConfig, name: str) -> PreTrainedModel:
    """The weights in float32. A head of their own is kept, whatever their configuration says of tied embeddings."""
    source = pretrained_source(name)
    try:
        both: Any = AutoModelForCausalLM.from_pretrained(
            source.folder,
            dtype=torch.float32,
            attn_implementation=attention.NAME,
            output_loading_info=True,
            **source.options,
        )
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        reason = str(error).strip().splitlines()[0]
        remedy = "give a folder with config.json and weights, or the name of a model on a hub that can be reached"
        raise UserError(f"model.pretrained: {name!r} cannot be loaded ({reason}); {remedy}") from error
    model, loaded = both
    if missing := sorted(loaded["missing_keys"]):
        raise UserError(
            f"model.pretrained: {name!r} lacks {len(missing)} of its weights, {missing[0]} for one, which would be "
            f"random; give a folder that has them all"
        )
    # transformers 5 does not tie weights that the files hold apart, and leaves the configuration as it was; by that
    # they would be tied when they are saved.
    model.config.tie_word_embeddings = model.get_output_embeddings().weight is model.get_input_embeddings().weight
    if source.gguf:
        forget_quantisation(model)
    if model.config.get_text_config().vocab_size < job.vocabulary:
        model.resize_token_embeddings(job.vocabulary)
    return model


def forget_quantisation(model: Any) -> None:
    """Takes the mark of a quantised model off weights that are in float32 by now; with it, they could not be saved."""
    model.is_quantized, model.hf_quantizer = False, None
    del model.config.quantization_config
