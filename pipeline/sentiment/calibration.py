"""Whether probabilities are as they say: temperature scaling, and the expected calibration error."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize_scalar

BINS = 15


def temperature_of(loss: Callable[[float], float]) -> float:
    """The temperature of least loss (cross-entropy on texts not learned from), to two decimals.

    One number for all emotions (Guo et al. 2017, section 4.2): what is most probable does not change by it.
    """
    return round(float(minimize_scalar(loss, bounds=(0.2, 5.0), method="bounded").x), 2)


def calibration_error(confidences_N: np.ndarray, right_N: np.ndarray) -> float:
    """Mean distance of confidence from accuracy over BINS equal bins of confidence, by their rows (ECE; Naeini et al.
    2015, Guo et al. 2017, section 2); 0 without a row."""
    bins_N = np.minimum((confidences_N * BINS).astype(int), BINS - 1)
    distance_B = np.bincount(bins_N, confidences_N - right_N, BINS)
    return float(np.abs(distance_B).sum() / max(len(right_N), 1))
