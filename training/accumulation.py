"""Gradients of weights, summed over micro-batches in fp32 by the matrix product that makes them.

With bf16 weights and fp32 accumulation DeepSpeed adds every micro-batch's bf16 gradient to an fp32 buffer: a
cast, a sum, and the gradient's own memory. A matrix product can add to its output as it writes it (Shoeybi et
al. 2019, Megatron-LM, calls it gradient accumulation fusion), in fp32, which also skips the rounding to bf16.
"""

from typing import Any

import torch
from deepspeed import DeepSpeedEngine
from deepspeed.runtime.bf16_optimizer import BF16_Optimizer


class Fp32Sum:
    """Where the optimizer keeps the fp32 gradient of one parameter."""

    def __init__(self, optimizer: BF16_Optimizer, group: int, index: int) -> None:
        self._optimizer, self._group, self._index = optimizer, group, index

    def add_product(self, grad_NO: torch.Tensor, x_NI: torch.Tensor) -> None:
        """Adds grad.T @ x."""
        total_OI = self._total().view(grad_NO.shape[1], x_NI.shape[1])
        if total_OI.is_cuda:
            torch.ops.aten.addmm.dtype_out(total_OI, grad_NO.T, x_NI, torch.float32, out=total_OI)
        else:
            total_OI.addmm_(grad_NO.T.float(), x_NI.float())

    def add(self, gradient: torch.Tensor) -> None:
        """Adds a gradient that is there already."""
        self._total().view(gradient.shape).add_(gradient)

    def _total(self) -> torch.Tensor:
        self._optimizer.fp32_groups_has_gradients[self._group][self._index] = True
        return self._optimizer.fp32_groups_gradients[self._group][self._index]


def accumulate_in_fp32(engine: DeepSpeedEngine) -> None:
    """Gives every parameter its fp32 sum, where DeepSpeed's optimizer has one (bf16 under ZeRO-1).

    The gradient's norm is then taken of the few flat buffers that all sums lie in, and a rank clips its own part
    only, instead of every parameter's sum on every rank.
    """
    optimizer = engine.optimizer
    if not isinstance(optimizer, BF16_Optimizer):
        return
    for group, parameters in enumerate(optimizer.bf16_groups):
        for index, parameter in enumerate(parameters):
            parameter.fp32_sum = Fp32Sum(optimizer, group, index)

    def flat_gradients(for_clipping: bool = False) -> Any:
        if for_clipping:
            return optimizer.fp32_groups_gradient_flat_partition
        return optimizer.fp32_groups_gradients_flat, {}

    optimizer.get_grads_for_norm = flat_gradients
