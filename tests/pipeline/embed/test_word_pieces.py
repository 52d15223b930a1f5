"""Looking words up gives what the tokenizer gives."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from configs.embed import Embed
from pipeline.embed import word_pieces
from pipeline.embed.model_folder import ModelFolder
from pipeline.embed.word_pieces import WordPieces

TOKENIZER = ModelFolder(Embed().model).tokenizer
LOOKED_UP = WordPieces(TOKENIZER)


def cut(text: str) -> list[int]:
    return TOKENIZER.encode(text, add_special_tokens=False).ids


@given(
    st.lists(
        st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from(" \n.,'ab\u00a0\x1c\u4e2d\u0301")), max_size=40)
    )
)
@example(["Hello, world!  It's   5 o'clock.", "", " ", "\n"])
@example(["a\x0bb", "a\x1cb", "a\x85b", "a\u00a0b", "a\u3000b", "a\u200bb", "a\u2028b"])
@example(
    ["ΟΔΟΣ ΟΔΟΣ.", "I\u0307stanbul", "e\u0301 \u0301e", "中文字 和 English", "[CLS] and [MASK]me [SEP]", "x" * 300]
)
def test_ids_are_the_tokenizers(texts):
    assert LOOKED_UP(texts) == [cut(text) for text in texts]


def test_words_that_no_longer_fit_are_forgotten_and_cut_again(monkeypatch):
    monkeypatch.setattr(word_pieces, "MOST_WORDS", 3)
    few = WordPieces(TOKENIZER)
    for text in ("one two three", "four five six seven", "one two eight"):
        assert few([text]) == [cut(text)]
    assert len(few._known) <= 7


@pytest.mark.parametrize("text", ["new york  city", "a b"])
def test_a_tokenizer_whose_pieces_reach_across_blanks_cuts_whole_texts(text):
    across = Tokenizer(
        models.BPE({"n": 0, "e": 1, "w": 2, " ": 3, "a": 4, "b": 5, "w ": 6, "a ": 7}, [("w", " "), ("a", " ")])
    )
    across.pre_tokenizer = pre_tokenizers.Split("x", "removed")
    assert WordPieces(across)([text]) == [across.encode(text, add_special_tokens=False).ids]
