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
