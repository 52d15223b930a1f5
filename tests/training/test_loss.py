"""Packing changes nothing: each document is seen, and learned, as if it were alone."""

import pytest
import torch

from tests.training.conftest import packed
from training import loss
from training.loss import SummedLoss, document_mask, learned_tokens

Documents = list[tuple[list[int], list[int]]]


def test_documents_attend_backwards_to_themselves_only() -> None:
    mask = document_mask(torch.tensor([[0, 0, 1, 1, -1]]))[0, 0].int()
    assert mask.tolist() == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [0, 0, 1, 0, 0],
        [0, 0, 1, 1, 0],
        [0, 0, 0, 0, 1],
    ]


def test_a_packed_document_has_the_logits_that_it_has_alone(model: SummedLoss, documents: Documents) -> None:
    together = packed(documents, 24)
    logits = model.model(
        input_ids=together["input_ids"],
        position_ids=together["position_ids"],
        attention_mask=document_mask(together["document_ids"]),
    ).logits[0]
    start = 0
    for tokens, _ in documents:
        alone = model.model(torch.tensor([tokens])).logits[0]
        torch.testing.assert_close(logits[start : start + len(tokens)], alone, rtol=1e-5, atol=1e-6)
        start += len(tokens)


def test_the_packed_loss_is_the_sum_of_the_losses_alone(model: SummedLoss, documents: Documents) -> None:
    together = model(**packed(documents, 24)).item()
    alone = sum(model(**packed([d], len(d[0]))).item() for d in documents)
    by_transformers = 0.0
    for tokens, labels in documents:
        mean = model.model(torch.tensor([tokens]), labels=torch.tensor([labels])).loss
        by_transformers += mean.item() * sum(label != -100 for label in labels[1:])
    assert together == pytest.approx(alone, rel=1e-5)
    assert together == pytest.approx(by_transformers, rel=1e-5)


def test_the_gradient_is_that_of_the_learned_tokens_only(model: SummedLoss, documents: Documents) -> None:
    batch = packed(documents, 24)
    model(**batch | {"labels": torch.full((1, 24), -100)}).backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert gradients
    assert all(not g.any() for g in gradients)


def test_loss_and_gradient_do_not_depend_on_the_chunks(
    model: SummedLoss, documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = []
    for logits_at_once in (1 << 28, 5 * model.model.config.vocab_size):
        monkeypatch.setattr(loss, "LOGITS_AT_ONCE", logits_at_once)
        model.zero_grad()
        total = model(**packed(documents, 24))
        total.backward()
        results.append((total.detach(), [p.grad.clone() for p in model.parameters() if p.grad is not None]))
    torch.testing.assert_close(results[0], results[1], rtol=1e-5, atol=1e-6)


def test_learned_tokens_are_those_with_a_token_before_them() -> None:
    assert learned_tokens(torch.tensor([[5, -100, 7, 8], [-100, 1, -100, -100]])) == 3
