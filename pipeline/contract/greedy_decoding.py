"""Greedy decoding: the likeliest continuation of each prompt, token by token.

Training measures replies by it while it runs, and evaluation afterwards, so that their figures compare.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessorList, RepetitionPenaltyLogitsProcessor

from pipeline.contract.side_by_side import side_by_side


def without_repetition(prompt_tokens: int, penalty: float) -> LogitsProcessorList:
    """Divides the likelihood of what a reply has said already (Keskar et al. 2019, CTRL, section 4.1); 1 changes none.

    transformers' own setting counts the prompt too, and with it the mark that ended each earlier turn: the longer the
    conversation, the harder a reply would come to its end.
    """
    if penalty == 1:
        return LogitsProcessorList()
    return LogitsProcessorList([RepetitionPenaltyLogitsProcessor(penalty, prompt_ignore_length=prompt_tokens)])


def greedy_tokens(
    model: Any,
    prompts: list[list[int]],
    max_new_tokens: int,
    batch: int,
    stop: list[int],
    pad: int,
    penalty: float = 1.0,
    advance: Callable[[int], object] = lambda _: None,
) -> list[list[int]]:
    """What the model says to each prompt: at most `max_new_tokens` ids, filled up with `pad`.

    model: one of transformers'; it keeps its own generation_config. stop: ids that end a reply. penalty: on
    repetition. `advance` is told how many replies are done. Prompts of like length are batched, padded on the left.
    """

    def continued(chosen: list[int]) -> list[list[int]]:
        width = max(len(prompts[i]) for i in chosen)
        ids = [[pad] * (width - len(prompts[i])) + prompts[i] for i in chosen]
        mask = [[0] * (width - len(prompts[i])) + [1] * len(prompts[i]) for i in chosen]
        with torch.no_grad():  # not inference_mode: buffers that a forward pass renews must serve training too
            output = model.generate(
                input_ids=torch.tensor(ids, device=model.device),
                attention_mask=torch.tensor(mask, device=model.device),
                logits_processor=without_repetition(width, penalty),
            )
        return output[:, width:].tolist()

    replies: list[list[int]] = [[] for _ in prompts]
    batches = list(_by_length(prompts, batch))
    own = model.generation_config
    model.generation_config = GenerationConfig(
        max_new_tokens=max_new_tokens,
        do_sample=False,
        eos_token_id=stop,
        pad_token_id=pad,
    )
    try:
        for chosen, said in zip(batches, side_by_side(continued, batches, model), strict=True):
            for i, tokens in zip(chosen, said, strict=True):
                replies[i] = tokens
            advance(len(chosen))
    finally:
        model.generation_config = own
    return replies


def _by_length(prompts: list[list[int]], batch: int) -> Iterator[list[int]]:
    order = sorted(range(len(prompts)), key=lambda i: (len(prompts[i]), i))
    for start in range(0, len(order), batch):
        yield order[start : start + batch]
