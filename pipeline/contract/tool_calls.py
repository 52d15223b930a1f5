"""Calls of tools in the text of a reply: one a line at its end, as {"name": …, "arguments": {…}}.

That is how they are kept in messages, whatever form they were read in. A chat template that knows calls is given them
as such, and writes them as its model does; any other is given the text.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

TOOLS = "You may call these tools:\n"
"""What a system text says before the tools that it offers, one a line."""

PROBE = {"name": "probe_of_a_call", "arguments": {"argument_of_the_probe": "value of the probe"}}


class Call(NamedTuple):
    """Who speaks when the assistant calls. calls: JSON lines. silent: nothing is said before."""

    calls: str
    silent: bool
    role: str = "assistant"

    def message(self, number: int, content: str) -> dict[str, Any]:
        """The message for a template. number: of the message."""
        calls = [
            {"id": call_id(number, at), "type": "function", "function": json.loads(line)}
            for at, line in enumerate(self.calls.split("\n"))
        ]
        return {"role": self.role, "content": "" if self.silent else content, "tool_calls": calls, "number": number}


def named(message: dict[str, Any]) -> list[str]:
    """What a template has to write to have said a message's calls: their names, and those of their arguments."""
    calls = [call["function"] for call in message.get("tool_calls", [])]
    return [name for call in calls for name in (call["name"], *call["arguments"])]


Speaker = str | Call
"""A role, or an assistant who calls."""


def call_id(number: int, at: int = 0) -> str:
    """Nine letters and digits, as Mistral's templates want them."""
    return f"c{number:05d}{at:03d}"


def speakers(messages: list[dict[str, Any]], is_plain: Callable[[str], bool]) -> tuple[list[Speaker], list[str]]:
    """Who speaks, and what they say besides their calls.

    A call is what a tool answers, or what ends a reply under a system text that offers tools. is_plain: whether a text
    is free of special tokens, which a template would write out as such.
    """
    offered = any(m["role"] == "system" and TOOLS in m["content"] for m in messages)
    found: list[Speaker] = []
    said = []
    for message, following in zip(messages, [*messages[1:], None], strict=True):
        speaker, text = message["role"], message["content"]
        if speaker == "assistant" and (offered or (following and following["role"] == "tool")):
            before, calls = _divided(text)
            if calls and is_plain(calls):
                speaker, text = Call(calls, not before), before
        found.append(speaker)
        said.append(text)
    return found, said


def _divided(text: str) -> tuple[str, str]:
    """A reply's text, and the calls that end it, line by line."""
    lines = text.strip().split("\n")
    first = len(lines)
    while first and _is_call(lines[first - 1]):
        first -= 1
    return "\n".join(lines[:first]).strip(), "\n".join(lines[first:])


def _is_call(line: str) -> bool:
    if not (line.startswith('{"name": "') and line.endswith("}")):
        return False
    try:
        call = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return call.keys() == {"name", "arguments"} and isinstance(call["arguments"], dict)
