"""Packing changes nothing: each document is seen, and learned, as if it were alone."""

import copy

import pytest
import torch
import torch.nn.functional as F
from transformers import LlamaForCausalLM

from tests.training.conftest import ARCHITECTURE, VOCABULARY, packed
from training import loss
from training.attention import mask_of
from training.loss import SummedLoss, cross_entropy_
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
    found = cross_entropy_(logits, targets, smoothing)
    torch.testing.assert_close(found, expected.detach())
    torch.testing.assert_close(logits, reference.grad)


def test_smoothing_counts_in_training_only(model: SummedLoss, documents: Documents) -> None:
    batch = packed(documents, 24)
    smoothed = SummedLoss(copy.deepcopy(model.model), label_smoothing=0.2)
    assert smoothed(**batch).item() != pytest.approx(model(**batch).item(), abs=0.01)
    assert smoothed.eval()(**batch).item() == model.eval()(**batch).item()
