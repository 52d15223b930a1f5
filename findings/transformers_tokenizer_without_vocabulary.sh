#!/usr/bin/env bash
# transformers 5: a tokenizer folder without its vocabulary loads, and all text becomes nothing.
#
# Guess:     `AutoTokenizer.from_pretrained` of a folder that holds tokenizer_config.json and no vocabulary (a copy that
#            missed tokenizer.json, or a git-lfs checkout of the small files) fails.
# Behaviour: for many classes it returns a tokenizer whose whole vocabulary is its special tokens. "The weather in
#            London" is [] for LlamaTokenizer, GPT2Tokenizer and Qwen2Tokenizer, one <unk> for GemmaTokenizer; decoding
#            gives "". No warning. A corpus tokenised with it trains on nothing; only `PreTrainedTokenizerFast` refuses.
# Version:   transformers 5.23.0, tokenizers 0.23.3, Python 3.11, seen on 2026-11-28:
#            LlamaTokenizer 3 tokens, []; GPT2Tokenizer 3, []; Qwen2Tokenizer 4, []; GemmaTokenizer 5, one unknown;
#            PreTrainedTokenizerFast ValueError
# Source:    this script; that version 5 makes tokenizers out of nothing on purpose, to be trained:
#            github.com/huggingface/transformers/pull/43900.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q transformers==5.23.0 tokenizers==0.23.3
HF_HUB_OFFLINE=1 HF_HOME="$folder/home" "$folder/venv/bin/python" - "$folder" <<'PYTHON'
import json
import sys
from pathlib import Path

from transformers import AutoTokenizer

folder = Path(sys.argv[1]) / "tokenizer"
folder.mkdir()
special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}


def encoded(kind):
    """The size of the vocabulary, and what a sentence becomes, of a folder that names this class and holds no more."""
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": kind, **special}))
    tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    ids = tokenizer("The weather in London").input_ids
    print(kind, len(tokenizer), ids, repr(tokenizer.decode(ids)))
    return ids


for kind in ("LlamaTokenizer", "GPT2Tokenizer", "Qwen2Tokenizer"):
    assert encoded(kind) == []
assert len(encoded("GemmaTokenizer")) == 1
try:
    encoded("PreTrainedTokenizerFast")
except ValueError as error:
    print("PreTrainedTokenizerFast", type(error).__name__)
else:
    raise SystemExit("PreTrainedTokenizerFast loads too")
PYTHON
