import pytest
import sacrebleu

from eval.metrics.bleu import Bleu

REPLIES = ["the cat sat on the mat", "I had noodles for dinner last night"]
REFERENCES = ["the cat sat on a mat", "I had noodles for lunch last night"]


def test_bleu_is_sacrebleus_own() -> None:
    found = Bleu().compute(predictions=REPLIES, references=REFERENCES)
    assert found["score"] == sacrebleu.corpus_bleu(REPLIES, [REFERENCES]).score
    assert 30 < found["score"] < 90
    assert found["signature"] == f"nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:{sacrebleu.__version__}"


def test_bleu_of_the_reference_is_100() -> None:
    assert round(Bleu().compute(predictions=REFERENCES, references=REFERENCES)["score"], 6) == 100


@pytest.mark.parametrize(
    ("text", "tokeniser"),
    [
        ("We went to the mountains for a week.", "13a"),
        ("Мы поехали в горы на одну неделю.", "13a"),
        ("我们去山里住了一个星期。", "zh"),
        ("私たちは一週間、山に行きました。", "char"),
        ("เราไปเที่ยวภูเขาหนึ่งสัปดาห์", "char"),
        ("བཀྲ་ཤིས་བདེ་ལེགས།", "char"),
        ("ꦱꦸꦒꦼꦁꦫꦮꦸꦃꦲꦶꦁꦏꦸꦛ", "char"),
        ("ᬒᬁᬲ᭄ᬯᬲ᭄ᬢ᭄ᬬᬲ᭄ᬢᬸ", "char"),
        ("ꆏꉂꇐꌠꇁꀕ", "char"),
    ],
)
def test_a_reply_equal_to_its_reference_scores_100_in_any_language(text: str, tokeniser: str) -> None:
    found = Bleu().compute(predictions=[text], references=[text])
    assert found["score"] == pytest.approx(100)
    assert f"|tok:{tokeniser}|" in found["signature"]


def test_two_chinese_replies_that_share_words_score_between() -> None:
    found = Bleu().compute(predictions=["我们去海边住了一个星期。"], references=["我们去山里住了一个星期。"])
    assert 20 < found["score"] < 80
