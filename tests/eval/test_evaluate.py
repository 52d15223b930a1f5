"""The stage evaluate, on a model that knows six answers by heart."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import LlamaConfig, LlamaForCausalLM

from pipeline.contract.execute import execute
from pipeline.contract.run import Run
from serving.erasure.words import ERASED, Words
from tests.kills import killed_and_run_again


@pytest.fixture
def scores(world: Callable[..., Run], trained: LlamaForCausalLM) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(evaluation.json, samples.json) of the trained model."""
    *_, artifact = execute(world(trained), "evaluate")
    return artifact.json("evaluation.json"), artifact.json("samples.json")


def test_a_trained_model_beats_the_unigram_baseline_and_answers_by_heart(
    scores: tuple[dict[str, Any], list[dict[str, Any]]],
) -> None:
    evaluation, samples = scores
    assert evaluation["perplexity"] < 1.5 < 20 < evaluation["unigram_perplexity"]
    assert evaluation["validation_loss"] == 2.5
    assert evaluation["bleu"]["score"] > 80
    assert evaluation["bleu"]["signature"].startswith("nrefs:1|case:mixed")
    assert len(samples) == 6
    assert samples[0]["prompt"][-1]["role"] == "user"
    assert evaluation["greetings"][0] == {
        "prompt": "Hello! How are you today?",
        "reply": "I am well, thank you. And you?",
    }


def test_the_groups_and_the_conversations_add_up_to_the_whole(
    scores: tuple[dict[str, Any], list[dict[str, Any]]],
) -> None:
    evaluation, _ = scores
    rows = evaluation["conversations"]
    assert len(rows) == 12
    assert sum(tokens for _, _, tokens, _ in rows) == evaluation["tokens"]
    nats = sum(loss for _, loss, _, _ in rows)
    assert math.exp(nats / evaluation["tokens"]) == pytest.approx(evaluation["perplexity"])
    for group in ("by_source", "by_topic"):
        assert sum(g["tokens"] for g in evaluation[group].values()) == evaluation["tokens"]
    assert set(evaluation["by_source"]) == {"left", "right"}
    assert evaluation["bits_per_byte"] == pytest.approx(nats / math.log(2) / evaluation["bytes"])


def test_a_test_split_in_which_nobody_asks_has_scores_of_loss_and_none_of_replies(
    world: Callable[..., Run],
    trained: LlamaForCausalLM,
    conversations: list[dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    monologues = [row | {"messages": row["messages"][1:2]} for row in conversations]
    assert {turn["role"] for row in monologues for turn in row["messages"]} == {"assistant"}
    *_, artifact = execute(world(trained, rows=monologues), "evaluate")
    evaluation = artifact.json("evaluation.json")
    assert evaluation["perplexity"] > 1
    assert (evaluation["generations"], evaluation["rouge"]) == (0, {})
    assert evaluation["bleu"]["score"] is artifact.manifest["metrics"]["bleu"] is None
    assert artifact.json("samples.json") == []
    assert ", bleu –, reply length –, empty replies –, looping replies –, probe " in capsys.readouterr().out


def test_the_base_is_measured_once_and_answers_beside_the_model(
    world: Callable[..., Run],
    untrained: LlamaForCausalLM,
    trained: LlamaForCausalLM,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    untrained.save_pretrained(tmp_path / "base")
    begun = (f"model.pretrained={tmp_path / 'base'}",)
    base, own = execute(world(untrained, steps=101, overrides=begun), "evaluate")
    evaluation, samples = own.json("evaluation.json"), own.json("samples.json")
    assert evaluation["base"].items() >= {k: evaluation[k] for k in ("loss", "perplexity", "conversations")}.items()
    assert {sample["base"] for sample in samples} == {sample["reply"] for sample in samples}
    assert "unigram_perplexity" not in evaluation["base"]

    again, own = execute(world(trained, steps=102, overrides=begun), "evaluate")
    assert again.path == base.path
    assert "base: found" in capsys.readouterr().out
    evaluation, samples = own.json("evaluation.json"), own.json("samples.json")
    assert evaluation["base"]["perplexity"] > 100 > 2 > evaluation["perplexity"]
    assert own.metrics["base_perplexity"] == evaluation["base"]["perplexity"]
    assert samples[0]["base"] != samples[0]["reply"] == samples[0]["reference"]
    assert evaluation["base"]["greetings"][0]["prompt"] == evaluation["greetings"][0]["prompt"]
    said = base.json("base.json")["said"]
    erased = Words([], [said[0][0]]).scrubbed(said)
    assert erased[0][-1] == ERASED, "what was said to somebody goes with the row"
    assert erased[1:] == [entry for entry in said if entry[0] != said[0][0]] != []


def test_a_base_with_fewer_tokens_than_the_tokenizer_is_measured_with_new_rows(
    world: Callable[..., Run], trained: LlamaForCausalLM, tmp_path: Path
) -> None:
    small = LlamaForCausalLM(LlamaConfig(**(trained.config.to_dict() | {"vocab_size": 390, "pad_token_id": None})))
    small.save_pretrained(tmp_path / "base")
    first, second = (
        execute(world(trained, steps=steps, overrides=(f"model.pretrained={tmp_path / 'base'}", seed)), "evaluate")[0]
        for steps, seed in ((101, "evaluate.samples=3"), (102, "evaluate.samples=4"))
    )
    assert first.path != second.path
    assert first.json("base.json")["loss"] == second.json("base.json")["loss"] > 4


def test_an_evaluation_that_is_killed_before_a_call_and_run_again_is_as_if_nothing_had_happened(
    world: Callable[..., Run], trained: LlamaForCausalLM
) -> None:
    found = killed_and_run_again(world(trained), evaluate=4)["evaluate"]
    assert found["trials"] == 4
    assert found["differing"] == []
