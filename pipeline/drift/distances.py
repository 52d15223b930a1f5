"""Distances of two corpora, all on one scale: the share of the rows that would have to change.

Of classes it is the total variation, half the sum of the shares' differences. Of a number it is Kolmogorov's and
Smirnov's distance, which is a lower bound of the total variation.
"""

from typing import Any

import numpy as np

from pipeline.drift.resampling import Statistic


def of_classes(class_N: np.ndarray, classes: int) -> Statistic:
    """Total variation of the rows' classes, which are numbers below `classes`."""
    member_NC = np.zeros((len(class_N), classes), np.float32)
    member_NC[np.arange(len(class_N)), class_N] = 1

    def distance(new_PN: np.ndarray, old_PN: np.ndarray) -> np.ndarray:
        new_PC, old_PC = (weight_PN @ member_NC for weight_PN in (new_PN, old_PN))
        return _variation(new_PC, old_PC)

    return distance


def of_numbers(value_N: np.ndarray) -> Statistic:
    """The largest difference of the shares of rows that lie below one value, over all values."""
    order = np.argsort(value_N, kind="stable")
    last_N = np.r_[value_N[order][1:] != value_N[order][:-1], True]

    def distance(new_PN: np.ndarray, old_PN: np.ndarray) -> np.ndarray:
        below = [np.cumsum(weight_PN[:, order], axis=1)[:, last_N] for weight_PN in (new_PN, old_PN)]
        new_PV, old_PV = (sums_PV / np.maximum(sums_PV[:, -1:], 1e-9) for sums_PV in below)
        return np.abs(new_PV - old_PV).max(axis=1)

    return distance


def of_sets(member_NV: Any) -> Statistic:
    """Total variation of what the rows hold, as words: every one once a row. member_NV: scipy's CSR of 0 and 1."""
    held_VN = member_NV.T.tocsr()

    def distance(new_PN: np.ndarray, old_PN: np.ndarray) -> np.ndarray:
        new_PV, old_PV = ((held_VN @ weight_PN.T).T for weight_PN in (new_PN, old_PN))
        return _variation(new_PV, old_PV)

    return distance


def _variation(new_PC: np.ndarray, old_PC: np.ndarray) -> np.ndarray:
    shares = [sums_PC / np.maximum(sums_PC.sum(axis=1, keepdims=True), 1e-9) for sums_PC in (new_PC, old_PC)]
    return np.abs(shares[0] - shares[1]).sum(axis=1) / 2
