"""The stage evaluate: a trained model to its scores on the held-out test split."""

import json
from collections import defaultdict
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from configs.evaluate import REPLIES_AT_ONCE, Evaluate
from eval import harness, probes
from eval.checkpoint import load_model, load_tokenizer
from eval.generate import Message, encode_prompt, greedy_replies
from eval.losses import ConversationLoss, split_losses
from eval.metrics.metric import Outcome
from eval.metrics.perplexity import Perplexity
from eval.packed import learned_token_counts, read_packed, sequence_count, sequence_length
from eval.prompts import Prompt, attributes_of, choose_prompts
from pipeline.contract.artifact import Artifact
from pipeline.contract.atomic_write import write_text
from pipeline.contract.execute import StageContext
from pipeline.contract.formatting import count, number
from pipeline.contract.metrics import METRICS, figures_of
from pipeline.contract.progress import Progress, say

COUNTED_SEQUENCES = 1024
"""Packed sequences held at once while counting tokens."""

GREETINGS = (
    "Hello! How are you today?",
    "What do you like to do in your free time?",
    "Do you have any pets?",
)


def evaluate(context: StageContext) -> None:
    """Writes evaluation.json and samples.json (docs/artifacts.md).

    Raises UserError when the test split holds nothing to learn.
    """
    train, tokenise, balance = (context.inputs[name] for name in ("train", "tokenise", "balance"))
    config: Evaluate = context.config("evaluate")
    model = load_model(train.path / "model")
    tokenizer = load_tokenizer(tokenise.path / "tokenizer")
    say(f"evaluate: {model.num_parameters():,} parameters on {model.device}, {torch.get_num_threads()} CPU threads")

    conversations = split_losses(model, tokenizer, tokenise, "test")
    prompts = choose_prompts(balance, list(conversations), config.generations, context.config("seed"))
    if not prompts:
        say("evaluate: no test conversation has a turn before a reply, so BLEU and ROUGE are empty")
    replies, greetings = _reply(model, tokenizer, tokenise, prompts, config)
    train_counts, test_counts = (_token_counts(tokenise, split, len(tokenizer)) for split in ("train", "test"))
    outcome = Outcome(
        losses=[c.loss for c in conversations.values()],
        tokens=[c.tokens for c in conversations.values()],
        bytes=[c.bytes for c in conversations.values()],
        train_counts=train_counts,
        test_counts=test_counts,
        replies=replies,
        references=[p.reference for p in prompts],
        training=train.json("training.json"),
        probes=probes.measure(model, tokenizer, config),
        tasks=harness.run_tasks(train.path / "model", tokenise.path / "tokenizer", config),
    )
    evaluation = {
        **measure(outcome),
        "generations": len(replies),
        **_by_group(conversations, attributes_of(balance, "test")),
        "greetings": greetings,
        "conversations": [[r, c.loss, c.tokens, c.bytes] for r, c in sorted(conversations.items())],
    }
    write_text(context.out / "evaluation.json", json.dumps(evaluation, ensure_ascii=False))
    write_text(context.out / "samples.json", _samples(prompts, replies, config.samples))
    context.ledger.rows_in = context.ledger.rows_out = len(conversations)
    headline = headline_of(evaluation)
    context.metrics.update(headline)
    say("evaluate: " + ", ".join(f"{name.replace('_', ' ')} {told(value)}" for name, value in headline.items()))


def measure(outcome: Outcome) -> dict[str, Any]:
    """What all metrics of the table say of an outcome."""
    return {key: value for metric in METRICS for key, value in metric.load()(outcome).items()}


def headline_of(evaluation: dict[str, Any]) -> dict[str, Any]:
    """The figures that are logged, by name."""
    return {figure.name: value for _, figure, value in figures_of(evaluation) if figure.name}


def told(value: Any) -> str:
    """A count as it is, any other number to three decimals."""
    return count(value) if isinstance(value, int) else number(value)


def _token_counts(tokenise: Artifact, split: str, vocabulary: int) -> np.ndarray:
    with Progress(f"evaluate: tokens of {split}", sequence_count(tokenise, split), "sequences") as progress:
        return learned_token_counts(read_packed(tokenise, split, COUNTED_SEQUENCES), vocabulary, progress)


def _reply(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    tokenise: Artifact,
    prompts: list[Prompt],
    config: Evaluate,
) -> tuple[list[str], list[Message]]:
    """The model's greedy replies to the prompts, and [{prompt, reply}] of the everyday prompts."""
    everyday = [[{"role": "user", "content": greeting}] for greeting in GREETINGS]
    limit = max(sequence_length(tokenise) - config.max_new_tokens, sequence_length(tokenise) // 2)
    encoded = [encode_prompt(tokenizer, turns, limit) for turns in [*everyday, *(p.messages for p in prompts)]]
    with Progress("evaluate: replies", len(encoded), "replies") as progress:
        replies = greedy_replies(model, tokenizer, encoded, config.max_new_tokens, REPLIES_AT_ONCE, progress)
    greetings = [{"prompt": p, "reply": r} for p, r in zip(GREETINGS, replies, strict=False)]
    return replies[len(GREETINGS) :], greetings


def _by_group(conversations: dict[str, ConversationLoss], attributes: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """by_source and by_topic: {name: {loss, perplexity, tokens}}."""
    groups: dict[str, dict[str, list[ConversationLoss]]] = {
        "by_source": defaultdict(list),
        "by_topic": defaultdict(list),
    }
    for row_id, conversation in conversations.items():
        for group, name in zip(groups.values(), attributes[row_id], strict=True):
            group[name].append(conversation)
    metric = Perplexity()
    return {
        title: {
            name: metric.compute(predictions=[c.loss for c in rows], references=[c.tokens for c in rows])
            for name, rows in sorted(group.items())
        }
        for title, group in groups.items()
    }


def _samples(prompts: list[Prompt], replies: list[str], count: int) -> str:
    pairs = list(zip(prompts, replies, strict=True))[:count]
    samples = [{"prompt": p.messages, "reference": p.reference, "reply": r, "row_id": p.row_id} for p, r in pairs]
    return json.dumps(samples, indent=1, ensure_ascii=False)
