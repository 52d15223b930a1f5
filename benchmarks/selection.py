"""Semantic duplicates: precision and recall with and without verification, what cells lose, and speed. JSON lines.

    python -m benchmarks.selection [DATA]     (a folder with corpora/; default: PARLANCE_SHARED_DATA or ../shared/data)
    SHOW=60 python -m benchmarks.selection    also prints so many of the pairs that go, drawn at random, to be read

`lines`: pairs of our own (benchmarks/selection_lines.py). For each least cosine: of the pairs that say the same the
share found (`recall`, and by kind), and of those found the share that does say the same (`precision`), by the cosine
alone, as SemDeDup has it, and with what the rule verifies besides; `kept_apart`: of the others, by kind.
`cases`: of ../shared/cases/duplicates.jsonl the pairs that are no duplicates and would go, both ways.
`rows`: exchanges of the shared corpora, without the near duplicates that deduplicate drops: pairs at the cosine among
all rows (brute force), rows that go when all are compared with each other, and within cells.
`speed`: rows a second of one process, on vectors drawn at random around as many centres as there are cells.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np

from benchmarks.arguments import argument, shared_data
from benchmarks.dedup_quality import Exchange, Found, exchanges
from benchmarks.selection_lines import OTHER, REPLY, SAME
from configs.deduplicate import Deduplicate
from configs.embed import Embed, Embedding
from pipeline.rows.turns import Turn
from pipeline.selection.cells import Cells, cells_for, centroids_of
from pipeline.selection.diverse import MOST, traversal
from pipeline.selection.encoding import ConversationEncoder
from pipeline.selection.near_evaluation import nearest_of
from pipeline.selection.same_statement import Statements
from pipeline.selection.semantic_duplicates import duplicates_in
from pipeline.selection.vectors import products, quantised, similarity

COSINES = (0.8, 0.85, 0.9, 0.95)
ROWS = 6000
Encode = Callable[[list[list[Turn]]], np.ndarray]


def talk(exchange: Exchange) -> list[Turn]:
    return [("user", exchange[0]), ("assistant", exchange[1])]


def compared(encode: Encode, pairs: list[tuple[Exchange, Exchange]]) -> tuple[np.ndarray, np.ndarray]:
    """The cosine of each pair, and whether it is verified."""
    talks = [talk(exchange) for pair in pairs for exchange in pair]
    vectors_ND, said = encode(talks), Statements(talks)
    cosines = [
        float(similarity(products(vectors_ND[i : i + 1], vectors_ND[i + 1 : i + 2])[0, 0]))
        for i in range(0, len(talks), 2)
    ]
    return np.array(cosines), np.array([said.same(i, i + 1) for i in range(0, len(talks), 2)])


def of_lines(encode: Encode) -> None:
    kinds = [
        (kind, same, one, other)
        for same, of in ((True, SAME), (False, OTHER))
        for kind, p in of.items()
        for one, other in p
    ]
    cosine, verified = compared(encode, [((one, REPLY), (other, REPLY)) for _, _, one, other in kinds])
    same = np.array([same for _, same, _, _ in kinds])
    names = np.array([f"{'same' if s else 'other'}/{kind}" for kind, s, _, _ in kinds])
    for least in COSINES:
        for how, found in (("cosine", cosine >= least), ("verified", (cosine >= least) & verified)):
            precision = float((found & same).sum() / found.sum()) if found.any() else None
            line = {"lines": how, "least": least, "found": int(found.sum()), "precision": precision}
            by_kind = {name: float(found[names == name].mean()) for name in dict.fromkeys(names.tolist())}
            line |= {
                "recall": float(found[same].mean()),
                "recall_by_kind": {
                    n.removeprefix("same/"): round(v, 2) for n, v in by_kind.items() if n.startswith("same")
                },
                "kept_apart": {
                    n.removeprefix("other/"): round(1 - v, 2) for n, v in by_kind.items() if n.startswith("other")
                },
            }
            print(json.dumps(line), flush=True)


def of_cases(encode: Encode, path: Path) -> None:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    cosine, verified = compared(encode, [((row["a"][0], row["a"][1]), (row["b"][0], row["b"][1])) for row in rows])
    other = ~np.array([row["duplicate"] for row in rows])
    for least in COSINES:
        near = (cosine >= least) & other
        counts = {"cosine": int(near.sum()), "verified": int((near & verified).sum())}
        print(json.dumps({"cases": int(other.sum()), "least": least, "would_go": counts}), flush=True)


def of_rows(encode: Encode, data: Path, show: int) -> None:
    pool = list(dict.fromkeys(exchanges(data)))
    Random(10).shuffle(pool)
    pool = [exchange for exchange in pool if sum(len(side.split()) for side in exchange) >= 6][:ROWS]
    gone = {row for row, _ in Found(pool, Deduplicate()).drops}
    pool = sorted((e for n, e in enumerate(pool) if n not in gone), key=lambda e: (-len(e[0]) - len(e[1]), e))
    talks = [talk(exchange) for exchange in pool]
    began = time.monotonic()
    vectors_ND, said = encode(talks), Statements(talks)
    print(json.dumps({"rows": len(pool), "encoding_s": round(time.monotonic() - began, 1)}), flush=True)
    label_N = Cells(centroids_of(vectors_ND, cells_for(len(pool)))).nearest(vectors_ND)[:, 0]
    for least in COSINES:
        at = products(vectors_ND, vectors_ND)
        pairs = int((np.triu(similarity(at), 1) >= least).sum())
        everywhere = duplicates_in(vectors_ND, said, least)
        within = 0
        for cell in np.unique(label_N):
            members = np.flatnonzero(label_N == cell)
            inside = Statements([talks[member] for member in members])
            within += len(duplicates_in(vectors_ND[members], inside, least))
        line = {"least": least, "pairs_at_cosine": pairs, "rows_go": len(everywhere), "rows_go_within_cells": within}
        print(json.dumps({"rows": len(pool), **line}), flush=True)
        for row, kept, cosine in Random(1).sample(everywhere, min(show, len(everywhere))):
            print(f"{least} {cosine}\n   {pool[row]}\n   {pool[kept]}", file=sys.stderr)


def of_speed(rows: int = 20_000, dimensions: int = 384) -> None:
    random = np.random.default_rng(0)
    cells = cells_for(rows)
    centres_KD = random.normal(size=(cells, dimensions))
    vectors_ND = quantised(centres_KD[random.integers(cells, size=rows)] + 0.7 * random.normal(size=(rows, dimensions)))
    found: dict[str, float] = {}

    def timed(name: str, count: int, work: Callable[[], object]) -> None:
        began = time.monotonic()
        work()
        found[name] = round(count / (time.monotonic() - began))

    known = Cells(centroids_of(vectors_ND[: 64 * cells], cells))
    timed("placed", rows, lambda: known.nearest(vectors_ND, 2))
    timed("nearest of 10 examples", rows, lambda: nearest_of(vectors_ND, vectors_ND[:10]))
    timed("nearest of 1,000 items", rows, lambda: nearest_of(vectors_ND, vectors_ND[:1000]))
    timed(
        f"compared with each other, {rows // 2:,}",
        rows // 2,
        lambda: products(vectors_ND[: rows // 2], vectors_ND[: rows // 2]),
    )
    timed(f"traversed, pieces of {MOST}", MOST, lambda: traversal(vectors_ND[:MOST]))
    print(json.dumps({"speed": found, "rows": rows, "cells": cells, "dimensions": dimensions}), flush=True)


def main() -> None:
    data = argument(__doc__, "data", Path, shared_data(), "folder with corpora/")
    assert data is not None
    encode = ConversationEncoder(Embed(), Embedding())
    of_lines(encode)
    cases = data.parent / "cases" / "duplicates.jsonl"
    if cases.is_file():
        of_cases(encode, cases)
    of_speed()
    of_rows(encode, data, int(os.environ.get("SHOW", "0")))


if __name__ == "__main__":
    main()
