"""ROUGE of the replies."""

from typing import Any

import datasets
import evaluate
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenizers import Tokenizer

from eval.metrics.metric import LocalMetric, Outcome
from eval.metrics.words import words

KINDS = ("rouge1", "rouge2", "rougeL", "rougeLsum")


class Words(Tokenizer):
    """What rouge-score asks for words."""

    def tokenize(self, text: str) -> list[str]:
        return words(text)


class Rouge(LocalMetric):
    """Mean F1 of ROUGE-1, -2, -L and -Lsum (Lin, 2004), without stemming.

    Lines count as sentences in ROUGE-Lsum; eval/words.py says what a word is, in any script.
    """

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=self.__doc__ or "",
            citation="Lin (2004): ROUGE, A Package for Automatic Evaluation of Summaries",
            inputs_description="predictions: replies. references: one reference a reply.",
            features=datasets.Features(
                {"predictions": datasets.Value("string"), "references": datasets.Value("string")}
            ),
        )

    def _compute(self, predictions: list[str], references: list[str]) -> dict[str, Any]:  # type: ignore[override]
        """rouge1, rouge2, rougeL and rougeLsum, each 0 to 1."""
        scorer = RougeScorer(list(KINDS), tokenizer=Words())
        scores = [scorer.score(r, p) for r, p in zip(references, predictions, strict=True)]
        return {kind: sum(score[kind].fmeasure for score in scores) / len(scores) for kind in KINDS}


def scores(outcome: Outcome) -> dict[str, Any]:
    """rouge of the greedy replies; empty where nothing was generated."""
    if not outcome.replies:
        return {"rouge": {}}
    return {"rouge": Rouge().compute(predictions=outcome.replies, references=outcome.references)}
