"""Multinomial logistic regression with an L2 penalty, by L-BFGS. Targets are shares: a text may show two emotions."""

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from pipeline.sentiment.model import softmax

ITERATIONS = 150


def fitted(x_NF: csr_matrix, targets_NE: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray]:
    """(weights_FE, bias_E) of least cross-entropy plus penalty / 2 times the sum of squared weights.

    Stops after ITERATIONS, which is early stopping: accuracy on other texts has not risen for long by then.
    """
    features, emotions = x_NF.shape[1], targets_NE.shape[1]
    x_FN = x_NF.T.tocsr()

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights_FE, bias_E = flat[: features * emotions].reshape(features, emotions), flat[features * emotions :]
        chances_NE = softmax(x_NF @ weights_FE + bias_E)
        errors_NE = chances_NE - targets_NE
        gradient = np.concatenate([(x_FN @ errors_NE + penalty * weights_FE).ravel(), errors_NE.sum(axis=0)])
        return cross_entropy(chances_NE, targets_NE) + penalty / 2 * float(np.sum(weights_FE**2)), gradient

    start = np.zeros((features + 1) * emotions)
    flat = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS, "maxcor": 5}).x
    return flat[: features * emotions].reshape(features, emotions), flat[features * emotions :]


def cross_entropy(chances_NE: np.ndarray, targets_NE: np.ndarray) -> float:
    """Sum over the texts, in nats."""
    return -float(np.sum(targets_NE * np.log(np.maximum(chances_NE, 1e-12))))
