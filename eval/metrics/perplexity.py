"""Perplexity."""

import math
from typing import Any

import datasets
import evaluate

from eval.metrics.metric import LocalMetric, Outcome


class Perplexity(LocalMetric):
    """exp of the mean loss a token: the number of equally likely tokens the model wavers between.

    Jelinek et al., 1977. Summing over all tokens before dividing weighs every token alike, which a mean
    over conversations would not.
    """

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=self.__doc__ or "",
            citation="Jelinek et al. (1977): Perplexity, a measure of the difficulty of speech recognition tasks",
            inputs_description="predictions: summed loss (nats) of each text. references: its tokens.",
            features=datasets.Features(
                {"predictions": datasets.Value("float64"), "references": datasets.Value("int64")}
            ),
        )

    def _compute(self, predictions: list[float], references: list[int]) -> dict[str, Any]:  # type: ignore[override]
        """loss (nats a token), perplexity and tokens."""
        tokens = sum(references)
        loss = math.fsum(predictions) / tokens
        return {"loss": loss, "perplexity": math.exp(loss), "tokens": tokens}


def scores(outcome: Outcome) -> dict[str, Any]:
    """loss, perplexity and tokens of the held-out conversations."""
    return Perplexity().compute(predictions=outcome.losses, references=outcome.tokens)
