"""Low-rank adapters: only they, and the rows of new tokens, are trained, and what comes out is a merged model.

Source: Hu et al. 2021, LoRA, section 4.1. The layers are peft's.
"""

from peft import LoraConfig, inject_adapter_in_model
from torch import nn
from transformers import PreTrainedModel

from configs.errors import UserError
from configs.model import Lora
from training.blocks import blocks
from training.trainable_tokens import State, adapter_rows, train_tokens, with_rows

ADAPTER = "default"
"""peft's name of a model's only adapter."""


def add_adapters(model: PreTrainedModel, lora: Lora, new_tokens: tuple[int, ...] = ()) -> None:
    """Puts an adapter beside every linear layer that lora.target_modules names, and freezes all else but the
    rows of `new_tokens`.

    Raises UserError for a name that no linear layer of the decoder's blocks has.
    """
    linear = {n.rpartition(".")[2] for n, module in blocks(model).named_modules() if isinstance(module, nn.Linear)}
    unknown = sorted(set(lora.target_modules) - linear)
    if unknown:
        known = ", ".join(sorted(linear)) or "none that adapters fit; train all weights"
        raise UserError(f"model.lora.target_modules: the model has no linear layer {unknown[0]!r}; it has: {known}")
    inject_adapter_in_model(lora_config(lora), model, adapter_name=ADAPTER)
    if new_tokens:
        train_tokens(model, new_tokens)


def lora_config(lora: Lora, base: str | None = None, tokens: dict[str, list[int]] | None = None) -> LoraConfig:
    """peft's configuration. base: where the weights came from. tokens: see trainable_tokens.token_indices."""
    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(lora.target_modules),
        task_type="CAUSAL_LM",
        base_model_name_or_path=base,
        trainable_token_indices=tokens,
    )


def merged(state: State, lora: Lora, new_tokens: tuple[int, ...] = ()) -> State:
    """The weights of a model without adapters that computes the same: W + alpha / rank × B A, summed in fp32."""
    whole = {}
    for name, weight in state.items():
        layer, marker, rest = name.partition(".base_layer.")
        if marker and rest == "weight":
            a, b = (state[f"{layer}.lora_{side}.{ADAPTER}.weight"].float() for side in "AB")
            weight = (weight.float() + lora.alpha / lora.rank * b @ a).to(weight.dtype)
        if ".lora_" not in name:
            whole[f"{layer}.{rest}" if marker else name] = weight
    return with_rows(whole, new_tokens)


def adapter(state: State) -> State:
    """The adapters and the rows of new tokens alone, under the names that PeftModel.from_pretrained expects."""
    matrices = {
        f"base_model.model.{name.replace(f'.{ADAPTER}.', '.')}": weight.contiguous()
        for name, weight in state.items()
        if ".lora_" in name
    }
    return matrices | adapter_rows(state)
