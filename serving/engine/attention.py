"""Attention to the rows of the cache, registered with transformers as `rows`.

A forward pass that is given `ends` [B] reads one token of each row, which sees the positions up to there; a kernel for
that is in serving/engine/decode_kernel.py. All else is transformers' `sdpa`.
"""

from typing import Any

import torch
from torch import nn
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

NAME = "rows"


def use_rows(model: Any) -> bool:
    """Has the model's layers attend by this module; whether they can: where they would by `sdpa`."""
    if model.config._attn_implementation not in ("sdpa", NAME):
        return False
    model.set_attn_implementation(NAME)
    return model.config._attn_implementation == NAME


def _attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    ends: torch.Tensor | None = None,
    windowed: bool = False,
    **settings: Any,
) -> tuple[torch.Tensor, None]:
    """query: [B, heads, length, width]; key, value: the same with fewer heads. Returns [B, length, heads, width].

    windowed: the model has layers that see the last tokens only, and says so here.
    """
    others = settings.get("softcap"), settings.get("s_aux"), settings.get("position_bias")
    unknown = windowed and "sliding_window" not in settings
    if ends is None or unknown or key.shape[-1] != value.shape[-1] or any(other is not None for other in others):
        return sdpa_attention_forward(module, query, key, value, attention_mask, **settings)
    from serving.engine.decode_kernel import decode_attention

    scale = settings.get("scaling") or query.shape[-1] ** -0.5
    mixed = decode_attention(query[:, :, 0], key, value, ends, scale, settings.get("sliding_window"))
    return mixed[:, None], None


AttentionInterface.register(NAME, _attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
