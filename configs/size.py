"""Parameters of a model, from its architecture alone."""

from collections.abc import Sequence

from configs.model import Architecture

LINEAR_LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def parameters(architecture: Architecture, vocabulary: int) -> int:
    """Number of parameters; vocabulary: where the architecture fixes none."""
    a = architecture
    queries, keys = a.num_attention_heads * a.head_dim, a.num_key_value_heads * a.head_dim
    layer = 2 * a.hidden_size * queries + 2 * a.hidden_size * keys + 3 * a.hidden_size * a.intermediate_size
    layer += 2 * a.hidden_size  # two RMSNorm gains
    embeddings = (a.vocab_size or vocabulary) * a.hidden_size * (1 if a.tie_word_embeddings else 2)
    return embeddings + a.num_hidden_layers * layer + a.hidden_size


def lora_parameters(architecture: Architecture, rank: int, targets: Sequence[str] = LINEAR_LAYERS) -> int:
    """Trainable parameters of adapters of rank `rank` on the named linear layers: rank × (inputs + outputs) each."""
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
    }
    return a.num_hidden_layers * rank * sum(sides[t] for t in targets)
