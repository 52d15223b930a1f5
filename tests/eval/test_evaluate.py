"""The stage evaluate, on a model that knows six answers by heart."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from transformers import LlamaForCausalLM

from pipeline.contract.execute import execute
from pipeline.contract.run import Run
from tests.kills import killed_and_run_again


@pytest.fixture
def scores(world: Callable[..., Run], trained: LlamaForCausalLM) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(evaluation.json, samples.json) of the trained model."""
    (artifact,) = execute(world(trained), "evaluate")
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
    (artifact,) = execute(world(trained, rows=monologues), "evaluate")
    evaluation = artifact.json("evaluation.json")
    assert evaluation["perplexity"] > 1
    assert (evaluation["generations"], evaluation["rouge"]) == (0, {})
    assert evaluation["bleu"]["score"] is artifact.manifest["metrics"]["bleu"] is None
    assert artifact.json("samples.json") == []
    assert ", bleu –\n" in capsys.readouterr().out


def test_an_evaluation_that_is_killed_before_a_call_and_run_again_is_as_if_nothing_had_happened(
    world: Callable[..., Run], trained: LlamaForCausalLM
) -> None:
    found = killed_and_run_again(world(trained), evaluate=4)["evaluate"]
    assert found["trials"] == 4
    assert found["differing"] == []
