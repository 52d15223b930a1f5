"""A linear classifier of vectors by ridge regression in closed form: milliseconds, and the same bytes every time."""

import numpy as np

PENALTY = 1.0
"""Of a standardised feature's squared weight, a row. Of 0.01 to 10 it is 1 that tells held-out rows apart best, of 300
to 5,000 simulated vectors of 384 dimensions: the fewer rows, the more it matters."""


class Ridge:
    """Learned from vectors [N, D] and the number of each row's class. Classes weigh alike, however rare."""

    def __init__(self, vectors_ND: np.ndarray, class_N: np.ndarray, classes: int) -> None:
        self._mean_D = vectors_ND.mean(axis=0)
        self._scale_D = np.maximum(vectors_ND.std(axis=0), 1e-9)
        counts_C = np.bincount(class_N, minlength=classes)
        weight_N = 1 / counts_C[class_N]
        weight_N *= len(class_N) / weight_N.sum()
        x_ND = self._standardised(vectors_ND)
        y_NC = np.eye(classes)[class_N]
        self._bias_C = np.average(y_NC, axis=0, weights=weight_N)
        weighted_DN = x_ND.T * weight_N
        gram_DD = weighted_DN @ x_ND + PENALTY * len(x_ND) * np.eye(x_ND.shape[1])
        self._weights_DC = np.linalg.solve(gram_DD, weighted_DN @ (y_NC - self._bias_C))

    def scores(self, vectors_ND: np.ndarray) -> np.ndarray:
        """[N, C], the greater the likelier."""
        return self._standardised(vectors_ND) @ self._weights_DC + self._bias_C

    def classes(self, vectors_ND: np.ndarray) -> np.ndarray:
        """The number [N] of the likeliest class of each."""
        return self.scores(vectors_ND).argmax(axis=1)

    def _standardised(self, vectors_ND: np.ndarray) -> np.ndarray:
        return (vectors_ND - self._mean_D) / self._scale_D
