"""Writes a model for other programs, reads it back, and leaves it only when it computes what the model does."""

import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, GenerationConfig
from transformers.utils.logging import disable_progress_bar

from configs.errors import UserError
from eval.generate import encode_prompt
from eval.gguf_file import Kind, apply_rope_factors, write_gguf
from pipeline.contract.artifact import check_part
from pipeline.contract.atomic_write import replacing
from pipeline.contract.cpu_products import use_onednn
from pipeline.contract.formatting import percent, size
from pipeline.contract.pretrained import Source, pretrained_source
from pipeline.contract.progress import say
from pipeline.contract.tokenizer import usable_tokenizer
from pipeline.contract.turns import stop_tokens

disable_progress_bar()

PROMPTS = (
    "Hello! How are you today?",
    "What do you like to do in your free time?",
    "Do you have any pets?",
    "My train was late again this morning, and it rained all the way to the office.",
    "Can you recommend a book about the sea? I've read 20,000 Leagues already.",
    "I need a table for four at half past seven on Friday, near the station.",
    "Explain in two sentences why the sky is blue.",
    "Ça va? Mir geht's gut, danke. 你好!",
)
"""What both models read, by the chat template."""

LIMITS = {"f32": 1e-5, "f16": 1e-3, "q8_0": 0.05}
"""Largest mean divergence of the next token's distribution from the model's, in nats (Kullback and Leibler 1951)."""


@dataclass(frozen=True)
class Agreement:
    """Over every position of the prompts. difference: the largest of two logits. divergence: mean, in nats.
    same: share of positions where the likeliest token is the same."""

    difference: float
    divergence: float
    same: float


def export_gguf(name: str, out: Path, kind: Kind) -> None:
    """One GGUF file of the model `name`, which `model.pretrained` could name as well.

    Raises UserError for a model that GGUF is not written of here, and for a file that does not compute what it does.
    """
    _source, model, tokenizer = _loaded(name)
    with replacing(out, durable=True) as partial:
        write_gguf(model, tokenizer, partial, kind, out.stem)
        _check(model, tokenizer, Source(str(partial.parent), partial.name), kind, out)
    say(f"export: {out}, {size(out.stat().st_size)}, {kind}")


def export_folder(name: str, out: Path, kind: str) -> None:
    """A folder of safetensors that transformers and vLLM load, with tokenizer, template and stop tokens.

    Raises UserError as `export_gguf` does, and when `out` is there and is not empty.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"--out: {out} exists already; name a folder that does not")
    source, model, tokenizer = _loaded(name)
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        whole = AutoModelForCausalLM.from_pretrained(
            source.folder, dtype=torch.float16 if kind == "f16" else torch.float32, **source.options
        )
        _forget_quantisation(whole)
        whole.generation_config = GenerationConfig(
            **{**whole.generation_config.to_diff_dict(), "eos_token_id": stop_tokens(tokenizer)}
        )
        whole.save_pretrained(partial)
        tokenizer.save_pretrained(partial)
        del whole
        _check(model, tokenizer, Source(str(partial)), kind, out)
        if out.is_dir():
            out.rmdir()
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    say(f"export: {out}, {size(sum(f.stat().st_size for f in out.iterdir()))}, {kind}")


def _loaded(name: str) -> tuple[Source, Any, Any]:
    """Where it lies, the model in fp32, and its tokenizer."""
    source = pretrained_source(name)
    if Path(source.folder).is_dir():
        check_part(Path(source.folder))
    remedy = "give a folder that training wrote, a GGUF file or package:NAME"
    tokenizer = usable_tokenizer(source, f"--model: the tokenizer of {name}", remedy)
    return source, _model(source, f"--model: {name}", remedy), tokenizer


def _model(source: Source, called: str, remedy: str) -> Any:
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(source.folder, dtype=torch.float32, **source.options)
    except (OSError, ValueError, RuntimeError, KeyError, ImportError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise UserError(f"{called} cannot be loaded ({reason}); {remedy}") from error
    if source.file:
        apply_rope_factors(source.file, model)
    return model.eval()


def _check(model: Any, tokenizer: Any, written: Source, kind: str, out: Path) -> None:
    """Says how far what was written is from the model. Raises UserError when that is further than `LIMITS` allow."""
    remedy = f"nothing was left at {out}; export --format safetensors, or report it"
    again = usable_tokenizer(written, f"export: {out} is damaged: its tokenizer", remedy)
    prompts = [encode_prompt(tokenizer, [{"role": "user", "content": text}], 1 << 20) for text in PROMPTS]
    for text, prompt in zip(PROMPTS, prompts, strict=True):
        if again.encode(text, add_special_tokens=False) != tokenizer.encode(text, add_special_tokens=False):
            raise UserError(f"export: {out} would read {text!r} as other tokens; {remedy}")
        if max(prompt) >= model.config.vocab_size:
            raise UserError(f"export: the model has no row for token {max(prompt)} of its chat template; {remedy}")
    found = agreement(model, lambda: _model(written, f"export: {out} is damaged: it", remedy), prompts)
    told = (
        f"largest difference of logits {found.difference:.2g}, divergence {found.divergence:.2g} nats a token, "
        f"{percent(found.same)} of likeliest tokens the same"
    )
    if not found.divergence <= LIMITS[kind]:
        raise UserError(f"export: {kind} changes the model too much ({told}; at most {LIMITS[kind]} nats); {remedy}")
    say(f"export: read back by transformers, over {sum(map(len, prompts))} tokens of {len(prompts)} prompts: {told}")


@torch.inference_mode()
def agreement(model: Any, load: Callable[[], Any], prompts: list[list[int]]) -> Agreement:
    """How far another model is from `model` on the prompts. load: gives the other one, once `model` is through."""
    use_onednn(model)
    expected = [model(input_ids=torch.tensor([prompt])).logits[0] for prompt in prompts]
    other = load()
    use_onednn(other)
    difference = divergence = same = 0.0
    for prompt, own in zip(prompts, expected, strict=True):
        logits = other(input_ids=torch.tensor([prompt])).logits[0]
        difference = max(difference, float((logits - own).abs().max()))
        ours, theirs = own.log_softmax(-1), logits.log_softmax(-1)
        divergence += float((ours.exp() * (ours - theirs)).sum())
        same += float((own.argmax(-1) == logits.argmax(-1)).sum())
    tokens = sum(map(len, prompts))
    return Agreement(difference if math.isfinite(divergence) else math.inf, divergence / tokens, same / tokens)


def _forget_quantisation(model: Any) -> None:
    """Takes the mark of a quantised model off weights that no longer are."""
    model.is_quantized, model.hf_quantizer = False, None
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
