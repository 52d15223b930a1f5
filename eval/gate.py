"""Whether a challenger's loss is lower than the champion's by more than chance."""

from dataclasses import dataclass

import numpy as np

RESAMPLES = 5_000
MOST_UNITS = 5_000
"""Above this many conversations they are resampled in bundles, which bounds time and memory."""
BLOCK = 1 << 22
"""Most indices drawn at once, which take 32 MiB."""


@dataclass(frozen=True)
class Comparison:
    """Losses in nats a unit (token or byte); improvements relative to the champion's loss."""

    conversations: int
    unit: str
    champion_loss: float
    challenger_loss: float
    improvement: float
    low: float
    """Lower confidence bound of the improvement, one-sided."""
    confidence: float

    @property
    def significant(self) -> bool:
        return self.low > 0

    def words(self) -> str:
        """The figures, for a sentence."""
        return (
            f"test loss {self.challenger_loss:.4f} against the champion's {self.champion_loss:.4f} nats a {self.unit} "
            f"over {self.conversations:,} conversations, a drop of {self.improvement:+.2%} "
            f"(at least {self.low:+.2%} at {self.confidence:.0%} confidence)"
        )


def compare(
    champion_losses: np.ndarray,
    challenger_losses: np.ndarray,
    weights: np.ndarray,
    confidence: float,
    unit: str = "token",
    seed: int = 0,
) -> Comparison:
    """Paired bootstrap over conversations of the weighted loss difference.

    champion_losses, challenger_losses: summed nats of each conversation, (N,), in the same order.
    weights: its tokens (or bytes), (N,), so that every token counts alike.
    Whole conversations are drawn with replacement, because tokens of one conversation are not
    independent (Efron, 1979; for comparing two systems on one test set Koehn, 2004, "Statistical
    Significance Tests for Machine Translation Evaluation"). The bound is the percentile one.
    """
    assert len(champion_losses) == len(challenger_losses) == len(weights) > 0
    rows_3N = np.stack([champion_losses, challenger_losses, weights]).astype(np.float64)
    champion, challenger, weight = rows_3N.sum(axis=1)
    drops = _resampled_improvements(_bundle(rows_3N, seed), seed)
    return Comparison(
        conversations=len(weights),
        unit=unit,
        champion_loss=float(champion / weight),
        challenger_loss=float(challenger / weight),
        improvement=float((champion - challenger) / champion),
        low=float(np.quantile(drops, 1 - confidence)),
        confidence=confidence,
    )


def _resampled_improvements(rows_3N: np.ndarray, seed: int) -> np.ndarray:
    """Relative improvement in each of RESAMPLES draws of N conversations."""
    generator = np.random.default_rng(seed)
    champion_N, difference_N = rows_3N[0], rows_3N[0] - rows_3N[1]
    count = len(champion_N)
    improvements = []
    for start in range(0, RESAMPLES, step := max(1, BLOCK // count)):
        drawn = generator.integers(0, count, (min(step, RESAMPLES - start), count))
        improvements.append(difference_N[drawn].sum(axis=1) / champion_N[drawn].sum(axis=1))
    return np.concatenate(improvements)


def _bundle(rows_3N: np.ndarray, seed: int) -> np.ndarray:
    """At most MOST_UNITS sums over random, equally sized bundles; their bootstrap has the same variance."""
    count = rows_3N.shape[1]
    if count <= MOST_UNITS:
        return rows_3N
    bundle_N = np.random.default_rng(seed).permutation(count) % MOST_UNITS
    return np.stack([np.bincount(bundle_N, row, MOST_UNITS) for row in rows_3N])
