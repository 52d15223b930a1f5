"""The tokenizer: byte-level BPE fitted to the training split, or a pretrained one."""

from collections.abc import Iterable
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast

from configs.errors import UserError
from pipeline.contract.chat_template import (
    BEGIN,
    CHAT_TEMPLATE,
    END_OF_TEXT,
    END_OF_TURN,
    HEADER_END,
    HEADER_START,
    PAD,
    SPECIAL_TOKENS,
)
from pipeline.contract.pretrained import Source, pretrained_source
from pipeline.contract.progress import say
from pipeline.contract.tokenizer import usable_tokenizer

WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""What BPE never merges across: words, numbers of up to three digits, punctuation, white space.
The expression that Llama 3 publishes in its tokenizer.json."""

PRETRAINED_PADS = (PAD, "<|finetune_right_pad_id|>")


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """Byte-level BPE with the special tokens of the chat template, at most `vocabulary` tokens.

    Deterministic: equal texts, in any order, give an equal tokenizer.
    """
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = Sequence(
        [Split(Regex(WORDS), "isolated"), ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BEGIN,
        eos_token=END_OF_TURN,
        pad_token=PAD,
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )


def own_tokenizer(pretrained: str) -> PreTrainedTokenizerFast:
    """The tokenizer of pretrained weights, with the chat template that they came with; else as `load_tokenizer`.

    Raises UserError when it cannot be loaded.
    """
    tokenizer = _fast(pretrained_source(pretrained), f"model.pretrained: the tokenizer of {pretrained!r}")
    if not tokenizer.chat_template:
        say(f"tokenise: {pretrained} has no chat template, so it gets ours")
        return with_our_template(tokenizer)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = next((t for t in PRETRAINED_PADS if t in tokenizer.get_vocab()), tokenizer.eos_token)
    return tokenizer


def load_tokenizer(name: str) -> PreTrainedTokenizerFast:
    """A pretrained tokenizer, given our chat template and the special tokens that it lacks.

    name: folder or hub name. Raises UserError when it cannot be loaded or is not a fast one.
    """
    return with_our_template(_fast(Source(name), f"tokenise.tokenizer: {name!r}"))


def _fast(source: Source, called: str) -> PreTrainedTokenizerFast:
    tokenizer = usable_tokenizer(source, called, "give a folder with tokenizer.json or a hub name")
    if not tokenizer.is_fast:
        raise UserError(f"{called} has no tokenizer.json; choose one that has")
    return tokenizer


def with_our_template(tokenizer: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    """The tokenizer with our chat template, and the special tokens that it lacks."""
    known = tokenizer.get_vocab()
    markers = [HEADER_START, HEADER_END, END_OF_TURN, END_OF_TEXT]
    special = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
    # Special, or text in a message that looks like one would be one.
    tokenizer.add_tokens([AddedToken(t, special=True, normalized=False) for t in markers if t not in special])
    if tokenizer.bos_token is None:
        tokenizer.add_special_tokens({"bos_token": BEGIN})
    if tokenizer.pad_token is None:
        tokenizer.pad_token = next((t for t in PRETRAINED_PADS if t in known), END_OF_TEXT)
    tokenizer.eos_token = END_OF_TURN
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def save_tokenizer(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Writes a folder that AutoTokenizer.from_pretrained loads, chat template included."""
    tokenizer.save_pretrained(folder)
