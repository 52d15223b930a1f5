"""What is put to the model: turns and possible replies, as the tokens that it learned from."""

from collections.abc import Sequence
from typing import Any

from configs.errors import UserError
from pipeline.contract.chat_format import RefusedError
from pipeline.contract.turns import Chat, Message, encoder_of


def encoded(tokenizer: Any, messages: list[Message], replies: Sequence[str]) -> tuple[list[int], list[list[int]]]:
    """Tokens of the messages and of the header of a reply, and of each reply without its end.

    Raises UserError when the chat template refuses the messages.
    """
    said = [{"role": "assistant", "content": reply} for reply in replies]
    encoder = encoder_of(tokenizer)
    (prompt,) = map(_taken, encoder.encode([messages], reply=True))
    return prompt.tokens, [_taken(chat).turns[-1].content for chat in encoder.encode([[*messages, s] for s in said])]


def _taken(chat: Chat | RefusedError) -> Chat:
    if isinstance(chat, RefusedError):
        raise UserError(f"evaluate.probes: the chat template refuses an item ({chat}); leave that probe out")
    return chat
