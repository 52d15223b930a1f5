"""What a stage left, as text that is the same on every machine, and numbers that are nearly so.

Rows are compared, not bytes of Parquet. Numbers with a point may differ in their last bits between processors:
those of a part are folded into one figure, and all else is compared exactly.

Known limitation: what follows from the last bits of trained weights (replies, BLEU and ROUGE of them) is left out.
"""

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from math import copysign, log1p
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from pipeline.contract.artifact import Artifact
from pipeline.contract.fingerprint import canonical_json
from pipeline.index.qdrant_edge import EdgeStore

NEAR = 1e-3
"""Between figures: a share of 0.1% of one large number, or 0.001 of one small number."""

GOLDEN_RATIO = (1 + 5**0.5) / 2

ONLY_NAMED = (".svg", ".safetensors", ".jsonl", ".md")
"""Files that differ between machines: drawn letters, weights, the log of training with its speeds, the model card."""

MEASURED = {"shuffle_bytes_a_row", "seconds", "tokens_per_second", "mlflow_run_id", "validation_replies", "at"}
OF_REPLIES = {
    *("reply", "greetings", "bleu", "rouge", "rougeL", "reason"),
    *("validation_bleu", "validation_rouge_l", "validation_samples"),
}
LEFT_OUT = MEASURED | OF_REPLIES
"""Keys that differ between runs or machines; promotion's reason is a sentence with an unrounded perplexity."""


@dataclass(frozen=True)
class Part:
    """A folder or file of an artifact, its ledger or its metrics."""

    sha256: str
    figure: float

    def is_like(self, other: "Part | None") -> bool:
        return other is not None and self.sha256 == other.sha256 and abs(self.figure - other.figure) <= NEAR


@dataclass(frozen=True)
class Output:
    """What a stage left, and what it was made by."""

    version: str
    fingerprint: str
    parts: dict[str, Part]

    def differs_in(self, other: "Output") -> list[str]:
        """Names of the parts that are not alike."""
        names = sorted(self.parts.keys() | other.parts.keys())
        return [n for n in names if n not in self.parts or not self.parts[n].is_like(other.parts.get(n))]


def output_of(artifact: Artifact) -> Output:
    """The output of a stage."""
    manifest = artifact.manifest
    contents: dict[str, Any] = {"ledger": asdict(artifact.ledger), "metrics": artifact.metrics}
    for entry in manifest["files"]:
        folder, _, rest = entry["path"].partition("/")
        if folder != "store":
            contents.setdefault(folder, {})[rest] = _content(artifact.path / entry["path"])
    if manifest["stage"] == "index":
        contents["store"] = _points(artifact.path / "store", artifact.json("index.json")["dimensions"])
    return Output(
        manifest["version"], manifest["fingerprint"], {name: part_of(value) for name, value in contents.items()}
    )


def part_of(value: Any) -> Part:
    numbers: list[float] = []
    text = canonical_json(_without_numbers(value, numbers))
    return Part(sha256(text.encode()).hexdigest(), round(_folded(numbers), 6))


def _folded(numbers: list[float]) -> float:
    """One figure that moves when a number does, and when two change places: no two places weigh the same."""
    shrunk = (copysign(log1p(abs(number)), number) for number in numbers)
    return sum(number * (1 + place * GOLDEN_RATIO % 1) for place, number in enumerate(shrunk))


def _without_numbers(value: Any, numbers: list[float]) -> Any:
    """The value with a mark where a number with a point stood; the numbers are appended in their order."""
    if isinstance(value, float):
        numbers.append(value)
        return "a number"
    if isinstance(value, dict):
        return {key: _without_numbers(value[key], numbers) for key in sorted(value.keys() - LEFT_OUT)}
    if isinstance(value, list | tuple):
        return [_without_numbers(one, numbers) for one in value]
    if isinstance(value, bytes):  # a digest of vectors, which differ in their last bits from one processor to another
        return f"{len(value)} bytes"
    return value


def _content(file: Path) -> Any:
    if file.suffix in ONLY_NAMED:
        return "a file"
    if file.suffix == ".parquet":
        table = pq.read_table(file)
        return {"schema": str(table.schema.remove_metadata()), "rows": [_row(row) for row in table.to_pylist()]}
    text = file.read_text(encoding="utf-8")
    return json.loads(text) if file.suffix == ".json" else text


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "evidence": json.loads(row["evidence"])} if row.get("evidence") else row


def _points(folder: Path, dimensions: int) -> list[Any]:
    """Id and payload of every point; its vector is embed's."""
    store = EdgeStore.copy_of(folder)
    try:
        return sorted([hit.id, hit.payload] for hit in store.search(np.ones(dimensions, np.float32), store.count()))
    finally:
        store.close()
