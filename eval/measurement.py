"""How a model is measured on the held-out test split; a trained model and its base by the same code."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from configs.evaluate import REPLIES_AT_ONCE, Evaluate
from eval import probes
from eval.generate import Message, encode_prompt, greedy_replies
from eval.losses import ConversationLoss, split_losses
from eval.metrics.metric import Outcome
from eval.metrics.perplexity import Perplexity
from eval.packed import sequence_length
from eval.prompts import Prompt, attributes_of, choose_prompts
from pipeline.contract.artifact import Artifact
from pipeline.contract.metrics import METRICS, Metric
from pipeline.contract.progress import Progress, say

GREETINGS = (
    "Hello! How are you today?",
    "What do you like to do in your free time?",
    "Do you have any pets?",
)
NOTHING = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Measurement:
    """outcome: what metrics are given. scores: all that evaluation.json holds but for those of the metrics."""

    outcome: Outcome
    scores: dict[str, Any]
    prompts: list[Prompt]

    def evaluation(self, metrics: Iterable[Metric]) -> dict[str, Any]:
        """The figures of the metrics, and the scores."""
        return {**measure(self.outcome, metrics), **self.scores}


def measurement(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    tokenise: Artifact,
    balance: Artifact,
    config: Evaluate,
    seed: int,
) -> Measurement:
    """What a model makes of the test conversations, of prompts chosen among them by the seed, of the greetings and of
    the probes.

    Raises UserError when the test split holds nothing to learn.
    """
    conversations = split_losses(model, tokenizer, tokenise, "test")
    prompts = choose_prompts(balance, list(conversations), config.generations, seed)
    if not prompts:
        say("evaluate: no test conversation has a turn before a reply, so BLEU and ROUGE are empty")
    replies, greetings = _reply(model, tokenizer, tokenise, prompts, config)
    outcome = Outcome(
        losses=[c.loss for c in conversations.values()],
        tokens=[c.tokens for c in conversations.values()],
        bytes=[c.bytes for c in conversations.values()],
        train_counts=NOTHING,
        test_counts=NOTHING,
        replies=replies,
        references=[p.reference for p in prompts],
        row_ids=[p.row_id for p in prompts],
        training={},
        probes=probes.measure(model, tokenizer, config),
    )
    scores = {
        "generations": len(replies),
        **_by_group(conversations, attributes_of(balance, "test")),
        "greetings": greetings,
        "conversations": [[r, c.loss, c.tokens, c.bytes] for r, c in sorted(conversations.items())],
    }
    return Measurement(outcome, scores, prompts)


def measure(outcome: Outcome, metrics: Iterable[Metric] = METRICS) -> dict[str, Any]:
    """What the metrics, by default all of the table, say of an outcome."""
    return {key: value for metric in metrics for key, value in metric.load()(outcome).items()}


def _reply(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    tokenise: Artifact,
    prompts: list[Prompt],
    config: Evaluate,
) -> tuple[list[str], list[Message]]:
    """The model's greedy replies to the prompts, and [{prompt, reply}] of the everyday prompts."""
    everyday = [[{"role": "user", "content": greeting}] for greeting in GREETINGS]
    room = max(sequence_length(tokenise) - config.max_new_tokens, sequence_length(tokenise) // 2)
    limit = min(room, config.max_prompt_tokens or room)
    encoded = [encode_prompt(tokenizer, turns, limit) for turns in [*everyday, *(p.messages for p in prompts)]]
    with Progress("evaluate: replies", len(encoded), "replies") as progress:
        replies = greedy_replies(
            model, tokenizer, encoded, config.max_new_tokens, REPLIES_AT_ONCE, progress, config.repetition_penalty
        )
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
