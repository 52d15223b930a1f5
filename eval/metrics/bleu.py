"""BLEU of the replies."""

from typing import Any

import datasets
import evaluate
from sacrebleu.metrics import BLEU

from eval.metrics.metric import LocalMetric, Outcome
from eval.metrics.words import bleu_tokeniser


class Bleu(LocalMetric):
    """Corpus BLEU-4 as sacrebleu computes it (Post, 2018), with the signature that makes it comparable.

    The signature names the tokeniser, which is that of the language that most of the references are in.
    """

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=self.__doc__ or "",
            citation="Post (2018): A Call for Clarity in Reporting BLEU Scores",
            inputs_description="predictions: replies. references: one reference a reply.",
            features=datasets.Features(
                {"predictions": datasets.Value("string"), "references": datasets.Value("string")}
            ),
        )

    def _compute(self, predictions: list[str], references: list[str]) -> dict[str, Any]:  # type: ignore[override]
        """score (0 to 100) and signature."""
        bleu = BLEU(tokenize=bleu_tokeniser(references))
        score = bleu.corpus_score(predictions, [references]).score
        return {"score": score, "signature": str(bleu.get_signature())}


def scores(outcome: Outcome) -> dict[str, Any]:
    """bleu of the greedy replies; empty where nothing was generated."""
    if not outcome.replies:
        return {"bleu": {"score": None, "signature": ""}}
    return {"bleu": Bleu().compute(predictions=outcome.replies, references=outcome.references)}
