#!/usr/bin/env bash
# Qdrant Edge: setting a payload key that nothing indexes takes the point out of its HNSW graph.
#
# Guess:     what changes a payload alone (`set_payload`, `overwrite_payload`, `delete_payload`) leaves vector and graph where
#            they are, at least for keys without a field index; Qdrant's pull request 3611 of 2024 had made it so.
# Behaviour: a segment with a graph takes in nothing. Every change of a point, of whatever part, copies vector and payload
#            into the segment that does, and deletes the point from the graph. Beyond a fifth (`deleted_threshold`)
#            `optimize()` builds the graph of what is left again; the others are scanned, or get a graph of their own.
#            Whether the key, or any, has a field index makes no difference, nor does taking the index away meanwhile. A
#            label of a quarter of the points costs as much as sending their vectors anew.
# Version:   qdrant-edge-py 0.9.0, Python 3.11, seen on 2026-11-29, 3,000 points with a graph, a quarter of them changed:
#            nothing: no work, 3,000 in the graph; a key with an index, one without, a new one, the index dropped and made
#            again, no index at all, overwritten, a key deleted: each time 2,250
# Source:    this script; github.com/qdrant/qdrant, lib/shard/src/segment_holder/mod.rs, apply_points_with_conditional_move
#            (the server's as well), and lib/shard/src/optimizers/vacuum_optimizer.rs.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q qdrant-edge-py==0.9.0
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import random
import shutil
import sys
from pathlib import Path

import qdrant_edge as edge

POINTS, SIZE = 3000, 16
folder, update, keyword = Path(sys.argv[1]), edge.UpdateOperation, edge.PayloadSchemaType.Keyword
whole, quarter = list(range(POINTS)), list(range(POINTS // 4))
(folder / "whole").mkdir()
config = edge.EdgeConfig(
    vectors=edge.EdgeVectorParams(SIZE, edge.Distance.Cosine),
    optimizers=edge.EdgeOptimizersConfig(indexing_threshold=100),
    wal_enabled=False,
)
shard = edge.EdgeShard.create(str(folder / "whole"), config)
shard.update(update.create_field_index("topic", keyword))
draw = random.Random(0)
shard.update(
    update.upsert_points(
        [edge.Point(n, [draw.gauss(0, 1) for _ in range(SIZE)], {"topic": "a", "text": "b"}) for n in whole]
    )
)
shard.optimize()
shard.flush()
shard.close()

ways = {
    "nothing": [],
    "a key with an index": [update.set_payload(quarter, {"topic": "x"})],
    "a key without": [update.set_payload(quarter, {"text": "x"})],
    "a new key": [update.set_payload(quarter, {"other": "x"})],
    "the index dropped and made again": [
        update.delete_field_index("topic"),
        update.set_payload(quarter, {"topic": "x"}),
        update.create_field_index("topic", keyword),
    ],
    "no index": [update.delete_field_index("topic"), update.set_payload(quarter, {"text": "x"})],
    "overwritten": [update.overwrite_payload(quarter, {"topic": "a", "text": "x"})],
    "a key deleted": [update.delete_payload(quarter, ["text"])],
}
for name, operations in ways.items():
    shutil.copytree(folder / "whole", folder / "changed")
    shard = edge.EdgeShard.load(str(folder / "changed"))
    for operation in operations:
        shard.update(operation)
    worked, graph, points = shard.optimize(), shard.info().indexed_vectors_count, shard.info().points_count
    shard.close()
    shutil.rmtree(folder / "changed")
    print(f"{name}: {graph:,} of {points:,} points in the graph, {'built again' if worked else 'no work'}")
    assert points == POINTS
    assert (worked, graph) == ((True, POINTS - len(quarter)) if operations else (False, POINTS))
PYTHON
