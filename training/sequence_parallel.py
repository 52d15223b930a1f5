"""Ranks that share each sequence: each holds a part of its tokens and, in attention, some of the heads of all of them.

Ulysses (Jacobs et al. 2023, DeepSpeed Ulysses, section 3): an exchange before attention trades tokens for heads,
another after it trades them back; everything else of a layer looks at one token at a time. DeepSpeed's own layer makes
the exchanges. Each rank's loss is that of its tokens, so that what all ranks sum up is what one rank would have.
Shapes: B batch, L length, H query heads, K key heads, W head width, P ranks that share.
"""

from collections.abc import Callable
from functools import cache

import torch
import torch.distributed as dist

from training.data import Batch


class SharedSequences:
    """The ranks that this one shares its sequences with: `ranks` neighbours."""

    def __init__(self, ranks: int) -> None:
        self.ranks = ranks
        self._group = _own_group(ranks)

    def attend(
        self,
        attention: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor],
        query_BLHW: torch.Tensor,
        key_BLKW: torch.Tensor,
        value_BLKW: torch.Tensor,
    ) -> torch.Tensor:
        """attention of whole sequences, by every rank for its heads: from and to L / P tokens of H heads."""
        from deepspeed.sequence.layer import DistributedAttention  # and with it the whole engine

        heads, tokens, batch = 2, 1, 0
        layer = DistributedAttention(attention, self._group, heads, tokens)
        return layer(query_BLHW, key_BLKW, value_BLKW, batch)


@cache
def _own_group(ranks: int) -> dist.ProcessGroup:
    own, _ = dist.new_subgroups(ranks)
    return own


def part_of(batch: Batch, place: int, ranks: int) -> Batch:
    """The tokens that a rank holds of training.data.packed_batch, and what is learned of them; `boundaries` and
    `longest` stay those of the whole. place: of the rank among those that share."""
    if ranks == 1:
        return batch
    length = batch["input_ids"].shape[1]
    own = length // ranks
    first, kept = place * own, batch["kept"]
    mine: torch.Tensor = (kept % length >= first) & (kept % length < first + own)
    tokens = {name: batch[name][:, first : first + own].contiguous() for name in ("input_ids", "position_ids")}
    here = kept[mine] // length * own + kept[mine] % length - first
    return batch | tokens | {"kept": here, "targets": batch["targets"][mine]}
