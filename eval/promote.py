"""The stage promote: challenger against champion, and the model folder to hand out."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from configs.promote import Promote
from eval import registry
from eval.gate import Leg, judge
from eval.legs import Evaluation, pairs_of
from eval.model_card import lineage, write_model_card
from eval.model_folder import assemble
from eval.prompts import attributes_of
from eval.registry import ModelRecord
from pipeline.contract.artifact import Artifact
from pipeline.contract.atomic_write import write_text
from pipeline.contract.champion import note_champion
from pipeline.contract.execute import StageContext
from pipeline.contract.leg_table import table
from pipeline.contract.lock import hold
from pipeline.contract.progress import say

Decision = Literal["promoted", "kept_champion", "rejected", "already_champion"]


@dataclass(frozen=True)
class Verdict:
    """reason: sentences with the figures. legs: the comparisons with the rival, the champion or the base, if any."""

    decision: Decision
    reason: str
    legs: tuple[Leg, ...] = ()


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
        verdict = _recorded(context, uri, own) if own else decide(context, before)
        made = lineage(context.run.store, list(context.inputs.values()))
        write_model_card(folder / "README.md", made, config.model_name, asdict(verdict))
        if own is None and verdict.decision != "already_champion":
            own = _register(context, uri, verdict, before)
        if own is not None and verdict.decision == "promoted" and _may_reign(own, before):
            registry.set_champion(uri, config.model_name, own.version)
        champion = registry.champion(uri, config.model_name)
        challenger = registry.challenger(uri, config.model_name)
        if champion is not None:
            note_champion(context.run.root, config.model_name, champion.version, champion.tags)
    promotion = {
        "decision": verdict.decision,
        "reason": verdict.reason,
        "name": config.model_name,
        "version": own.version if own else champion and champion.version,
        "champion": champion and champion.version,
        "challenger": challenger and challenger.version,
    }
    legs = [asdict(leg) for leg in verdict.legs]
    write_text(context.out / "promotion.json", json.dumps(promotion | {"legs": legs}, indent=1, ensure_ascii=False))
    rows = context.inputs["evaluate"].ledger.rows_out
    context.ledger.rows_in = context.ledger.rows_out = rows
    context.metrics.update(promotion)
    for line in table(legs):
        say(f"promote: {line}")
    say(f"promote: {verdict.decision.replace('_', ' ')}: {verdict.reason}")


def decide(context: StageContext, champion: ModelRecord | None) -> Verdict:
    """The gate: any model against the champion; a first one against its base, or against the unigram baseline."""
    config: Promote = context.config("promote")
    evaluation = context.inputs["evaluate"].json("evaluation.json")
    if champion is None:
        return _judge_first(context, config, evaluation)
    if champion.tags.get("train") == context.inputs["train"].manifest["fingerprint"]:
        reason = f"Version {champion.version} is this very model: the same data and settings gave the same artifact."
        return Verdict("already_champion", reason)
    from eval.rescore import ForeignMarkersError

    try:
        theirs, note = _champion_evaluation(context, champion)
    except ForeignMarkersError as error:
        reason = (
            f"Version {champion.version} marks turns otherwise (it lacks {error}), so losses cannot be compared; "
            "set promote.model_name to another name to start a new line of models."
        )
        return Verdict("kept_champion", reason)
    pairs = pairs_of(theirs, evaluation, attributes_of(context.inputs["balance"], "test"), config.min_items)
    outcome = judge(pairs, config, f"version {champion.version}")
    decision: Decision = "promoted" if outcome.passed else "kept_champion"
    return Verdict(decision, outcome.reason + note, tuple(outcome.legs))


def _judge_first(context: StageContext, config: Promote, evaluation: Evaluation) -> Verdict:
    """Its replies must not be broken; besides, it must have gained on its base and lost nothing, or, without a base,
    be less perplexed than token frequencies alone."""
    legs: tuple[Leg, ...] = ()
    if base := evaluation.get("base"):
        pairs = pairs_of(base, evaluation, attributes_of(context.inputs["balance"], "test"), config.min_items)
        outcome = judge(pairs, config, "its base", against_base=True)
        passed, reason, legs = outcome.passed, outcome.reason, tuple(outcome.legs)
    else:
        perplexity, unigram = evaluation["perplexity"], evaluation["unigram_perplexity"]
        limit = config.max_perplexity_over_unigram * unigram
        passed = perplexity < limit
        word = "below" if passed else "not below"
        reason = f"Its perplexity {perplexity:.2f} is {word} the limit {limit:.2f} (unigram baseline {unigram:.2f})."
    replies = evaluation["replies"]
    broken = (replies["empty_share"] or 0) + (replies["looping_share"] or 0)
    if broken > config.max_broken_replies:
        passed = False
        most = f"{config.max_broken_replies:.0%}"
        reason = f"{broken:.0%} of its replies are empty or repeat themselves, above {most}. {reason}"
    return Verdict("promoted" if passed else "rejected", f"First model. {reason}", legs)


def _champion_evaluation(context: StageContext, champion: ModelRecord) -> tuple[Evaluation, str]:
    """(the champion's evaluation, as far as it can be compared with this run's, and a note for the reason).

    Its losses are those of its own evaluation when that was made on the same packed sequences. Otherwise its model is
    scored again, here; torch loads only then. Its replies and probes are what it said then, to the prompts and
    questions that both have met.
    """
    stored = context.run.store.find("evaluate", champion.tags.get("evaluate", ""))
    found: Evaluation = dict(stored.json("evaluation.json")) if stored is not None else {}
    found["missing"] = _missing(context.inputs["evaluate"], stored, champion.version)
    if stored is not None and champion.tags.get("tokenise") == context.inputs["tokenise"].manifest["fingerprint"]:
        return found, ""
    from eval.rescore import rescore

    say(f"promote: version {champion.version} was tested on other conversations; it is scored again on these")
    rescored, same_tokens = rescore(champion.folder, context.inputs["tokenise"])
    found["conversations"] = [[row_id, c.loss, c.tokens, c.bytes] for row_id, c in rescored.items()]
    tokens = "" if same_tokens else ", in the tokens of its own tokenizer"
    return found, f" The champion was scored again on this run's test set{tokens}."


def _missing(ours: Artifact, theirs: Artifact | None, version: int) -> dict[str, str]:
    """Part of the champion's evaluation to why it cannot be compared with this run's."""
    if theirs is None:
        why = f"the evaluation of version {version} is gone"
        return {"replies": why, "probes": why}
    if theirs.manifest["version"] != ours.manifest["version"]:
        why = f"version {version} was measured by an earlier evaluate"
        return {"replies": why, "probes": why}
    before, now = (artifact.manifest["config"]["evaluate"] for artifact in (theirs, ours))
    for key in ("max_new_tokens", "max_prompt_tokens", "repetition_penalty"):
        if before.get(key) != now.get(key):
            return {"replies": f"evaluate.{key} was {before.get(key)} for version {version} and is {now.get(key)}"}
    return {}


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
    tags |= {"promote": print_, "run": context.run.id, "decision": verdict.decision, "reason": verdict.reason}
    if champion is not None:
        tags[registry.PREVIOUS] = str(champion.version)
    committed = context.run.store.root / "promote" / print_ / "model"
    return registry.register(uri, config.model_name, context.out / "model", committed, mlflow_run, tags)


def _recorded(context: StageContext, uri: str, own: ModelRecord) -> Verdict:
    """The decision of an attempt that registered its model and died before it committed; its legs are compared again,
    with the champion of then."""
    before = own.tags.get(registry.PREVIOUS)
    again = decide(context, registry.numbered(uri, own.name, int(before)) if before else None)
    return Verdict(own.tags["decision"], own.tags["reason"], again.legs)  # type: ignore[arg-type]


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
