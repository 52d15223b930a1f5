"""How far the topics of one corpus have moved from those of another. Pure functions."""

from typing import Any

import numpy as np
from scipy.stats import chi2_contingency

NOTABLE = 0.1
"""Of the rows, that would have to change their topic: a warning when the interval's lower end is above it."""
ALPHA = 0.01
CONFIDENCE = 0.95
DRAWS = 2000
SHOWN = 3


def drift(now: dict[str, int], then: dict[str, int]) -> dict[str, Any] | None:
    """{distance, low, high, chi_square, p, severity, message, topics [{topic, then, now}]} of rows by topic now and
    then; None when one of the two has no rows.

    distance: total variation, half the sum of the shares' differences: the share of rows that would have to change
    their topic. low, high: its basic bootstrap interval (Davison and Hinkley 1997, section 5.2) over multinomial draws
    of both, since the distance of two samples of one corpus is above zero. p: Pearson's chi-square test of homogeneity.
    Rows that both corpora hold make both conservative.
    """
    names = [name for name in dict.fromkeys([*now, *then]) if now.get(name) or then.get(name)]
    counts_2T = np.array([[rows.get(name, 0) for name in names] for rows in (now, then)], dtype=float)
    if not names or not counts_2T.sum(axis=1).all():
        return None
    totals = counts_2T.sum(axis=1).astype(int)
    share_2T = counts_2T / totals[:, None]
    distance = float(_variation(*share_2T))
    draw = np.random.default_rng(0)
    drawn = [draw.multinomial(total, share, DRAWS) / total for total, share in zip(totals, share_2T, strict=True)]
    tail = (1 - CONFIDENCE) / 2
    lower, upper = np.quantile(_variation(*drawn), [tail, 1 - tail])
    low, high = (float(np.clip(2 * distance - bound, 0, 1)) for bound in (upper, lower))
    chi_square, p = chi2_contingency(counts_2T)[:2] if len(names) > 1 else (0.0, 1.0)
    moved = [
        {"topic": name, "then": round(float(b), 4), "now": round(float(a), 4)}
        for name, a, b in zip(names, *share_2T, strict=True)
    ]
    moved.sort(key=lambda topic: (-round(abs(topic["now"] - topic["then"]), 4), topic["topic"]))
    return {
        "distance": round(distance, 4),
        "low": round(low, 4),
        "high": round(max(high, distance), 4),
        "chi_square": round(float(chi_square), 2),
        "p": float(p),
        "severity": "warning" if p < ALPHA and low > NOTABLE else "info",
        "message": _message(distance, low, max(high, distance), float(p), moved),
        "topics": moved,
    }


def _variation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.abs(one - other).sum(axis=-1) / 2


def _message(distance: float, low: float, high: float, p: float, moved: list[dict[str, Any]]) -> str:
    if p >= ALPHA:
        return f"no drift that chance would not explain (distance {distance:.1%}, p {p:.2g})"
    words = ", ".join(f"{t['topic']} {t['then']:.1%} → {t['now']:.1%}" for t in moved[:SHOWN])
    return f"{distance:.1%} of the rows (between {low:.1%} and {high:.1%}) would have to change their topic: {words}"
