"""A tokenizer that reads no word back is refused, however it comes to that."""

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from configs.errors import UserError
from pipeline.contract.tokenizer import saved_tokenizer, usable_tokenizer
from pipeline.tokenise.tokenizer import load_tokenizer, save_tokenizer, train_tokenizer


@pytest.mark.parametrize(
    ("kind", "tokenizer"),
    [
        ("llama", "LlamaTokenizer"),
        ("gpt2", "GPT2Tokenizer"),
        ("qwen2", "Qwen2Tokenizer"),
        ("bert", "BertTokenizer"),
        ("t5", "T5Tokenizer"),
        ("xlm-roberta", "XLMRobertaTokenizer"),
    ],
)
def test_a_folder_without_its_vocabulary_file_is_refused(tmp_path: Path, kind: str, tokenizer: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": tokenizer}))
    with pytest.raises(UserError, match=r"^tokenise\.tokenizer: .*its vocabulary is missing.*give a folder with token"):
        load_tokenizer(str(tmp_path))
    with pytest.raises(UserError, match=f"^{tmp_path}: the tokenizer .*; tokenise again"):
        saved_tokenizer(tmp_path)


def test_a_trained_tokenizer_is_accepted(tmp_path: Path) -> None:
    save_tokenizer(train_tokenizer(["we see the sea"] * 3, 512), tmp_path)
    assert saved_tokenizer(tmp_path).decode(saved_tokenizer(tmp_path).encode("sea")) == "sea"


@pytest.mark.parametrize("words", [["слово"], ["词"], ["house", "sea"]])
def test_a_tokenizer_of_one_script_is_accepted(tmp_path: Path, words: list[str]) -> None:
    raw = Tokenizer(models.WordLevel({w: n for n, w in enumerate(["[UNK]", *words])}, "[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(tokenizer_object=raw, unk_token="[UNK]").save_pretrained(tmp_path)
    assert len(usable_tokenizer(tmp_path, "it", "repair it")) == 1 + len(words)
