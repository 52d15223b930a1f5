"""Likelihoods and replies over a tree are those of each sequence alone."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.nn import functional as F
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from eval.probes import prefix_tree
from eval.probes.prefix_tree import PrefixTree, Question, answer

QUESTIONS = [
    Question([0, 30, 31, 32], [[40, 41], [40, 42, 43], [50]], own_tokens=6),
    Question([0, 30, 31, 33], [[40, 41], [7]], own_tokens=3),
    Question([0, 30], [[31, 32]]),
]


def alone(model: LlamaForCausalLM, prompt: list[int], reply: list[int]) -> list[float]:
    """Log-likelihood of each token of the reply, from one plain forward pass."""
    with torch.inference_mode():
        logits_LV = model(input_ids=torch.tensor([prompt + reply])).logits[0]
    log_p_LV = F.log_softmax(logits_LV, -1)
    return [float(log_p_LV[len(prompt) + i - 1, token]) for i, token in enumerate(reply)]


def test_shared_beginnings_are_one_path_in_the_tree() -> None:
    tree = PrefixTree()
    assert tree.add([5, 6, 7]) == [0, 1, 2]
    assert tree.add([5, 6, 8]) == [0, 1, 3]
    assert tree.add([9], after=1) == [4]
    assert (tree.parents, tree.depths) == ([-1, 0, 1, 1, 1], [0, 1, 2, 2, 2])
    assert tree.sight()[3].tolist() == [True, True, False, True, False]


@pytest.mark.parametrize("at_once", [1, 1024])
def test_likelihoods_are_those_of_each_prompt_and_reply_alone(
    trained: LlamaForCausalLM, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(prefix_tree, "BATCH_TOKENS", at_once)
    for question, found in zip(QUESTIONS, answer(trained, QUESTIONS, ()), strict=True):
        for reply, likelihoods in zip(question.replies, found.likelihoods, strict=True):
            assert likelihoods == pytest.approx(alone(trained, question.prompt, reply), abs=1e-4)


def test_own_replies_are_the_greedy_ones_of_each_prompt_alone(
    trained: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> None:
    model: Any = trained
    end = tokenizer.eos_token_id
    for question, found in zip(QUESTIONS, answer(model, QUESTIONS, [end]), strict=True):
        prompt = torch.tensor([question.prompt])
        expected = model.generate(
            input_ids=prompt,
            attention_mask=torch.ones_like(prompt),
            max_new_tokens=max(question.own_tokens, 1),
            do_sample=False,
            eos_token_id=end,
            pad_token_id=end,
        )[0, len(question.prompt) :].tolist()
        wanted = [token for token in expected if token != end] if question.own_tokens else []
        assert found.own == wanted


class Bigrams:
    """A model whose next token depends on the last one only: after 1 comes 2 in three of four cases, else 3."""

    device, config = torch.device("cpu"), LlamaConfig()

    def __call__(self, input_ids: torch.Tensor, logits_to_keep: torch.Tensor, **_: Any) -> SimpleNamespace:
        table_VV = torch.full((4, 4), 0.25)
        table_VV[1] = torch.tensor([0.0, 0.0, 0.75, 0.25])
        return SimpleNamespace(logits=table_VV.log()[input_ids[:, logits_to_keep]])


def test_likelihoods_are_logarithms_of_what_the_model_says_comes_next() -> None:
    model: Any = Bigrams()
    (found,) = answer(model, [Question([0, 1], [[2], [3], [3, 1, 2]])], ())
    assert found.likelihoods == [
        pytest.approx([math.log(0.75)]),
        pytest.approx([math.log(0.25)]),
        pytest.approx([math.log(0.25), math.log(0.25), math.log(0.75)]),
    ]
