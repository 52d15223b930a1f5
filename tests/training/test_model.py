"""The model that training starts from."""

import numpy as np
import pytest
import torch
from transformers import LlamaForCausalLM

from configs.load import load_architecture
from configs.train import Train
from tests.training.conftest import ARCHITECTURE, VOCABULARY
from training.data import packed_batch
from training.loss import SummedLoss
from training.model import llama_config, set_dropout, unrounded_buffers
from training.optimizer import adamw


def test_tied_embeddings_stay_tied_after_a_step(model: SummedLoss) -> None:
    optimizer = adamw(model, Train(), fused=True)
    ids = np.arange(12)[None]
    model(**packed_batch(ids, np.zeros_like(ids), np.ones_like(ids, np.bool_))).backward()
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


@pytest.mark.parametrize(
    ("name", "vocabulary", "parameters"),
    [
        ("llama-3.2-3b", 128_256, 3_212_749_824),  # as published with the weights
        ("1b", 128_256, 1_235_814_400),  # as published with the weights
        ("125m", 32_768, 125_854_464),
        ("tiny", 4_096, 2_361_024),
    ],
)
def test_architectures_have_their_number_of_parameters(name: str, vocabulary: int, parameters: int) -> None:
    with torch.device("meta"):
        model = LlamaForCausalLM(llama_config(load_architecture(name), vocabulary))
    assert sum(p.numel() for p in model.parameters()) == parameters


def test_dropout_is_that_of_the_attention_and_only_when_training(model: SummedLoss) -> None:
    ids = np.arange(24)[None] % VOCABULARY
    batch = packed_batch(ids, np.zeros_like(ids), np.ones_like(ids, np.bool_))
    plain = model(**batch).item()
    set_dropout(model.model, 0.5)
    assert model(**batch).item() != plain
    assert model.eval()(**batch).item() == pytest.approx(plain, rel=1e-6)
