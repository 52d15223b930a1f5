"""Bytes on disk and in the vector store's memory."""

import math
from dataclasses import dataclass

from configs.profile import Profile
from pipeline.contract.stages import STAGES, conversations_into
from pipeline.index.store import TEXT_CHARS
from pipeline.planning.hardware import table
from pipeline.planning.training import Training
from pipeline.planning.workload import Workload

DIMENSIONS = 384
"""Of all-MiniLM-L6-v2, the default encoder."""

HNSW_LINKS = 16
"""Qdrant's default m: links a point on each layer, twice as many on the lowest."""

LINK_BYTES = 4
SEARCH_OVERHEAD = 1.5
"""Qdrant's documentation, "Capacity planning": 50% for index, versions and segments that are being optimised."""

PAYLOAD_BYTES = 220
"""Keys, ids, source, topic and split of a point; its text comes on top, at most TEXT_CHARS."""

CHUNK = 32 << 20
"""Bytes of a file of vectors or of payload that Qdrant Edge writes, measured on an index of 5,030 points."""

BYTES_A_WEIGHT = {"fp32": 4.0, "bf16": 2.0, "int8": 1.0, "int4": 0.5}


@dataclass(frozen=True)
class Storage:
    """Bytes. artifacts: stage to bytes of its artifact. total: everything on disk at the end of a run."""

    artifacts: dict[str, float]
    lineage: float
    vector_store: dict[str, float]
    vector_memory: float
    checkpoints: float
    model: dict[str, float]
    total: float


def model_sizes(parameters: int) -> dict[str, float]:
    """Bytes of the weights in each precision: 4, 2, 1 and ½ a parameter."""
    return {name: parameters * size for name, size in BYTES_A_WEIGHT.items()}


def estimate_storage(profile: Profile, work: Workload, training: Training, precision: str) -> Storage:
    """What the run leaves under storage.root, and in the vector store. precision: what training comes to."""
    model = model_sizes(training.parameters)
    weights = model["fp32" if precision == "fp32" else "bf16"]
    artifacts = {name: size for name in STAGES if (size := _artifact(name, work, weights))}
    lineage = _dropped_rows(work) * table()["data"]["dropped_bytes_a_row"]
    replicas = profile.plan.replicas or profile.vectors.replicas
    vectors = profile.vectors
    kept = 0 if vectors.in_place or vectors.url is None else vectors.kept
    store = vector_store(work, vectors.quantise, replicas, 1 + kept, embedded=vectors.url is None)
    checkpoints = training.checkpoint_bytes * profile.launch.keep_checkpoints + weights * 2  # and best weights
    embedded = 0.0 if profile.vectors.url else store["total"]
    return Storage(
        artifacts=artifacts,
        lineage=lineage,
        vector_store=store,
        vector_memory=_vector_memory(work, profile.vectors.quantise, store["replicas"]),
        checkpoints=checkpoints,
        model=model,
        total=sum(artifacts.values()) + lineage + embedded + checkpoints,
    )


def _artifact(name: str, work: Workload, weights: float) -> float:
    """Bytes of a stage's artifact, by what it holds; 0 for figures, which take no room to speak of.

    Conversations whose share of stored bytes nobody knows are stored like clean's.
    """
    data = table()["data"]
    match STAGES[name].holds:
        case "raw conversations" | "conversations":
            return work.text[name] * work.stored.get(name, data["stored"]["clean"])
        case "vectors":
            return work.segments * (DIMENSIONS * 4 + 40)
        case "annotations":
            return work.rows[conversations_into(name)] * data["annotate_bytes_a_row"]
        case "packed tokens":
            return work.tokens / (1 - work.waste) * work.bytes_a_packed_token
        case "weights":
            return weights
    return 0.0


def _dropped_rows(work: Workload) -> float:
    """Rows that stages of conversations drop, those that are added not counted against them."""
    into = {name: work.rows.get(conversations_into(name), 0.0) for name in work.rows}
    into["acquire"] = work.records
    return sum(max(0.0, into[name] - rows) for name, rows in work.rows.items())


def vector_store(
    work: Workload, quantise: bool, replicas: int, collections: int = 1, embedded: bool = False
) -> dict[str, float]:
    """Bytes on disk by part: vectors, their 8-bit copies, the HNSW graph, payload; times replicas, and times the
    collections that a server keeps for a rollback. While one is loaded, there is one more.

    embedded: Qdrant Edge, one segment in files of whole chunks, which a small corpus hardly fills.
    """
    points = work.points
    corpus = conversations_into("index")
    text = min(TEXT_CHARS, work.text[corpus] / work.rows[corpus])
    chunk = CHUNK if embedded else 1
    parts = {
        "vectors": math.ceil(points * DIMENSIONS * 4 / chunk) * chunk,
        "quantised": points * DIMENSIONS * 1.0 if quantise else 0.0,
        "index": points * 2 * HNSW_LINKS * LINK_BYTES * 1.07,  # upper layers hold 1 in m of the points below
        "payload": math.ceil(points * (PAYLOAD_BYTES + text) / chunk) * chunk,
    }
    total = replicas * collections * sum(parts.values())
    return {**parts, "replicas": replicas, "collections": collections, "total": total}


def _vector_memory(work: Workload, quantise: bool, replicas: float) -> float:
    """Memory of the store: vectors × 1.5 (Qdrant); quantised, the 8-bit copies and the graph."""
    vectors = work.points * DIMENSIONS
    if quantise:
        return replicas * (vectors * 1.0 * SEARCH_OVERHEAD + work.points * 2 * HNSW_LINKS * LINK_BYTES)
    return replicas * vectors * 4 * SEARCH_OVERHEAD
