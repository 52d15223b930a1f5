"""A Llama decoder layer for training: the computation of transformers' own, in fewer and larger steps.

Against transformers' layer (norms, projections, rotary embedding, attention, SwiGLU; see LlamaDecoderLayer):
- residual sums ride on the matrix products before them, and on the backward pass of the norm after them;
- the rotary embedding and the backward pass of SwiGLU work in place;
- the inner activation of SwiGLU is not kept but made again, as part of its backward pass;
- gradients of weights are summed over micro-batches in fp32 inside the matrix product that makes them,
  where the optimizer offers a place for that sum (training/accumulation.py);
- adapters add onto what the frozen matrix gives, in place (training/linear_map.py).

The weights stay where transformers keeps them, so saving, loading and tying know nothing of this.
Shapes: B batch, L length, D hidden, H query heads, K key heads, W head width, F feed-forward.
"""

from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from transformers import PreTrainedModel
from transformers.models.llama.modeling_llama import LlamaDecoderLayer

from training import linear_map, matmul
from training.attention import document_attention
from training.blocks import blocks
from training.elementwise import rms_norm, rms_norm_backward, rotate_, swiglu, swiglu_backward_
from training.linear_map import LinearMap
from training.sequence_parallel import SharedSequences


def suits(model: PreTrainedModel) -> bool:
    """Whether the layers are what this module computes: Llama's, with linear maps that suit, without dropout."""
    layers = blocks(model)
    config = model.config
    return (
        all(type(layer) is LlamaDecoderLayer for layer in layers)
        and all(linear_map.suits(m) for m in layers.modules() if hasattr(m, "in_features"))
        and config.hidden_act == "silu"
        and not config.attention_dropout
    )


def use_fused_layers(model: PreTrainedModel, fp8: bool = False) -> None:
    """Makes the layers fused ones, in place. fp8: with their matrix products in 8 bits."""
    for layer in blocks(model):
        layer.__class__, layer.fp8 = FusedLayer, fp8


class FusedLayer(LlamaDecoderLayer):
    """A class of its own: what transformers does around a layer's forward pass, recomputation for one, it does to
    classes, and a function put in front of a layer's own would be without it."""

    fp8: bool

    def forward(  # type: ignore[override]
        self,
        hidden_states: torch.Tensor,
        position_embeddings: tuple[torch.Tensor, torch.Tensor],
        boundaries: torch.Tensor | None = None,
        longest: int = 0,
        document_mask: torch.Tensor | None = None,
        shared: SharedSequences | None = None,
        **_: Any,
    ) -> torch.Tensor:
        """[B, L, D] to the same, each token seeing its own document only."""
        attention, mlp, fp8 = self.self_attn, self.mlp, self.fp8
        norm = self.input_layernorm
        normed_BLD, residual_BLD = _Norm.apply(hidden_states, norm.weight, norm.variance_epsilon)
        query_BLHW, key_BLKW, value_BLKW = _Projections.apply(
            normed_BLD,
            *position_embeddings,
            attention.head_dim,
            fp8,
            *_parts(attention.q_proj, attention.k_proj, attention.v_proj),
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
            shared=shared,
        )
        hidden_BLD = _LinearOntoResidual.apply(mixed_BLHW.flatten(2), residual_BLD, fp8, *_parts(attention.o_proj))
        norm = self.post_attention_layernorm
        normed_BLD, residual_BLD = _Norm.apply(hidden_BLD, norm.weight, norm.variance_epsilon)
        parts = _parts(mlp.gate_proj, mlp.up_proj, mlp.down_proj)
        return _FeedForwardOntoResidual.apply(normed_BLD, residual_BLD, fp8, *parts)


def _parts(*layers: nn.Module) -> list[Any]:
    """Those of their maps, one after the other: autograd sees tensors only as arguments of their own."""
    return [part for layer in layers for part in linear_map.linear_map(layer)]


def _maps(parts: tuple[Any, ...]) -> list[LinearMap]:
    size = len(LinearMap._fields)
    return [LinearMap(*parts[start : start + size]) for start in range(0, len(parts), size)]


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
        cos: torch.Tensor,
        sin: torch.Tensor,
        width: int,
        fp8: bool,
        *parts: Any,
    ) -> tuple[torch.Tensor, ...]:
        ctx.maps, ctx.fp8, ctx.shape = _maps(parts), fp8, x.shape
        operand = matmul.values(x.flatten(0, 1), fp8)
        outputs = [linear_map.forward(operand, of).view(*x.shape[:2], -1, width) for of in ctx.maps]
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
        by_x: torch.Tensor | None = None
        by_parts: list[torch.Tensor | None] = []
        for grad, of in zip(owned, ctx.maps, strict=True):
            operand = matmul.gradients(grad.flatten(2).flatten(0, 1), ctx.fp8)
            by_x = linear_map.by_input(operand, of, by_x)
            by_parts += linear_map.by_map(operand, of, x)
        assert by_x is not None
        return by_x.view(ctx.shape), None, None, None, None, *by_parts


class _LinearOntoResidual(torch.autograd.Function):
    """residual + map(x)"""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, residual: torch.Tensor, fp8: bool, *parts: Any) -> torch.Tensor:
        (ctx.map,), ctx.fp8 = _maps(parts), fp8
        operand = matmul.values(x.flatten(0, 1), fp8)
        ctx.save_for_backward(*operand.to_save())
        return linear_map.forward(operand, ctx.map, residual.flatten(0, 1)).view_as(residual)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        operand = matmul.gradients(grad.flatten(0, 1), ctx.fp8)
        by_x = linear_map.by_input(operand, ctx.map).view(*grad.shape[:2], -1)
        return by_x, grad, None, *linear_map.by_map(operand, ctx.map, matmul.saved(ctx.saved_tensors))


class _FeedForwardOntoResidual(torch.autograd.Function):
    """residual + down(swiglu(gate(x), up(x)))"""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, residual: torch.Tensor, fp8: bool, *parts: Any) -> torch.Tensor:
        ctx.maps, ctx.fp8 = _maps(parts), fp8
        to_gate, to_up, to_down = ctx.maps
        operand = matmul.values(x.flatten(0, 1), fp8)
        gate, up = linear_map.forward(operand, to_gate), linear_map.forward(operand, to_up)
        ctx.save_for_backward(gate, up, *operand.to_save())
        inner = matmul.values(swiglu(gate, up), fp8)
        return linear_map.forward(inner, to_down, residual.flatten(0, 1)).view_as(residual)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        gate, up, *tensors = ctx.saved_tensors
        x = matmul.saved(tuple(tensors))
        to_gate, to_up, to_down = ctx.maps
        outer = matmul.gradients(grad.flatten(0, 1), ctx.fp8)
        inner = linear_map.by_input(outer, to_down)
        swiglu_backward_(inner, gate, up)  # now inner is the activation, gate and up are their own gradients
        by_down = linear_map.by_map(outer, to_down, matmul.values_for_weights(inner, ctx.fp8))
        by_gate_grad, by_up_grad = (matmul.gradients(t, ctx.fp8) for t in (gate, up))
        by_x = linear_map.by_input(by_up_grad, to_up, linear_map.by_input(by_gate_grad, to_gate))
        by_gate = linear_map.by_map(by_gate_grad, to_gate, x)
        by_up = linear_map.by_map(by_up_grad, to_up, x)
        return by_x.view(*grad.shape[:2], -1), grad, None, *by_gate, *by_up, *by_down
