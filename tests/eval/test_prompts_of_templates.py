"""A prompt holds the latest turns that fit, in any chat template."""

from typing import Any

import pytest

from eval.generate import encode_prompt
from pipeline.contract.chat_format import ChatFormat
from pipeline.contract.turns import Chat, TurnEncoder
from tests.pipeline.contract.chat_templates import FAMILIES, tokenizer_of

LIMIT = 160
TURNS = ("How are you today?", "I am well, thank you.") * 20
HISTORY = [
    {"role": ("user", "assistant")[number % 2], "content": f"{turn} {number}"} for number, turn in enumerate(TURNS)
][:-1]
SYSTEM = {"role": "system", "content": "Be kind."}


@pytest.fixture(params=FAMILIES)
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return tokenizer_of(FAMILIES[request.param])


def prompt(tokenizer: Any, messages: list[dict[str, str]]) -> list[int]:
    (chat,) = TurnEncoder(ChatFormat.of(tokenizer)).encode([messages], reply=True)
    assert isinstance(chat, Chat)
    return chat.tokens


def test_the_oldest_turns_are_left_out_and_the_system_text_is_not(tokenizer: Any) -> None:
    tokens = encode_prompt(tokenizer, [SYSTEM, *HISTORY], LIMIT)
    fitting = [found for n in range(len(HISTORY)) if len(found := prompt(tokenizer, [SYSTEM, *HISTORY[n:]])) <= LIMIT]
    assert tokens == fitting[0]
    assert len(fitting) > 1
    assert "Be kind." in str(tokenizer.decode(tokens))


def test_of_a_message_too_long_the_end_stays(tokenizer: Any) -> None:
    long = " ".join(map(str, range(100, 200)))
    tokens = encode_prompt(tokenizer, [{"role": "user", "content": long}], LIMIT)
    assert len(tokens) == LIMIT
    assert "198 199" in str(tokenizer.decode(tokens))
    header = prompt(tokenizer, [{"role": "user", "content": "199"}])
    assert tokens[-3:] == header[-3:]
