"""Replies of a model to the turns before them."""

from collections.abc import Iterator
from typing import Any

import torch
from transformers import GenerationConfig, PreTrainedTokenizerBase

from configs.errors import UserError
from pipeline.contract.chat_format import RefusedError
from pipeline.contract.progress import Progress
from pipeline.contract.turns import Chat, Turn, beside, encoder_of, governing, stop_tokens

Message = dict[str, str]
REPETITION_PENALTY = 1.2
"""Divides the likelihood of tokens that are there already (Keskar et al. 2019, CTRL, section 4.1)."""


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
        prompt = next(p for turns in _latest(chat.turns, room) if isinstance(p := encoder.arranged(turns, True), Chat))
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
) -> list[str]:
    """The likeliest reply to each prompt, token by token, repetition penalised.

    Prompts of like length are batched, padded on the left.
    """
    stop = stop_tokens(tokenizer)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else stop[0]
    model.generation_config = GenerationConfig(
        max_new_tokens=max_new_tokens,
        do_sample=False,
        repetition_penalty=REPETITION_PENALTY,
        eos_token_id=stop,
        pad_token_id=pad,
    )
    replies = [""] * len(prompts)
    for chosen in _by_length(prompts, batch):
        width = max(len(prompts[i]) for i in chosen)
        ids = [[pad] * (width - len(prompts[i])) + prompts[i] for i in chosen]
        mask = [[0] * (width - len(prompts[i])) + [1] * len(prompts[i]) for i in chosen]
        with torch.inference_mode():
            output = model.generate(
                input_ids=torch.tensor(ids, device=model.device), attention_mask=torch.tensor(mask, device=model.device)
            )
        texts = tokenizer.batch_decode(output[:, width:], skip_special_tokens=True)
        for i, text in zip(chosen, texts, strict=True):
            replies[i] = text.strip()
        progress.advance(len(chosen))
    return replies


def _by_length(prompts: list[list[int]], batch: int) -> Iterator[list[int]]:
    order = sorted(range(len(prompts)), key=lambda i: (len(prompts[i]), i))
    for start in range(0, len(order), batch):
        yield order[start : start + batch]
