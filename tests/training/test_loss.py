"""Packing changes nothing: each document is seen, and learned, as if it were alone."""

import copy

import pytest
import torch
import torch.nn.functional as F
from transformers import LlamaForCausalLM

from tests.training.conftest import ARCHITECTURE, VOCABULARY, packed
from training import loss
from training.attention import mask_of
from training.loss import SummedLoss, _LinearCrossEntropy, cross_entropy_
from training.model import llama_config

Documents = list[tuple[list[int], list[int]]]


@pytest.fixture
def plain(model: SummedLoss) -> LlamaForCausalLM:
    """The same weights in transformers' own model, with its own attention and loss."""
    config = llama_config(ARCHITECTURE, VOCABULARY)
    config._attn_implementation = "eager"
    untouched = LlamaForCausalLM(config)
    untouched.load_state_dict(model.model.state_dict())
    return untouched


def test_documents_attend_backwards_to_themselves_only() -> None:
    mask = mask_of(torch.tensor([0, 2, 4, 5]), 1, 5)[0, 0].int()
    assert mask.tolist() == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [0, 0, 1, 0, 0],
        [0, 0, 1, 1, 0],
        [0, 0, 0, 0, 1],
    ]


def test_a_packed_document_has_the_logits_that_it_has_alone(
    model: SummedLoss, plain: LlamaForCausalLM, documents: Documents
) -> None:
    together = packed(documents, 24)
    hidden = model.model.model(
        input_ids=together["input_ids"],
        position_ids=together["position_ids"],
        document_mask=mask_of(together["boundaries"], 1, 24),
    ).last_hidden_state[0]
    logits = hidden @ model.model.lm_head.weight.T
    start = 0
    for tokens, _ in documents:
        alone = plain(torch.tensor([tokens])).logits[0]
        torch.testing.assert_close(logits[start : start + len(tokens)], alone, rtol=1e-5, atol=1e-6)
        start += len(tokens)


def test_the_packed_loss_and_gradient_are_the_sums_of_those_alone(
    model: SummedLoss, plain: LlamaForCausalLM, documents: Documents
) -> None:
    together = model(**packed(documents, 24))
    together.backward()
    alone = sum(model(**packed([d], len(d[0]))).item() for d in documents)
    by_transformers = torch.zeros(())
    for tokens, labels in documents:
        mean = plain(torch.tensor([tokens]), labels=torch.tensor([labels])).loss
        by_transformers = by_transformers + mean * sum(label != -100 for label in labels[1:])
    by_transformers.backward()
    assert together.item() == pytest.approx(alone, rel=1e-5)
    assert together.item() == pytest.approx(by_transformers.item(), rel=1e-5)
    expected = dict(plain.named_parameters())
    for name, parameter in model.model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name].grad, rtol=1e-4, atol=1e-6, msg=name)


def test_tokens_that_are_not_learned_give_no_gradient(model: SummedLoss, documents: Documents) -> None:
    model(**packed([(tokens, [-100] * len(tokens)) for tokens, _ in documents], 24)).backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert gradients
    assert all(not g.any() for g in gradients)


def test_loss_and_gradient_do_not_depend_on_the_chunks(
    model: SummedLoss, documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = []
    for logits_at_once in (1 << 28, 5 * VOCABULARY):
        monkeypatch.setattr(loss, "LOGITS_AT_ONCE", logits_at_once)
        model.zero_grad()
        total = model(**packed(documents, 24))
        total.backward()
        results.append((total.detach(), [p.grad.clone() for p in model.parameters() if p.grad is not None]))
    torch.testing.assert_close(results[0], results[1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_fused_cross_entropy_agrees_with_torch(smoothing: float) -> None:
    torch.manual_seed(1)
    logits, targets = torch.randn(6, 40) * 3, torch.randint(40, (6,))
    reference = logits.clone().requires_grad_()
    expected = F.cross_entropy(reference, targets, reduction="sum", label_smoothing=smoothing)
    expected.backward()
    found = cross_entropy_(logits, targets, smoothing).sum()
    torch.testing.assert_close(found, expected.detach())
    torch.testing.assert_close(logits, reference.grad)


def test_smoothing_counts_in_training_only(model: SummedLoss, documents: Documents) -> None:
    batch = packed(documents, 24)
    smoothed = SummedLoss(copy.deepcopy(model.model), label_smoothing=0.2)
    assert smoothed(**batch).item() != pytest.approx(model(**batch).item(), abs=0.01)
    assert smoothed.eval()(**batch).item() == model.train()(**batch).item()


def test_the_most_logits_held_at_once_take_2_gib_in_bf16() -> None:
    assert loss.LOGITS_AT_ONCE * torch.bfloat16.itemsize == 2 * 2**30


def products(dtype: torch.dtype, positions: int = 6) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Hidden states, the head's weight over 40 tokens, and targets; both of the first want gradients."""
    torch.manual_seed(2)
    hidden, weight = torch.randn(positions, 8).to(dtype), torch.randn(40, 8).to(dtype)
    return hidden.requires_grad_(), weight.requires_grad_(), torch.randint(40, (positions,))


def gradients_by_torch(hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor) -> list[torch.Tensor]:
    """In float64, of three times the loss."""
    hidden, weight = (t.detach().double().requires_grad_() for t in (hidden, weight))
    (3 * F.cross_entropy(hidden @ weight.T, targets, reduction="sum")).backward()
    return [t.grad for t in (hidden, weight) if t.grad is not None]


@pytest.mark.parametrize("logits_at_once", [1 << 28, 100, 1])
def test_gradients_of_a_multiple_of_the_loss_are_that_multiple(
    logits_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loss, "LOGITS_AT_ONCE", logits_at_once)
    hidden, weight, targets = products(torch.float32)
    (3 * _LinearCrossEntropy.apply(hidden, weight, targets, 0.0, True)).backward()
    found = [hidden.grad, weight.grad]
    torch.testing.assert_close(found, gradients_by_torch(hidden, weight, targets), check_dtype=False)


@pytest.mark.parametrize("frozen", ["hidden", "weight"])
def test_what_is_frozen_gets_no_gradient_and_the_other_keeps_its_own(frozen: str) -> None:
    """With adapters the head is frozen; a head alone is trained on hidden states that nothing made."""
    hidden, weight, targets = products(torch.float32)
    expected = dict(zip(("hidden", "weight"), gradients_by_torch(hidden, weight, targets), strict=True))
    tensors = {"hidden": hidden, "weight": weight}
    tensors[frozen].requires_grad_(False)
    (3 * _LinearCrossEntropy.apply(hidden, weight, targets, 0.0, True)).backward()
    assert tensors.pop(frozen).grad is None
    ((name, trained),) = tensors.items()
    torch.testing.assert_close(trained.grad, expected[name], check_dtype=False)


def test_the_gradient_of_the_head_is_summed_over_chunks_in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand equal positions, two at a time: in bf16 a sum stands still once it is 256 times its next term."""
    monkeypatch.setattr(loss, "LOGITS_AT_ONCE", 2 * 40)
    hidden, weight, targets = products(torch.bfloat16, positions=1)
    hidden, targets = hidden.detach().expand(1000, 8).contiguous().requires_grad_(), targets.expand(1000)
    (3 * _LinearCrossEntropy.apply(hidden, weight, targets, 0.0, True)).backward()
    by_hidden, by_weight = gradients_by_torch(hidden, weight, targets)
    assert hidden.grad is not None
    assert weight.grad is not None
    assert hidden.grad.dtype == weight.grad.dtype == torch.bfloat16
    torch.testing.assert_close(weight.grad.double(), by_weight, rtol=0.02, atol=0.02 * by_weight.abs().max().item())
    torch.testing.assert_close(hidden.grad.double(), by_hidden, rtol=0.05, atol=0.02)


def test_no_more_logits_are_held_at_once_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def counted(logits: torch.Tensor, targets: torch.Tensor, smoothing: float) -> torch.Tensor:
        sizes.append(len(logits))
        return cross_entropy_(logits, targets, smoothing)

    monkeypatch.setattr(loss, "cross_entropy_", counted)
    for logits_at_once, expected in ((3 * 40, [3, 3]), (4 * 40 + 39, [4, 2]), (1, [1] * 6), (6 * 40, [6])):
        monkeypatch.setattr(loss, "LOGITS_AT_ONCE", logits_at_once)
        sizes.clear()
        _LinearCrossEntropy.apply(*products(torch.float32), 0.0, True)
        assert sizes == expected


def test_hidden_states_of_another_type_are_cast_to_that_of_the_head() -> None:
    """As after a normalisation in fp32 under bf16 weights."""
    hidden, weight, targets = products(torch.bfloat16)
    cast = hidden.detach().float().requires_grad_()
    assert _LinearCrossEntropy.apply(cast, weight, targets, 0.0, True) == _LinearCrossEntropy.apply(
        hidden, weight, targets, 0.0, True
    )


def test_the_loss_is_float32_whatever_the_weights_are() -> None:
    assert _LinearCrossEntropy.apply(*products(torch.bfloat16), 0.0, True).dtype == torch.float32


def test_the_loss_is_the_same_where_no_gradient_is_asked_for(model: SummedLoss, documents: Documents) -> None:
    batch = packed(documents, 24)
    with torch.no_grad():
        quiet = model(**batch)
    assert quiet.item() == model(**batch).item()
    assert not quiet.requires_grad


def test_the_fused_cross_entropy_leaves_the_gradient_in_logits_of_16_bits() -> None:
    torch.manual_seed(1)
    logits, targets = (torch.randn(6, 40) * 3).bfloat16(), torch.randint(40, (6,))
    reference = logits.double().requires_grad_()
    expected = F.cross_entropy(reference, targets, reduction="sum")
    expected.backward()
    found = cross_entropy_(logits, targets, 0.0).sum()
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    assert logits.dtype == torch.bfloat16
    torch.testing.assert_close(logits.double(), reference.grad, rtol=0.01, atol=1e-3)


def test_a_batch_in_which_nothing_is_learned_gives_a_gradient_of_zero_and_not_none() -> None:
    """ZeRO waits for the gradient of every parameter, on every rank."""
    hidden, weight, targets = products(torch.float32, positions=0)
    _LinearCrossEntropy.apply(hidden, weight, targets, 0.0, True).backward()
    assert weight.grad is not None
    assert weight.grad.shape == weight.shape
    assert not weight.grad.any()
