"""The interval of a share."""

import math

Z = 1.959964
"""The normal distribution's quantile of 0.975: intervals hold the true share 95 times in 100."""


def wilson(share: float, count: int) -> tuple[float, float]:
    """Lowest and highest share that `share` of `count` trials is compatible with, at 95% (Wilson 1927).

    Unlike the plain normal interval it stays within 0 and 1 and is right for few trials and shares near either end
    (Brown, Cai and DasGupta 2001, Interval Estimation for a Binomial Proportion, section 3).
    """
    assert count > 0
    shrunk = 1 + Z * Z / count
    middle = (share + Z * Z / (2 * count)) / shrunk
    half = Z / shrunk * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    return max(middle - half, 0.0), min(middle + half, 1.0)
