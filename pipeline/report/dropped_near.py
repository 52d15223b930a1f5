"""Rows that were dropped near others: those whose evidence names one, and those of balance whose vectors are near."""

import json
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow.compute as pc

from pipeline.contract.artifact import Artifact
from pipeline.contract.run import Run
from pipeline.contract.stages import STAGES, text_before
from pipeline.index.store import Where
from pipeline.report.dropped_examples import MOST_ROWS, texts_of

MOST_VECTORS = 100_000
"""Vectors of dropped rows that are held for a search: 150 MB of 384 dimensions."""

BY_VECTOR = "balance"
"""The stage that drops rows which have vectors."""


class DroppedNear:
    """The rows that a run dropped. What it has read once it keeps."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def notes(self) -> list[str]:
        """What is not looked at."""
        large = [name for name, artifact in self._stages() if sum(artifact.ledger.dropped.values()) > MOST_ROWS]
        found = [f"{name} dropped more than {MOST_ROWS:,} rows, which are not searched" for name in large]
        if self._balance and sum(self._balance.ledger.dropped.values()) > MOST_VECTORS:
            found.append(f"balance dropped more than {MOST_VECTORS:,} rows, which are found by their evidence alone")
        return found

    def naming(self, rows: list[str], limit: int) -> list[dict[str, Any]]:
        """Dropped rows whose evidence names one of the rows, as duplicates name what they repeat: {row_id, source,
        stage, rule, evidence, near: the row that is named, score: None, messages or None}."""
        found = []
        for name, artifact in self._stages():
            if rows and sum(artifact.ledger.dropped.values()) <= MOST_ROWS:
                names = pc.match_substring_regex(pc.field("evidence"), "|".join(rows))
                table = artifact.read("dropped").to_table(["row_id", "source", "rule", "evidence"], filter=names)
                for row in table.sort_by("row_id").slice(0, limit).to_pylist():
                    near = next(row_id for row_id in rows if row_id in row["evidence"])
                    found.append(row | {"stage": name, "near": near, "score": None})
        order = {row_id: place for place, row_id in enumerate(rows)}
        return self._with_texts(sorted(found, key=lambda row: order[row["near"]])[:limit])

    def by_vector(
        self, vectors_QD: np.ndarray, limit: int, where: Where | None = None, least: float | None = None
    ) -> list[dict[str, Any]]:
        """The same of rows that balance dropped, the nearest to any of the vectors first; score is the cosine."""
        ids, vectors_ND = self._vectors
        if not len(ids) or not len(vectors_QD):
            return []
        score_N = (vectors_ND @ vectors_QD.T).max(axis=1)
        best: dict[str, float] = {}
        for n in np.argsort(-score_N).tolist():
            if least is not None and score_N[n] < least:
                break
            best.setdefault(ids[n], float(score_N[n]))
        passing = self._passing(list(best), where) if where else best
        nearest = [row_id for row_id in best if row_id in passing][:limit]
        rows = {row["row_id"]: row for row in self._rows.to_pylist() if row["row_id"] in nearest}
        return self._with_texts(
            [rows[i] | {"stage": BY_VECTOR, "near": None, "score": best[i]} for i in nearest if i in rows]
        )

    @cached_property
    def _balance(self) -> Artifact | None:
        found = self._run.find(BY_VECTOR)
        return found if found and any(found.parquet("dropped").glob("*.parquet")) else None

    @cached_property
    def _rows(self) -> Any:
        assert self._balance
        return self._balance.read("dropped").to_table(["row_id", "source", "rule", "evidence"])

    @cached_property
    def _vectors(self) -> tuple[list[str], np.ndarray]:
        """row_id and vector of every segment of the rows that balance dropped; none where there are too many."""
        embed = self._run.find("embed")
        if not self._balance or not embed or sum(self._balance.ledger.dropped.values()) > MOST_VECTORS:
            return [], np.empty((0, 0), np.float32)
        dropped = self._rows["row_id"].combine_chunks()
        table = embed.read().to_table(["row_id", "vector"], filter=pc.field("row_id").isin(dropped))
        vectors = table["vector"].combine_chunks()
        vectors_ND = vectors.flatten().to_numpy(zero_copy_only=False).reshape(-1, vectors.type.list_size)
        return table["row_id"].to_pylist(), vectors_ND

    def _passing(self, rows: list[str], where: Where) -> set[str]:
        """Those of the rows that have what is asked for."""
        passing = set(rows)
        places = {"source": ("deduplicate", "source"), "split": ("deduplicate", "split"),
                  "user": ("deduplicate", "user_id"), "topic": ("annotate", "topic")}  # fmt: skip
        for key, value in where.items():
            stage, column = places[key]
            artifact = self._run.find(stage)
            wanted = pc.field("row_id").isin(rows) & pc.field(column).isin(
                value if isinstance(value, list) else [value]
            )
            passing &= (
                set(artifact.read().to_table(["row_id"], filter=wanted)["row_id"].to_pylist()) if artifact else set()
            )
        return passing

    def _stages(self) -> Iterator[tuple[str, Artifact]]:
        for name in STAGES:
            artifact = self._run.find(name)
            if artifact and artifact.ledger.dropped and any(artifact.parquet("dropped").glob("*.parquet")):
                yield name, artifact

    def _with_texts(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for name in {row["stage"] for row in rows}:
            own = [row for row in rows if row["stage"] == name]
            before = text_before(name)
            texts = texts_of(self._run.find(before) if before else None, [row["row_id"] for row in own])
            for row in own:
                row["messages"] = texts.get(row["row_id"])
                row["evidence"] = json.loads(row["evidence"]) if row["evidence"] else None
        return rows
