"""Matrix products in 8 bits: bf16 tensors are scaled, cast, multiplied, and come back as bf16.

Values and weights are cast to e4m3, gradients to e5m2, whose range is wider (Micikevicius et al. 2022, FP8
Formats for Deep Learning). One scale a tensor, from its own largest magnitude at the moment, so that no history
has to be kept with checkpoints. Both factors of a product must lie along the summed dimension, so a tensor that
takes part in two products is cast and transposed in one pass. Needs compute capability 8.9 or higher.
"""

from dataclasses import dataclass

import torch

VALUES, GRADIENTS = torch.float8_e4m3fn, torch.float8_e5m2


@dataclass
class Fp8:
    """A matrix [N, K] in 8 bits; times `scale` (float32, one number) it is what it was.

    rows: as it is. columns: transposed, [K, N], contiguous. Either may be left out.
    """

    rows: torch.Tensor | None
    columns: torch.Tensor | None
    scale: torch.Tensor


def cast(x: torch.Tensor, dtype: torch.dtype, rows: bool = True, columns: bool = True) -> Fp8:
    """x: bf16 [N, K], contiguous, on a GPU; N and K multiples of 16."""
    from training.fp8_kernels import cast_and_transpose, largest_magnitude

    top = largest_magnitude(x)
    made = cast_and_transpose(x, top, dtype, rows, columns)
    return Fp8(*made, scale=top.clamp(min=1e-12) / torch.finfo(dtype).max)


def product(left: Fp8, right: Fp8) -> torch.Tensor:
    """left @ right.T of their rows: bf16 [N, M]."""
    assert left.rows is not None
    assert right.rows is not None
    return _multiply(left.rows, right.rows, left.scale, right.scale)


def product_of_columns(left: Fp8, right: Fp8) -> torch.Tensor:
    """left.T @ right: bf16, summed over what both have as rows."""
    assert left.columns is not None
    assert right.columns is not None
    return _multiply(left.columns, right.columns, left.scale, right.scale)


def product_with_columns(left: Fp8, right: Fp8) -> torch.Tensor:
    """left @ right: bf16."""
    assert left.rows is not None
    assert right.columns is not None
    return _multiply(left.rows, right.columns, left.scale, right.scale)


def _multiply(left: torch.Tensor, right: torch.Tensor, by_left: torch.Tensor, by_right: torch.Tensor) -> torch.Tensor:
    return torch._scaled_mm(
        left, right.T, scale_a=by_left, scale_b=by_right, out_dtype=torch.bfloat16, use_fast_accum=True
    )
