"""A byte-level BPE tokenizer in the terms of GGUF, which llama.cpp rebuilds it from.

Source of names and values: the specification of GGUF (ggml/docs/gguf.md) and gguf's own constants; of the names of ways
to split text, `llm_tokenizer_bpe` in llama.cpp's src/llama-vocab.cpp.
"""

import json
import re
from typing import Any

from gguf import GGUFWriter, TokenType

from configs.errors import UserError
from pipeline.contract.turns import encoder_of

LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""The expression in Llama 3's tokenizer.json, and in the tokenizers that tokenise trains."""

SPLITS = {LLAMA_3: "llama-bpe", LLAMA_3.replace("{1,3}", ""): "qwen2"}
"""Expression to llama.cpp's name of it."""


def write_vocabulary(writer: GGUFWriter, tokenizer: Any, rows: int) -> None:
    """Tokens, merges, special tokens and the chat template. rows: of the embedding, which may have more than tokens.

    Raises UserError for a tokenizer that is no byte-level BPE, or that splits text in a way llama.cpp has no name for.
    """
    parts = json.loads(tokenizer.backend_tokenizer.to_str())
    if parts["model"]["type"] != "BPE" or parts["model"].get("byte_fallback"):
        raise UserError(
            f"export: the tokenizer is {parts['model']['type']} over characters; GGUF is written of byte-level BPE "
            "(Llama 3, SmolLM2, what tokenise trains); export --format safetensors"
        )
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_split_of(parts["pre_tokenizer"]))
    tokens, types = _tokens(tokenizer, rows)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in parts["model"]["merges"]])
    _add_special_tokens(writer, tokenizer)
    if tokenizer.chat_template:
        writer.add_chat_template(_plain_jinja(tokenizer.chat_template))


def _split_of(pre_tokenizer: dict[str, Any]) -> str:
    """llama.cpp's name of how text is split before merging."""
    steps = pre_tokenizer.get("pretokenizers", [pre_tokenizer])
    kinds = [step["type"] for step in steps]
    if kinds == ["ByteLevel"] and steps[0]["use_regex"]:
        return "gpt-2"
    if kinds == ["Digits", "ByteLevel"] and steps[0]["individual_digits"] and steps[1]["use_regex"]:
        return "smollm"
    if kinds == ["Split", "ByteLevel"] and (name := SPLITS.get(steps[0]["pattern"].get("Regex"))):
        return name
    raise UserError(
        f"export: the tokenizer splits text by {' and '.join(kinds)} in a way that llama.cpp has no name for; export "
        "--format safetensors"
    )


def _tokens(tokenizer: Any, rows: int) -> tuple[list[str], list[TokenType]]:
    """Each id's spelling and kind; rows without a token are called as llama.cpp's converter calls them.

    Added tokens without a row, as transformers adds to what it reads of a GGUF file, are left out.
    """
    vocabulary = {number: token for token, number in tokenizer.get_vocab().items()}
    added = tokenizer.added_tokens_decoder
    if (most := max(number for number in vocabulary if number not in added)) >= rows:
        raise UserError(f"export: the tokenizer has {most + 1:,} tokens, the model {rows:,} rows for them")
    tokens, types = [], []
    for number in range(rows):
        tokens.append(vocabulary.get(number, f"[PAD{number}]"))
        if number not in vocabulary:
            types.append(TokenType.UNUSED)
        elif number not in added:
            types.append(TokenType.NORMAL)
        else:
            types.append(TokenType.CONTROL if added[number].special else TokenType.USER_DEFINED)
    return tokens, types


def _add_special_tokens(writer: GGUFWriter, tokenizer: Any) -> None:
    """eos and eot both end a reply; llama.cpp puts a bos in front where the tokenizer does, and not twice."""
    turn_end = encoder_of(tokenizer).end if tokenizer.chat_template else None
    for add, number in (
        (writer.add_bos_token_id, tokenizer.bos_token_id),
        (writer.add_eos_token_id, tokenizer.eos_token_id),
        (writer.add_eot_token_id, turn_end),
        (writer.add_pad_token_id, tokenizer.pad_token_id),
        (writer.add_unk_token_id, tokenizer.unk_token_id),
    ):
        if number is not None:
            add(number)
    begun = tokenizer("a").input_ids[:1]
    writer.add_add_bos_token(begun == [tokenizer.bos_token_id])
    writer.add_add_space_prefix(False)


def _plain_jinja(template: str) -> str:
    """Without transformers' marks of what is learned, as comments of the same effect on white space."""
    return re.sub(r"\{%(-?)\s*(?:end)?generation\s*(-?)%\}", r"{#\1 \2#}", template)
