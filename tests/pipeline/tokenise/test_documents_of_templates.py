"""A long conversation is cut into pieces that are conversations of their own in any chat template."""

from itertools import chain
from typing import Any

import pytest

from pipeline.contract.chat_format import ChatFormat
from pipeline.contract.turns import Chat, TurnEncoder
from pipeline.tokenise.documents import ConversationEncoder
from tests.pipeline.contract.chat_templates import FAMILIES, tokenizer_of

LENGTH = 160
NO_THOUGHT = "<think>\n\n</think>\n\n"
"""What Qwen 3 writes before a reply without thoughts."""
SYSTEM = {"role": "system", "content": "Be kind."}


def exchange(number: int) -> list[dict[str, Any]]:
    return [
        {"role": "user", "content": f"How are you today, {number}?"},
        {"role": "assistant", "content": f"I am well, thank you. {number}"},
    ]


def whole(tokenizer: Any, messages: list[dict[str, Any]]) -> Chat:
    (chat,) = TurnEncoder(ChatFormat.of(tokenizer)).encode([messages])
    assert isinstance(chat, Chat)
    return chat


@pytest.fixture(params=FAMILIES)
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return tokenizer_of(FAMILIES[request.param])


@pytest.mark.parametrize("system", [[], [SYSTEM]], ids=["no system text", "system text"])
def test_each_piece_is_what_the_template_makes_of_its_messages(tokenizer: Any, system: list[dict[str, Any]]) -> None:
    exchanges = [exchange(number) for number in range(10, 30)]
    encoder = ConversationEncoder(ChatFormat.of(tokenizer), LENGTH)
    ((documents, left_out),) = encoder.encode([("row", [*system, *chain(*exchanges)])])
    assert left_out == 0
    assert len(documents) > 1
    rest = exchanges
    for document in documents:
        assert len(document) <= LENGTH
        held = next(n for n in range(len(rest), 0, -1) if rest[n - 1][1]["content"] in text_of(tokenizer, document))
        expected = whole(tokenizer, [*system, *chain(*rest[:held])])
        assert document.tokens.tolist() == expected.tokens
        assert document.learned.tolist() == expected.mask
        rest = rest[held:]
    assert not rest


def text_of(tokenizer: Any, document: Any) -> str:
    return str(tokenizer.decode(document.tokens))


def test_an_exchange_too_long_keeps_the_start_of_its_reply_and_the_end_of_its_prompt(tokenizer: Any) -> None:
    prompt, reply = (" ".join(f"{word} {n}" for n in range(100, 200)) for word in ("ask", "say"))
    encoder = ConversationEncoder(ChatFormat.of(tokenizer), LENGTH)
    messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": reply}]
    (((document,), left_out),) = encoder.encode([("row", messages)])
    assert len(document) == LENGTH
    assert left_out == len(whole(tokenizer, messages)) - LENGTH
    kept = str(tokenizer.decode(document.tokens[document.learned])).strip().removeprefix(NO_THOUGHT)
    assert reply.startswith(kept)
    assert document.learned[-1]
    assert document.learned_bytes == len(kept.encode())
    assert "199" in text_of(tokenizer, document)
