"""What is put to the model: an item in the turns of its chat template, as tokens."""

from collections.abc import Sequence

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

Message = dict[str, str]


def rendered(tokenizer: PreTrainedTokenizerBase, messages: list[Message]) -> str:
    """The messages and the header of the reply, in the tokenizer's chat template.

    Where the template refuses a system message (Gemma's does), its text stands before the first user message.
    """
    try:
        return _render(tokenizer, messages)
    except TemplateError:
        if messages[0]["role"] != "system":
            raise
        system, first, *rest = messages
        return _render(tokenizer, [first | {"content": f"{system['content']}\n\n{first['content']}"}, *rest])


def encoded(tokenizer: PreTrainedTokenizerBase, text: str, replies: Sequence[str]) -> tuple[list[int], list[list[int]]]:
    """Tokens of a rendered prompt, and of each reply as they are after it.

    As in lm-eval, a reply's tokens are those of prompt and reply less the prompt's (Gao et al. 2021, "A framework for
    few-shot language model evaluation"); of a reply that merges with the prompt's last token, those of it alone.
    """
    prompt = _tokens(tokenizer, text)
    size = len(prompt)
    wholes = [_tokens(tokenizer, text + reply) for reply in replies]
    after = [
        whole[size:] if whole[:size] == prompt else _tokens(tokenizer, reply)
        for whole, reply in zip(wholes, replies, strict=True)
    ]
    return prompt, after


def _render(tokenizer: PreTrainedTokenizerBase, messages: list[Message]) -> str:
    return str(tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))


def _tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return tokenizer.encode(text, add_special_tokens=False)
