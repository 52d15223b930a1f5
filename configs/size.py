"""Parameters of a model, from its architecture alone."""

from collections.abc import Sequence
from typing import Any

from configs.model import Architecture

LINEAR_LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def architecture_of(config: Any) -> Architecture:
    """transformers' configuration of any decoder in the terms of a Llama, as far as sizes and operations go.

    What it leaves unsaid is as its class computes it: as many key heads as query heads, heads as wide as the residual
    stream divided by their number, a feed-forward layer four times as wide (GPT-2, OPT). Raises AttributeError for a
    configuration that lacks the rest.
    """
    heads = config.num_attention_heads

    def said(name: str, otherwise: int) -> int:
        return getattr(config, name, None) or otherwise

    return Architecture(
        hidden_size=config.hidden_size,
        intermediate_size=said("intermediate_size", 4 * config.hidden_size),
        num_hidden_layers=config.num_hidden_layers,
        num_attention_heads=heads,
        num_key_value_heads=said("num_key_value_heads", heads),
        head_dim=said("head_dim", config.hidden_size // heads),
        max_position_embeddings=config.max_position_embeddings,
        tie_word_embeddings=getattr(config, "tie_word_embeddings", False),
        vocab_size=config.vocab_size,
    )


def parameters(architecture: Architecture, vocabulary: int) -> int:
    """Number of parameters; vocabulary: where the architecture fixes none."""
    a = architecture
    embeddings = (a.vocab_size or vocabulary) * a.hidden_size * (1 if a.tie_word_embeddings else 2)
    return embeddings + a.num_hidden_layers * layer_parameters(a) + a.hidden_size


def layer_parameters(architecture: Architecture) -> int:
    """Those of one decoder layer."""
    a = architecture
    queries, keys = a.num_attention_heads * a.head_dim, a.num_key_value_heads * a.head_dim
    matrices = 2 * a.hidden_size * queries + 2 * a.hidden_size * keys + 3 * a.hidden_size * a.intermediate_size
    return matrices + 2 * a.hidden_size  # two RMSNorm gains


def lora_parameters(architecture: Architecture, rank: int, targets: Sequence[str] = LINEAR_LAYERS) -> int:
    """Trainable parameters of adapters of rank `rank` on the named linear layers: rank × (inputs + outputs) each.

    A layer of another name counts as one from residual stream to residual stream.
    """
    a = architecture
    queries, keys = a.num_attention_heads * a.head_dim, a.num_key_value_heads * a.head_dim
    sides = {
        "q_proj": a.hidden_size + queries,
        "k_proj": a.hidden_size + keys,
        "v_proj": a.hidden_size + keys,
        "o_proj": queries + a.hidden_size,
        "gate_proj": a.hidden_size + a.intermediate_size,
        "up_proj": a.hidden_size + a.intermediate_size,
        "down_proj": a.intermediate_size + a.hidden_size,
        "qkv_proj": a.hidden_size + queries + 2 * keys,
        "gate_up_proj": a.hidden_size + 2 * a.intermediate_size,
    }
    return a.num_hidden_layers * rank * sum(sides.get(t, 2 * a.hidden_size) for t in targets)
