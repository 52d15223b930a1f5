"""A conversation with a model in the terminal."""

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig, PreTrainedTokenizerBase, TextStreamer

from configs.errors import UserError
from eval.checkpoint import load_model, load_tokenizer
from eval.generate import Message, encode_prompt
from pipeline.contract.greedy_decoding import without_repetition
from pipeline.contract.turns import stop_tokens

TOP_P = 0.9
REPETITION_PENALTY = 1.2
"""Small models that are trained from scratch fall into loops without it."""
COMMANDS = "/reset forgets the conversation, /quit ends it"


def chat(model_folder: Path, one_shot: str | None, max_new_tokens: int, temperature: float, seed: int) -> None:
    """Answers `one_shot` and returns, or else every line of standard input until it ends.

    Replies appear word by word. The model sees as many of the latest turns as it can hold; the oldest
    are forgotten. temperature 0 always takes the likeliest token. Ctrl-C ends a reply, or the chat.
    Raises UserError when the folder holds no model or a number is out of bounds.
    """
    if max_new_tokens < 1:
        raise UserError(f"--max-new-tokens: must be at least 1, found {max_new_tokens}")
    if not 0 <= temperature <= 10:
        raise UserError(f"--temperature: must be between 0 and 10, found {temperature}")
    if one_shot is not None and not one_shot.strip():
        raise UserError("the text to answer is empty; write something")
    model, tokenizer = load_model(model_folder), load_tokenizer(model_folder)
    torch.manual_seed(seed)
    history: list[Message] = []
    for text in _turns(one_shot):
        if text == "/reset":
            history = []
            continue
        history.append({"role": "user", "content": text})
        history.append({"role": "assistant", "content": reply(model, tokenizer, history, max_new_tokens, temperature)})


def reply(
    model: Any, tokenizer: PreTrainedTokenizerBase, history: list[Message], max_new_tokens: int, temperature: float
) -> str:
    """The model's next turn, printed while it is made."""
    context = min(model.config.max_position_embeddings, tokenizer.model_max_length)
    prompt = encode_prompt(tokenizer, history, max(context - max_new_tokens, context // 2))
    stop = stop_tokens(tokenizer)
    sampling: dict[str, Any] = {"do_sample": True, "temperature": temperature, "top_p": TOP_P}
    model.generation_config = GenerationConfig(
        max_new_tokens=min(max_new_tokens, context - len(prompt)),
        eos_token_id=stop,
        pad_token_id=stop[0] if tokenizer.pad_token_id is None else tokenizer.pad_token_id,
        **(sampling if temperature else {"do_sample": False}),
    )
    ids = torch.tensor([prompt], device=model.device)
    try:
        with torch.inference_mode():
            output = model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                logits_processor=without_repetition(len(prompt), REPETITION_PENALTY),
                streamer=TextStreamer(tokenizer, skip_prompt=True, skip_special_tokens=True),
            )
    except KeyboardInterrupt:
        print(" …", flush=True)
        return "…"
    return str(tokenizer.decode(output[0, len(prompt) :], skip_special_tokens=True)).strip()


def _turns(one_shot: str | None) -> Iterator[str]:
    """What the user says, and /reset; ends with the input or /quit."""
    if one_shot is not None:
        yield one_shot.strip()
        return
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")
    interactive = sys.stdin.isatty()
    if interactive:
        print(COMMANDS)
    while True:
        try:
            text = input("> " if interactive else "").strip()
        except (EOFError, KeyboardInterrupt):
            if interactive:
                print()
            return
        if text == "/quit":
            return
        if text.startswith("/") and text != "/reset":
            print(f"{text.split()[0]}: unknown command; {COMMANDS}", flush=True)
        elif text:
            yield text
