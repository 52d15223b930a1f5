"""Who says what in a conversation: a role, an assistant who calls tools, or one who thinks before it speaks."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from pipeline.contract.tool_calls import TOOLS, Call, divided

THOUGHT = re.compile(r"<think>\n(.*?)\n</think>\n\n(.*)", re.DOTALL)
"""A reply with what was thought before it, as DeepSeek-R1 and Qwen3 write it, and acquire keeps it."""


class Thought(NamedTuple):
    """The speaker of what the assistant thinks before the reply that follows."""

    role: str = "assistant"


Speaker = str | Call | Thought


class Utterance(NamedTuple):
    """A message, or the part of one that a template may treat on its own."""

    speaker: Speaker
    text: str
    learned: bool


def utterances(
    messages: list[dict[str, Any]], calls: bool, thoughts: bool, is_plain: Callable[[str], bool]
) -> list[Utterance]:
    """The messages with calls and thoughts apart, for a template that writes these in its own way.

    A call is what a tool answers, or what ends a reply under a system text that offers tools. is_plain: whether a text
    is free of special tokens, which a template would write out as such.
    """
    offered = any(m["role"] == "system" and TOOLS in m["content"] for m in messages)
    found = []
    for message, following in zip(messages, [*messages[1:], None], strict=True):
        speaker, text, learned = message["role"], message["content"], message.get("learned", True)
        if speaker == "assistant":
            if thoughts and (thought := THOUGHT.fullmatch(text.strip())):
                found.append(Utterance(Thought(), thought[1], learned))
                text = thought[2]
            if calls and (offered or (following and following["role"] == "tool")):
                before, called = divided(text)
                if called and is_plain(called):
                    speaker, text = Call(called, not before), before
        found.append(Utterance(speaker, text, learned))
    return found
