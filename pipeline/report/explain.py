"""One row's whole story: from file and line to what became of it."""

import json
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as np
import pyarrow.compute as pc

from configs.errors import UserError
from pipeline.contract.artifact import Artifact
from pipeline.contract.run import Run
from pipeline.contract.stages import STAGES
from pipeline.report.dropped_examples import TEXT_OF, texts_of

QUIET = {"row_id", "messages", "metadata", "origin", "source", "conversation_id", "user_id", "vector"}


def explain(run: Run, row: str) -> list[str]:
    """Lines that tell what each stage of the run did with the row, in order.

    row: a row_id, or the start of one that is unique. Raises UserError when the run has no such row.
    """
    row = _whole(run, row)
    lines: list[str] = [f"row {row}"]
    told: dict[str, Any] = {}
    for name in STAGES:
        artifact = run.find(name)
        if artifact is not None:
            lines += [f"  {name}: {text}" for text in _at_stage(name, artifact, row, told)]
    packed, trained = run.find("tokenise"), run.find("train")
    if packed and trained and any(packed.parquet("packed/train").glob("*.parquet")):
        lines += [f"  train: {text}" for text in _trained(packed, trained, row)]
    return lines


def examples(run: Run, rule: str, count: int) -> list[dict[str, Any]]:
    """Up to `count` rows that the rule dropped in this run, in order of row_id, each with its stage and its messages.

    The messages are as the stage before had them, shortened, with personal data masked; what acquire put in
    quarantine has none. Raises UserError naming the rules that there are.
    """
    found: list[dict[str, Any]] = []
    rules: set[str] = set()
    for name in STAGES:
        artifact = run.find(name)
        if artifact is None:
            continue
        rules |= artifact.ledger.dropped.keys()
        if rule in artifact.ledger.dropped:
            rows = artifact.read("dropped").to_table(filter=pc.field("rule") == rule).sort_by("row_id")
            first = rows.slice(0, count).to_pylist()
            texts = texts_of(run.find(TEXT_OF[name]) if name in TEXT_OF else None, [row["row_id"] for row in first])
            found += [{"stage": name, **row, "messages": texts.get(row["row_id"])} for row in first]
    if not found:
        raise UserError(f"rule {rule!r} dropped nothing in run {run.id}; rules that did: {', '.join(sorted(rules))}")
    return found[:count]


def _whole(run: Run, row: str) -> str:
    acquired = run.artifact("acquire")
    candidates: set[str] = set()
    for name in ("data", "dropped"):
        candidates |= _ids(acquired, name, row)
    balanced = run.find("balance")
    if balanced is not None:
        candidates |= _ids(balanced, "data", row)
    if not candidates:
        raise UserError(f"row {row}: run {run.id} has no such row; row ids are in the report and in dropped/")
    if len(candidates) > 1 and row not in candidates:
        raise UserError(f"row {row}: {len(candidates)} rows begin so, for example {min(candidates)}; give more digits")
    return row if row in candidates else candidates.pop()


def _ids(artifact: Artifact, name: str, start: str) -> set[str]:
    if not any((artifact.path / name).glob("*.parquet")):
        return set()
    table = artifact.read(name).to_table(columns=["row_id"], filter=pc.starts_with(pc.field("row_id"), start))
    return set(table["row_id"].to_pylist())


def _at_stage(name: str, artifact: Artifact, row: str, told: dict[str, Any]) -> Iterator[str]:
    """What one stage did. told: the facts that earlier stages have told, which are not repeated."""
    if name == "tokenise":
        yield from _packed(artifact, row)
    for folder in ("dropped", "data"):
        if not any((artifact.path / folder).glob("*.parquet")):
            continue
        for found in artifact.read(folder).to_table(filter=pc.field("row_id") == row).to_pylist():
            if folder == "dropped":
                yield f"dropped by rule {found['rule']}, evidence {found['evidence']}"
                continue
            facts = {k: v for k, v in found.items() if k not in QUIET and v not in (None, [], "") and told.get(k) != v}
            told |= facts
            words = "kept" if name not in ("acquire", "embed") else _arrival(name, found)
            yield words + (f" {json.dumps(facts, ensure_ascii=False, default=str)}" if facts else "")


def _arrival(name: str, found: dict[str, Any]) -> str:
    if name == "acquire":
        origin = found["origin"]
        turns = len(found["messages"])
        return f"read from source {found['source']}, {origin['file']}, record {origin['ordinal']:,}, {turns} turns"
    return f"embedded turns {found['first_turn']} to {found['last_turn']}"


def _packed(artifact: Artifact, row: str) -> Iterator[str]:
    for split in sorted(p.name for p in artifact.parquet("packed").iterdir()):
        places, sequences = _places(artifact, split, row)
        if places:
            yield f"packed into {split} sequence{'s' * (len(places) > 1)} {_some(places)} of {sequences:,}"


def _trained(packed: Artifact, trained: Artifact, row: str) -> Iterator[str]:
    """The steps whose batches held the row: the order of training follows from seed and step."""
    global_batch = import_module("training.order").global_batch
    places, sequences = _places(packed, "train", row)
    config = trained.manifest["config"]
    size = config["train"]["batch_tokens"] // packed.manifest["config"]["tokenise"]["sequence_length"]
    steps = range(1, trained.metrics["steps"] + 1)
    held = [s for s in steps if places and np.isin(global_batch(s, size, sequences, config["seed"]), places).any()]
    if held:
        epochs = sorted({(s - 1) * size // sequences + 1 for s in held})
        word = f"epoch{'s' * (len(epochs) > 1)} {_some(epochs)}"
        yield f"learned from in {word}, step{'s' * (len(held) > 1)} {_some(held)} of {len(steps):,}"
    elif places:
        yield f"not reached: {len(steps):,} steps of {size} sequences ended before its turn"


def _places(artifact: Artifact, split: str, row: str) -> tuple[list[int], int]:
    """Numbers of the split's sequences that hold the row, and how many sequences there are."""
    rows = artifact.read(f"packed/{split}").to_table(columns=["row_ids"])["row_ids"].combine_chunks()
    parents = pc.list_parent_indices(rows)
    held = pc.filter(parents, pc.equal(pc.list_flatten(rows), row))
    return sorted(set(held.to_pylist())), len(rows)


def _some(numbers: list[int]) -> str:
    """The first few numbers."""
    return ", ".join(f"{n:,}" for n in numbers[:8]) + (", …" if len(numbers) > 8 else "")
