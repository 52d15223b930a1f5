"""Replies of a model in the middle of its training."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import GenerationConfig, LlamaForCausalLM

from configs.model import Lora
from pipeline.contract.greedy_decoding import greedy_tokens
from pipeline.contract.tokenizer import saved_tokenizer
from tests.training.conftest import packed
from tests.training.jobs import small_job
from training.data import PackedSequences
from training.llama_layer import use_fused_layers
from training.lora import add_adapters
from training.loss import SummedLoss
from training.replies import Answers, answer, choose_prompts, last_prompt, scores

PROMPTS = [[1, 5, 9], [1, 7], [1, 20, 3, 8, 4]]
STOP, PAD = 2, 0


@pytest.fixture
def speaker(model: SummedLoss) -> LlamaForCausalLM:
    """The model of a SummedLoss, with the settings that training gives it."""
    found: Any = model.model
    found.generation_config = GenerationConfig(eos_token_id=[STOP], pad_token_id=PAD, do_sample=True, top_p=0.9)
    return found.eval()


def plainly(model: LlamaForCausalLM) -> list[list[int]]:
    """Replies of transformers' own model of the same weights."""
    config = model.config.__class__.from_dict(model.config.to_dict())
    config._attn_implementation = "eager"
    plain = LlamaForCausalLM(config).eval()
    plain.load_state_dict(model.state_dict())
    return greedy_tokens(plain, PROMPTS, 12, 1, [STOP], PAD)


def test_a_model_in_training_says_what_its_weights_say_without(speaker: LlamaForCausalLM) -> None:
    assert answer(speaker, PROMPTS, 12) == plainly(speaker)


def test_also_with_fused_and_with_compiled_layers(speaker: LlamaForCausalLM) -> None:
    use_fused_layers(speaker)
    assert answer(speaker, PROMPTS, 12) == plainly(speaker)
    for layer in speaker.get_decoder().layers:
        layer.compile()
    assert answer(speaker, PROMPTS, 12) == plainly(speaker)
    assert all(layer._compiled_call_impl for layer in speaker.get_decoder().layers)


def test_adapters_and_rows_of_new_tokens_take_part(model: SummedLoss) -> None:
    found: Any = model.model
    del found.get_output_embeddings().forward  # SummedLoss comes after the adapters
    add_adapters(found, Lora(rank=2), new_tokens=(5, 9))
    speaker: Any = SummedLoss(found).model.eval()
    speaker.generation_config = GenerationConfig(eos_token_id=[STOP], pad_token_id=PAD)
    torch.manual_seed(1)
    with torch.no_grad():
        for name, parameter in speaker.named_parameters():
            if "lora_B" in name:
                parameter.normal_()
        speaker.get_output_embeddings().trainable_rows[1] *= 50  # of token 9, which is then said or never said
    without = answer(speaker, PROMPTS, 12)
    with torch.no_grad():
        speaker.get_output_embeddings().trainable_rows[1] *= -1
    replies = [answer(speaker, PROMPTS, 12), without]
    assert any(9 in reply for both in replies for reply in both)
    assert replies[0] != replies[1]


def test_training_goes_on_as_if_nothing_had_been_said(
    model: SummedLoss, speaker: LlamaForCausalLM, documents: list[tuple[list[int], list[int]]]
) -> None:
    batch, settings = packed(documents, 24), speaker.generation_config
    before = model(**batch)
    answer(speaker, PROMPTS, 12)
    after = model(**batch)
    assert torch.equal(before, after)
    after.backward()
    assert speaker.get_input_embeddings().weight.grad is not None
    assert speaker.generation_config is settings
    assert speaker.config._attn_implementation == "documents"


def test_a_reply_is_the_last_learned_run_and_its_prompt_all_before_it() -> None:
    ids, learned = np.arange(8), np.array([0, 0, 1, 1, 0, 0, 1, 1], np.bool_)
    prompt = last_prompt(ids, learned)
    assert prompt is not None
    assert (prompt.tokens, prompt.reference) == ([0, 1, 2, 3, 4, 5], [6, 7])
    assert last_prompt(ids, np.zeros(8, np.bool_)) is None
    assert last_prompt(ids, np.ones(8, np.bool_)) is None


def test_the_prompts_are_those_of_the_validation_split_whatever_the_ranks(tmp_path: Path) -> None:
    job = small_job(tmp_path, {"validation_replies": 5, "validation_reply_tokens": 8}, {"ranks": 1})
    data = PackedSequences(job.sequences / "validation")
    chosen = choose_prompts(data, job)
    assert chosen == choose_prompts(data, job.model_copy(update={"world_size": 2}))
    tokenizer = saved_tokenizer(job.tokenizer)
    assert len(chosen) == 5
    for prompt in chosen:
        assert tokenizer.decode(prompt.tokens).startswith("<|begin_of_text|><|start_header_id|>user<|end_header_id|>")
        assert tokenizer.decode(prompt.tokens).endswith("<|start_header_id|>assistant<|end_header_id|>\n\n")
        assert tokenizer.decode(prompt.reference).startswith("Yes.")
        assert len(prompt.tokens) + 8 <= job.sequence_length
    assert len({tuple(prompt.tokens) for prompt in chosen}) == 5
    assert chosen != choose_prompts(data, job.model_copy(update={"seed": 2}))


class TwoSequences(PackedSequences):
    """Of ten documents each, of eight tokens, the last two of them a reply; but one of the 20 is nothing but prompt."""

    def __init__(self) -> None:
        self.learned_of = np.array([0] * 6 + [1] * 2, np.bool_)

    def __len__(self) -> int:
        return 2

    def documents(self, index: int) -> list[tuple[np.ndarray, np.ndarray]]:
        start = 1000 * index
        found = [(np.arange(start + 8 * n, start + 8 * n + 8), self.learned_of) for n in range(10)]
        return found if index else [*found[:9], (found[9][0], np.zeros(8, np.bool_))]


def test_few_sequences_give_several_prompts_each_and_long_ones_none(tmp_path: Path) -> None:
    job = small_job(tmp_path, {"validation_replies": 14, "validation_reply_tokens": 8}, {"ranks": 1})
    chosen = choose_prompts(TwoSequences(), job)
    assert len({tuple(prompt.tokens) for prompt in chosen}) == 14
    assert sum(prompt.tokens[0] >= 1000 for prompt in chosen) == 7
    assert choose_prompts(TwoSequences(), job.model_copy(update={"sequence_length": 13})) == []


def test_scores_are_those_of_evaluation() -> None:
    from eval.metrics.bleu import Bleu
    from eval.metrics.rouge import Rouge

    answers = Answers(["Yes. From the sea we go home.", "No."], ["Yes. From the sea we go to the hill.", "Yes."])
    both: dict[str, Any] = {"predictions": answers.replies, "references": answers.references}
    assert scores(answers) == (Bleu().compute(**both)["score"], Rouge().compute(**both)["rougeL"])
    assert 0 < scores(answers)[1] < 1
