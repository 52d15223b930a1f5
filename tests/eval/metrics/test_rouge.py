import pytest

from eval.metrics.rouge import Rouge


def test_rouge_by_hand() -> None:
    """Reply a b c d, reference a c d e: three words shared, one of three pairs shared, longest run a c d."""
    found = Rouge().compute(predictions=["a b c d"], references=["a c d e"])
    assert found == pytest.approx({"rouge1": 3 / 4, "rouge2": 1 / 3, "rougeL": 3 / 4, "rougeLsum": 3 / 4})


def test_an_empty_reply_scores_nothing() -> None:
    assert Rouge().compute(predictions=[""], references=["a c"])["rougeL"] == 0
