import pytest
from rouge_score.tokenizers import DefaultTokenizer

from eval.metrics.rouge import Rouge
from eval.metrics.words import words


def test_rouge_by_hand() -> None:
    """Reply a b c d, reference a c d e: three words shared, one of three pairs shared, longest run a c d."""
    found = Rouge().compute(predictions=["a b c d"], references=["a c d e"])
    assert found == pytest.approx({"rouge1": 3 / 4, "rouge2": 1 / 3, "rougeL": 3 / 4, "rougeLsum": 3 / 4})


def test_an_empty_reply_scores_nothing() -> None:
    assert Rouge().compute(predictions=[""], references=["a c"])["rougeL"] == 0


@pytest.mark.parametrize(
    "text", ["Мы поехали в горы.", "我们去山里", "เราไปเที่ยวภูเขา", "हम पहाड़ों पर गए", "Crème brûlée", "བཀྲ་ཤིས", "ꦱꦸꦒꦼꦁꦫꦮꦸꦃ"]
)
def test_a_reply_equal_to_its_reference_scores_1_in_any_language(text: str) -> None:
    found = Rouge().compute(predictions=[text], references=[text])
    assert found == {"rouge1": 1, "rouge2": 1, "rougeL": 1, "rougeLsum": 1}


def test_words_are_those_of_the_language() -> None:
    assert words("Don't go to B-52_s!") == DefaultTokenizer().tokenize("Don't go to B-52_s!")
    assert words("Мы в Crème 我们去") == ["мы", "в", "crème", "我", "们", "去"]
    assert words("हिन्दी भाषा") == ["हिन्दी", "भाषा"]
