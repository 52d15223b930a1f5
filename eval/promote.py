"""The stage promote: challenger against champion, and the model folder to hand out."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from configs.promote import Promote
from eval import registry
from eval.gate import compare
from eval.model_card import lineage, write_model_card
from eval.model_folder import assemble
from eval.registry import ModelRecord
from pipeline.contract.artifact import Artifact
from pipeline.contract.atomic_write import write_text
from pipeline.contract.execute import StageContext
from pipeline.contract.lock import hold
from pipeline.contract.progress import say

Decision = Literal["promoted", "kept_champion", "rejected", "already_champion"]
Losses = dict[str, tuple[float, int, int]]
"""row_id to (summed loss in nats, tokens, bytes)."""


@dataclass(frozen=True)
class Verdict:
    """reason: a sentence with the figures."""

    decision: Decision
    reason: str


def promote(context: StageContext) -> None:
    """Writes promotion.json and model/, and registers the model unless it is the champion already.

    A version carries the fingerprint of this artifact: a second attempt after a crash finds what the
    first registered, and repeats its decision instead of comparing the model with itself.
    Raises UserError when the registry does not answer or the champion's files are gone.
    """
    config: Promote = context.config("promote")
    uri = context.config("tracking").address(context.run.root)
    folder = context.out / "model"
    assemble(folder, context.inputs["train"], context.inputs["tokenise"])
    with _one_at_a_time(context.run.root):
        own = registry.registered(uri, config.model_name, "promote", context.run.fingerprint("promote"))
        before = registry.champion(uri, config.model_name)
        verdict = _recorded(own) if own else decide(context, before)
        made = lineage(context.run.store, list(context.inputs.values()))
        write_model_card(folder / "README.md", made, config.model_name, vars(verdict))
        if own is None and verdict.decision != "already_champion":
            own = _register(context, uri, verdict, before)
        if own is not None and verdict.decision == "promoted" and _may_reign(own, before):
            registry.set_champion(uri, config.model_name, own.version)
        champion = registry.champion(uri, config.model_name)
        challenger = registry.challenger(uri, config.model_name)
    promotion = {
        **vars(verdict),
        "name": config.model_name,
        "version": own.version if own else champion and champion.version,
        "champion": champion and champion.version,
        "challenger": challenger and challenger.version,
    }
    write_text(context.out / "promotion.json", json.dumps(promotion, indent=1, ensure_ascii=False))
    rows = context.inputs["evaluate"].ledger.rows_out
    context.ledger.rows_in = context.ledger.rows_out = rows
    context.metrics.update(promotion)
    say(f"promote: {verdict.decision.replace('_', ' ')}: {verdict.reason}")


def decide(context: StageContext, champion: ModelRecord | None) -> Verdict:
    """The gate: a first model against the unigram baseline, any other against the champion."""
    config: Promote = context.config("promote")
    evaluation = context.inputs["evaluate"].json("evaluation.json")
    if champion is None:
        return _judge_first(config, evaluation)
    if champion.tags.get("train") == context.inputs["train"].manifest["fingerprint"]:
        reason = f"Version {champion.version} is this very model: the same data and settings gave the same artifact."
        return Verdict("already_champion", reason)
    return _judge_against(context, config, evaluation, champion)


def _judge_first(config: Promote, evaluation: dict[str, Any]) -> Verdict:
    perplexity, unigram = evaluation["perplexity"], evaluation["unigram_perplexity"]
    limit = config.max_perplexity_over_unigram * unigram
    figures = f"its perplexity {perplexity:.2f} is {{}} the limit {limit:.2f} (unigram baseline {unigram:.2f})"
    if perplexity < limit:
        return Verdict("promoted", f"First model: {figures.format('below')}.")
    return Verdict("rejected", f"First model: {figures.format('not below')}.")


def _judge_against(
    context: StageContext, config: Promote, evaluation: dict[str, Any], champion: ModelRecord
) -> Verdict:
    from eval.rescore import ForeignMarkersError

    try:
        theirs, unit, note = _champion_losses(context, champion)
    except ForeignMarkersError as error:
        reason = (
            f"Version {champion.version} marks turns otherwise (it lacks {error}), so losses cannot be compared; "
            "set promote.model_name to another name to start a new line of models."
        )
        return Verdict("kept_champion", reason)
    ours: Losses = {row_id: (loss, tokens, size) for row_id, loss, tokens, size in evaluation["conversations"]}
    both = sorted(ours.keys() & theirs.keys())
    weight = 1 if unit == "token" else 2
    comparison = compare(
        np.array([theirs[row_id][0] for row_id in both]),
        np.array([ours[row_id][0] for row_id in both]),
        np.array([ours[row_id][weight] for row_id in both]),
        config.confidence,
        unit,
    )
    figures = comparison.words() + note
    if not comparison.significant:
        return Verdict("kept_champion", f"Not better by more than chance: {figures}.")
    if comparison.improvement < config.min_improvement:
        least = f"{config.min_improvement:.2%}"
        return Verdict("kept_champion", f"Better, but by less than promote.min_improvement ({least}): {figures}.")
    return Verdict("promoted", f"Better than version {champion.version}: {figures}.")


def _champion_losses(context: StageContext, champion: ModelRecord) -> tuple[Losses, str, str]:
    """(losses of the champion on this run's test set, the unit they compare by, a note for the reason).

    Its own evaluation serves when it was made on the same packed sequences. Otherwise its model is
    scored again, here; torch loads only then.
    """
    tokenise = context.inputs["tokenise"]
    stored = context.run.store.find("evaluate", champion.tags.get("evaluate", ""))
    if stored is not None and champion.tags.get("tokenise") == tokenise.manifest["fingerprint"]:
        rows = stored.json("evaluation.json")["conversations"]
        return {row_id: (loss, tokens, size) for row_id, loss, tokens, size in rows}, "token", ""
    from eval.rescore import rescore

    say(f"promote: version {champion.version} was tested on other conversations; it is scored again on these")
    rescored, same_tokens = rescore(champion.folder, tokenise)
    losses = {row_id: (c.loss, c.tokens, c.bytes) for row_id, c in rescored.items()}
    note = "; the champion was scored again on this run's test set"
    return losses, "token" if same_tokens else "byte", note


def _register(context: StageContext, uri: str, verdict: Verdict, champion: ModelRecord | None) -> ModelRecord:
    config: Promote = context.config("promote")
    inputs, print_ = context.inputs, context.run.fingerprint("promote")
    tracking = context.config("tracking")
    mlflow_run = registry.log_run(
        uri,
        tracking.experiment,
        None if tracking.uri else context.run.root / "mlartifacts",
        f"promote {context.run.id}",
        _params(inputs["train"], inputs["tokenise"]),
        {k: float(v) for k, v in inputs["evaluate"].metrics.items() if isinstance(v, int | float)},
    )
    tags = {name: artifact.manifest["fingerprint"] for name, artifact in inputs.items()}  # to be compared with later
    tags |= {"promote": print_, "run": context.run.id, **vars(verdict)}
    if champion is not None:
        tags[registry.PREVIOUS] = str(champion.version)
    committed = context.run.store.root / "promote" / print_ / "model"
    return registry.register(uri, config.model_name, context.out / "model", committed, mlflow_run, tags)


def _recorded(own: ModelRecord) -> Verdict:
    """The decision of an attempt that registered its model and died before it committed."""
    return Verdict(own.tags["decision"], own.tags["reason"])  # type: ignore[arg-type]


def _may_reign(own: ModelRecord, champion: ModelRecord | None) -> bool:
    """A repeated attempt must not push aside a champion that came after it, nor undo a rollback."""
    return "rolled_back" not in own.tags and (champion is None or champion.version < own.version)


def _params(*artifacts: Artifact) -> dict[str, str]:
    """What decided the model, as dotted keys."""

    def flatten(key: str, value: Any) -> Iterator[tuple[str, str]]:
        if isinstance(value, dict):
            for name, inner in value.items():
                yield from flatten(f"{key}.{name}" if key else name, inner)
        else:
            yield key, str(value)

    return {key: value for artifact in artifacts for key, value in flatten("", artifact.manifest["config"])}


@contextmanager
def _one_at_a_time(root: Path) -> Iterator[None]:
    """Two runs that end together would both beat the same champion; the second waits and meets the new one."""
    with (root / ".promote.lock").open("a+", encoding="utf-8") as lock:
        hold(lock, "promote: the registry is in use by")
        yield
