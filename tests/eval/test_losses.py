"""Losses on packed sequences, against the same conversations one by one."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from transformers import LlamaForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from eval.losses import conversation_losses, split_losses
from eval.packed import PackedBatch
from eval.rescore import recoded, tokenise_anew
from pipeline.contract.artifact import Artifact
from pipeline.contract.progress import Progress
from tests.training.families import random_model

from .conftest import PAIRS, Conversation, document


def test_packed_and_alone_a_conversation_has_the_same_loss(
    trained: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    packed: Artifact,
    conversations: list[Conversation],
) -> None:
    same_as_alone(trained, tokenizer, packed, conversations)


@pytest.mark.parametrize("family", ["gemma2", "mistral", "gpt_oss", "granite"])
def test_so_it_has_where_attention_is_not_torchs_or_sees_a_window(
    family: str, tokenizer: PreTrainedTokenizerFast, packed: Artifact, conversations: list[Conversation]
) -> None:
    model = random_model(family, vocab_size=len(tokenizer)).eval()
    same_as_alone(model, tokenizer, packed, conversations)


def same_as_alone(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, packed: Artifact, conversations: list[Conversation]
) -> None:
    found = split_losses(model, tokenizer, packed, "test")
    tested = [row for row in conversations if row["split"] == "test"]
    assert found.keys() == {row["row_id"] for row in tested}
    for row in tested:
        ids, labels = document(tokenizer, row["messages"])
        with torch.inference_mode():
            logits = model(input_ids=torch.tensor([ids])).logits[0, :-1]
            alone = F.cross_entropy(logits, torch.tensor(labels[1:]), ignore_index=-100, reduction="sum").item()
        conversation = found[row["row_id"]]
        replies = [turn["content"] for turn in row["messages"] if turn["role"] == "assistant"]
        assert conversation.loss == pytest.approx(alone, rel=1e-4)
        assert conversation.tokens == sum(label != -100 for label in labels)
        assert conversation.bytes == sum(len(reply.encode()) for reply in replies)


def test_a_model_that_knows_nothing_has_the_loss_of_an_even_guess(
    untrained: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, packed: Artifact
) -> None:
    """All weights zero: every token of V has probability 1/V, so the loss is ln V a token."""
    state = {name: value.clone() for name, value in untrained.state_dict().items()}
    for parameter in untrained.parameters():
        torch.nn.init.zeros_(parameter)
    found = split_losses(untrained, tokenizer, packed, "test")
    untrained.load_state_dict(state)
    for conversation in found.values():
        assert conversation.loss == pytest.approx(conversation.tokens * math.log(len(tokenizer)), rel=1e-5)


def test_another_tokenizer_learns_the_same_text(tokenizer: PreTrainedTokenizerFast, trained: LlamaForCausalLM) -> None:
    text = "Yes, a café dog."
    turns = [{"role": "user", "content": PAIRS[0][0]}, {"role": "assistant", "content": text}]
    ids, labels = document(tokenizer, turns)
    shape = (1, len(ids))
    batch = PackedBatch(
        np.array([ids]), np.array([labels]), np.arange(len(ids)).reshape(shape), np.zeros(shape, np.int64), [["a"]]
    )
    again = tokenise_anew(batch, tokenizer, tokenizer, recoded)
    assert again.input_ids.tolist() == [ids]
    assert again.labels.tolist() == [labels]
    assert conversation_losses(trained, tokenizer, [again], Progress("", 1))["a"].bytes == len(
        "Yes, a café dog.".encode()
    )
