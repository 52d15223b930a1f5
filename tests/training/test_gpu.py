"""The fast path on a GPU computes what the plain one does: loss and every gradient."""

import numpy as np
import pytest
import torch
from transformers import LlamaForCausalLM

from configs.model import Architecture
from configs.train import Train
from training.data import Batch, packed_batch
from training.fp8 import VALUES, cast
from training.llama_layer import use_fused_layers
from training.loss import SummedLoss
from training.model import llama_config, unrounded_buffers
from training.preferences import PreferenceLoss

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

ARCHITECTURE = Architecture(
    hidden_size=512,
    intermediate_size=1024,
    num_hidden_layers=3,
    num_attention_heads=8,
    num_key_value_heads=2,
    head_dim=64,
    vocab_size=32_064,
    rope_theta=500_000.0,
)
LENGTH = 512
Gradients = dict[str, torch.Tensor]


def batch(lengths: list[int]) -> Batch:
    """Two sequences of documents of these lengths each, padded, two thirds of the tokens learned."""
    random = np.random.default_rng(0)
    assert ARCHITECTURE.vocab_size is not None
    input_ids = random.integers(0, ARCHITECTURE.vocab_size, (2, LENGTH))
    ids = np.repeat(np.arange(len(lengths)), lengths)
    document_ids = np.tile(np.concatenate([ids, np.full(LENGTH - len(ids), -1)]), (2, 1))
    learned = (random.random((2, LENGTH)) < 0.66) & (document_ids >= 0)
    made = packed_batch(input_ids, document_ids, learned)
    return {name: v.cuda() if isinstance(v, torch.Tensor) else v for name, v in made.items()}


def model(dtype: torch.dtype) -> SummedLoss:
    torch.manual_seed(0)
    with torch.device("cuda"):
        built = LlamaForCausalLM(llama_config(ARCHITECTURE, 0))
    with unrounded_buffers(built):
        torch.nn.Module.to(built, dtype)
    return SummedLoss(built.train())


def learn(module: SummedLoss, data: Batch) -> tuple[float, Gradients]:
    loss = module(**data)
    (loss / len(data["targets"])).backward()
    return loss.item() / len(data["targets"]), {
        n: p.grad.float() for n, p in module.model.named_parameters() if p.grad is not None
    }


def furthest(found: Gradients, expected: Gradients) -> float:
    """Largest relative distance of a parameter's gradient."""
    return max(float((found[n] - g).norm() / g.norm()) for n, g in expected.items())


def fuse(module: SummedLoss, kind: str) -> SummedLoss:
    if kind == "fused":
        use_fused_layers(module.model)
    if kind == "compiled":
        for layer in module.model.model.layers:
            layer.compile()
    return module


@pytest.mark.parametrize("kind", ["plain", "fused", "compiled"])
def test_loss_and_gradients_in_bf16_follow_those_of_the_masked_model_in_fp32(kind: str) -> None:
    fast = fuse(model(torch.bfloat16), kind)
    for lengths in ([130, 7, 1, 300], [LENGTH], [100, 100, 100], [20] * 25, [500]):
        data = batch(lengths)
        fast.zero_grad()
        loss, gradients = learn(model(torch.float32), data)
        fast_loss, fast_gradients = learn(fast, data)
        assert fast_loss == pytest.approx(loss, rel=2e-3)
        assert furthest(fast_gradients, gradients) < 0.03, lengths


def pair_batch() -> Batch:
    """The sides of four pairs, the second half of each learned; what a reference may say of them."""
    lengths = [100, 120, 200, 60]
    made = batch(lengths)
    documents = np.concatenate([np.repeat(np.arange(4), lengths), np.full(LENGTH - sum(lengths), -1)])
    numbered = np.concatenate([documents, documents + 4 * (documents >= 0)])
    inside = np.concatenate([np.arange(size) >= size // 2 for size in lengths])
    learned = np.tile(np.concatenate([inside, np.zeros(LENGTH - sum(lengths), np.bool_)]), 2)
    tokens = made["input_ids"].cpu().numpy()
    kept = packed_batch(tokens, np.tile(documents, (2, 1)), learned.reshape(2, LENGTH))
    sides = numbered[kept["kept"].numpy() + 1]
    counts = np.bincount(sides, minlength=8).reshape(4, 2)
    random = np.random.default_rng(1)
    values = kept | {
        "sides": torch.from_numpy(sides),
        "ends": np.cumsum(counts.sum(1)).tolist(),
        "lengths": torch.from_numpy(counts.astype(np.float64)),
        "reference": torch.from_numpy(-10.4 * counts + random.normal(0, 3, (4, 2))),
    }
    return {name: v.cuda() if isinstance(v, torch.Tensor) else v for name, v in values.items()}


@pytest.mark.parametrize("objective", ["dpo", "orpo"])
def test_losses_of_pairs_in_bf16_on_fused_layers_follow_fp32(objective: str) -> None:
    settings, data = Train(objective=objective), pair_batch()  # type: ignore[arg-type]
    found = []
    for dtype in (torch.float32, torch.bfloat16):
        module = PreferenceLoss(model(dtype).model, settings)
        if dtype == torch.bfloat16:
            use_fused_layers(module.model)
        told = module(**data)
        told[0].backward()
        found.append(
            (told[0].item(), {n: p.grad.float() for n, p in module.model.named_parameters() if p.grad is not None})
        )
    (loss, gradients), (fast_loss, fast_gradients) = found
    assert fast_loss == pytest.approx(loss, rel=5e-3)
    assert furthest(fast_gradients, gradients) < 0.05


def test_products_in_8_bits_follow_fp32() -> None:
    data = batch([130, 7, 1, 300])
    loss, gradients = learn(model(torch.float32), data)
    fast = model(torch.bfloat16)
    use_fused_layers(fast.model, fp8=True)
    fast_loss, fast_gradients = learn(fast, data)
    assert fast_loss == pytest.approx(loss, rel=1e-2)
    assert furthest(fast_gradients, gradients) < 0.2


def test_casting_to_8_bits_keeps_values_and_their_order() -> None:
    x = torch.randn(144, 208, device="cuda", dtype=torch.bfloat16)
    made = cast(x, VALUES)
    assert made.rows is not None
    assert made.columns is not None
    torch.testing.assert_close(made.rows.float() * made.scale, x.float(), rtol=0.07, atol=float(made.scale))
    assert torch.equal(made.rows.float().T, made.columns.float())
