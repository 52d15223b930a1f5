"""Replies of a model to the turns before them."""

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

import torch
from transformers import GenerationConfig, PreTrainedTokenizerBase

from pipeline.contract.progress import Progress

Message = dict[str, str]
TURN_ENDS = ("<|eot_id|>", "<|end_of_text|>")
REPETITION_PENALTY = 1.2
"""Divides the likelihood of tokens that are there already (Keskar et al. 2019, CTRL, section 4.1)."""


def encode_prompt(tokenizer: PreTrainedTokenizerBase, messages: list[Message], limit: int) -> list[int]:
    """Tokens of the turns and of the header of the reply, at most `limit`.

    The oldest turns are left out until the rest fits; a system message stays. When the last turn alone
    is too long, its first tokens are left out.
    """
    system = [m for m in messages[:1] if m["role"] == "system"]
    turns = messages[len(system) :]

    def fits(first: int) -> bool:
        return len(_render(tokenizer, system + turns[first:])) <= limit

    first = bisect_left(range(len(turns) - 1), True, key=fits)
    return _render(tokenizer, system + turns[first:])[-limit:]


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


def _render(tokenizer: PreTrainedTokenizerBase, messages: list[Message]) -> list[int]:
    """Special tokens written out in a message are taken out, so that nobody can forge the end of a turn."""
    plain = [{"role": m["role"], "content": _without(m["content"], tokenizer.all_special_tokens)} for m in messages]
    ids: Any = tokenizer.apply_chat_template(
        plain, add_generation_prompt=True, return_dict=False, tokenizer_kwargs={"verbose": False}
    )
    return ids


def _without(text: str, tokens: list[str]) -> str:
    for token in tokens:
        text = text.replace(token, "")
    return text


def _by_length(prompts: list[list[int]], batch: int) -> Iterator[list[int]]:
    order = sorted(range(len(prompts)), key=lambda i: (len(prompts[i]), i))
    for start in range(0, len(order), batch):
        yield order[start : start + batch]
