"""The loss: summed cross-entropy of the learned tokens, each seeing its own document only."""

from collections.abc import Iterable
from types import MethodType
from typing import Any, Protocol

import torch
from torch import nn
from torch.autograd.function import FunctionCtx, once_differentiable
from transformers import PreTrainedModel

from configs.memory import LOGITS_AT_ONCE
from pipeline.contract.cpu_products import product
from training.attention import NAME, mask_of, needs_mask
from training.head import Head, head_of
from training.sequence_parallel import SharedSequences


class SummedLoss(nn.Module):
    """A causal language model whose output is its summed loss.

    The sum, not the mean: the caller divides by the learned tokens of the global batch, so every
    token weighs the same, whichever rank and micro-batch it falls into.
    """

    def __init__(
        self, model: PreTrainedModel, label_smoothing: float = 0.0, shared: SharedSequences | None = None
    ) -> None:
        """shared: with which other ranks this one shares its sequences."""
        super().__init__()
        self.model, self.shared = model, shared
        self.label_smoothing = label_smoothing
        self.head = head_of(model.config)
        # As the head's own forward, so that what hangs on modules (ZeRO-3 collects weights there) still works.
        head = model.get_output_embeddings()
        head.forward = MethodType(_head_loss, head)

    def forward(
        self,
        input_ids: torch.Tensor,
        position_ids: torch.Tensor,
        boundaries: torch.Tensor,
        longest: int,
        kept: torch.Tensor,
        targets: torch.Tensor,
    ) -> torch.Tensor:
        """Of a batch of training.data.packed_batch, the loss: a float32 scalar.

        Smoothed as `label_smoothing` says while the module is in training mode.
        """
        hidden_KD = self.hidden(input_ids, position_ids, boundaries, longest, kept)
        smoothing = self.label_smoothing if self.training else 0.0
        return self.model.get_output_embeddings()(hidden_KD, targets, smoothing, self.head)

    def hidden(
        self,
        input_ids: torch.Tensor,
        position_ids: torch.Tensor,
        boundaries: torch.Tensor,
        longest: int,
        kept: torch.Tensor,
    ) -> torch.Tensor:
        """The decoder's output at the positions `kept`."""
        decoder = self.model.get_decoder()
        own: dict[str, Any] = {}
        if self.model.config._attn_implementation == NAME:
            batch, length = input_ids.shape
            if self.shared:
                own["shared"], length = self.shared, length * self.shared.ranks
            mask = None
            dropout = _attention_dropout(self.model) if self.training else 0.0
            if needs_mask(input_ids.device, self.model.dtype, dropout, unbroken=len(boundaries) == batch + 1):
                mask = mask_of(boundaries, batch, length)
            own |= {"boundaries": boundaries, "longest": longest, "document_mask": mask}
        hidden_BLD = decoder(input_ids=input_ids, position_ids=position_ids, use_cache=False, **own).last_hidden_state
        return hidden_BLD.flatten(0, 1).index_select(0, kept)


class Weighing(Protocol):
    """A loss of another form than a sum over tokens, made of groups of consecutive ones."""

    figures: int
    """How many numbers `weigh` gives, the loss among them."""

    def parts(self, most: int) -> Iterable[slice]:
        """Positions chunk by chunk: whole groups, of at most `most` positions unless one alone has more."""

    def weigh(self, part: slice, losses_C: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Of the cross-entropies of one chunk: float32 figures, added up over the chunks, of which the first is the
        loss; and the loss's gradient by each of the cross-entropies."""


def _attention_dropout(model: PreTrainedModel) -> float:
    return getattr(model.config.get_text_config(), "attention_dropout", 0.0)


def _head_loss(
    module: nn.Linear,
    hidden_KD: torch.Tensor,
    targets_K: torch.Tensor,
    smoothing: float,
    head: Head,
    weighing: Weighing | None = None,
) -> torch.Tensor:
    bias_V: torch.Tensor | None = module.bias
    if head.scale != 1:
        hidden_KD, bias_V = hidden_KD * head.scale, None if bias_V is None else bias_V * head.scale
    rows, ids = getattr(module, "trainable_rows", None), getattr(module, "trainable_ids", None)
    return _LinearCrossEntropy.apply(
        hidden_KD, module.weight, targets_K, smoothing, torch.is_grad_enabled(), rows, ids, bias_V, head.cap, weighing
    )


class _LinearCrossEntropy(torch.autograd.Function):
    """Summed cross-entropy of hidden @ weight.T, whose gradients are made in the forward pass.

    The loss is one number, so its gradient by the logits is known, up to a factor, as soon as the
    logits are: softmax minus one-hot. It overwrites them and goes straight into the two matrix
    products of the backward pass, chunk by chunk: no logits are kept, none are computed twice.
    The idea is that of Liger's fused linear cross-entropy (Hsu et al. 2024, section 3.2).

    rows_ND, ids_N: rows that stand in for those of the tokens `ids_N` (training/trainable_tokens.py).
    bias_V, cap: see training/head.py. What is capped is kept beside the logits, so chunks are half as large.
    weighing: makes another loss of the cross-entropies, whose gradient by a position's logits is then theirs times a
    weight: one factor of a row in both products. The result is the loss and its other figures, which have no gradient.
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        hidden_KD: torch.Tensor,
        weight_VD: torch.Tensor,
        targets_K: torch.Tensor,
        smoothing: float,
        with_gradient: bool,
        rows_ND: torch.Tensor | None = None,
        ids_N: torch.Tensor | None = None,
        bias_V: torch.Tensor | None = None,
        cap: float | None = None,
        weighing: Weighing | None = None,
    ) -> torch.Tensor:
        hidden_KD = hidden_KD.to(weight_VD.dtype)
        by_hidden = with_gradient and ctx.needs_input_grad[0]  # type: ignore[attr-defined]
        by_weight = with_gradient and ctx.needs_input_grad[1]  # type: ignore[attr-defined]
        grad_KD = torch.empty_like(hidden_KD) if by_hidden else None
        grad_VD = None
        grad_ND = torch.zeros_like(rows_ND, dtype=torch.float32) if rows_ND is not None and with_gradient else None
        grad_V = torch.zeros_like(bias_V, dtype=torch.float32) if bias_V is not None and with_gradient else None
        shape = (weighing.figures,) if weighing else ()
        total = torch.zeros(shape, dtype=torch.float32, device=hidden_KD.device)
        size = max(1, LOGITS_AT_ONCE // len(weight_VD) // (2 if cap else 1))
        for part in weighing.parts(size) if weighing else _parts(len(targets_K), size):
            logits_CV = product(hidden_KD[part], weight_VD.T)
            if rows_ND is not None:
                logits_CV[:, ids_N] = hidden_KD[part] @ rows_ND.T
            if bias_V is not None:
                logits_CV += bias_V
            tanh_CV = logits_CV.div_(cap).tanh_().clone() if cap else None
            if cap:
                logits_CV *= cap
            losses_C = cross_entropy_(logits_CV, targets_K[part], smoothing)  # logits_CV now holds the gradient
            if tanh_CV is not None:
                logits_CV *= 1 - tanh_CV.square_()
            weighted_CD = hidden_KD[part]
            if weighing:
                figures, weights_C = weighing.weigh(part, losses_C)
                weighted_CD = (weighted_CD * weights_C[:, None]).to(hidden_KD.dtype)
                total += figures
            else:
                total += losses_C.sum()
            if grad_V is not None:
                grad_V += (logits_CV if not weighing else logits_CV * weights_C[:, None]).sum(0, dtype=torch.float32)
            if grad_KD is not None:
                product(logits_CV, weight_VD, out=grad_KD[part])
                if rows_ND is not None:
                    grad_KD[part] += logits_CV[:, ids_N] @ (rows_ND - weight_VD[ids_N])
                if weighing:
                    grad_KD[part] *= weights_C[:, None]
            if grad_ND is not None:
                grad_ND += (logits_CV[:, ids_N].T @ weighted_CD).float()
            if by_weight:
                grad_VD = _add_product(grad_VD, logits_CV, weighted_CD, len(targets_K) > size)
        if by_weight and grad_VD is None:
            grad_VD = torch.zeros_like(weight_VD)
        ctx.gradients = (  # type: ignore[attr-defined]
            grad_KD,
            None if grad_VD is None else grad_VD.to(weight_VD.dtype),
            None if grad_ND is None else grad_ND.to(weight_VD.dtype),
            None if grad_V is None else grad_V.to(weight_VD.dtype),
        )
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, upstream: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # type: ignore[override]
        by_loss = upstream.reshape(-1)[0]
        gradients = (None if g is None else g.mul_(by_loss) for g in ctx.gradients)  # type: ignore[attr-defined]
        by_hidden, by_weight, by_rows, by_bias = gradients
        ctx.gradients = None  # type: ignore[attr-defined]
        return by_hidden, by_weight, None, None, None, by_rows, None, by_bias, None, None


def _parts(positions: int, most: int) -> Iterable[slice]:
    return (slice(start, start + most) for start in range(0, positions, most))


def _add_product(
    total_VD: torch.Tensor | None, grad_CV: torch.Tensor, hidden_CD: torch.Tensor, several: bool
) -> torch.Tensor:
    """total + grad.T @ hidden. Over several chunks the total is kept in fp32, whatever the inputs are."""
    if not several or hidden_CD.dtype == torch.float32:
        part_VD = product(grad_CV.T, hidden_CD)
    elif hidden_CD.is_cuda:
        part_VD = torch.mm(grad_CV.T, hidden_CD, out_dtype=torch.float32)
    else:
        part_VD = (grad_CV.T @ hidden_CD).float()
    return part_VD if total_VD is None else total_VD.add_(part_VD)


def cross_entropy_(logits_CV: torch.Tensor, targets_C: torch.Tensor, smoothing: float) -> torch.Tensor:
    """Cross-entropy of each position, float32; overwrites the logits by the gradient of their sum.

    With smoothing ε the target is 1 − ε + ε/V at the label and ε/V elsewhere (Szegedy et al. 2016,
    section 7). Inputs: [positions, vocabulary], [positions].
    """
    if logits_CV.is_cuda:
        from training.cross_entropy_kernel import cross_entropy_

        return cross_entropy_(logits_CV, targets_C, smoothing)
    vocabulary = logits_CV.shape[1]
    logits = logits_CV.float()
    log_sum = logits.logsumexp(1)
    picked = logits.gather(1, targets_C[:, None])[:, 0]
    losses = log_sum - (1 - smoothing) * picked
    if smoothing:
        losses -= smoothing * logits.mean(1)
    gradient = torch.exp(logits.sub_(log_sum[:, None]), out=logits).sub_(smoothing / vocabulary)
    gradient.scatter_add_(1, targets_C[:, None], torch.full_like(picked, smoothing - 1)[:, None])
    if gradient.data_ptr() != logits_CV.data_ptr():
        logits_CV.copy_(gradient)
    return losses
