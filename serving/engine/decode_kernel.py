"""Attention of one new token of each row to what the row has in the cache, on a GPU.

Reads keys and values where they lie, of each row as many as it has: torch's kernels want them side by side, which
copies the cache at every step, and go to the end of the longest. Each row and key head has SPLITS programs, whose
results are joined afterwards (Flash-Decoding: Dao et al. 2023); a program takes all query heads of its key head.

Shapes: B rows, H query heads, K key heads, P positions of a row in the cache, W width of a head.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

TILE = 64
"""Positions that a program takes at once."""
LEAST = 16
"""Rows and columns of a matrix that tensor cores multiply."""
PROGRAMS = 256
"""About as many as keep a GPU busy; fewer rows are split into more."""
MOST_SPLITS = 16


@triton.jit
def _attend(
    query,
    keys,
    values,
    ends,
    sums,
    tops,
    totals,
    scale,
    window,
    key_row,
    key_head,
    key_place,
    value_row,
    value_head,
    value_place,
    HEADS: tl.constexpr,
    GROUP: tl.constexpr,
    GROUP_: tl.constexpr,
    WIDTH: tl.constexpr,
    WIDTH_: tl.constexpr,
    SPLITS: tl.constexpr,
    TILE: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1)
    split = tl.program_id(2)
    length = tl.load(ends + row).to(tl.int32) + 1
    begin = tl.maximum(length - window, 0)
    share = tl.cdiv(tl.cdiv(length - begin, SPLITS), TILE) * TILE
    first = begin + split * share
    end = tl.minimum(first + share, length)
    group = tl.arange(0, GROUP_)
    width = tl.arange(0, WIDTH_)
    inside = (group < GROUP)[:, None] & (width < WIDTH)[None, :]
    asked = row * HEADS * GROUP + head * GROUP + group
    q = tl.load(query + asked[:, None] * WIDTH + width[None, :], mask=inside, other=0.0)
    top = tl.full([GROUP_], -float("inf"), tl.float32)
    total = tl.zeros([GROUP_], tl.float32)
    mixed = tl.zeros([GROUP_, WIDTH_], tl.float32)
    keys += row * key_row + head * key_head
    values += row * value_row + head * value_head
    for start in range(first, end, TILE):
        place = start + tl.arange(0, TILE)
        seen = (place < end)[:, None] & (width < WIDTH)[None, :]
        k = tl.load(keys + place[:, None] * key_place + width[None, :], mask=seen, other=0.0)
        v = tl.load(values + place[:, None] * value_place + width[None, :], mask=seen, other=0.0)
        score = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
        score = tl.where((place < end)[None, :], score, -float("inf"))
        higher = tl.maximum(top, tl.max(score, 1))
        weight = tl.exp(score - higher[:, None])
        before = tl.exp(top - higher)
        total = total * before + tl.sum(weight, 1)
        mixed = mixed * before[:, None] + tl.dot(weight.to(v.dtype), v, input_precision="ieee")
        top = higher
    part = asked * SPLITS + split
    tl.store(sums + part[:, None] * WIDTH + width[None, :], mixed, mask=inside)
    tl.store(tops + part, top, mask=group < GROUP)
    tl.store(totals + part, total, mask=group < GROUP)


@triton.jit
def _join(sums, tops, totals, out, WIDTH: tl.constexpr, WIDTH_: tl.constexpr, SPLITS: tl.constexpr):
    asked = tl.program_id(0).to(tl.int64)
    split = tl.arange(0, SPLITS)
    width = tl.arange(0, WIDTH_)
    part = asked * SPLITS + split
    top = tl.load(tops + part)
    weight = tl.exp(top - tl.max(top, 0))
    total = tl.sum(weight * tl.load(totals + part), 0)
    inside = width < WIDTH
    mixed = tl.load(sums + part[:, None] * WIDTH + width[None, :], mask=inside[None, :], other=0.0)
    joined = tl.sum(mixed * weight[:, None], 0) / total
    tl.store(out + asked * WIDTH + width, joined.to(out.dtype.element_ty), mask=inside)


def decode_attention(
    query_BHW: Tensor, keys_BKPW: Tensor, values_BKPW: Tensor, ends_B: Tensor, scale: float, window: int | None
) -> Tensor:
    """[B, H, W]: what each row's token sees of its positions up to `ends`, or of the last `window` of them.

    keys, values: the cache, in which that token is; of the same type as the query, a head's numbers side by side.
    """
    rows, heads, width = query_BHW.shape
    key_heads, positions = keys_BKPW.shape[1:3]
    group = heads // key_heads
    splits = min(MOST_SPLITS, triton.next_power_of_2(max(1, PROGRAMS // (rows * key_heads))))
    query = query_BHW.contiguous()
    sums = query.new_empty(rows, heads, splits, width, dtype=torch.float32)
    tops, totals = query.new_empty(2, rows, heads, splits, dtype=torch.float32)
    out = torch.empty_like(query)
    wide = max(LEAST, triton.next_power_of_2(width))
    _attend[(rows, key_heads, splits)](
        query,
        keys_BKPW,
        values_BKPW,
        ends_B,
        sums,
        tops,
        totals,
        scale,
        window or positions,
        *keys_BKPW.stride()[:3],
        *values_BKPW.stride()[:3],
        HEADS=key_heads,
        GROUP=group,
        GROUP_=max(LEAST, triton.next_power_of_2(group)),
        WIDTH=width,
        WIDTH_=wide,
        SPLITS=splits,
        TILE=TILE,
    )
    _join[(rows * heads,)](sums, tops, totals, out, WIDTH=width, WIDTH_=wide, SPLITS=splits)
    return out
