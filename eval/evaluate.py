"""The stage evaluate: a trained model to its scores on the held-out test split, beside those of its base."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from configs.evaluate import Evaluate
from eval import harness
from eval.base import measured_base
from eval.checkpoint import load_model, load_tokenizer
from eval.measurement import measurement
from eval.packed import learned_token_counts, read_packed, sequence_count
from eval.prompts import Prompt
from pipeline.contract.artifact import Artifact
from pipeline.contract.atomic_write import write_text
from pipeline.contract.execute import StageContext
from pipeline.contract.formatting import count, number
from pipeline.contract.metrics import METRICS, figures_of
from pipeline.contract.progress import Progress, say

COUNTED_SEQUENCES = 1024
"""Packed sequences held at once while counting tokens."""


def evaluate(context: StageContext) -> None:
    """Writes evaluation.json and samples.json (docs/artifacts.md).

    Raises UserError when the test split holds nothing to learn.
    """
    train, tokenise, balance = (context.inputs[name] for name in ("train", "tokenise", "balance"))
    config: Evaluate = context.config("evaluate")
    model = load_model(train.path / "model")
    tokenizer = load_tokenizer(tokenise.path / "tokenizer")
    say(f"evaluate: {model.num_parameters():,} parameters on {model.device}, {torch.get_num_threads()} CPU threads")

    found = measurement(model, tokenizer, tokenise, balance, config, context.config("seed"))
    train_counts, test_counts = (_token_counts(tokenise, split, len(tokenizer)) for split in ("train", "test"))
    run = replace(
        found.outcome,
        train_counts=train_counts,
        test_counts=test_counts,
        training=train.json("training.json"),
        tasks=harness.run_tasks(train.path / "model", tokenise.path / "tokenizer", config),
    )
    evaluation = replace(found, outcome=run).evaluation(METRICS)
    base, base_replies = measured_base(context.inputs["base"])
    if base:
        evaluation["base"] = base
    write_text(context.out / "evaluation.json", json.dumps(evaluation, ensure_ascii=False))
    samples = _samples(found.prompts[: config.samples], run.replies, base_replies)
    write_text(context.out / "samples.json", json.dumps(samples, indent=1, ensure_ascii=False))
    context.ledger.rows_in = context.ledger.rows_out = len(evaluation["conversations"])
    headline = headline_of(evaluation)
    context.metrics.update(headline | {f"base_{name}": value for name, value in headline_of(base).items()})
    say(f"evaluate: {in_words(headline)}")


def headline_of(evaluation: dict[str, Any]) -> dict[str, Any]:
    """The figures that are logged, by name."""
    return {figure.name: value for _, figure, value in figures_of(evaluation) if figure.name}


def in_words(headline: dict[str, Any]) -> str:
    """The figures in a line."""
    return ", ".join(f"{name.replace('_', ' ')} {told(value)}" for name, value in headline.items())


def told(value: Any) -> str:
    """A count as it is, any other number to three decimals."""
    return count(value) if isinstance(value, int) else number(value)


def _token_counts(tokenise: Artifact, split: str, vocabulary: int) -> np.ndarray:
    with Progress(f"evaluate: tokens of {split}", sequence_count(tokenise, split), "sequences") as progress:
        return learned_token_counts(read_packed(tokenise, split, COUNTED_SEQUENCES), vocabulary, progress)


def _samples(prompts: list[Prompt], replies: list[str], base: dict[tuple[str, int], str]) -> list[dict[str, Any]]:
    """base: key of a prompt to what the base said."""
    return [
        {"prompt": p.messages, "reference": p.reference, "reply": r, "row_id": p.row_id}
        | ({"base": base[p.key]} if p.key in base else {})
        for p, r in zip(prompts, replies, strict=False)
    ]
