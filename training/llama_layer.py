"""A Llama decoder layer for training: the computation of transformers' own, in fewer and larger steps.

Against transformers' layer (norms, projections, rotary embedding, attention, SwiGLU; see LlamaDecoderLayer):
- residual sums ride on the matrix products before them, and on the backward pass of the norm after them;
- the rotary embedding and the backward pass of SwiGLU work in place;
- the inner activation of SwiGLU is not kept but made again, as part of its backward pass;
- gradients of weights are summed over micro-batches in fp32 inside the matrix product that makes them,
  where the optimizer offers a place for that sum (training/accumulation.py).

The weights stay where transformers keeps them, so saving, loading and tying know nothing of this.
Shapes: B batch, L length, D hidden, H query heads, K key heads, W head width, F feed-forward.
"""

from types import MethodType
from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from transformers import PreTrainedModel
from transformers.models.llama.modeling_llama import LlamaDecoderLayer

from training import matmul
from training.attention import document_attention
from training.blocks import blocks
from training.elementwise import rms_norm, rms_norm_backward, rotate_, swiglu, swiglu_backward_


def suits(model: PreTrainedModel) -> bool:
    """Whether the model's layers are what this module computes: Llama's, with plain linear maps and without dropout."""
    layers = blocks(model)
    config = model.config
    return (
        all(type(layer) is LlamaDecoderLayer for layer in layers)
        and all(type(m) is nn.Linear and m.bias is None for m in layers.modules() if hasattr(m, "in_features"))
        and config.hidden_act == "silu"
        and not config.attention_dropout
    )


def use_fused_layers(model: PreTrainedModel, fp8: bool = False) -> None:
    """Replaces the forward passes of the layers, in place. fp8: with their matrix products in 8 bits."""
    for layer in blocks(model):
        layer.fp8 = fp8
        layer.forward = MethodType(_forward, layer)


def _forward(
    self: LlamaDecoderLayer,
    hidden_states: torch.Tensor,
    position_embeddings: tuple[torch.Tensor, torch.Tensor],
    boundaries: torch.Tensor | None = None,
    longest: int = 0,
    document_mask: torch.Tensor | None = None,
    **_: Any,
) -> torch.Tensor:
    attention, mlp, fp8 = self.self_attn, self.mlp, self.fp8
    norm = self.input_layernorm
    normed_BLD, residual_BLD = _Norm.apply(hidden_states, norm.weight, norm.variance_epsilon)
    query_BLHW, key_BLKW, value_BLKW = _Projections.apply(
        normed_BLD,
        attention.q_proj.weight,
        attention.k_proj.weight,
        attention.v_proj.weight,
        *position_embeddings,
        attention.head_dim,
        fp8,
    )
    mixed_BLHW, _weights = document_attention(
        attention,
        query_BLHW.transpose(1, 2),
        key_BLKW.transpose(1, 2),
        value_BLKW.transpose(1, 2),
        None,
        scaling=attention.scaling,
        boundaries=boundaries,
        longest=longest,
        document_mask=document_mask,
    )
    hidden_BLD = _LinearOntoResidual.apply(mixed_BLHW.flatten(2), attention.o_proj.weight, residual_BLD, fp8)
    norm = self.post_attention_layernorm
    normed_BLD, residual_BLD = _Norm.apply(hidden_BLD, norm.weight, norm.variance_epsilon)
    return _FeedForwardOntoResidual.apply(
        normed_BLD, mlp.gate_proj.weight, mlp.up_proj.weight, mlp.down_proj.weight, residual_BLD, fp8
    )


class _Norm(torch.autograd.Function):
    """RMSNorm, and its input once more for the residual branch, so that both gradients meet in one pass."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, eps: float) -> tuple[torch.Tensor, torch.Tensor]:
        x = x.contiguous()
        normed, inverse = rms_norm(x, weight, eps)
        ctx.save_for_backward(x, inverse)
        ctx.weight = weight
        return normed, x.view_as(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor, residual_grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, inverse = ctx.saved_tensors
        by_x, by_weight = rms_norm_backward(grad.contiguous(), residual_grad.contiguous(), x, ctx.weight, inverse)
        return by_x, by_weight.to(ctx.weight.dtype), None


class _Projections(torch.autograd.Function):
    """Queries, keys and values, the first two rotated: [B, L, H, W] and twice [B, L, K, W]."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        w_query: torch.Tensor,
        w_key: torch.Tensor,
        w_value: torch.Tensor,
        cos: torch.Tensor,
        sin: torch.Tensor,
        width: int,
        fp8: bool,
    ) -> tuple[torch.Tensor, ...]:
        ctx.weights, ctx.fp8, ctx.shape = (w_query, w_key, w_value), fp8, x.shape
        operand = matmul.values(x.flatten(0, 1), fp8)
        outputs = [matmul.forward(operand, weight).view(*x.shape[:2], -1, width) for weight in ctx.weights]
        cos, sin = (t.expand(*x.shape[:2], width).contiguous() for t in (cos, sin))
        for rotated in outputs[:2]:
            rotate_(rotated, cos, sin, 1)
        ctx.save_for_backward(cos, sin, *operand.to_save())
        return tuple(outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        cos, sin, *tensors = ctx.saved_tensors
        x = matmul.saved(tuple(tensors))
        owned = [grad.contiguous() for grad in grads]
        for rotated in owned[:2]:
            rotate_(rotated, cos, sin, -1)
        by_x, by_weights = None, []
        for grad, weight in zip(owned, ctx.weights, strict=True):
            operand = matmul.gradients(grad.flatten(2).flatten(0, 1), ctx.fp8)
            by_x = matmul.by_input(operand, weight, by_x)
            by_weights.append(matmul.by_weight(weight, operand, x))
        assert by_x is not None
        return by_x.view(ctx.shape), *by_weights, None, None, None, None


class _LinearOntoResidual(torch.autograd.Function):
    """residual + x @ weight.T"""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, residual: torch.Tensor, fp8: bool) -> torch.Tensor:
        ctx.weight, ctx.fp8 = weight, fp8
        operand = matmul.values(x.flatten(0, 1), fp8)
        ctx.save_for_backward(*operand.to_save())
        return matmul.forward(operand, weight, residual.flatten(0, 1)).view_as(residual)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        operand = matmul.gradients(grad.flatten(0, 1), ctx.fp8)
        by_x = matmul.by_input(operand, ctx.weight).view(*grad.shape[:2], -1)
        return by_x, matmul.by_weight(ctx.weight, operand, matmul.saved(ctx.saved_tensors)), grad, None


class _FeedForwardOntoResidual(torch.autograd.Function):
    """residual + swiglu(x @ gate.T, x @ up.T) @ down.T"""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        w_gate: torch.Tensor,
        w_up: torch.Tensor,
        w_down: torch.Tensor,
        residual: torch.Tensor,
        fp8: bool,
    ) -> torch.Tensor:
        ctx.weights, ctx.fp8 = (w_gate, w_up, w_down), fp8
        operand = matmul.values(x.flatten(0, 1), fp8)
        gate, up = matmul.forward(operand, w_gate), matmul.forward(operand, w_up)
        ctx.save_for_backward(gate, up, *operand.to_save())
        inner = matmul.values(swiglu(gate, up), fp8)
        return matmul.forward(inner, w_down, residual.flatten(0, 1)).view_as(residual)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        gate, up, *tensors = ctx.saved_tensors
        x = matmul.saved(tuple(tensors))
        w_gate, w_up, w_down = ctx.weights
        outer = matmul.gradients(grad.flatten(0, 1), ctx.fp8)
        inner = matmul.by_input(outer, w_down)
        swiglu_backward_(inner, gate, up)  # now inner is the activation, gate and up are their own gradients
        by_down = matmul.by_weight(w_down, outer, matmul.values_for_weights(inner, ctx.fp8))
        by_gate_grad, by_up_grad = (matmul.gradients(t, ctx.fp8) for t in (gate, up))
        by_x = matmul.by_input(by_up_grad, w_up, matmul.by_input(by_gate_grad, w_gate))
        by_gate = matmul.by_weight(w_gate, by_gate_grad, x)
        by_up = matmul.by_weight(w_up, by_up_grad, x)
        return by_x.view(*grad.shape[:2], -1), by_gate, by_up, by_down, grad, None
