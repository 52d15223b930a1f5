"""The baseline that a model must beat: token frequencies alone."""

import math
from typing import Any

import datasets
import evaluate
import numpy as np

from eval.metrics.metric import LocalMetric, Outcome


class Unigram(LocalMetric):
    """Perplexity of a text under add-one smoothed token frequencies of another.

    p(t) = (count(t) + 1) / (N + V) with N tokens counted and V kinds of token; Jurafsky and Martin,
    Speech and Language Processing, section 3.5.1.
    """

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=self.__doc__ or "",
            citation="Jurafsky, Martin: Speech and Language Processing",
            inputs_description="predictions: training counts by token id. references: test counts by token id.",
            features=datasets.Features({"predictions": datasets.Value("int64"), "references": datasets.Value("int64")}),
        )

    def _compute(self, predictions: list[int], references: list[int]) -> dict[str, Any]:  # type: ignore[override]
        """loss (nats a token) and perplexity."""
        train_V, test_V = np.array(predictions, dtype=np.float64), np.array(references, dtype=np.float64)
        log_p_V = np.log(train_V + 1) - math.log(train_V.sum() + len(train_V))
        loss = -float(test_V @ log_p_V) / float(test_V.sum())
        return {"loss": loss, "perplexity": math.exp(loss)}


def scores(outcome: Outcome) -> dict[str, Any]:
    """unigram_perplexity, of the test split under the frequencies of the training split."""
    found = Unigram().compute(predictions=outcome.train_counts, references=outcome.test_counts)
    return {"unigram_perplexity": found["perplexity"]}
