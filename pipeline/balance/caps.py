"""How many rows go so that every cap on groups, emotions and topics holds. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

Kind = tuple[tuple[bool, bool], ...]
"""Of each cap: whether a row fulfils its conditions, and whether it is among those that its share is of."""


@dataclass(frozen=True)
class Cut:
    """rows of a kind that go for a cap, by its number; share: what it held before."""

    cap: int
    rows: int
    share: float


def cuts(counts: dict[Kind, int], shares: Sequence[float]) -> dict[Kind, list[Cut]]:
    """Kind to what goes of it, in the order of going.

    Of B rows, M of which fulfil a cap, L stay: the most for which L <= share (B - M + L). Kinds shrink in proportion,
    so that what else the rows are keeps its shares; of rows left over in rounding, the largest remainders stay. A cut
    takes rows from other caps' totals too, so caps are applied in turn until all hold: the rows only get fewer, it
    ends. A cap that all rows of its total fulfil cannot hold and cuts nothing.
    """
    kept = dict(sorted(counts.items()))
    found: dict[Kind, list[Cut]] = {kind: [] for kind in kept}
    changed = True
    while changed:
        changed = False
        for number, share in enumerate(shares):
            total = sum(n for kind, n in kept.items() if kind[number][1])
            over = {kind: n for kind, n in kept.items() if kind[number][0] and n}
            held = sum(over.values())
            limit = Fraction(str(share))
            level = int(limit * (total - held) / (1 - limit))
            if held <= level or held == total:
                continue
            changed = True
            for kind, stays in _in_proportion(over, level).items():
                if stays < over[kind]:
                    found[kind].append(Cut(number, over[kind] - stays, held / total))
                kept[kind] = stays
    return {kind: gone for kind, gone in found.items() if gone}


def _in_proportion(counts: dict[Kind, int], level: int) -> dict[Kind, int]:
    total = sum(counts.values())
    stays = {kind: n * level // total for kind, n in counts.items()}
    left = level - sum(stays.values())
    for kind in sorted(counts, key=lambda kind: (-(counts[kind] * level % total), kind))[:left]:
        stays[kind] += 1
    return stays
