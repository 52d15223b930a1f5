"""The next token of each reply: the likeliest, or drawn from a nucleus (Holtzman et al. 2020, section 3.1)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

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
    _draws: Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._draws = Random(self.seed)

    def draw(self) -> float:
        """From 0 to below 1."""
        return self._draws.random()


def next_tokens(logits_RV: Tensor, how: Sequence[Sampling]) -> list[int]:
    """A token for each row. The same seed draws the same numbers, whatever other rows there are."""
    chosen = logits_RV.argmax(-1)
    for rows, drawn in (
        ([row for row, each in enumerate(how) if each.temperature > 0 and each.top_p >= 1], _of_all),
        ([row for row, each in enumerate(how) if each.temperature > 0 and each.top_p < 1], _of_nucleus),
    ):
        if rows:
            facts = [(how[row].temperature, how[row].top_p, how[row].draw()) for row in rows]
            heat_R, top_p_R, draws_R = logits_RV.new_tensor(facts, dtype=torch.float32).T
            at = torch.tensor(rows, device=logits_RV.device)
            chosen[at] = drawn((logits_RV[at].float() / heat_R[:, None]).softmax(-1), top_p_R, draws_R)
    return chosen.tolist()


def _of_all(chances_RV: Tensor, top_p_R: Tensor, draws_R: Tensor) -> Tensor:  # noqa: ARG001
    """[rows]: where each draw falls in the cumulated chances."""
    return _fallen(chances_RV, draws_R)


def _of_nucleus(chances_RV: Tensor, top_p_R: Tensor, draws_R: Tensor) -> Tensor:
    """[rows]: where each draw falls in the cumulated chances of the row's nucleus."""
    kept, tokens = chances_RV.topk(min(NUCLEUS, chances_RV.shape[-1]))
    if bool((kept.sum(-1) < top_p_R).any()) and kept.shape[-1] < chances_RV.shape[-1]:
        kept, tokens = chances_RV.sort(-1, descending=True)
    before = kept.cumsum(-1) - kept
    kept = kept.masked_fill(before >= top_p_R[:, None], 0.0)
    kept[:, 0] = kept[:, 0].clamp_min(torch.finfo(kept.dtype).tiny)  # top_p 0 keeps the likeliest
    return tokens.gather(-1, _fallen(kept, draws_R)[:, None])[:, 0]


def _fallen(chances_RK: Tensor, draws_R: Tensor) -> Tensor:
    """[rows]: the first place up to which the chances exceed the draw's share of their sum; one that has a chance."""
    ends = chances_RK.cumsum(-1)
    place = torch.searchsorted(ends, (draws_R * ends[:, -1])[:, None], right=True)
    last = chances_RK.shape[-1] - 1 - (chances_RK > 0).flip(-1).int().argmax(-1, keepdim=True)
    return place.minimum(last)[:, 0]
