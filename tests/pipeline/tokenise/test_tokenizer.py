"""The tokenizer is deterministic, lossless, and carries its chat template."""

import random
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from configs.errors import UserError
from pipeline.contract.chat_template import CHAT_TEMPLATE, SPECIAL_TOKENS
from pipeline.tokenise.tokenizer import load_tokenizer, save_tokenizer, train_tokenizer

LINE = "good morning how are you today I am well thank you what shall we do tomorrow perhaps a walk by the sea"


def texts(seed: int) -> list[str]:
    lines = [" ".join(random.Random(i).choices(LINE.split(), k=8)) for i in range(200)]
    random.Random(seed).shuffle(lines)
    return lines


def test_equal_texts_in_any_order_give_an_equal_tokenizer() -> None:
    one, two = (train_tokenizer(texts(seed), 600).backend_tokenizer.to_str() for seed in (1, 2))
    assert one == two


def test_a_saved_tokenizer_loads_plainly_and_applies_its_template(tmp_path: Path) -> None:
    save_tokenizer(train_tokenizer(texts(1), 512), tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": " How are you? "}], tokenize=False, add_generation_prompt=True
    )
    assert text == (
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHow are you?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    )
    assert tokenizer.convert_tokens_to_ids(SPECIAL_TOKENS) == list(range(6))
    assert (tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token) == (
        "<|begin_of_text|>",
        "<|eot_id|>",
        "<|pad|>",
    )


@pytest.mark.parametrize("text", ["naïve — 日本語 😀", "  two  spaces\n\n\tand a tab ", "\x00\x7f", "a" * 300])
def test_any_text_survives(text: str) -> None:
    tokenizer = train_tokenizer(texts(1), 512)
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_a_pretrained_tokenizer_gains_the_template_and_the_tokens_it_lacks(tmp_path: Path) -> None:
    plain = train_tokenizer(texts(1), 512)
    plain.chat_template = None
    plain.save_pretrained(tmp_path)
    tokenizer = load_tokenizer(str(tmp_path))
    assert tokenizer.chat_template == CHAT_TEMPLATE
    assert len(tokenizer) == len(plain)


def test_a_tokenizer_that_cannot_be_loaded_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^tokenise\.tokenizer: .* cannot be loaded"):
        load_tokenizer(str(tmp_path))
