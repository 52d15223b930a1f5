"""Tiny random models of the families that transformers has, with what sets each apart switched on."""

from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

VOCABULARY = 512
WINDOW = 9
"""Tokens that a sliding layer sees; documents of the tests are longer."""

SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": None,
}
LOCAL_AND_GLOBAL = {"sliding_window": WINDOW, "layer_types": ["sliding_attention", "full_attention"]}

FAMILIES: dict[str, dict] = {
    "llama": {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": False},
    "qwen2": {"tie_word_embeddings": True, "use_sliding_window": True, **LOCAL_AND_GLOBAL},
    "qwen2_moe": {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
    | {"shared_expert_intermediate_size": 16, "use_sliding_window": True}
    | LOCAL_AND_GLOBAL,
    "qwen3": {"head_dim": 16, "tie_word_embeddings": True},
    "mistral": {"head_dim": 8, "sliding_window": WINDOW},
    "gemma": {"head_dim": 16, "hidden_activation": "gelu_pytorch_tanh"},
    "gemma2": {
        "head_dim": 16,
        "query_pre_attn_scalar": 8,
        "attn_logit_softcapping": 2.0,
        "final_logit_softcapping": 1.5,
        **LOCAL_AND_GLOBAL,
    },
    "gemma3_text": {"head_dim": 16, "query_pre_attn_scalar": 8, **LOCAL_AND_GLOBAL},
    "phi": {"partial_rotary_factor": 0.5, "qk_layernorm": True, "resid_pdrop": 0.1, "embd_pdrop": 0.1},
    "phi3": {"sliding_window": WINDOW, "resid_pdrop": 0.1, "embd_pdrop": 0.1},
    "granite": {"logits_scaling": 4.0, "embedding_multiplier": 3.0, "residual_multiplier": 0.5},
    "cohere": {"logit_scale": 0.25, "use_qk_norm": True},
    "cohere2": {"logit_scale": 0.25, **LOCAL_AND_GLOBAL},
    "olmo2": {},
    "stablelm": {"partial_rotary_factor": 0.25, "use_qkv_bias": True, "hidden_dropout": 0.1},
    "starcoder2": {"sliding_window": WINDOW, "use_bias": True, "residual_dropout": 0.1, "embedding_dropout": 0.1},
    "gpt_oss": {"head_dim": 8, "num_local_experts": 4, "num_experts_per_tok": 2, "rope_parameters": None}
    | LOCAL_AND_GLOBAL,
    "gpt2": {"attn_pdrop": 0.1, "resid_pdrop": 0.1, "embd_pdrop": 0.1, "n_ctx": 128},
}

KEEP_THEIR_ATTENTION = ("qwen2_moe", "stablelm")
"""Their layers do not tell it of windows, or of documents."""


def random_model(family: str, **settings: object) -> PreTrainedModel:
    """Seeded, in fp32; biases, gains and sinks too are away from zero and one."""
    values = {**SIZES, **FAMILIES.get(family, {}), **settings}
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **values))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def saved(family: str, folder: Path, **settings: object) -> Path:
    """Its folder, as a hub has it."""
    random_model(family, **settings).save_pretrained(folder)
    return folder
