"""Casting to 8 bits on a GPU. Imported on GPUs only."""

import torch
import triton
import triton.language as tl

BLOCK = 128


@triton.jit
def _largest_magnitude(x, top, size, BLOCK: tl.constexpr, LOOPS: tl.constexpr):
    first = tl.program_id(0).to(tl.int64) * BLOCK * LOOPS
    largest = tl.zeros((BLOCK,), tl.float32)
    for loop in range(LOOPS):
        at = first + loop * BLOCK + tl.arange(0, BLOCK)
        largest = tl.maximum(largest, tl.abs(tl.load(x + at, mask=at < size, other=0.0).to(tl.float32)))
    tl.atomic_max(top, tl.max(largest))


@triton.jit
def _cast(
    x, top, rows_out, columns_out, height, width, most, ROWS: tl.constexpr, COLUMNS: tl.constexpr, BLOCK: tl.constexpr
):
    row = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)[:, None]
    column = tl.program_id(1).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)[None, :]
    inside = (row < height) & (column < width)
    factor = most / tl.maximum(tl.load(top), 1e-12)
    value = tl.load(x + row * width + column, mask=inside, other=0.0).to(tl.float32) * factor
    value = tl.clamp(value, -most, most)
    if ROWS:
        tl.store(rows_out + row * width + column, value.to(rows_out.dtype.element_ty), mask=inside)
    if COLUMNS:
        turned = tl.trans(value.to(columns_out.dtype.element_ty))
        row_t = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)[None, :]
        column_t = tl.program_id(1).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)[:, None]
        tl.store(columns_out + column_t * height + row_t, turned, mask=(row_t < height) & (column_t < width))


def largest_magnitude(x: torch.Tensor) -> torch.Tensor:
    """The largest magnitude, float32, one number."""
    top = torch.zeros((), dtype=torch.float32, device=x.device)
    block, loops = 4096, 8
    _largest_magnitude[(triton.cdiv(x.numel(), block * loops),)](
        x, top, x.numel(), BLOCK=block, LOOPS=loops, num_warps=8
    )
    return top


def cast_and_transpose(
    x: torch.Tensor, top: torch.Tensor, dtype: torch.dtype, rows: bool, columns: bool
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """x scaled so that `top` becomes the largest number of `dtype`: as it lies, and transposed."""
    height, width = x.shape
    rows_out = torch.empty_like(x, dtype=dtype) if rows else None
    columns_out = torch.empty((width, height), dtype=dtype, device=x.device) if columns else None
    unused = x  # a kernel's pointer must point somewhere
    _cast[(triton.cdiv(height, BLOCK), triton.cdiv(width, BLOCK))](
        x,
        top,
        unused if rows_out is None else rows_out,
        unused if columns_out is None else columns_out,
        height,
        width,
        torch.finfo(dtype).max,
        ROWS=rows,
        COLUMNS=columns,
        BLOCK=BLOCK,
        num_warps=8,
    )
    return rows_out, columns_out
