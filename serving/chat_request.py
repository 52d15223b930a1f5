"""The body of POST /v1/chat/completions: OpenAI's, as far as it is served; the rest is refused, not passed over."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from serving.dialogue_protocol import Message

SERVED_ONLY: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "tools": ([],),
    "functions": ([],),
    "tool_choice": ("none", "auto"),
    "function_call": ("none", "auto"),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "response_format": ({"type": "text"},),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "modalities": (["text"],),
    "audio": (),
    "prediction": (),
    "web_search_options": (),
}
"""Fields of OpenAI's that change a reply, and the values of each that change nothing here."""

ROLES = {"developer": "system"}
"""OpenAI's later name, and the chat templates'."""


class TextPart(BaseModel):
    type: Literal["text"]
    text: str


class ChatMessage(BaseModel):
    """role, and content as a text or as parts that are texts."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]

    @property
    def plain(self) -> Message:
        parts = self.content if isinstance(self.content, str) else "\n".join(part.text for part in self.content)
        return {"role": ROLES.get(self.role, self.role), "content": parts}


class StreamOptions(BaseModel):
    include_usage: bool = False


Stop = Annotated[str, Field(min_length=1, max_length=200)]


class ChatRequest(BaseModel):
    """conversation: an id or "new", Parlance's own: the server has what was said before, and `messages` only what is
    said now, or nothing for another reply to the last message. Fields without bearing on the reply are ignored."""

    model_config = ConfigDict(extra="allow", strict=False)

    model: str = Field(max_length=200)
    messages: list[ChatMessage]
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    seed: int | None = Field(None, ge=-(2**63), le=2**63 - 1)
    stop: Stop | Annotated[list[Stop], Field(max_length=16)] | None = None
    conversation: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]{1,64}$")

    @model_validator(mode="before")
    @classmethod
    def _served(cls, values: Any) -> Any:
        if isinstance(values, dict):
            for name, harmless in SERVED_ONLY.items():
                if values.get(name) is not None and values[name] not in harmless:
                    raise ValueError(f"{name} is not served here" + (f" but for {harmless[0]!r}" if harmless else ""))
        return values

    @model_validator(mode="after")
    def _ends_with_what_is_to_be_answered(self) -> "ChatRequest":
        if not self.messages and not self.conversation:
            raise ValueError("messages: is empty; end with what is to be answered")
        if self.messages and self.messages[-1].role == "assistant":
            raise ValueError("messages: the last one is the assistant's; end with what it is to answer")
        return self

    @property
    def most(self) -> int | None:
        """Tokens of the reply, as asked for."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def stops(self) -> list[str]:
        return [self.stop] if isinstance(self.stop, str) else self.stop or []
