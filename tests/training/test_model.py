"""The model that training starts from."""

import torch
from transformers import LlamaForCausalLM

from configs.load import load_architecture
from configs.train import Train
from tests.training.conftest import ARCHITECTURE, VOCABULARY
from training.loss import SummedLoss
from training.model import llama_config, unrounded_buffers
from training.optimizer import adamw


def test_tied_embeddings_stay_tied_after_a_step(model: SummedLoss) -> None:
    optimizer = adamw(model, Train(), fused=True)
    ids = torch.arange(12)[None]
    model(ids, ids, torch.zeros_like(ids), ids).backward()
    before = model.model.lm_head.weight.detach().clone()
    optimizer.step()
    assert model.model.lm_head.weight is model.model.model.embed_tokens.weight
    assert not torch.equal(model.model.lm_head.weight, before)


def test_only_matrices_decay_and_each_parameter_once(model: SummedLoss) -> None:
    decayed, kept = adamw(model, Train(weight_decay=0.1), fused=False).param_groups
    assert (decayed["weight_decay"], kept["weight_decay"]) == (0.1, 0.0)
    assert {p.dim() for p in decayed["params"]} == {2}
    assert {p.dim() for p in kept["params"]} == {1}
    assert len(decayed["params"]) + len(kept["params"]) == len(list(model.parameters()))


def test_rotary_frequencies_survive_a_cast_to_bf16() -> None:
    model = LlamaForCausalLM(llama_config(ARCHITECTURE, VOCABULARY))
    before = model.model.rotary_emb.inv_freq.clone()
    with unrounded_buffers(model):
        model.bfloat16()
        assert not torch.equal(model.model.rotary_emb.inv_freq.float(), before)
    assert torch.equal(model.model.rotary_emb.inv_freq, before)
    assert model.model.rotary_emb.inv_freq.dtype == torch.float32
    assert model.lm_head.weight.dtype == torch.bfloat16


def test_llama_3_2_3b_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        model = LlamaForCausalLM(llama_config(load_architecture("llama-3.2-3b"), 128_256))
    assert sum(p.numel() for p in model.parameters()) == 3_212_749_824
