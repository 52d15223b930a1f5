"""A linear layer as the fused layers compute it: its matrix, and peft's adapter beside it where it has one.

y = x @ weight.T + scale · (x @ down.T) @ up.T, by Hu et al. 2021, LoRA, section 4.1: `down` is their A, `up` their B.
Of the adapter nothing is kept for the backward pass: x @ down.T is made again, a product `rank` wide.
"""

from typing import Any, NamedTuple

import torch
from peft.tuners.lora import Linear as Adapted
from torch import nn

from training import matmul
from training.matmul import Operand


class LinearMap(NamedTuple):
    """weight: [out, in]. down: [rank, in]. up: [out, rank]; both or neither."""

    weight: torch.Tensor
    down: torch.Tensor | None
    up: torch.Tensor | None
    scale: float


Gradients = tuple[torch.Tensor | None, torch.Tensor | None, torch.Tensor | None, None]
"""By the four parts of a map; a part that is not trained, or whose sum has been added to, has None."""


def suits(layer: nn.Module) -> bool:
    """Whether it is nothing but such a map: without bias, and of adapters one, plain and without dropout."""
    if type(layer) is Adapted:
        (name, *more) = layer.active_adapters
        plain = not (more or layer.merged or layer.lora_bias[name] or name in layer.lora_variant)
        return plain and isinstance(layer.lora_dropout[name], nn.Identity) and suits(layer.base_layer)
    return type(layer) is nn.Linear and layer.bias is None


def linear_map(layer: Any) -> LinearMap:
    """The map of a layer that suits."""
    if not isinstance(layer, Adapted):
        return LinearMap(layer.weight, None, None, 0.0)
    (name,) = layer.active_adapters
    matrices: list[Any] = [layer.base_layer, layer.lora_A[name], layer.lora_B[name]]
    weight, down, up = (matrix.weight for matrix in matrices)
    return LinearMap(weight, down, up, layer.scaling[name])


def forward(x: Operand, of: LinearMap, residual: torch.Tensor | None = None) -> torch.Tensor:
    """The map of x [tokens, in], on top of residual [tokens, out] where there is one."""
    y = matmul.forward(x, of.weight, residual)
    if of.down is None or of.up is None:
        return y
    return y.addmm_(_whole(x) @ of.down.T, of.up.T, alpha=of.scale)


def by_input(grad: Operand, of: LinearMap, onto: torch.Tensor | None = None) -> torch.Tensor:
    """The gradient by x; added to `onto`, in place, where there is one."""
    by_x = matmul.by_input(grad, of.weight, onto)
    if of.down is None or of.up is None:
        return by_x
    return by_x.addmm_(_whole(grad) @ of.up, of.down, alpha=of.scale)


def by_map(grad: Operand, of: LinearMap, x: Operand) -> Gradients:
    """The gradients by the map itself."""
    by_weight = matmul.by_weight(of.weight, grad, x)
    if of.down is None or of.up is None:
        return by_weight, None, None, None
    narrow = Operand(_whole(x) @ of.down.T * of.scale, None)
    by_narrow = Operand(_whole(grad) @ of.up * of.scale, None)
    return by_weight, matmul.by_weight(of.down, by_narrow, x), matmul.by_weight(of.up, grad, narrow), None


def _whole(x: Operand) -> torch.Tensor:
    assert x.whole is not None, "8-bit products have no adapters"
    return x.whole
