"""How far two reviewers agree, beyond what they would by chance: Cohen's κ (Cohen 1960, A Coefficient of Agreement for
Nominal Scales)."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.contract.wilson import wilson


@dataclass(frozen=True)
class Agreement:
    """Of two reviewers over `rows` that both marked: the share on which they agree with its 95% interval, and κ
    with its.

    κ and its bounds are None where both only ever said the same one thing: chance explains that as well.
    """

    rows: int
    raw: float
    raw_low: float
    raw_high: float
    kappa: float | None
    low: float | None
    high: float | None


def agreement(pairs: Sequence[tuple[bool, bool]]) -> Agreement:
    """Of what two reviewers said of the same rows, at least one.

    κ = (p_o − p_e) / (1 − p_e): p_o is the share on which they agree, p_e what two who say "right" as often as
    these, but at random, would reach. The interval takes p_e as known, as Cohen (1960, formula 7) does, and p_o
    within its Wilson interval instead of a normal one: with full agreement among few rows the normal one has no
    width.
    """
    rows = len(pairs)
    raw = sum(a == b for a, b in pairs) / rows
    one, other = (sum(said) / rows for said in zip(*pairs, strict=True))
    chance = one * other + (1 - one) * (1 - other)
    bounds = wilson(raw, rows)
    if chance == 1:
        return Agreement(rows, raw, *bounds, None, None, None)
    kappa, low, high = ((share - chance) / (1 - chance) for share in (raw, *bounds))
    return Agreement(rows, raw, *bounds, kappa, max(low, -1.0), high)
