"""Replies of a model to the turns before them."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import torch
from transformers import GenerationConfig, PreTrainedTokenizerBase

from configs.errors import UserError
from pipeline.contract.chat_template import END_OF_TEXT, END_OF_TURN, HEADER_END, HEADER_START
from pipeline.contract.progress import Progress
from pipeline.contract.turns import TurnEncoder, beside, governing

Message = dict[str, str]
TURN_ENDS = (END_OF_TURN, END_OF_TEXT)
REPETITION_PENALTY = 1.2
"""Divides the likelihood of tokens that are there already (Keskar et al. 2019, CTRL, section 4.1)."""


def encode_prompt(tokenizer: PreTrainedTokenizerBase, messages: list[Message], limit: int) -> list[int]:
    """Tokens of the turns and of the header of the reply, at most `limit`; as in training, text stays text.

    The oldest turns are left out until the rest fits, under the system message that governs them. When the
    last turn alone is too long, its first tokens are left out.
    """
    encoder = _encoder(tokenizer)
    turns, reply = encoder.encode(messages), encoder.header("assistant")
    room = limit - 1 - len(reply)
    system = beside(governing(turns[:-1]), len(turns[-1]), room)
    kept = [*system, turns[-1].last(room - sum(map(len, system)))]
    size = 0
    for start in reversed(range(len(turns))):
        size += len(turns[start])
        system = [] if turns[start].role == "system" else beside(governing(turns[:start]), len(turns[-1]), room)
        if size + sum(map(len, system)) > room:
            break
        kept = [*system, *turns[start:]]
    return [encoder.begin, *(token for turn in kept for token in turn.tokens), *reply]


@lru_cache(maxsize=1)
def _encoder(tokenizer: PreTrainedTokenizerBase) -> TurnEncoder:
    """Raises UserError when the tokenizer lacks the markers of our turns."""
    missing = [token for token in (HEADER_START, HEADER_END, END_OF_TURN) if token not in tokenizer.get_vocab()]
    if tokenizer.bos_token is None:
        missing.append("token to begin with")
    if missing:
        raise UserError(f"the tokenizer has no {' and no '.join(missing)}; name a model that training wrote")
    return TurnEncoder(tokenizer.backend_tokenizer.to_str(), tokenizer.bos_token)


def stop_tokens(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Ids of the tokens that end a reply."""
    vocabulary = tokenizer.get_vocab()
    ends = {vocabulary[token] for token in TURN_ENDS if token in vocabulary}
    return sorted(ends | ({tokenizer.eos_token_id} if tokenizer.eos_token_id is not None else set()))


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
