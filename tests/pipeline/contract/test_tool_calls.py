"""Calls of tools are written as the template's model writes them, and learned as what the assistant says.

« » stand around what is learned.
"""

from typing import Any

import pytest

from pipeline.acquire.shapes.conversation import from_turns
from pipeline.acquire.shapes.parts import turns_of
from pipeline.contract.chat_format import ChatFormat
from pipeline.contract.turns import Chat, TurnEncoder
from tests.pipeline.contract.chat_templates import DEFAULT, FAMILIES, tokenizer_of
from tests.pipeline.contract.test_templates import encoded, expected

CALL = '{"name": "weather", "arguments": {"place": "Köln", "days": 2}}'
RESULT = '{"degrees": 3}'
OPENAI: list[dict[str, Any]] = [
    {"role": "user", "content": "How warm?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "weather", "arguments": '{"place": "Köln", "days": 2}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": RESULT},
    {"role": "assistant", "content": "Three degrees."},
]
SHAREGPT = [
    {"from": "human", "value": "How warm?"},
    {"from": "function_call", "value": CALL},
    {"from": "observation", "value": RESULT},
    {"from": "gpt", "value": "Three degrees."},
]
AS_READ = [("user", "How warm?"), ("assistant", CALL), ("tool", RESULT), ("assistant", "Three degrees.")]

RENDERED = {
    "qwen2.5": (
        f"<|im_start|>system\n{DEFAULT}<|im_end|>\n<|im_start|>user\nHow warm?<|im_end|>\n"
        f"<|im_start|>assistant\n«<tool_call>\n{CALL}\n</tool_call><|im_end|>»\n"
        f"<|im_start|>user\n<tool_response>\n{RESULT}\n</tool_response><|im_end|>\n"
        "<|im_start|>assistant\n«Three degrees.<|im_end|>»\n"
    ),
    "llama3.1": (
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nToday Date: 26 Jul 2024\n\n<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nHow warm?<|eot_id|>"
        f"<|start_header_id|>assistant<|end_header_id|>\n\n«{CALL.replace('arguments', 'parameters')}<|eot_id|>»"
        f"<|start_header_id|>ipython<|end_header_id|>\n\n{RESULT}<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n«Three degrees.<|eot_id|>»"
    ),
    "llama3": (
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHow warm?<|eot_id|>"
        f"<|start_header_id|>assistant<|end_header_id|>\n\n«{CALL}<|eot_id|>»"
        f"<|start_header_id|>tool<|end_header_id|>\n\n{RESULT}<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n«Three degrees.<|eot_id|>»"
    ),
    "gemma": (
        "<bos><start_of_turn>user\nHow warm?<end_of_turn>\n"
        f"<start_of_turn>model\n«{CALL}<end_of_turn>»\n"
        f"<start_of_turn>user\n{RESULT}<end_of_turn>\n<start_of_turn>model\n«Three degrees.<end_of_turn>»\n"
    ),
}


@pytest.mark.parametrize("turns", [OPENAI, SHAREGPT], ids=["OpenAI's form", "ShareGPT's form"])
def test_both_forms_are_read_as_the_same_messages(turns: list[Any]) -> None:
    assert from_turns(turns_of(turns)).messages == AS_READ


@pytest.mark.parametrize("family", RENDERED)
def test_a_call_is_written_as_the_template_writes_it_and_as_text_where_it_knows_none(family: str) -> None:
    tokenizer = tokenizer_of(FAMILIES[family])
    chat = encoded(tokenizer, AS_READ)
    tokens, learned = expected(tokenizer, RENDERED[family])
    assert tokenizer.decode(chat.tokens) == tokenizer.decode(tokens)
    assert (chat.tokens, chat.mask) == (tokens, learned)


def applied(tokenizer: Any, messages: list[dict[str, Any]]) -> list[int]:
    return tokenizer.apply_chat_template(messages, tokenize=True, return_dict=True)["input_ids"]


def test_tokens_are_those_of_apply_chat_template_with_the_calls_as_such() -> None:
    tokenizer = tokenizer_of(FAMILIES["qwen2.5"])
    arguments = {"place": "Köln", "days": 2}
    messages: list[dict[str, Any]] = [dict(message) for message in OPENAI]
    messages[1]["tool_calls"] = [{"type": "function", "function": {"name": "weather", "arguments": arguments}}]
    assert encoded(tokenizer, AS_READ).tokens == applied(tokenizer, messages)
    words = [("user", "How warm?"), ("assistant", f"I look.\n{CALL}\n{CALL}"), *AS_READ[2:]]
    messages[1] |= {"content": "I look.", "tool_calls": messages[1]["tool_calls"] * 2}
    assert encoded(tokenizer, words).tokens == applied(tokenizer, messages)


def test_a_prompt_after_a_result_is_the_beginning_of_what_was_learned() -> None:
    tokenizer = tokenizer_of(FAMILIES["qwen2.5"])
    prompt, whole = encoded(tokenizer, AS_READ[:-1], reply=True), encoded(tokenizer, AS_READ)
    assert whole.tokens[: len(prompt)] == prompt.tokens


def test_a_reply_in_json_that_no_tool_answers_is_an_answer() -> None:
    tokenizer = tokenizer_of(FAMILIES["qwen2.5"])
    answered = [("user", "In JSON, please."), ("assistant", CALL)]
    assert "<tool_call>" not in tokenizer.decode(encoded(tokenizer, answered).tokens)
    offered = [("system", f"You may call these tools:\n{RESULT}"), *answered]
    assert "<tool_call>" in tokenizer.decode(encoded(tokenizer, offered).tokens)


def test_a_call_with_a_special_token_in_its_arguments_stays_text() -> None:
    tokenizer = tokenizer_of(FAMILIES["qwen2.5"])
    forged = CALL.replace("Köln", "<|im_end|>")
    ends = [
        encoded(tokenizer, [AS_READ[0], ("assistant", call), *AS_READ[2:]]).tokens.count(tokenizer.eos_token_id)
        for call in (CALL, forged)
    ]
    assert ends[0] == ends[1]


def test_a_call_that_is_not_to_be_learned_is_context() -> None:
    tokenizer = tokenizer_of(FAMILIES["qwen2.5"])
    messages: list[dict[str, Any]] = [{"role": role, "content": content} for role, content in AS_READ]
    messages[1]["learned"] = False
    (chat,) = TurnEncoder(ChatFormat.of(tokenizer)).encode([messages])
    assert isinstance(chat, Chat)
    learned = [token for token, counts in zip(chat.tokens, chat.mask, strict=True) if counts]
    assert tokenizer.decode(learned) == "Three degrees.<|im_end|>"


@pytest.mark.parametrize(
    "flag", [{"train": False}, {"weight": 0}, {"train": "false"}, {"training": False}, {"weight": 0.0}]
)
@pytest.mark.parametrize("turns", [OPENAI, SHAREGPT], ids=["OpenAI's form", "ShareGPT's form"])
def test_flags_of_a_message_reach_the_mask(turns: list[Any], flag: dict[str, Any]) -> None:
    found = from_turns(turns_of([turns[0], {**turns[3], **flag}, turns[0], turns[3]]))
    assert found.metadata["not_learned"] == "1"
