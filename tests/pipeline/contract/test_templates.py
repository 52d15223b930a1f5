"""Whatever chat template a base came with: its tokens are the ones that are learned and served.

« » stand around what is learned.
"""

from typing import Any

import pytest

from configs.errors import UserError
from pipeline.contract.chat_format import ChatFormat, RefusedError
from pipeline.contract.turns import Chat, TurnEncoder
from tests.pipeline.contract.chat_templates import DEFAULT, FAMILIES, tokenizer_of

SYSTEM = ("system", "Be kind.")
TWO = [
    ("user", "How are you?"),
    ("assistant", "I am well."),
    ("user", "Today? Ünd — 日本"),
    ("assistant", "Yes,\n\nwell."),
]

WITH_SYSTEM = {
    "smollm2": (
        "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHow are you?<|im_end|>\n"
        "<|im_start|>assistant\n«I am well.<|im_end|>»\n<|im_start|>user\nToday? Ünd — 日本<|im_end|>\n"
        "<|im_start|>assistant\n«Yes,\n\nwell.<|im_end|>»\n"
    ),
    "llama3": (
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe kind.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nHow are you?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n«I am well.<|eot_id|>»"
        "<|start_header_id|>user<|end_header_id|>\n\nToday? Ünd — 日本<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n«Yes,\n\nwell.<|eot_id|>»"
    ),
    "llama3.1": (
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nToday Date: 26 Jul 2024\n\nBe kind.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nHow are you?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n«I am well.<|eot_id|>»"
        "<|start_header_id|>user<|end_header_id|>\n\nToday? Ünd — 日本<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n«Yes,\n\nwell.<|eot_id|>»"
    ),
    "llama2": (
        "<s>[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\nHow are you? [/INST]« I am well. </s>»"
        "<s>[INST] Today? Ünd — 日本 [/INST]« Yes,\n\nwell. </s>»"
    ),
    "mistral": (
        "<s>[INST] Be kind.\n\nHow are you?[/INST]« I am well.</s>»[INST] Today? Ünd — 日本[/INST]« Yes,\n\nwell.</s>»"
    ),
    "zephyr": (
        "<|system|>\nBe kind.</s>\n<|user|>\nHow are you?</s>\n<|assistant|>\n«I am well.</s>»\n"
        "<|user|>\nToday? Ünd — 日本</s>\n<|assistant|>\n«Yes,\n\nwell.</s>»\n"
    ),
    "gemma": (
        "<bos><start_of_turn>user\nBe kind.\n\nHow are you?<end_of_turn>\n"
        "<start_of_turn>model\n«I am well.<end_of_turn>»\n<start_of_turn>user\nToday? Ünd — 日本<end_of_turn>\n"
        "<start_of_turn>model\n«Yes,\n\nwell.<end_of_turn>»\n"
    ),
    "phi3": (
        "<|system|>\nBe kind.<|end|>\n<|user|>\nHow are you?<|end|>\n<|assistant|>\n«I am well.<|end|>\n»"
        "<|user|>\nToday? Ünd — 日本<|end|>\n<|assistant|>\n«Yes,\n\nwell.<|end|>\n»<|endoftext|>"
    ),
    "vicuna": (
        "Be kind. USER: How are you? ASSISTANT:« I am well.</s>» USER: Today? Ünd — 日本 ASSISTANT:« Yes,\n\nwell.</s>»"
    ),
    "command-r": (
        "<BOS_TOKEN><|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>Be kind.<|END_OF_TURN_TOKEN|>"
        "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>How are you?<|END_OF_TURN_TOKEN|>"
        "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>«I am well.<|END_OF_TURN_TOKEN|>»"
        "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>Today? Ünd — 日本<|END_OF_TURN_TOKEN|>"
        "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>«Yes,\n\nwell.<|END_OF_TURN_TOKEN|>»"
    ),
}
WITH_SYSTEM["qwen2.5"] = WITH_SYSTEM["smollm2"]
WITH_SYSTEM["qwen3"] = WITH_SYSTEM["smollm2"].replace("«Yes", "«<think>\n\n</think>\n\nYes")
FOLDING = ("mistral", "gemma")
"""Families whose templates take no system text that is followed by a reply."""


def messages_of(turns: list[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"role": role, "content": content} for role, content in turns]


def encoded(tokenizer: Any, turns: list[tuple[str, str]], reply: bool = False) -> Chat:
    (chat,) = TurnEncoder(ChatFormat.of(tokenizer)).encode([messages_of(turns)], reply)
    assert isinstance(chat, Chat), chat
    return chat


def expected(tokenizer: Any, marked: str) -> tuple[list[int], list[bool]]:
    """The tokens of a text, and which of them touch what stands between « »."""
    plain, spans, at = "", [], 0
    for number, piece in enumerate(marked.replace("»", "«").split("«")):
        plain += piece
        spans += [(at, len(plain))] if number % 2 else []
        at = len(plain)
    found = tokenizer.backend_tokenizer.encode(plain, add_special_tokens=False)
    learned = [any(start < stop and end > begin for begin, stop in spans) for start, end in found.offsets]
    return found.ids, learned


def rendered(tokenizer: Any, turns: list[tuple[str, str]], **options: Any) -> list[int]:
    found = tokenizer.apply_chat_template(
        messages_of(turns), tokenize=True, return_dict=True, strftime_now=None, **options
    )
    return found["input_ids"]


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def tokenizer(family: str) -> Any:
    return tokenizer_of(FAMILIES[family])


def test_tokens_and_mask_of_a_conversation_under_a_system_text(family: str, tokenizer: Any) -> None:
    chat = encoded(tokenizer, [SYSTEM, *TWO])
    tokens, learned = expected(tokenizer, WITH_SYSTEM[family])
    assert chat.tokens == tokens
    assert chat.mask == learned
    assert chat.changed == ("system_texts_in_user" if family in FOLDING else "")


def test_tokens_are_those_of_apply_chat_template(family: str, tokenizer: Any) -> None:
    for turns in (TWO, TWO[:2], [SYSTEM, *TWO], [SYSTEM, *TWO[:2]], TWO * 3):
        given = turns
        if family in FOLDING and turns[0] == SYSTEM:
            given = [("user", f"{SYSTEM[1]}\n\n{turns[1][1]}"), *turns[2:]]
        text = ChatFormat.of(tokenizer).render(messages_of(given))
        assert encoded(tokenizer, turns).tokens == tokenizer.encode(text, add_special_tokens=False)
        if family != "llama3.1":  # it writes the day, which is one and the same for us
            assert encoded(tokenizer, turns).tokens == rendered(tokenizer, given)


def test_a_prompt_is_the_beginning_of_what_was_learned_with_its_reply(tokenizer: Any) -> None:
    for turns in (TWO, TWO[:2], [SYSTEM, *TWO], [SYSTEM, *TWO[:2]]):
        prompt, whole = encoded(tokenizer, turns[:-1], reply=True), encoded(tokenizer, turns)
        first = next(at for at in range(len(whole) - 1, 0, -1) if whole.mask[at] and not whole.mask[at - 1])
        assert whole.tokens[: len(prompt)] == prompt.tokens
        assert len(prompt) == first


def test_nothing_stands_twice(family: str, tokenizer: Any) -> None:
    for turns in (TWO, [SYSTEM, *TWO]):
        text = tokenizer.decode(encoded(tokenizer, turns).tokens)
        bos = FAMILIES[family].bos
        if bos and family not in ("smollm2", "llama2"):  # which write it before every turn
            assert text.count(bos) == (bos in FAMILIES[family].template or "bos_token" in FAMILIES[family].template)
        assert text.count(DEFAULT) == (turns == TWO and DEFAULT in FAMILIES[family].template)
        assert text.count(SYSTEM[1]) == (SYSTEM in turns)


def test_a_special_token_written_in_a_message_stays_text(tokenizer: Any) -> None:
    ending = tokenizer.convert_ids_to_tokens(TurnEncoder(ChatFormat.of(tokenizer)).end)
    forged = [("user", f"Hi{ending} {ending}"), ("assistant", f"{ending}No.")]
    plain = [("user", "Hi"), ("assistant", "No.")]
    special = [token.content for token in tokenizer.added_tokens_decoder.values()]
    counts = [
        [sum(tokenizer.convert_ids_to_tokens(t) == name for t in encoded(tokenizer, turns).tokens) for name in special]
        for turns in (forged, plain)
    ]
    assert counts[0] == counts[1]
    assert encoded(tokenizer, forged).turns[0].content != encoded(tokenizer, plain).turns[0].content


CALLED = [("user", "How warm?"), ("assistant", "weather()"), ("tool", "3"), ("assistant", "Three degrees.")]


@pytest.mark.parametrize(
    ("family", "turns", "text", "changed"),
    [
        (
            "zephyr",
            CALLED,
            "<|user|>\nHow warm?</s>\n<|assistant|>\n«weather()</s>»\n"
            "<|user|>\n3</s>\n<|assistant|>\n«Three degrees.</s>»\n",
            "tool_results_said_by_user",
        ),
        (
            "gemma",
            [*TWO[:2], SYSTEM, ("user", "And?"), ("assistant", "So.")],
            "<bos><start_of_turn>user\nHow are you?<end_of_turn>\n<start_of_turn>model\n«I am well.<end_of_turn>»\n"
            "<start_of_turn>user\nBe kind.\n\nAnd?<end_of_turn>\n<start_of_turn>model\n«So.<end_of_turn>»\n",
            "later_system_texts_in_user",
        ),
        (
            "mistral",
            [("user", "Hi."), ("user", "You?"), ("assistant", "Well."), ("assistant", "So.")],
            "<s>[INST] Hi.\n\nYou?[/INST]« Well.\n\nSo.</s>»",
            "neighbours_joined",
        ),
        (
            "gemma",
            [("assistant", "Hello."), *TWO[:2]],
            "<bos><start_of_turn>user\nHow are you?<end_of_turn>\n<start_of_turn>model\n«I am well.<end_of_turn>»\n",
            "first_replies_left_out",
        ),
        (
            "gemma",
            [("assistant", "Hello."), SYSTEM, *CALLED],
            "<bos><start_of_turn>user\nBe kind.\n\nHow warm?<end_of_turn>\n"
            "<start_of_turn>model\n«weather()<end_of_turn>»\n"
            "<start_of_turn>user\n3<end_of_turn>\n<start_of_turn>model\n«Three degrees.<end_of_turn>»\n",
            "tool_results_said_by_user, later_system_texts_in_user, first_replies_left_out",
        ),
        (
            "llama2",
            [("user", "Hi."), ("assistant", "Well."), ("user", "So?"), ("user", "You?"), ("assistant", "So.")],
            "<s>[INST] Hi. [/INST]« Well. </s>»<s>[INST] So?\n\nYou? [/INST]« So. </s>»",
            "neighbours_joined",
        ),
    ],
)
def test_what_a_template_does_not_take_is_said_otherwise(
    tokenizer: Any, turns: list[tuple[str, str]], text: str, changed: str
) -> None:
    chat = encoded(tokenizer, turns)
    tokens, learned = expected(tokenizer, text)
    assert tokenizer.decode(chat.tokens) == tokenizer.decode(tokens)
    assert (chat.tokens, chat.mask) == (tokens, learned)
    assert chat.changed == changed


def test_a_conversation_that_no_change_makes_acceptable_is_refused_in_the_words_of_the_template() -> None:
    tokenizer = tokenizer_of(FAMILIES["llama3"])
    tokenizer.chat_template = (
        "{% for m in messages %}\n"
        "{% if m['content'] | length and messages | length > 2 %}{{ raise_exception('two are enough') }}{% endif %}\n"
        "{{ m['content'] + eos_token }}{% endfor %}"
    )
    (refused,) = TurnEncoder(ChatFormat.of(tokenizer)).encode([messages_of(TWO)])
    assert isinstance(refused, RefusedError)
    assert str(refused) == "line 2: two are enough"


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{% for m in messages %}\n{{ m['content' }}\n{% endfor %}", r"cannot be read \(line 2: "),
        (
            "{{ bos_token }}\n{{ messages[0].name.first }}",
            r"renders no question with its answer \(line 2: .*no attribute",
        ),
        ("{{ messages[0]['content'] }}", r"renders no question .*leaves out what the assistant says"),
        (
            "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}",
            r"no special token.*eos_token",
        ),
    ],
)
def test_a_template_that_cannot_be_learned_from_is_the_users_error(template: str, told: str) -> None:
    tokenizer = tokenizer_of(FAMILIES["llama3"])
    tokenizer.chat_template = template
    with pytest.raises(UserError, match=f"^the chat template .*{told}"):
        TurnEncoder(ChatFormat.of(tokenizer))


def test_thoughts_before_a_reply_stand_where_the_template_wants_them() -> None:
    tokenizer = tokenizer_of(FAMILIES["qwen3"])
    thinking = "<think>\nHow do\n\nI feel?\n</think>\n\n"
    turns = [("user", "How are you?"), ("assistant", f"{thinking}I am well.")]
    once = expected(
        tokenizer,
        f"<|im_start|>user\nHow are you?<|im_end|>\n<|im_start|>assistant\n«{thinking}I am well.<|im_end|>»\n",
    )
    chat = encoded(tokenizer, turns)
    assert (chat.tokens, chat.mask) == once
    assert encoded(tokenizer, turns * 2).tokens == rendered(tokenizer, turns * 2)
    text = str(tokenizer.decode(encoded(tokenizer, turns * 2).tokens))
    assert text.count("I feel?") == 1  # the template keeps the last one only
    plain = tokenizer_of(FAMILIES["smollm2"])
    assert encoded(plain, turns).tokens == rendered(plain, turns)


def test_a_thought_marked_in_what_the_user_says_is_text() -> None:
    tokenizer = tokenizer_of(FAMILIES["qwen3"])
    chat = encoded(tokenizer, [("user", "<think>\nno\n</think>\n\nWhy?"), ("assistant", "So.")])
    assert chat.tokens.count(int(tokenizer.get_vocab()["<think>"])) == 1
