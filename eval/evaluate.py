"""The stage evaluate: a trained model to its scores on the held-out test split."""

import json
from collections import defaultdict
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from configs.evaluate import REPLIES_AT_ONCE, Evaluate
from eval.bleu import Bleu
from eval.checkpoint import load_model, load_tokenizer
from eval.generate import Message, encode_prompt, greedy_replies
from eval.losses import ConversationLoss, split_losses
from eval.packed import read_packed, sequence_count, sequence_length
from eval.perplexity import Perplexity, bits_per_byte
from eval.prompts import Prompt, attributes_of, choose_prompts
from eval.rouge import Rouge
from eval.unigram import Unigram, learned_token_counts
from pipeline.contract.artifact import Artifact
from pipeline.contract.execute import StageContext
from pipeline.contract.figures import number
from pipeline.contract.progress import Progress, say
from pipeline.contract.whole_file import write_text

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
    training = train.json("training.json")
    prompts = choose_prompts(balance, list(conversations), config.generations, context.config("seed"))
    replies, greetings = _reply(model, tokenizer, tokenise, prompts, config)
    evaluation = {
        **_loss_scores(conversations),
        "unigram_perplexity": _unigram_perplexity(tokenise, len(tokenizer)),
        "validation_loss": best_validation_loss(training),
        **_reply_scores(replies, prompts),
        **_by_group(conversations, attributes_of(balance, "test")),
        "greetings": greetings,
        "conversations": [[r, c.loss, c.tokens, c.bytes] for r, c in sorted(conversations.items())],
    }
    write_text(context.out / "evaluation.json", json.dumps(evaluation, ensure_ascii=False))
    write_text(context.out / "samples.json", _samples(prompts, replies, config.samples))
    context.ledger.rows_in = context.ledger.rows_out = len(conversations)
    context.metrics.update(_headline(evaluation))
    say(
        f"evaluate: perplexity {evaluation['perplexity']:.2f} (unigram {evaluation['unigram_perplexity']:.1f}), "
        f"{evaluation['bits_per_byte']:.3f} bits a byte, BLEU {number(evaluation['bleu']['score'], 2)}"
    )


def best_validation_loss(training: dict[str, Any]) -> float | None:
    """The validation loss at the step whose weights were kept; None when training never validated."""
    losses = dict(training["validation_loss"])
    return losses.get(training["best_step"], min(losses.values(), default=None))


def _loss_scores(conversations: dict[str, ConversationLoss]) -> dict[str, float]:
    losses = list(conversations.values())
    size = sum(c.bytes for c in losses)
    scores = Perplexity().compute(predictions=[c.loss for c in losses], references=[c.tokens for c in losses])
    return {**scores, "bytes": size, "bits_per_byte": bits_per_byte(sum(c.loss for c in losses), max(size, 1))}


def _unigram_perplexity(tokenise: Artifact, vocabulary: int) -> float:
    counts = []
    for split in ("train", "test"):
        with Progress(f"evaluate: tokens of {split}", sequence_count(tokenise, split), "sequences") as progress:
            counts.append(learned_token_counts(read_packed(tokenise, split, COUNTED_SEQUENCES), vocabulary, progress))
    return Unigram().compute(predictions=counts[0], references=counts[1])["perplexity"]


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


def _reply_scores(replies: list[str], prompts: list[Prompt]) -> dict[str, Any]:
    if not prompts:
        say("evaluate: no test conversation has a turn before a reply, so BLEU and ROUGE are empty")
        return {"bleu": {"score": None, "signature": ""}, "rouge": {}, "generations": 0}
    references = [prompt.reference for prompt in prompts]
    return {
        "bleu": Bleu().compute(predictions=replies, references=references),
        "rouge": Rouge().compute(predictions=replies, references=references),
        "generations": len(replies),
    }


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


def _headline(evaluation: dict[str, Any]) -> dict[str, Any]:
    names = ("loss", "perplexity", "bits_per_byte", "tokens", "unigram_perplexity", "validation_loss")
    rouge = evaluation["rouge"].get("rougeL")
    return {name: evaluation[name] for name in names} | {"bleu": evaluation["bleu"]["score"], "rougeL": rouge}
