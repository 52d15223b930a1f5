"""The loss: summed cross-entropy of the learned tokens, each seeing its own document only."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

UNLEARNED = -100
LOGITS_AT_ONCE = 1 << 28
"""Most logits held at once (positions × vocabulary): above it they are recomputed in the backward pass."""


class SummedLoss(nn.Module):
    """A causal language model whose output is its summed loss.

    The sum, not the mean: the caller divides by the learned tokens of the global batch, so every
    token weighs the same, whichever rank and micro-batch it falls into.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        input_ids: torch.Tensor,
        position_ids: torch.Tensor,
        document_ids: torch.Tensor,
        labels: torch.Tensor,
    ) -> torch.Tensor:
        """All [batch, length], int64. labels: unshifted, −100 where nothing is learned. Returns a float32 scalar."""
        hidden_BLD = self.model.model(
            input_ids=input_ids,
            attention_mask=document_mask(document_ids),
            position_ids=position_ids,
            use_cache=False,
        ).last_hidden_state
        hidden_ND = hidden_BLD[:, :-1].flatten(0, 1)
        targets_N = labels[:, 1:].flatten()
        # The chunks follow from the shapes alone: with ZeRO-3 all ranks must call the head equally often.
        size = max(1, LOGITS_AT_ONCE // self.model.config.vocab_size)
        chunks = list(zip(hidden_ND.split(size), targets_N.split(size), strict=True))
        if len(chunks) == 1:
            return self._head(hidden_ND, targets_N)
        losses = [checkpoint(self._head, h, t, use_reentrant=False) for h, t in chunks]
        return torch.stack(losses).sum()

    def _head(self, hidden_ND: torch.Tensor, targets_N: torch.Tensor) -> torch.Tensor:
        learned = targets_N != UNLEARNED
        logits_MV = self.model.lm_head(hidden_ND[learned]).float()
        return F.cross_entropy(logits_MV, targets_N[learned], reduction="sum")


def document_mask(document_ids: torch.Tensor) -> torch.Tensor:
    """Who may attend to whom: bool [batch, 1, length, length], causal inside each document.

    Padding (−1) attends to padding, so that no row is empty, which softmax could not take.
    """
    same = document_ids[:, None, :, None] == document_ids[:, None, None, :]
    return same.tril()


def learned_tokens(labels: torch.Tensor) -> int:
    """How many tokens of [batch, length] labels are predicted (the first position never is)."""
    return int((labels[:, 1:] != UNLEARNED).sum())
