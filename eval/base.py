"""The stage base: the pretrained weights that training begins from, measured as the trained model will be.

It reads what the base is measured on and nothing of the training, so that the next training of the same base finds it.
"""

import json
from typing import Any

import torch

from configs.evaluate import Evaluate
from configs.model import Model
from eval.checkpoint import load_base, load_tokenizer
from eval.measurement import measurement
from pipeline.contract.artifact import Artifact
from pipeline.contract.atomic_write import write_text
from pipeline.contract.execute import StageContext
from pipeline.contract.metrics import METRICS
from pipeline.contract.progress import say

FILE = "base.json"


def base(context: StageContext) -> None:
    """Writes base.json: evaluation.json of the base, less what tells of the training, and `said`, [row_id, turn, reply]
    of each prompt: by the row that is in it, erasure knows whose it is.

    A model that is trained from scratch has no base; then it is null. Raises UserError when the base does not load.
    """
    tokenise, balance = context.inputs["tokenise"], context.inputs["balance"]
    config: Evaluate = context.config("evaluate")
    model: Model = context.config("model")
    found: dict[str, Any] | None = None
    if model.pretrained:
        tokenizer = load_tokenizer(tokenise.path / "tokenizer")
        torch.manual_seed(context.config("seed"))  # rows of tokens that the base lacks are drawn
        weights = load_base(model.pretrained, len(tokenizer))
        say(f"base: {weights.num_parameters():,} parameters of {model.pretrained} on {weights.device}")
        measured = measurement(weights, tokenizer, tokenise, balance, config, context.config("seed"))
        found = measured.evaluation(metric for metric in METRICS if not metric.of_run)
        answered = zip(measured.prompts, measured.outcome.replies, strict=True)
        found["said"] = [[*prompt.key, reply] for prompt, reply in answered]
        context.ledger.rows_in = context.ledger.rows_out = len(found["conversations"])
    write_text(context.out / FILE, json.dumps(found, ensure_ascii=False))


def measured_base(artifact: Artifact) -> tuple[dict[str, Any], dict[tuple[str, int], str]]:
    """(the base's evaluation, key of a prompt to its reply); both empty when there is no base."""
    found: dict[str, Any] = artifact.json(FILE) or {}
    return found, {(row_id, turn): reply for row_id, turn, reply in found.pop("said", [])}
