"""The elementwise parts of a Llama layer on a GPU, each one pass over its data. Imported on GPUs only.

What each computes is said in training/elementwise.py, which picks these when its inputs are on a GPU.
Tensors are contiguous; sums are in float32.
"""

import torch
import triton
import triton.language as tl

ROWS_A_PROGRAM = 16
"""Rows over which one program of the backward pass of RMSNorm sums the gradient of the gain."""


@triton.jit
def _rms_norm(x, weight, out, inverse, width, eps, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    columns = tl.arange(0, BLOCK)
    inside = columns < width
    value = tl.load(x + row * width + columns, mask=inside, other=0.0).to(tl.float32)
    scale = tl.rsqrt(tl.sum(value * value) / width + eps)
    gain = tl.load(weight + columns, mask=inside, other=0.0)
    tl.store(out + row * width + columns, (value * scale).to(out.dtype.element_ty) * gain, mask=inside)
    tl.store(inverse + row, scale)


@triton.jit
def _rms_norm_backward(
    grad, residual_grad, x, weight, inverse, out, weight_grad, rows, width, ROWS: tl.constexpr, BLOCK: tl.constexpr
):
    program = tl.program_id(0).to(tl.int64)
    columns = tl.arange(0, BLOCK)
    inside = columns < width
    gain = tl.load(weight + columns, mask=inside, other=0.0).to(tl.float32)
    total = tl.zeros((BLOCK,), tl.float32)
    for row in range(program * ROWS, tl.minimum((program + 1) * ROWS, rows)):
        at = row * width + columns
        upstream = tl.load(grad + at, mask=inside, other=0.0).to(tl.float32)
        scale = tl.load(inverse + row)
        normed = tl.load(x + at, mask=inside, other=0.0).to(tl.float32) * scale
        total += upstream * normed
        upstream *= gain
        result = (upstream - normed * (tl.sum(upstream * normed) / width)) * scale
        result += tl.load(residual_grad + at, mask=inside, other=0.0).to(tl.float32)
        tl.store(out + at, result.to(out.dtype.element_ty), mask=inside)
    tl.store(weight_grad + program * width + columns, total, mask=inside)


@triton.jit
def _rotate(x, cos, sin, heads, half, SIGN: tl.constexpr, HEADS: tl.constexpr, HALF: tl.constexpr):
    token = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, HALF)[None, :]
    head = tl.arange(0, HEADS)[:, None]
    inside = (head < heads) & (column < half)
    c = tl.load(cos + token * 2 * half + column, mask=column < half, other=0.0).to(tl.float32)
    s = tl.load(sin + token * 2 * half + column, mask=column < half, other=0.0).to(tl.float32) * SIGN
    at = x + (token * heads + head) * 2 * half + column
    first = tl.load(at, mask=inside, other=0.0).to(tl.float32)
    second = tl.load(at + half, mask=inside, other=0.0).to(tl.float32)
    tl.store(at, (first * c - second * s).to(x.dtype.element_ty), mask=inside)
    tl.store(at + half, (second * c + first * s).to(x.dtype.element_ty), mask=inside)


@triton.jit
def _swiglu(gate, up, out, size, BLOCK: tl.constexpr):
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < size
    g = tl.load(gate + at, mask=inside).to(tl.float32)
    u = tl.load(up + at, mask=inside).to(tl.float32)
    tl.store(out + at, (g * tl.sigmoid(g) * u).to(out.dtype.element_ty), mask=inside)


@triton.jit
def _swiglu_backward(grad, gate, up, size, BLOCK: tl.constexpr):
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < size
    upstream = tl.load(grad + at, mask=inside).to(tl.float32)
    g = tl.load(gate + at, mask=inside).to(tl.float32)
    u = tl.load(up + at, mask=inside).to(tl.float32)
    share = tl.sigmoid(g)
    active = g * share
    tl.store(grad + at, (active * u).to(grad.dtype.element_ty), mask=inside)
    tl.store(up + at, (upstream * active).to(up.dtype.element_ty), mask=inside)
    tl.store(gate + at, (upstream * u * (share + active * (1 - share))).to(gate.dtype.element_ty), mask=inside)


def rms_norm(x: torch.Tensor, weight: torch.Tensor, eps: float) -> tuple[torch.Tensor, torch.Tensor]:
    width = x.shape[-1]
    rows = x.numel() // width
    out = torch.empty_like(x)
    inverse = torch.empty(rows, dtype=torch.float32, device=x.device)
    _rms_norm[(rows,)](x, weight, out, inverse, width, eps, BLOCK=triton.next_power_of_2(width), num_warps=8)
    return out, inverse


def rms_norm_backward(
    grad: torch.Tensor, residual_grad: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, inverse: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    width = x.shape[-1]
    rows = x.numel() // width
    programs = triton.cdiv(rows, ROWS_A_PROGRAM)
    out = torch.empty_like(x)
    parts = torch.empty((programs, width), dtype=torch.float32, device=x.device)
    _rms_norm_backward[(programs,)](
        grad, residual_grad, x, weight, inverse, out, parts, rows, width,
        ROWS=ROWS_A_PROGRAM, BLOCK=triton.next_power_of_2(width), num_warps=8,
    )  # fmt: skip
    return out, parts.sum(0)


def rotate_(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, sign: int) -> None:
    heads, width = x.shape[-2:]
    _rotate[(x.numel() // (heads * width),)](
        x, cos, sin, heads, width // 2,
        SIGN=sign, HEADS=triton.next_power_of_2(heads), HALF=triton.next_power_of_2(width // 2), num_warps=4,
    )  # fmt: skip


def swiglu(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    out = torch.empty_like(gate)
    block = 4096
    _swiglu[(triton.cdiv(gate.numel(), block),)](gate, up, out, gate.numel(), BLOCK=block, num_warps=8)
    return out


def swiglu_backward_(grad: torch.Tensor, gate: torch.Tensor, up: torch.Tensor) -> None:
    block = 4096
    _swiglu_backward[(triton.cdiv(gate.numel(), block),)](grad, gate, up, gate.numel(), BLOCK=block, num_warps=8)
