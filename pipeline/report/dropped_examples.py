"""A few rows for every rule that dropped some: what they were, and the evidence."""

import json
from typing import Any

import pyarrow.compute as pc

from pipeline.contract.artifact import Artifact
from pipeline.contract.stages import text_before

EXAMPLES = 3
MOST_ROWS = 2_000_000  # looking up text reads the whole stage; beyond this many rows it is left out
SHOWN_TURNS = 4
SHOWN_CHARS = 280


def rules_of(made: dict[str, Artifact]) -> list[dict[str, Any]]:
    """One entry a stage and rule: {stage, rule, rows, share, examples}, in the order of stages, most rows first.

    share is of the stage's rows in. An example is {row_id, source, file, ordinal, evidence,
    messages, matched}; messages is null where the text must not or cannot be shown, and matched is
    the text of another row that the evidence names.
    """
    found = []
    for stage, artifact in made.items():
        ledger = artifact.ledger
        examples = _examples(artifact)
        texts = _texts(made.get(text_before(stage)), examples)
        for example in (e for several in examples.values() for e in several):
            example["messages"] = texts.get(example["row_id"])
            example["matched"] = next((texts[i] for i in _named_rows(example) if i in texts), None)
        for rule, rows in sorted(ledger.dropped.items(), key=lambda item: (-item[1], item[0])):
            share = rows / ledger.rows_in if ledger.rows_in else None
            found.append(
                {"stage": stage, "rule": rule, "rows": rows, "share": share, "examples": examples.get(rule, [])}
            )
    return found


def _examples(artifact: Artifact) -> dict[str, list[dict[str, Any]]]:
    """Rule to its first rows in dropped/. Stops reading as soon as every rule has enough."""
    wanted = {rule: min(EXAMPLES, rows) for rule, rows in artifact.ledger.dropped.items() if rows}
    found: dict[str, list[dict[str, Any]]] = {rule: [] for rule in wanted}
    if not wanted or not artifact.parquet("dropped").is_dir():
        return found
    for batch in artifact.read("dropped").to_batches(columns=["row_id", "source", "origin", "rule", "evidence"]):
        for rule in [r for r, enough in wanted.items() if len(found[r]) < enough]:
            rows = batch.filter(pc.equal(batch["rule"], rule)).slice(0, wanted[rule] - len(found[rule]))
            found[rule] += [_example(row) for row in rows.to_pylist()]
        if all(len(found[rule]) >= enough for rule, enough in wanted.items()):
            break
    return found


def _example(row: dict[str, Any]) -> dict[str, Any]:
    origin = row["origin"] or {}
    return {
        "row_id": row["row_id"],
        "source": row["source"],
        "file": origin.get("file"),
        "ordinal": origin.get("ordinal"),
        "evidence": _parsed(row["evidence"]),
    }


def _parsed(evidence: str | None) -> Any:
    try:
        return json.loads(evidence) if evidence else None
    except ValueError:
        return {"evidence": evidence}


def _named_rows(example: dict[str, Any]) -> list[str]:
    """Other rows that the evidence names."""
    evidence = example["evidence"]
    values = evidence.values() if isinstance(evidence, dict) else []
    return [v for v in values if isinstance(v, str) and len(v) == 32 and v != example["row_id"]]


def texts_of(artifact: Artifact | None, rows: list[str]) -> dict[str, list[dict[str, str]]]:
    """row_id to messages, shortened. Empty without an artifact, or when it is too large to look rows up in."""
    return {row_id: shortened(row["messages"]) for row_id, row in messages_of(artifact, rows).items()}


def messages_of(artifact: Artifact | None, rows: list[str], *more: str) -> dict[str, dict[str, Any]]:
    """row_id to {row_id, messages} and the columns `more`, unless the artifact is too large to look rows up in."""
    if artifact is None or not rows or artifact.ledger.rows_out > MOST_ROWS:
        return {}
    data, wanted = artifact.read(), pc.field("row_id").isin(rows)
    searched = artifact.manifest["config"].get("clean.rules.max_chars")
    if searched and "chars" in data.schema.names:  # what is longer was not searched for personal data
        wanted &= pc.field("chars") <= searched
    table = data.to_table(columns=["row_id", "messages", *more], filter=wanted)
    return {row["row_id"]: row for row in table.to_pylist()}


def _texts(artifact: Artifact | None, examples: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, str]]]:
    """row_id to messages, shortened, of the examples and the rows that they name."""
    rows = [example for several in examples.values() for example in several]
    wanted = sorted({i for example in rows for i in [example["row_id"], *_named_rows(example)]})
    return texts_of(artifact, wanted)


def shortened(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    shown = [{"role": m["role"], "content": clipped(m["content"])} for m in messages[:SHOWN_TURNS]]
    left = len(messages) - len(shown)
    return [*shown, {"role": "", "content": f"… and {left} more turns"}] if left else shown


def clipped(text: str) -> str:
    """The first SHOWN_CHARS of a text."""
    return text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS].rstrip() + " …"
