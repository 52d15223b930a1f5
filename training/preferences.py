"""Losses of preference pairs, on the log-probability of each side: the sum over its learned tokens.

All of them are small functions of two numbers a pair; what costs is the model's pass over both sides, and that is
the one of training/loss.py. A pair's loss is known as soon as the logits of both its sides are, and with it what its
tokens' cross-entropies weigh in the gradient: so here too logits are overwritten by their gradient, chunk by chunk of
whole pairs, none are kept and none are computed twice.

Shapes: P pairs, the chosen side first; K learned positions, C of them in a chunk.
"""

import sys
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from transformers import PreTrainedModel

from configs.preferences import Dpo, Orpo
from configs.train import Train
from training.loss import SummedLoss, Weighing
from training.metrics import PREFERENCES

Objective = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
"""(log-probabilities, lengths, the reference's log-probabilities), each [P, 2], to losses [P] and rewards [P, 2]."""


def dpo(
    logp_P2: torch.Tensor, lengths_P2: torch.Tensor, reference_P2: torch.Tensor, settings: Dpo
) -> tuple[torch.Tensor, torch.Tensor]:
    """−(1 − ε) log σ(z) − ε log σ(−z) − α log π(chosen) / |chosen|, where z is the margin between the rewards
    β (log π − log π_ref) of both sides.

    Sources: Rafailov et al. 2023, DPO (arXiv 2305.18290), equation 7, and section 4 for the implicit reward; ε:
    Mitchell 2023, "A note on DPO with noisy preferences & relationship to IPO", equation 3; α: Pang et al. 2024,
    Iterative Reasoning Preference Optimization (arXiv 2404.19733), equation 2, mean over the tokens of the reply.
    """
    rewards_P2 = settings.beta * (logp_P2 - reference_P2)
    margin_P = rewards_P2[:, 0] - rewards_P2[:, 1]
    wrong = settings.label_smoothing
    losses_P = -(1 - wrong) * F.logsigmoid(margin_P) - wrong * F.logsigmoid(-margin_P)
    return losses_P - settings.sft_weight * logp_P2[:, 0] / lengths_P2[:, 0], rewards_P2


def orpo(
    logp_P2: torch.Tensor, lengths_P2: torch.Tensor, _reference_P2: torch.Tensor, settings: Orpo
) -> tuple[torch.Tensor, torch.Tensor]:
    """−log p(chosen) − λ log σ(log odds(chosen) − log odds(rejected)), where log p is the mean over a side's tokens,
    and odds p / (1 − p). The rewards are log p.

    Source: Hong et al. 2024, ORPO (arXiv 2403.07691), equations 3 to 7.
    """
    mean_P2 = (logp_P2 / lengths_P2).clamp(max=-1e-9)  # certainty has no odds
    odds_P2 = mean_P2 - torch.log(-torch.expm1(mean_P2))
    losses_P = -mean_P2[:, 0] - settings.weight * F.logsigmoid(odds_P2[:, 0] - odds_P2[:, 1])
    return losses_P, mean_P2


def objective_of(train: Train) -> Objective:
    """The loss of a pair that train.objective names."""
    if train.objective == "dpo":
        return partial(dpo, settings=train.dpo)
    return partial(orpo, settings=train.orpo)


class PreferenceLoss(SummedLoss):
    """A causal language model whose output is its summed loss over pairs, and sums of training.metrics.PREFERENCES.

    As with tokens, the caller divides: by the pairs of the global batch.
    """

    def __init__(self, model: PreTrainedModel, train: Train) -> None:
        super().__init__(model)
        self._objective = objective_of(train)

    def forward(  # type: ignore[override]
        self,
        targets: torch.Tensor,
        sides: torch.Tensor,
        ends: list[int],
        lengths: torch.Tensor,
        reference: torch.Tensor | None = None,
        **packed: Any,
    ) -> torch.Tensor:
        """Of a batch of training.pairs.PairSequences: float32 [5], the loss first, which alone has a gradient.

        Without a reference, the log-probabilities instead: float64 [P, 2], without a gradient.
        """
        hidden_KD = self.hidden(**packed)
        head = self.model.get_output_embeddings()
        if reference is None:
            measured = LogProbabilities(sides, ends)
            head(hidden_KD, targets, 0.0, self.head, measured)
            return measured.logp_P2
        losses = PairLosses(sides, ends, lengths, reference, self._objective)
        return head(hidden_KD, targets, 0.0, self.head, losses)


class Pairs(Weighing):
    """Positions by the pair and the side that they are of."""

    def __init__(self, sides_K: torch.Tensor, ends: list[int]) -> None:
        self._sides_K, self._ends = sides_K, ends

    def parts(self, most: int) -> Iterator[slice]:
        """Positions of as many whole pairs as fit into `most`, and of one at least."""
        start = 0
        for end, following in pairwise([*self._ends, sys.maxsize]):
            if following - start > most:
                yield slice(start, end)
                start = end

    def summed(self, part: slice, losses_C: torch.Tensor) -> tuple[slice, torch.Tensor, torch.Tensor]:
        """The pairs of a chunk; the side of each of its positions, counted from the first; their log-probabilities."""
        pairs = slice(bisect_right(self._ends, part.start), bisect_right(self._ends, part.stop))
        sides_C = self._sides_K[part] - 2 * pairs.start
        logp = torch.zeros(2 * (pairs.stop - pairs.start), dtype=torch.float64, device=losses_C.device)
        return pairs, sides_C, logp.index_add_(0, sides_C, -losses_C.double()).view(-1, 2)


class PairLosses(Pairs):
    """The loss of pairs, and its figures."""

    figures = 1 + len(PREFERENCES)

    def __init__(
        self,
        sides_K: torch.Tensor,
        ends: list[int],
        lengths_P2: torch.Tensor,
        reference_P2: torch.Tensor,
        objective: Objective,
    ) -> None:
        super().__init__(sides_K, ends)
        self._lengths_P2, self._reference_P2, self._objective = lengths_P2, reference_P2, objective

    def weigh(self, part: slice, losses_C: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        pairs, sides_C, logp_P2 = self.summed(part, losses_C)
        with torch.enable_grad():
            logp_P2.requires_grad_()
            losses_P, rewards_P2 = self._objective(logp_P2, self._lengths_P2[pairs], self._reference_P2[pairs])
            (by_logp_P2,) = torch.autograd.grad(losses_P.sum(), logp_P2)
        chosen_P, rejected_P = rewards_P2.detach().unbind(1)
        right_P = (torch.sign(chosen_P - rejected_P) + 1) / 2  # a tie is half right
        figures = [losses_P.detach(), right_P, chosen_P - rejected_P, chosen_P, rejected_P]
        return torch.stack([figure.sum() for figure in figures]).float(), -by_logp_P2.flatten()[sides_C].float()


class LogProbabilities(Pairs):
    """No loss: what the model gives each side. logp_P2: float64, filled in chunk by chunk."""

    figures = 0

    def __init__(self, sides_K: torch.Tensor, ends: list[int]) -> None:
        super().__init__(sides_K, ends)
        self.logp_P2 = torch.zeros(len(ends), 2, dtype=torch.float64, device=sides_K.device)

    def weigh(self, part: slice, losses_C: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        pairs, _, self.logp_P2[pairs] = self.summed(part, losses_C)
        return losses_C[:0], losses_C
