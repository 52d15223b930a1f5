"""The fused layer computes what transformers' layer does: loss and every gradient."""

import copy
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch

from configs.errors import UserError
from configs.model import Lora
from configs.size import LINEAR_LAYERS
from tests.training.conftest import packed
from tests.training.jobs import small_job
from training import llama_layer
from training.gathering import gather_whole, prefetching
from training.layers import fastest_kind, kind_of, prepare_layers, recompute
from training.llama_layer import suits, use_fused_layers
from training.lora import add_adapters
from training.loss import SummedLoss

Documents = list[tuple[list[int], list[int]]]


@pytest.mark.parametrize(("checkpointing", "recomputed"), [("none", 0), ("selective", 1), ("full", 2)])
def test_loss_and_gradients_are_those_of_the_plain_layers(
    model: SummedLoss, documents: Documents, checkpointing: str, recomputed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """recomputed: how many of the two layers are computed once more for the backward pass."""
    computed = Mock(wraps=llama_layer.swiglu)
    monkeypatch.setattr(llama_layer, "swiglu", computed)
    fused = copy.deepcopy(model)
    assert suits(fused.model)
    recompute(fused.model, checkpointing)
    use_fused_layers(fused.model)
    batch = packed(documents, 24)
    losses = []
    for module in (model, fused):
        loss = module(**batch)
        loss.backward()
        losses.append(loss.detach())
    assert computed.call_count == 2 + recomputed
    torch.testing.assert_close(losses[1], losses[0], rtol=1e-6, atol=1e-6)
    expected = dict(model.named_parameters())
    for name, parameter in fused.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name].grad, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("checkpointing", ["none", "full"])
@pytest.mark.parametrize("targets", [LINEAR_LAYERS, ("q_proj", "v_proj", "down_proj")])
def test_with_adapters_they_are_those_of_peft_s_layers(
    model: SummedLoss, documents: Documents, targets: tuple[str, ...], checkpointing: str
) -> None:
    add_adapters(model.model, Lora(rank=4, alpha=12, target_modules=targets), new_tokens=(3, 7))
    for name, parameter in model.named_parameters():
        if ".lora_B." in name:
            torch.nn.init.normal_(parameter, std=0.3)  # peft begins at zero, where the gradient of A is none
    expected = backward(model, documents)
    fused = copy.deepcopy(model)
    fused.zero_grad()
    assert suits(fused.model)
    recompute(fused.model, checkpointing)
    use_fused_layers(fused.model)
    found = backward(fused, documents)
    assert found.keys() == expected.keys()
    assert sum(".lora_" in name for name in found) == 2 * 2 * len(targets)
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-6, msg=name)


def backward(module: SummedLoss, documents: Documents) -> dict[str, torch.Tensor]:
    """The loss, and the gradient of every parameter that has one."""
    loss = module(**packed(documents, 24))
    loss.backward()
    gradients = {name: p.grad for name, p in module.named_parameters() if p.grad is not None}
    return {"loss": loss.detach(), **gradients}


def test_adapters_with_dropout_are_left_to_peft(model: SummedLoss) -> None:
    add_adapters(model.model, Lora(rank=4, dropout=0.1))
    assert not suits(model.model)


def test_in_bf16_the_fused_layers_are_as_close_to_fp32_as_the_plain_ones(
    model: SummedLoss, documents: Documents
) -> None:
    batch = packed(documents, 24)
    fused = copy.deepcopy(model)
    use_fused_layers(fused.model)
    exact = model(**batch).item()
    plain, fast = (abs(m.bfloat16()(**batch).item() - exact) / exact for m in (model, fused))
    assert fast < max(2 * plain, 5e-3)


def test_models_with_other_layers_are_left_alone(model: SummedLoss) -> None:
    model.model.config.attention_dropout = 0.1
    assert not suits(model.model)
    model.model.config.attention_dropout = 0.0
    model.model.model.layers[1].mlp.up_proj = torch.nn.Linear(32, 64, bias=True)
    assert not suits(model.model)


@pytest.mark.parametrize("stage", [0, 1, 2, 3])
@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_auto_fuses_what_suits_on_gpus_in_every_zero_stage_and_compiles_others_below_the_third(
    model: SummedLoss, tmp_path: Path, stage: int, device: str
) -> None:
    job = small_job(tmp_path, {}, {"zero_stage": stage})
    assert fastest_kind(model.model, job, torch.device(device)) == ("fused" if device == "cuda" else "plain")
    model.model.config.attention_dropout = 0.1
    others = "compiled" if device == "cuda" and stage < 3 else "plain"
    assert fastest_kind(model.model, job, torch.device(device)) == others


@pytest.mark.parametrize("kind", ["plain", "fused", "compiled"])
def test_how_layers_are_computed_can_be_told(model: SummedLoss, tmp_path: Path, kind: str) -> None:
    prepare_layers(model.model, small_job(tmp_path, {}, {"layers": kind}), torch.device("cpu"), fp8=False)
    assert kind_of(model.model) == kind


@pytest.mark.parametrize(
    ("width", "ahead"),
    [
        (1_000, {}),
        (10_000, {"stage3_prefetch_bucket_size": 10_000**2}),
        (40_000, {"stage3_prefetch_bucket_size": 40_000**2, "stage3_max_live_parameters": 2 * 40_000**2}),
    ],
)
def test_zero_3_fetches_one_whole_layer_ahead_where_its_own_limits_are_below(width: int, ahead: dict[str, int]) -> None:
    layers = [torch.nn.Sequential(torch.nn.Linear(width, width, bias=False, device="meta")) for _ in range(2)]
    gather_whole(layers)
    assert prefetching(torch.nn.Sequential(*layers)) == ahead


def test_layers_that_do_not_suit_are_not_fused_by_force(model: SummedLoss, tmp_path: Path) -> None:
    model.model.config.attention_dropout = 0.1
    with pytest.raises(UserError, match=r"launch\.layers: fused is for Llama's layers without dropout"):
        prepare_layers(model.model, small_job(tmp_path, {}, {"layers": "fused"}), torch.device("cpu"), fp8=False)


def test_8_bits_need_a_gpu_that_has_them(model: SummedLoss, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"train\.precision: fp8 needs a GPU of compute capability 8\.9"):
        prepare_layers(model.model, small_job(tmp_path, {}, {"layers": "fused"}), torch.device("cpu"), fp8=True)
