"""The model card: what a reader must know before using the model, taken from the manifests."""

from collections import Counter
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.contract.artifact import Artifact, ArtifactStore
from pipeline.contract.formatting import count, duration
from pipeline.contract.leg_table import cells, widest_bound
from pipeline.contract.markdown import literal
from pipeline.contract.metrics import figures_of
from pipeline.contract.stages import STAGES

FINDINGS_SHOWN = 20
SAMPLES_SHOWN = 3


def lineage(store: ArtifactStore, leaves: list[Artifact]) -> dict[str, Artifact]:
    """Stage name to artifact, of the leaves and of everything they were made from that is still there."""
    made: dict[str, Artifact] = {}
    waiting = list(leaves)
    while waiting:
        artifact = waiting.pop()
        manifest = artifact.manifest
        if manifest["stage"] in made:
            continue
        made[manifest["stage"]] = artifact
        parents = (store.find(name, print_) for name, print_ in manifest["inputs"].items())
        waiting += [parent for parent in parents if parent is not None]
    return made


def write_model_card(path: Path, made: dict[str, Artifact], name: str, verdict: dict[str, Any]) -> None:
    """README.md with YAML front matter, as the Hugging Face hub reads it. verdict: {decision, reason, legs}."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"count": count, "duration": duration}
    environment.filters["literal"] = literal
    environment.globals["share"] = _share
    evaluation = made["evaluate"].json("evaluation.json")
    text = environment.get_template("model_card.md.j2").render(
        front_matter=_front_matter(name, made, evaluation).strip(),
        name=name,
        sources=_sources(made),
        funnel=[_funnel_row(stage, made[stage]) for stage in _of_rows() if stage in made],
        audit=_audit(made),
        review=made["review"].json("decision.json"),
        balanced=made["balance"].ledger,
        training=made["train"].json("training.json"),
        settings=made["train"].manifest["config"],
        tokenise=made["tokenise"].manifest["config"]["tokenise"],
        scores=evaluation,
        figures=card_figures(evaluation),
        base=evaluation.get("base"),
        base_figures=dict(card_figures(evaluation.get("base") or {})),
        legs=[cells(leg, widest_bound(verdict["legs"])) for leg in verdict["legs"]],
        samples=made["evaluate"].json("samples.json")[:SAMPLES_SHOWN],
        verdict=verdict,
        fingerprints={stage: artifact.manifest["fingerprint"] for stage, artifact in sorted(made.items())},
        versions=made["train"].manifest["libraries"],
    )
    path.write_text(text, encoding="utf-8")


def _front_matter(name: str, made: dict[str, Artifact], evaluation: dict[str, Any]) -> str:
    languages = made["clean"].manifest["config"]["clean.rules"]["languages"] if "clean" in made else []
    metrics = [
        {"type": metric.name, "value": round(value, figure.hub)}
        for metric, figure, value in figures_of(evaluation)
        if figure.hub is not None and value is not None
    ]
    result = {
        "task": {"type": "text-generation"},
        "dataset": {"name": "held-out conversations", "type": "conversations", "split": "test"},
        "metrics": metrics,
    }
    values = {
        "language": languages,
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["conversational", "parlance"],
        "model-index": [{"name": name, "results": [result]}],
    }
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def card_figures(evaluation: dict[str, Any]) -> list[tuple[str, str]]:
    """(label, value) of each figure that the card shows and the evaluation has."""
    return [
        (figure.card[0].format(**evaluation), f"{value:.{figure.card[1]}f}")
        for _, figure, value in figures_of(evaluation)
        if figure.card and value is not None
    ]


def _sources(made: dict[str, Artifact]) -> list[dict[str, Any]]:
    """Each declared source: name, where from, licence, and its human and augmented rows in the balanced corpus."""
    columns = [name for name in ("source", "augmentation") if name in made["balance"].read().schema.names]
    human: Counter[str] = Counter()
    augmented: Counter[str] = Counter()
    for batch in made["balance"].read().to_batches(columns=columns):
        names = batch.column("source").to_pylist()
        kinds = batch.column("augmentation").to_pylist() if "augmentation" in columns else [None] * len(names)
        human.update(n for n, kind in zip(names, kinds, strict=True) if kind is None)
        augmented.update(n for n, kind in zip(names, kinds, strict=True) if kind is not None)
    declared = (
        {s["name"]: s for s in made["acquire"].manifest["config"]["acquire"]["sources"]} if "acquire" in made else {}
    )
    return [
        {
            "name": name,
            "origin": _origin(declared.get(name, {})),
            "licence": declared.get(name, {}).get("licence") or "not stated",
            "human": human[name],
            "augmented": augmented[name],
        }
        for name in sorted(declared.keys() | human.keys() | augmented.keys())
    ]


def _origin(source: dict[str, Any]) -> str:
    if source.get("package"):
        return f"Python package {source['package']}"
    return f"Hugging Face hub, {source['hub']}" if source.get("hub") else "files"


def _of_rows() -> list[str]:
    """The stages that a reader follows the rows through: those of conversations, and those that drop some."""
    return [name for name, stage in STAGES.items() if stage.conversations or stage.shown.funnel]


def _funnel_row(stage: str, artifact: Artifact) -> dict[str, Any]:
    ledger = artifact.ledger
    changes = [f"{rule} −{count:,}" for rule, count in sorted(ledger.dropped.items())]
    changes += [f"{rule} +{count:,}" for rule, count in sorted(ledger.added.items())]
    return {
        "stage": stage,
        "rows_in": ledger.rows_in,
        "rows_out": ledger.rows_out,
        "changes": ", ".join(changes) or "–",
    }


def _share(value: float | None, low: float | None, high: float | None) -> str:
    """A share with its interval, in percent."""
    return "–" if value is None else f"{value:.0%} ({low:.0%} to {high:.0%})"


def _audit(made: dict[str, Artifact]) -> dict[str, Any]:
    """findings: the worst first, at most FINDINGS_SHOWN. hidden: how many more there are."""
    findings = made["audit"].json("audit.json")["findings"] if "audit" in made else []
    worst = ("critical", "warning", "info")
    findings.sort(key=lambda f: worst.index(f["severity"]) if f["severity"] in worst else len(worst))
    return {"findings": findings[:FINDINGS_SHOWN], "hidden": max(0, len(findings) - FINDINGS_SHOWN)}
