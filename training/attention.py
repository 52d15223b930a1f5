"""Attention that never crosses the border of a document.

Registered with transformers under the name `documents`; the model's forward pass takes `boundaries`
and `longest` (see training.data.packed_batch) and hands them to every layer.

Three ways to the same result, by what the batch and the device allow:
- on GPUs, sequences of several documents: FlashAttention's kernel for variable lengths (Dao 2023),
  whose work grows with the documents' lengths, not with the sequence's;
- on GPUs, every sequence one document: cuDNN's fused causal attention, the fastest on Hopper;
- elsewhere, and in fp32: torch's scaled_dot_product_attention, causal on a CPU where every sequence is one document,
  else under a block-diagonal causal mask, which grows with the square of the length.

Layers that see only the last tokens (Mistral, Gemma) narrow the window or the mask where a document is longer. What no
kernel here computes (capped scores, as Gemma 2's; sinks, as gpt-oss'; values of another width than keys; odd widths)
goes by a mask on GPUs too.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from transformers import AttentionInterface

from configs.errors import UserError
from training.sequence_parallel import SharedSequences

NAME = "documents"


def document_attention(
    _module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    _mask: torch.Tensor | None = None,
    dropout: float = 0.0,
    scaling: float | None = None,
    boundaries: torch.Tensor | None = None,
    longest: int = 0,
    document_mask: torch.Tensor | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: torch.Tensor | None = None,
    shared: SharedSequences | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """query: [batch, heads, length, width]; key, value: the same with fewer heads.

    Returns [batch, length, heads, width], and no weights, as transformers expects.
    boundaries, longest: as in training.data.packed_batch; document_mask: what `mask_of` makes of them, where needed.
    sliding_window: how many tokens a token attends to, itself included. softcap, s_aux: see `explicit`. shared: other
    ranks hold the rest of the sequences, which boundaries, longest and document_mask are of.
    """
    if shared is not None:
        if s_aux is not None:
            raise UserError("launch.sequence_parallel: a model whose heads have sinks cannot share sequences; set 1")

        def whole(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
            query, key, value = (tensor.transpose(1, 2) for tensor in (query, key, value))
            told = (boundaries, longest, document_mask, sliding_window, softcap)
            return document_attention(_module, query, key, value, None, dropout, scaling, *told)[0]

        query, key, value = (tensor.transpose(1, 2) for tensor in (query, key, value))
        return shared.attend(whole, query, key, value), None
    batch, _heads, length, width = query.shape
    window = sliding_window if sliding_window and sliding_window < longest else None
    special = softcap is not None or s_aux is not None
    if document_mask is None:
        if boundaries is None:
            raise ValueError("its layers do not tell attention where documents begin")
        narrow = window is not None and query.device.type == "cpu"
        if special or narrow or value.shape[-1] != width or width % 8 or width > 256:
            document_mask = mask_of(boundaries, batch, length)
    if document_mask is not None:
        mask = document_mask if window is None else document_mask.triu(1 - window)
        if special:
            output = explicit(query, key, value, mask, dropout, scaling, softcap, s_aux)
        else:
            output = F.scaled_dot_product_attention(
                query, key, value, attn_mask=mask, dropout_p=dropout, scale=scaling, enable_gqa=True
            )
        return output.transpose(1, 2), None
    assert boundaries is not None
    if len(boundaries) == batch + 1 and window is None:
        output = unbroken(query, key, value, scaling)
        return output.transpose(1, 2), None
    flat_q, flat_k, flat_v = (tensor.transpose(1, 2).flatten(0, 1) for tensor in (query, key, value))
    output = variable_length(flat_q, flat_k, flat_v, boundaries, longest, scaling, window)
    return output.unflatten(0, (batch, length)), None


def needs_mask(device: torch.device, dtype: torch.dtype, dropout: float, unbroken: bool) -> bool:
    """Whether attention can only be told by a mask which token sees which.

    Kernels for GPUs take no fp32 and no dropout; that for CPUs only knows sequences that are `unbroken`, one document.
    """
    if device.type == "cpu":
        return not unbroken or dropout > 0
    return dtype == torch.float32 or dropout > 0


def mask_of(boundaries: torch.Tensor, batch: int, length: int) -> torch.Tensor:
    """Who may attend to whom: bool [batch, 1, length, length], causal inside each document."""
    lengths = boundaries.diff().long()
    numbers = torch.arange(len(lengths), device=boundaries.device)
    documents = numbers.repeat_interleave(lengths, output_size=batch * length).view(batch, length)
    return (documents[:, None, :, None] == documents[:, None, None, :]).tril()


def explicit(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor,
    dropout: float,
    scaling: float | None,
    softcap: float | None,
    sinks: torch.Tensor | None,
) -> torch.Tensor:
    """Attention step by step, which holds all scores at once. Shapes as in `document_attention`, and so is the
    result's before it is transposed.

    softcap: scores s become softcap × tanh(s / softcap) (Gemma 2 technical report, section 2). sinks: [heads], a score
    beside a token's others, to which it may attend without getting anything (gpt-oss' model card, section 2).
    """
    groups = query.shape[1] // key.shape[1]
    key, value = (tensor.repeat_interleave(groups, 1) for tensor in (key, value))
    scores = query @ key.transpose(2, 3) * (scaling or query.shape[-1] ** -0.5)
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    scores = scores.masked_fill(~mask, float("-inf"))
    if sinks is not None:
        scores = torch.cat([scores, sinks.view(1, -1, 1, 1).expand(*scores.shape[:3], 1)], -1)
    shares = scores.softmax(-1, dtype=torch.float32).to(value.dtype)[..., : key.shape[2]]
    return F.dropout(shares, dropout) @ value


def unbroken(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float | None) -> torch.Tensor:
    """Causal attention within each sequence. Shapes as in `document_attention`, and so is the result's before."""
    if query.device.type == "cpu":
        return F.scaled_dot_product_attention(query, key, value, is_causal=True, scale=scaling, enable_gqa=True)
    with torch.nn.attention.sdpa_kernel(
        [torch.nn.attention.SDPBackend.CUDNN_ATTENTION, torch.nn.attention.SDPBackend.FLASH_ATTENTION],
        set_priority=True,
    ):
        return F.scaled_dot_product_attention(query, key, value, is_causal=True, scale=scaling, enable_gqa=True)


def variable_length(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    boundaries: torch.Tensor,
    longest: int,
    scaling: float | None,
    window: int | None = None,
) -> torch.Tensor:
    """Causal attention within each document. query, key, value and result: [tokens, heads, width].

    torch's own binding of FlashAttention; torch.nn.attention.varlen wraps the same operator, under a signature
    that changed with every release so far.
    """
    dropout, causal, debug = 0.0, True, False
    sides = {} if window is None else {"window_size_left": window - 1, "window_size_right": 0}
    return torch.ops.aten._flash_attention_forward(
        query, key, value, boundaries, boundaries, longest, longest, dropout, causal, debug, scale=scaling, **sides
    )[0]


AttentionInterface.register(NAME, document_attention)
