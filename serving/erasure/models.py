"""Models that learned from what was erased: flagged in the registry and on their cards, with how many rows."""

from pathlib import Path
from typing import Any

from eval.registry import flag
from pipeline.contract.artifact import ArtifactStore
from pipeline.contract.run import Run

HEAD = "## Erased rows\n"
STILL = "The weights still hold what they learned of them; train anew to be without."
TAG = "erased_rows"


def flag_models(store: ArtifactStore, runs: list[Run], learned: dict[str, int], at: str) -> list[dict[str, Any]]:
    """Flags what came of trainings, fingerprint to rows that they learned from and that are erased now.

    Yields one entry a training: {training, rows, versions}. The weights still know what they learned: a card says so.
    """
    addresses = sorted({run.profile.tracking.address(run.root) for run in runs})
    found = []
    for training, rows in sorted(learned.items()):
        versions = [line for uri in addresses for line in flag(uri, "train", training, TAG, rows)]
        for artifact in store.all():
            stage, inputs = artifact.path.parent.name, artifact.manifest["inputs"]
            if stage == "promote" and inputs.get("train") == training:
                with store.rewriting(artifact) as (copy, _):
                    _note(copy / "model" / "README.md", rows, at)
        found.append({"training": training, "rows": rows, "versions": versions})
    return found


def _note(card: Path, rows: int, at: str) -> None:
    text = card.read_text(encoding="utf-8")
    line = f"- {at[:10]}: {rows:,} of the rows that it learned from were erased at a person's request.\n"
    if HEAD not in text:
        text = f"{text.rstrip()}\n\n{HEAD}\n{STILL}\n\n"
    card.unlink()  # a link to the artifact's own file
    card.write_text(text + line, encoding="utf-8")
