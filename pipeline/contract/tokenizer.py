"""Loads a tokenizer that can write and read; transformers also loads one without a vocabulary."""

from itertools import islice
from pathlib import Path
from typing import Any

from configs.errors import UserError
from pipeline.contract.gguf_copy import head_of
from pipeline.contract.pretrained import Source

MOST_WORDS = 1000
"""Words of a vocabulary that are tried until one comes back."""


def saved_tokenizer(folder: Path) -> Any:
    """The tokenizer that a stage left in `folder`. Raises UserError when it is not usable."""
    return usable_tokenizer(folder, f"{folder}: the tokenizer", "tokenise again", local_only=True)


def usable_tokenizer(name: str | Path | Source, called: str, remedy: str, local_only: bool = False) -> Any:
    """transformers' tokenizer of a folder, a hub name, or pretrained weights.

    Raises UserError, beginning with `called` and ending with `remedy`, when it does not load, or when not one word of
    its vocabulary is the same after encoding and decoding. transformers 5 makes an empty tokenizer of a folder whose
    vocabulary file is missing, which turns every text into nothing.
    """
    from transformers import AutoTokenizer

    try:
        source = name if isinstance(name, Source) else Source(str(name))
        tokenizer: Any
        if source.file:
            tokenizer = head_of(source.file, AutoTokenizer)
        else:
            tokenizer = AutoTokenizer.from_pretrained(source.folder, local_files_only=local_only)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise UserError(f"{called} cannot be loaded ({reason}); {remedy}") from error
    if not _knows_a_word(tokenizer):
        raise UserError(f"{called} cannot be loaded (its vocabulary is missing: it reads no word back); {remedy}")
    return tokenizer


def _knows_a_word(tokenizer: Any) -> bool:
    special = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    plain = (number for number in sorted(tokenizer.get_vocab().values()) if number not in special)
    words = (word for number in plain if (word := tokenizer.decode([number]).strip()).isalpha())
    for word in islice(words, MOST_WORDS):
        numbers = tokenizer.encode(word, add_special_tokens=False)
        if tokenizer.decode(numbers, skip_special_tokens=True).strip() == word:
            return True
    return False
