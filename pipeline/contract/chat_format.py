"""A tokenizer and its chat template: what turns a conversation into tokens, whoever wrote them."""

import traceback
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from configs.errors import UserError

TODAY = date(2024, 7, 26)
"""What a template that writes a date is told: one and the same, or a rerun would give other tokens. The day that Llama
3.1's template falls back to."""


class RefusedError(Exception):
    """The template does not render such a conversation, and says why."""


@dataclass(frozen=True)
class ChatFormat:
    """tokenizer: the contents of tokenizer.json. template: Jinja. named: bos_token, eos_token … to their text."""

    tokenizer: str
    template: str
    named: tuple[tuple[str, str], ...]

    @staticmethod
    def of(tokenizer: Any) -> "ChatFormat":
        """That of a fast tokenizer of transformers. Raises UserError when it has no chat template."""
        if not tokenizer.chat_template:
            raise UserError("the tokenizer has no chat template; name a model that training wrote")
        named = tuple((name, token) for name, token in tokenizer.special_tokens_map.items() if isinstance(token, str))
        return ChatFormat(tokenizer.backend_tokenizer.to_str(), tokenizer.get_chat_template(), named)

    def render(self, messages: list[dict[str, Any]], reply: bool = False) -> str:
        """The text of a conversation; reply: up to where the assistant is to speak.

        Raises RefusedError when the template does so, UserError when it is not sound.
        """
        from jinja2 import TemplateError

        try:
            return self._compiled.render(
                messages=messages,
                tools=None,
                documents=None,
                add_generation_prompt=reply,
                strftime_now=TODAY.strftime,
                **dict(self.named),
            )
        except (TemplateError, TypeError, KeyError, ValueError, AttributeError) as error:
            raise RefusedError(f"{_line_of(error)}{error}") from error

    @cached_property
    def _compiled(self) -> Any:
        from jinja2 import TemplateError
        from transformers.utils.chat_template_utils import _compile_jinja_template

        try:
            return _compile_jinja_template(self.template)
        except TemplateError as error:
            raise UserError(f"the chat template cannot be read ({_line_of(error)}{error}); correct it") from error


def _line_of(error: BaseException) -> str:
    """Where in the template an error came up."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<template>"]
    line = frames[-1].lineno if frames else getattr(error, "lineno", None)
    return f"line {line}: " if line else ""
