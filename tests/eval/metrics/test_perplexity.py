import math

import pytest

from eval.metrics.bits_per_byte import bits_per_byte
from eval.metrics.perplexity import Perplexity


def test_perplexity_of_two_texts_by_hand() -> None:
    """Four tokens of probability 1/2 and two of 1/8: the mean of 10 ln 2 over 6 tokens."""
    losses = [4 * math.log(2), 2 * math.log(8)]
    scores = Perplexity().compute(predictions=losses, references=[4, 2])
    assert scores["perplexity"] == pytest.approx(2 ** (10 / 6))
    assert scores["tokens"] == 6


def test_one_bit_a_byte() -> None:
    assert bits_per_byte(8 * math.log(2), 8) == pytest.approx(1.0)
