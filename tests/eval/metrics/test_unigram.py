import math

import numpy as np
import pytest

from eval.metrics.unigram import Unigram
from eval.packed import PackedBatch, learned_token_counts
from pipeline.contract.progress import Progress


def test_unigram_perplexity_by_hand() -> None:
    """Three kinds of token seen 3, 1 and 0 times: (4, 2, 1) sevenths; tested on one each of the first and last."""
    scores = Unigram().compute(predictions=[3, 1, 0], references=[1, 0, 1])
    assert scores["perplexity"] == pytest.approx(math.sqrt(7 / 4 * 7 / 1))


def test_only_learned_tokens_are_counted_and_never_the_first_of_a_document() -> None:
    batch = PackedBatch(
        input_ids=np.array([[5, 6, 7, 5, 6, 0]]),
        labels=np.array([[5, 6, -100, 5, 6, -100]]),
        position_ids=np.array([[0, 1, 2, 0, 1, 0]]),
        document_ids=np.array([[0, 0, 0, 1, 1, -1]]),
        row_ids=[["a", "b"]],
    )
    assert learned_token_counts([batch], 8, Progress("", 1)).tolist() == [0, 0, 0, 0, 0, 0, 2, 0]
