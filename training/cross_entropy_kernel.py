"""Cross-entropy on a GPU: one pass over the logits for the loss, one that leaves the gradient in their place."""

import torch
import triton
import triton.language as tl

BLOCK = 8192


@triton.jit
def _cross_entropy(
    logits,
    stride,
    targets,
    losses,
    vocabulary,
    smoothing,
    BLOCK: tl.constexpr,
    SMOOTH: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    logits += row * stride
    target = tl.load(targets + row)
    top = -float("inf")
    total = 0.0
    plain = 0.0
    for start in range(0, vocabulary, BLOCK):
        offsets = start + tl.arange(0, BLOCK)
        values = tl.load(logits + offsets, mask=offsets < vocabulary, other=-float("inf")).to(tl.float32)
        higher = tl.maximum(top, tl.max(values))
        total = total * tl.exp(top - higher) + tl.sum(tl.exp(values - higher))
        top = higher
        if SMOOTH:
            plain += tl.sum(tl.where(offsets < vocabulary, values, 0.0))
    log_sum = top + tl.log(total)
    picked = tl.load(logits + target).to(tl.float32)
    loss = log_sum - (1 - smoothing) * picked
    if SMOOTH:
        loss -= smoothing * plain / vocabulary
    tl.store(losses + row, loss)
    tl.debug_barrier()
    for start in range(0, vocabulary, BLOCK):
        offsets = start + tl.arange(0, BLOCK)
        values = tl.load(logits + offsets, mask=offsets < vocabulary, other=-float("inf")).to(tl.float32)
        gradient = tl.exp(values - log_sum) - smoothing / vocabulary
        gradient = tl.where(offsets == target, gradient - (1 - smoothing), gradient)
        tl.store(logits + offsets, gradient.to(logits.dtype.element_ty), mask=offsets < vocabulary)


def cross_entropy_(logits_CV: torch.Tensor, targets_C: torch.Tensor, smoothing: float) -> torch.Tensor:
    """As training.loss.cross_entropy_: the loss of each position, and the gradient in place of the logits."""
    positions, vocabulary = logits_CV.shape
    losses = torch.empty(positions, dtype=torch.float32, device=logits_CV.device)
    _cross_entropy[(positions,)](
        logits_CV,
        logits_CV.stride(0),
        targets_C,
        losses,
        vocabulary,
        smoothing,
        BLOCK=BLOCK,
        SMOOTH=smoothing > 0,
        num_warps=16,
    )
    return losses
