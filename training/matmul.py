"""The three products of a linear map, in the precision of its inputs or in 8 bits.

forward y = x @ w.T; backward, by input: g @ w; by weight: g.T @ x. An operand is made once and used in two of them.
"""

from dataclasses import dataclass

import torch

from training.accumulation import Fp32Sum
from training.fp8 import GRADIENTS, VALUES, Fp8, cast, product, product_of_columns, product_with_columns


@dataclass
class Operand:
    """A matrix [tokens, width] as the products need it: itself, or its 8-bit form."""

    whole: torch.Tensor | None
    small: Fp8 | None

    def to_save(self) -> tuple[torch.Tensor, ...]:
        """What the gradient of a weight will need of it, for save_for_backward."""
        if self.small is None:
            assert self.whole is not None
            return (self.whole,)
        assert self.small.columns is not None
        return (self.small.columns, self.small.scale)


def saved(tensors: tuple[torch.Tensor, ...]) -> Operand:
    """The operand that was saved."""
    if len(tensors) == 1:
        return Operand(tensors[0], None)
    return Operand(None, Fp8(None, *tensors))


def values(x: torch.Tensor, fp8: bool) -> Operand:
    """An operand of activations."""
    return Operand(None, cast(x, VALUES)) if fp8 else Operand(x, None)


def values_for_weights(x: torch.Tensor, fp8: bool) -> Operand:
    """The same, for nothing but the gradient of a weight."""
    return Operand(None, cast(x, VALUES, rows=False)) if fp8 else Operand(x, None)


def gradients(grad: torch.Tensor, fp8: bool) -> Operand:
    """An operand of gradients."""
    return Operand(None, cast(grad, GRADIENTS)) if fp8 else Operand(grad, None)


def forward(x: Operand, weight: torch.Tensor, residual: torch.Tensor | None = None) -> torch.Tensor:
    """x @ weight.T, on top of residual where there is one."""
    if x.small is not None:
        result = product(x.small, cast(weight, VALUES, columns=False))
        return result if residual is None else result.add_(residual)
    assert x.whole is not None
    return x.whole @ weight.T if residual is None else torch.addmm(residual, x.whole, weight.T)


def by_input(grad: Operand, weight: torch.Tensor, onto: torch.Tensor | None = None) -> torch.Tensor:
    """grad @ weight; added to `onto`, in place, where there is one."""
    if grad.small is not None:
        result = product_with_columns(grad.small, cast(weight, VALUES, rows=False))
        return result if onto is None else onto.add_(result)
    assert grad.whole is not None
    return grad.whole @ weight if onto is None else onto.addmm_(grad.whole, weight)


def by_weight(weight: torch.Tensor, grad: Operand, x: Operand) -> torch.Tensor | None:
    """grad.T @ x, or None when it has been added to the weight's fp32 sum, or is not wanted."""
    if not weight.requires_grad:
        return None
    total: Fp32Sum | None = getattr(weight, "fp32_sum", None)
    if grad.small is not None and x.small is not None:
        result = product_of_columns(grad.small, x.small)
        if total is None:
            return result
        total.add(result)
        return None
    assert grad.whole is not None
    assert x.whole is not None
    if total is None:
        return grad.whole.T @ x.whole
    total.add_product(grad.whole, x.whole)
    return None
