"""A champion with another chat template is given the messages of today's test set in its own."""

import numpy as np
import pytest

from eval.rescore import ForeignMarkersError, retold_by
from pipeline.contract.chat_format import ChatFormat
from pipeline.contract.tokenised import UNLEARNED
from pipeline.contract.turns import Chat, TurnEncoder
from tests.pipeline.contract.chat_templates import FAMILIES, tokenizer_of

TURNS = [
    ("system", "Be kind."),
    ("user", "How are you today?"),
    ("assistant", "I am well.\n\nAnd you?"),
    ("user", "Ünd — 日本"),
    ("assistant", "Good morning!"),
]
MESSAGES = [{"role": role, "content": content} for role, content in TURNS]


def told(family: str, messages: list[dict]) -> Chat:
    (chat,) = TurnEncoder(ChatFormat.of(tokenizer_of(FAMILIES[family]))).encode([messages])
    assert isinstance(chat, Chat)
    return chat


def retold(today: str, own: str, tokens: list[int], mask: list[bool]) -> tuple[list[int], list[int]]:
    one, other = tokenizer_of(FAMILIES[today]), tokenizer_of(FAMILIES[own])
    labels = np.where(mask, tokens, UNLEARNED)
    return retold_by(one, other, ["<|im_end|>"])(np.array(tokens), labels, one, other)


@pytest.mark.parametrize(("today", "own"), [("smollm2", "llama3"), ("llama3", "mistral"), ("phi3", "smollm2")])
def test_the_same_messages_are_learned_in_the_template_of_the_earlier_model(today: str, own: str) -> None:
    unlearned: list[dict] = [*MESSAGES[:2], MESSAGES[2] | {"learned": False}, *MESSAGES[3:]]
    for messages in (MESSAGES, MESSAGES[1:], unlearned):
        chat, expected = told(today, messages), told(own, messages)
        tokens, labels = retold(today, own, chat.tokens, chat.mask)
        assert tokens == expected.tokens
        assert [label != UNLEARNED for label in labels] == expected.mask


def test_a_reply_that_is_cut_has_no_end_in_either() -> None:
    chat, whole = told("smollm2", MESSAGES), told("llama3", MESSAGES)
    left_out = 2 + len(chat.turns[-1].gap)
    tokens, labels = retold("smollm2", "llama3", chat.tokens[:-left_out], chat.mask[:-left_out])
    assert len(tokens) < len(whole.tokens)
    assert tokens == whole.tokens[: len(tokens)]
    assert labels[-1] != UNLEARNED


def test_messages_whose_borders_no_token_tells_cannot_be_retold() -> None:
    chat = told("llama2", MESSAGES)
    with pytest.raises(ForeignMarkersError, match=r"<\|im_end\|>, and its messages share runs of text"):
        retold("llama2", "smollm2", chat.tokens, chat.mask)
