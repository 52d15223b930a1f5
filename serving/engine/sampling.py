"""The next token of each reply: the likeliest, or drawn from a nucleus (Holtzman et al. 2020, section 3.1)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

NUCLEUS = 256
"""Likeliest tokens that are sorted; a nucleus of more is found among all."""


@dataclass
class Sampling:
    """temperature: 0 takes the likeliest. top_p: share of the nucleus. seed: of the draws; None draws at random."""

    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | None = None
    _draws: torch.Generator = field(default_factory=torch.Generator, repr=False)

    def __post_init__(self) -> None:
        if self.seed is None:
            self._draws.seed()
        else:
            self._draws.manual_seed(self.seed)

    def draw(self) -> float:
        """From 0 to below 1."""
        return float(torch.rand(1, generator=self._draws, dtype=torch.float64))


def next_tokens(logits_RV: Tensor, how: Sequence[Sampling]) -> list[int]:
    """A token for each row. The same seed draws the same numbers, whatever other rows there are."""
    chosen = logits_RV.argmax(-1)
    drawn = [row for row, each in enumerate(how) if each.temperature > 0]
    if drawn:
        at = torch.tensor(drawn, device=logits_RV.device)
        heat = logits_RV.new_tensor([how[row].temperature for row in drawn], dtype=torch.float32)
        top_p = logits_RV.new_tensor([how[row].top_p for row in drawn], dtype=torch.float32)
        draws = logits_RV.new_tensor([how[row].draw() for row in drawn], dtype=torch.float32)
        chosen[at] = _drawn((logits_RV[at].float() / heat[:, None]).softmax(-1), top_p, draws)
    return chosen.tolist()


def _drawn(chances_RV: Tensor, top_p_R: Tensor, draws_R: Tensor) -> Tensor:
    """[rows]: where each draw falls in the cumulated chances of the row's nucleus."""
    kept, tokens = chances_RV.topk(min(NUCLEUS, chances_RV.shape[-1]))
    if bool((kept.sum(-1) < top_p_R).any()) and kept.shape[-1] < chances_RV.shape[-1]:
        kept, tokens = chances_RV.sort(-1, descending=True)
    before = kept.cumsum(-1) - kept
    kept = kept.masked_fill(before >= top_p_R[:, None], 0.0)
    kept[:, 0] = kept[:, 0].clamp_min(torch.finfo(kept.dtype).tiny)  # top_p 0 keeps the likeliest
    ends = kept.cumsum(-1)
    place = torch.searchsorted(ends, (draws_R * ends[:, -1])[:, None], right=True)
    last = (kept > 0).sum(-1, keepdim=True) - 1
    return tokens.gather(-1, place.minimum(last))[:, 0]
