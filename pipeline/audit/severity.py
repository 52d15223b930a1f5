"""How much a finding matters: by how large the effect surely is, after a correction for how many were looked for.

An effect counts by the end of its 95% interval that is nearer to none. The scale is Cohen's (1988): 0.2 is small, 0.5
medium, 0.8 large, of means in standard deviations (d), of shares by the arcsine (h).
"""

from collections.abc import Sequence
from math import asin, sqrt

from configs.audit import Findings

SEVERITIES = ("info", "warning", "critical")


def adjusted(p: Sequence[float]) -> list[float]:
    """q-values: the false discovery rate at which each p-value would just be a discovery (Benjamini, Hochberg 1995)."""
    order = sorted(range(len(p)), key=lambda i: -p[i])
    found, least = [0.0] * len(p), 1.0
    for rank, i in zip(range(len(p), 0, -1), order, strict=True):
        least = min(least, p[i] * len(p) / rank)
        found[i] = least
    return found


def sure(low: float, high: float) -> float:
    """The end of an interval that is nearer to 0; 0 when it holds 0."""
    return 0.0 if low <= 0 <= high else min(abs(low), abs(high))


def severity(effect: float, low: float, high: float, q: float, adverse: bool, limits: Findings) -> str | None:
    """None when the effect may be chance, or is smaller than min_effect.

    adverse: whether it is to the group's disadvantage, which is critical from critical_effect on; what only differs
    must be twice that, where the two hardly overlap.
    """
    if q > limits.false_discovery_rate or abs(effect) < limits.min_effect:
        return None
    least = sure(low, high)
    if least >= limits.critical_effect * (1 if adverse else 2):
        return "critical"
    return "warning" if least >= limits.min_effect else "info"


def cohens_h(share: float, other: float) -> float:
    """Difference of two shares on the arcsine scale, where it means the same near 0 and near one half (Cohen 1988)."""
    return _angle(share) - _angle(other)


def _angle(share: float) -> float:
    return 2 * asin(sqrt(min(max(share, 0.0), 1.0)))
