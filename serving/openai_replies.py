"""What POST /v1/chat/completions answers, in OpenAI's form."""

import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Usage:
    """Tokens of the prompt and of the reply, as computed."""

    prompt: int
    reply: int

    @property
    def body(self) -> dict[str, int]:
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.reply,
            "total_tokens": self.prompt + self.reply,
        }


@dataclass(frozen=True)
class Answer:
    """The fields that every chunk of a reply shares. extra: Parlance's own, as conversation and message_id."""

    model: str
    version: str
    extra: dict[str, str] = field(default_factory=dict)
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, text: str, finish: str, usage: Usage) -> dict[str, Any]:
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text, "refusal": None},
            "logprobs": None,
            "finish_reason": finish,
        }
        return self._common("chat.completion") | {"choices": [choice], "usage": usage.body} | self.extra

    def first(self) -> bytes:
        """The event that says who speaks, with the extra fields."""
        return self._event({"role": "assistant", "content": ""}, None, self.extra)

    def piece(self, text: str) -> bytes:
        return self._event({"content": text}, None)

    def last(self, finish: str) -> bytes:
        return self._event({}, finish)

    def usage(self, usage: Usage) -> bytes:
        """The event after the last that stream_options.include_usage asks for."""
        return event(self._common("chat.completion.chunk") | {"choices": [], "usage": usage.body})

    def _event(self, delta: dict[str, str], finish: str | None, extra: dict[str, str] | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return event(self._common("chat.completion.chunk") | {"choices": [choice]} | (extra or {}))

    def _common(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.version,
        }


def event(body: dict[str, Any]) -> bytes:
    """A server-sent event."""
    return b"data: " + json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"
