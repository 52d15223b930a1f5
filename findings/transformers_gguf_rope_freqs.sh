#!/usr/bin/env bash
# transformers 5 and gguf: the tensor that scales rotary frequencies is read by nobody, and nobody says so.
#
# Guess:     `from_pretrained(folder, gguf_file=…)` of a GGUF file of Llama 3.1 or later computes what the safetensors of
#            the same model do, but for the rounding of its weights.
# Behaviour: GGUF files keep the scaling of Llama 3.1's rotary frequencies not as settings but as a tensor,
#            `rope_freqs.weight`, by which llama.cpp divides them. transformers loads the file without it and without a
#            warning: the configuration has rope_type default, and the logits are the same to the bit whatever the tensor
#            holds. Who fine-tunes or evaluates such a file works on another model, the more so the longer the text.
# Version:   transformers 5.23.0, gguf 0.19.0, torch 2.13.0, Python 3.11, seen on 2026-11-28:
#            factors of 1 and of 8: rope_type default both times, largest difference of the logits 0.0; with the
#            frequencies really divided by 8 it is 9.541
# Source:    this script; what llama.cpp does: convert_hf_to_gguf.py, generate_extra_tensors of LlamaModel, in
#            github.com/ggml-org/llama.cpp.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q transformers==5.23.0 gguf==0.19.0 torch==2.13.0 accelerate==1.15.0
HF_HUB_OFFLINE=1 HF_HOME="$folder/home" "$folder/venv/bin/python" - "$folder" <<'PYTHON'
import sys
from pathlib import Path

import numpy as np
import torch
from gguf import GGUFWriter
from transformers import AutoModelForCausalLM

folder = Path(sys.argv[1])
WIDTH, HEADS, INNER, WORDS = 64, 4, 128, 32


def write(name, factor):
    """A one-layer Llama, the same whatever the factor by which its rotary frequencies are to be divided."""
    random = np.random.default_rng(0)
    writer = GGUFWriter(folder / name, "llama")
    writer.add_context_length(4096)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(WORDS)
    shapes = {
        "token_embd": (WORDS, WIDTH), "output": (WORDS, WIDTH), "blk.0.attn_q": (WIDTH, WIDTH),
        "blk.0.attn_k": (WIDTH, WIDTH), "blk.0.attn_v": (WIDTH, WIDTH), "blk.0.attn_output": (WIDTH, WIDTH),
        "blk.0.ffn_gate": (INNER, WIDTH), "blk.0.ffn_up": (INNER, WIDTH), "blk.0.ffn_down": (WIDTH, INNER),
    }
    for tensor, shape in shapes.items():
        writer.add_tensor(f"{tensor}.weight", random.normal(0, 0.3, shape).astype(np.float32))
    for tensor in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        writer.add_tensor(f"{tensor}.weight", np.ones(WIDTH, np.float32))
    writer.add_tensor("rope_freqs.weight", np.full(WIDTH // HEADS // 2, factor, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def logits(name, divided=1.0):
    model = AutoModelForCausalLM.from_pretrained(str(folder), gguf_file=name, dtype=torch.float32).eval()
    print(name, model.config.rope_parameters)
    model.model.rotary_emb.inv_freq /= divided
    with torch.no_grad():
        return model(torch.arange(64)[None] % WORDS).logits


write("one.gguf", 1.0)
write("eight.gguf", 8.0)
read = float((logits("one.gguf") - logits("eight.gguf")).abs().max())
meant = float((logits("one.gguf") - logits("eight.gguf", divided=8.0)).abs().max())
print(f"largest difference of the logits: as read {read}, as meant {meant:.3f}")
assert read == 0.0
assert meant > 0.01
PYTHON
