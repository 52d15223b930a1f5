"""Calls of tools in the text of a reply: one a line at its end, as {"name": …, "arguments": {…}}.

That is how they are kept in messages, whatever form they were read in. A chat template that knows calls is given them
as such, and writes them as its model does; any other is given the text.
"""

import json
from typing import Any, NamedTuple

TOOLS = "You may call these tools:\n"
"""What a system text says before the tools that it offers, one a line."""

PROBE = {"name": "probe_of_a_call", "arguments": {"argument_of_the_probe": "value of the probe"}}


class Call(NamedTuple):
    """Who speaks when the assistant calls. calls: JSON lines. silent: nothing is said before."""

    calls: str
    silent: bool
    role: str = "assistant"

    def message(self, number: int) -> dict[str, Any]:
        """What the message for a template has besides its content. number: of the message."""
        calls = [
            {"id": call_id(number, at), "type": "function", "function": json.loads(line)}
            for at, line in enumerate(self.calls.split("\n"))
        ]
        return {"tool_calls": calls, "number": number}


def named(message: dict[str, Any]) -> list[str]:
    """What a template has to write to have said a message's calls: their names, and those of their arguments."""
    calls = [call["function"] for call in message.get("tool_calls", [])]
    return [name for call in calls for name in (call["name"], *call["arguments"])]


def call_id(number: int, at: int = 0) -> str:
    """Nine letters and digits, as Mistral's templates want them."""
    return f"c{number:05d}{at:03d}"


def divided(text: str) -> tuple[str, str]:
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
