"""fp32 matrix products on CPUs by oneDNN, which torch carries beside MKL.

torch hands fp32 products to MKL, which uses AVX-512 only on its own maker's processors: on AMD's Zen 5 107 GFLOP a
core's second, oneDNN 230 to 250 (docs/experiments.md). Other devices and types go torch's way, which is oneDNN's
for bf16.
"""

from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional


def linear(x: Tensor, weight_ND: Tensor, bias_N: Tensor | None = None, gelu: bool = False) -> Tensor:
    """x @ weight.T + bias, [..., N] of x [..., D]; then GELU (Hendrycks and Gimpel 2016, by erf), if asked."""
    if not _suits(x):
        y = functional.linear(x, weight_ND, bias_N)
        return functional.gelu(y) if gelu else y
    if torch.is_grad_enabled() and (x.requires_grad or weight_ND.requires_grad):
        y = _Linear.apply(x, weight_ND, bias_N)
        return functional.gelu(y) if gelu else y
    return _onednn(x, weight_ND, bias_N, gelu)


def product(a_MK: Tensor, b_KN: Tensor, out: Tensor | None = None) -> Tensor:
    """a @ b, without a gradient; into `out` where it is given."""
    if not _suits(a_MK):
        return torch.mm(a_MK, b_KN, out=out)
    result = _onednn(a_MK, b_KN.T, None)
    return result if out is None else out.copy_(result)


def use_onednn(model: nn.Module) -> None:
    """Every nn.Linear of the model computes by `linear`, in place."""
    for module in model.modules():
        if type(module) is nn.Linear:
            module.forward = MethodType(_forward, module)  # type: ignore[method-assign]


def _forward(module: nn.Linear, x: Tensor) -> Tensor:
    return linear(x, module.weight, module.bias)


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight_ND: Tensor, bias_N: Tensor | None) -> Tensor:
        ctx.save_for_backward(x if weight_ND.requires_grad else None, weight_ND)
        return _onednn(x, weight_ND, bias_N)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        x, weight_ND = ctx.saved_tensors
        by_x, by_weight, by_bias = ctx.needs_input_grad
        flat_TN = upstream.reshape(-1, upstream.shape[-1])
        return (
            _onednn(upstream, weight_ND.T, None) if by_x else None,
            _onednn(flat_TN.T, x.reshape(-1, x.shape[-1]).T, None) if by_weight else None,
            flat_TN.sum(0) if by_bias else None,
        )


def _suits(x: Tensor) -> bool:
    return x.is_cpu and x.dtype == torch.float32 and x.numel() > 0 and torch.backends.mkldnn.is_available()


def _onednn(x: Tensor, weight_ND: Tensor, bias_N: Tensor | None, gelu: bool = False) -> Tensor:
    """The operator that torch's own compiler calls for linear layers on CPUs."""
    operation, algorithm = ("gelu", "none") if gelu else ("none", "")
    result: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight_ND, bias_N, operation, [], algorithm)
    return result
