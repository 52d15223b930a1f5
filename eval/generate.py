"""Replies of a model to the turns before them."""

from collections.abc import Iterator
from typing import Any

from transformers import PreTrainedTokenizerBase

from configs.errors import UserError
from pipeline.contract.chat_format import RefusedError
from pipeline.contract.greedy_decoding import greedy_tokens
from pipeline.contract.progress import Progress
from pipeline.contract.turns import Chat, Turn, beside, encoder_of, governing, stop_tokens

Message = dict[str, str]


def encode_prompt(tokenizer: PreTrainedTokenizerBase, messages: list[Message], limit: int) -> list[int]:
    """Tokens of the turns and of the header of the reply, at most `limit`; as in training, text stays text.

    The oldest turns are left out until the rest fits, under the system message that governs them. When the
    last turn alone is too long, its first tokens are left out. Raises UserError when the chat template refuses them.
    """
    encoder = encoder_of(tokenizer)
    (chat,) = encoder.encode([messages], reply=True)
    if isinstance(chat, RefusedError):
        raise UserError(f"the chat template refuses this conversation ({chat})")
    room = limit - len(chat.opening) - len(chat.reply)
    while True:
        shorter = (encoder.arranged(turns, reply=True) for turns in _latest(chat.turns, room))
        prompt = next((found for found in shorter if isinstance(found, Chat)), None)
        if prompt is None:  # the template takes it in no shorter form
            return chat.tokens[-limit:]
        if len(prompt) <= limit or room <= 0:
            return prompt.tokens
        room -= len(prompt) - limit


def _latest(turns: list[Turn], room: int) -> Iterator[list[Turn]]:
    """The latest turns that fit under the system text that governs them, ever fewer; the last one's end at the end."""
    system = beside(governing(turns[:-1]), len(turns[-1]), room)
    fitting = [[*system, turns[-1].last(room - sum(map(len, system)))]]
    size = 0
    for start in reversed(range(len(turns))):
        size += len(turns[start])
        system = [] if turns[start].role == "system" else beside(governing(turns[:start]), len(turns[-1]), room)
        if size + sum(map(len, system)) > room:
            break
        fitting.append([*system, *turns[start:]])
    yield from reversed(fitting)


def greedy_replies(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    prompts: list[list[int]],
    max_new_tokens: int,
    batch: int,
    progress: Progress,
    penalty: float = 1.0,
) -> list[str]:
    """The likeliest reply to each prompt (pipeline/contract/greedy_decoding.py)."""
    stop = stop_tokens(tokenizer)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else stop[0]
    replies = greedy_tokens(model, prompts, max_new_tokens, batch, stop, pad, penalty, progress.advance)
    return [text.strip() for text in tokenizer.batch_decode(replies, skip_special_tokens=True)]
