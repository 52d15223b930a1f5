"""Perplexity and bits per byte."""

import math
from typing import Any

import datasets
import evaluate

from eval.metric import LocalMetric


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


def bits_per_byte(loss: float, size: int) -> float:
    """loss: summed over the text, in nats. size: UTF-8 bytes of the text.

    Unlike perplexity it compares models of different vocabularies (Gao et al., 2020, The Pile, section 3.1).
    """
    return loss / math.log(2) / size
