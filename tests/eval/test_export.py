"""An exported model computes what the model does, and what does not is not left behind."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf import GGUFReader, TokenType, dequantize
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, LlamaConfig, LlamaForCausalLM

import eval.export
from configs.errors import UserError
from eval.export import export_folder, export_gguf
from eval.gguf_file import rope_factors, write_gguf
from pipeline.cli import main
from pipeline.contract.chat_template import SPECIAL_TOKENS
from pipeline.tokenise.tokenizer import save_tokenizer, train_tokenizer
from tests.training.families import saved

SENTENCES = [
    f"We go to the {place}, don't we? Yes, at {n} o'clock." for n, place in enumerate(["sea", "hill", "lake"] * 9)
]
LLAMA_3 = {
    "rope_type": "llama3",
    "rope_theta": 10_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
ROWS = 410
"""Of the embedding: more than the tokenizer has tokens."""


def llama(folder: Path, **settings: Any) -> Path:
    """A folder of a tiny Llama and our own trained tokenizer; heads are wider than the residual stream's share."""
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "head_dim": 32}
    heads: dict[str, Any] = {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512}
    model = LlamaForCausalLM(
        LlamaConfig(vocab_size=ROWS, **sizes, **heads, **{"tie_word_embeddings": True, **settings})
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    save_tokenizer(train_tokenizer(SENTENCES, 400), folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return llama(tmp_path_factory.mktemp("llama"))


def logits(model: Any) -> torch.Tensor:
    """Over 200 positions, as far as scaled rotary frequencies differ from plain ones."""
    ids = torch.from_numpy(np.random.default_rng(0).integers(0, 390, (1, 200)))
    with torch.inference_mode():
        return model.eval()(input_ids=ids).logits


@pytest.mark.parametrize(
    ("kind", "settings", "most"),
    [
        ("f32", {}, 1e-5),
        ("f32", {"tie_word_embeddings": False, "rms_norm_eps": 1e-3}, 1e-5),
        ("f16", {}, 0.02),
        ("q8_0", {"tie_word_embeddings": False}, 0.3),
    ],
)
def test_transformers_reads_the_file_as_the_same_model(
    kind: Any, settings: dict[str, Any], most: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = llama(tmp_path / "model", **settings), tmp_path / "model.gguf"
    export_gguf(str(folder), out, kind)
    again = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file=out.name)
    own = AutoModelForCausalLM.from_pretrained(folder)
    assert (logits(again) - logits(own)).abs().max() < most
    assert again.config.tie_word_embeddings == own.config.tie_word_embeddings
    text = "Don't we go to the lake at 12 o'clock?  Ça va, 你好!\n\nYes."
    tokenizers = (AutoTokenizer.from_pretrained(tmp_path, gguf_file=out.name), AutoTokenizer.from_pretrained(folder))
    assert tokenizers[0].encode(text) == tokenizers[1].encode(text)
    assert "of likeliest tokens the same" in capsys.readouterr().out


def test_eight_bits_are_within_half_a_step_of_each_weight(folder: Path, tmp_path: Path) -> None:
    """A block is 32 weights and a scale, in float16, of the largest over 127."""
    out = tmp_path / "model.gguf"
    export_gguf(str(folder), out, "q8_0")
    weight = LlamaForCausalLM.from_pretrained(folder).model.layers[1].mlp.up_proj.weight.detach().numpy()
    (tensor,) = (t for t in GGUFReader(out).tensors if t.name == "blk.1.ffn_up.weight")
    assert tensor.tensor_type.name == "Q8_0"
    blocks = weight.reshape(-1, 32)
    steps = np.abs(blocks).max(1, keepdims=True) / 127
    found = dequantize(tensor.data, tensor.tensor_type).reshape(-1, 32)
    assert (np.abs(found - blocks) <= 0.5 * steps + 127 * steps * 2**-11).all()


def test_what_ends_a_reply_and_what_is_never_text_is_marked(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.gguf"
    export_gguf(str(folder), out, "f16")
    own = AutoTokenizer.from_pretrained(folder)
    fields = {name: field.contents() for name, field in GGUFReader(out).fields.items()}
    tokens, types = fields["tokenizer.ggml.tokens"], fields["tokenizer.ggml.token_type"]
    assert (fields["tokenizer.ggml.model"], fields["tokenizer.ggml.pre"]) == ("gpt2", "llama-bpe")
    for name, token in (("eos", "<|eot_id|>"), ("eot", "<|eot_id|>"), ("bos", "<|begin_of_text|>")):
        assert tokens[fields[f"tokenizer.ggml.{name}_token_id"]] == token
    assert fields["tokenizer.ggml.add_bos_token"] is False  # the template writes it
    control = {token for token, kind in zip(tokens, types, strict=True) if kind == TokenType.CONTROL}
    assert control == set(SPECIAL_TOKENS)
    assert tokens[len(own) :] == [f"[PAD{number}]" for number in range(len(own), ROWS)]
    assert set(types[len(own) :]) == {TokenType.UNUSED}
    assert fields["llama.context_length"] == 512
    turns = [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Yes."}]
    rendered = own.apply_chat_template(turns, tokenize=False, chat_template=fields["tokenizer.chat_template"])
    assert "generation" not in fields["tokenizer.chat_template"].replace("add_generation_prompt", "")
    assert rendered == own.apply_chat_template(turns, tokenize=False)


def test_llama_3s_scaling_of_rotary_frequencies_goes_along(tmp_path: Path) -> None:
    """As published with Llama 3.1: long waves are slowed down by the factor, short ones left, those between blended."""
    folder, out = llama(tmp_path / "model", rope_parameters=LLAMA_3), tmp_path / "model.gguf"
    export_gguf(str(folder), out, "f32")
    (factors,) = (np.array(t.data) for t in GGUFReader(out).tensors if t.name == "rope_freqs.weight")
    for factor, index in zip(factors, range(16), strict=True):
        wave = 2 * math.pi * 10_000 ** (2 * index / 32)
        smooth = min(1, max(0, (32 / wave - 1) / (4 - 1)))
        assert factor == pytest.approx(1 / ((1 - smooth) / 8 + smooth), rel=1e-4)
    assert rope_factors(LlamaForCausalLM.from_pretrained(llama(tmp_path / "plain"))) is None
    # Whoever names the file here reads it with them; transformers alone does not.
    export_gguf(str(out), tmp_path / "again.gguf", "f32")


@pytest.mark.parametrize(
    ("family", "settings", "reason"),
    [
        ("gemma2", {}, r"a Gemma2ForCausalLM has no GGUF writer here; GGUF is written of Llama models without biases"),
        ("llama", {}, r"the model's layers have biases; .* export --format safetensors"),
        ("llama", {"attention_bias": False, "mlp_bias": False, "hidden_act": "gelu"}, r"activation is gelu, not silu"),
    ],
)
def test_what_gguf_is_not_written_of_is_refused(
    family: str, settings: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    folder = saved(family, tmp_path / "model", **settings)
    save_tokenizer(train_tokenizer(SENTENCES, 400), folder)
    with pytest.raises(UserError, match=reason):
        export_gguf(str(folder), tmp_path / "model.gguf", "f16")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("damage", ["rows", "bytes"])
def test_a_file_that_computes_something_else_is_not_left(
    damage: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(model: Any, tokenizer: Any, path: Path, *more: Any) -> None:
        with torch.no_grad():
            if damage == "rows":  # as if queries were not laid out in pairs
                weight = model.model.layers[0].self_attn.q_proj.weight
                whole = weight.clone()
                weight.copy_(weight.flip(0))
            write_gguf(model, tokenizer, path, *more)
            if damage == "rows":
                weight.copy_(whole)
        if damage == "bytes":
            path.write_bytes(path.read_bytes()[:-4096])

    monkeypatch.setattr(eval.export, "write_gguf", damaged)
    with pytest.raises(
        UserError, match=r"(changes the model too much \(largest difference|is damaged).*nothing was left"
    ):
        export_gguf(str(folder), tmp_path / "model.gguf", "f16")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_safetensors_stops_where_a_turn_ends(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    export_folder(str(folder), out, "f16")
    tokenizer = AutoTokenizer.from_pretrained(out)
    ends = GenerationConfig.from_pretrained(out).eos_token_id
    assert tokenizer.convert_ids_to_tokens(ends) == ["<|eot_id|>", "<|end_of_text|>"]
    model = AutoModelForCausalLM.from_pretrained(out)
    assert model.dtype == torch.float16
    assert (logits(model.float()) - logits(AutoModelForCausalLM.from_pretrained(folder))).abs().max() < 0.02
    with pytest.raises(UserError, match="exists already"):
        export_folder(str(folder), out, "f16")


def test_the_command_names_what_is_wrong(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = ["export", "--model", str(folder)]
    assert main([*base, "--out", str(tmp_path / "m.gguf"), "--type", "q8_0"]) == 0
    for arguments, told in (
        ([*base, "--format", "safetensors", "--type", "q8_0", "--out", "x"], "q8_0 is GGUF's"),
        ([*base, "--out", str(tmp_path)], "is a folder; name a file"),
        ([*base, "--out", str(tmp_path / "no" / "m.gguf")], "is no folder; make it"),
        (["export", "--model", str(tmp_path / "none"), "--out", str(tmp_path / "n.gguf")], "cannot be loaded"),
    ):
        assert main(arguments) == 2
        assert told in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["m.gguf"]
    assert json.loads((folder / "config.json").read_text())["model_type"] == "llama"
