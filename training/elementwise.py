"""The elementwise parts of a Llama layer, forward and backward: in torch, or in training/kernels.py on a GPU."""

import torch


def rms_norm(x: torch.Tensor, weight: torch.Tensor, eps: float) -> tuple[torch.Tensor, torch.Tensor]:
    """x / √(mean of squares + eps) · weight (Zhang and Sennrich 2019), and the inverse root of each row, float32."""
    if x.is_cuda:
        from training.kernels import rms_norm

        return rms_norm(x, weight, eps)
    inverse = x.float().square().mean(-1, keepdim=True).add_(eps).rsqrt_()
    return (x.float() * inverse).to(x.dtype) * weight, inverse.flatten()


def rms_norm_backward(
    grad: torch.Tensor, residual_grad: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, inverse: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradients by x, to which that of the residual branch beside the norm is added, and by weight (float32)."""
    if x.is_cuda:
        from training.kernels import rms_norm_backward

        return rms_norm_backward(grad, residual_grad, x, weight, inverse)
    scale = inverse.view(*x.shape[:-1], 1)
    normed = x.float() * scale
    by_weight = (grad.float() * normed).flatten(0, -2).sum(0)
    upstream = grad.float() * weight.float()
    by_x = (upstream - normed * (upstream * normed).mean(-1, keepdim=True)) * scale
    return (by_x + residual_grad.float()).to(x.dtype), by_weight


def rotate_(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, sign: int) -> None:
    """Rotary embedding (Su et al. 2021) in place; sign −1 rotates back, which is its own backward pass.

    x: [batch, length, heads, width]; cos, sin: [batch, length, width], of which the two halves are equal.
    """
    if x.is_cuda:
        from training.kernels import rotate_

        return rotate_(x, cos, sin, sign)
    half = x.shape[-1] // 2
    c, s = cos[..., None, :half].float(), sin[..., None, :half].float() * sign
    first, second = x[..., :half].float(), x[..., half:].float()
    x.copy_(torch.cat((first * c - second * s, second * c + first * s), -1))
    return None


def swiglu(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    """gate · sigmoid(gate) · up (Shazeer 2020)."""
    if gate.is_cuda:
        from training.kernels import swiglu

        return swiglu(gate, up)
    return torch.nn.functional.silu(gate) * up


def swiglu_backward_(grad: torch.Tensor, gate: torch.Tensor, up: torch.Tensor) -> None:
    """Overwrites gate and up by their gradients, and grad by the output, which the next product needs."""
    if gate.is_cuda:
        from training.kernels import swiglu_backward_

        return swiglu_backward_(grad, gate, up)
    share = torch.sigmoid(gate)
    active = gate * share
    output = active * up
    gate.copy_(grad * up * (share + active * (1 - share)))
    up.copy_(grad * active)
    grad.copy_(output)
    return None
