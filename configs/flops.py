"""Floating-point operations of training, and the peak of the GPU: model FLOPs utilisation. Imports no torch."""

import re
from typing import Any

PEAKS = {
    r"\bB200\b": 2250e12,
    r"\bH200 NVL\b": 835e12,
    r"\bGH200\b|\bH200\b": 989e12,
    r"\bH100 PCIe\b": 756e12,
    r"\bH100 NVL\b": 835e12,
    r"\bH100\b|\bH800\b": 989e12,
    r"\bA100\b|\bA800\b": 312e12,
    r"\bA30\b": 165e12,
    r"\bL40S\b": 362e12,
    r"\bA10\b": 125e12,
    r"\bL4\b": 121e12,
}
"""Name to dense bf16 FLOP/s with fp32 accumulation. First match wins. Source: NVIDIA's data sheets, whose figures
are halved where they are for sparse matrices."""


def flops_per_token(config: Any, sequence: int, causal: bool = False, frozen: bool = False) -> float:
    """Floating-point operations of one trained token, forward and backward.

    6·N + 12·layers·hidden·sequence (Chowdhery et al. 2022, PaLM, appendix B): a multiplication and an
    addition for each weight, once forward and twice backward, and as much for the two products of
    attention over the whole sequence. N: weights that take part in a product; the input embedding is a
    lookup and counts only when it is tied, as the head. hidden: query heads × head size.

    config: an Architecture or a LlamaConfig, with vocab_size. causal: half of the attention, which a causal
    mask leaves. frozen: 4·N, since frozen weights (LoRA) need no gradient of their own. Recomputed
    activations and the documents of a packed sequence do not enter: the figure is of the model, not of
    what a program does.
    """
    heads = config.num_attention_heads * config.head_dim
    keys = config.num_key_value_heads * config.head_dim
    attention = config.hidden_size * (2 * heads + 2 * keys)
    feed_forward = 3 * config.hidden_size * config.intermediate_size
    norms = (2 * config.num_hidden_layers + 1) * config.hidden_size
    weights = config.num_hidden_layers * (attention + feed_forward) + config.vocab_size * config.hidden_size + norms
    products = 12 * config.num_hidden_layers * heads * sequence
    return (4 if frozen else 6) * weights + (products / 2 if causal else products)


def peak_flops(device_name: str) -> float | None:
    """Dense bf16 FLOP/s of a GPU by torch's name for it; None when it is not known here."""
    return next((peak for pattern, peak in PEAKS.items() if re.search(pattern, device_name)), None)
