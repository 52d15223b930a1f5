"""Small corpora whose topics, words, lengths and languages are known, and runs that hold them."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.contract.champion import note_champion
from pipeline.contract.run import Run
from pipeline.drift.corpus import Corpus
from pipeline.rows.row_id import row_id
from pipeline.rows.schema import MESSAGES
from tests import artifacts

TOPICS = {
    "food": "soup bread cheese apples cooking kitchen dinner",
    "sport": "football tennis running match goals players team",
    "work": "office meeting salary boss project colleague desk",
}
DIMENSIONS = 8
KEPT = pa.schema(
    [(name, pa.string()) for name in ("row_id", "source", "conversation_id", "language")] + [("messages", MESSAGES)]
)
ANNOTATED = pa.schema([("row_id", pa.string()), ("topic", pa.string())])
SCORED = pa.schema(
    [*((name, pa.string()) for name in ("row_id", "source", "conversation_id")), ("offensive", pa.float64())]
)


def corpus(
    rows: int,
    seed: int = 0,
    shares: tuple[float, ...] = (0.5, 0.3, 0.2),
    words: int = 12,
    german: float = 0.0,
    offensive: float = 0.01,
    sources: tuple[float, float] = (0.7, 0.3),
    name: str = "",
) -> Corpus:
    """Conversations of two turns; replies have about so many words. name: tells conversations of two corpora apart,
    which otherwise are the same where the seeds are."""
    draw = np.random.default_rng(seed)
    topics = draw.choice(list(TOPICS), rows, p=shares)
    kept, scored = [], []
    for number, topic in enumerate(topics):
        about = TOPICS[topic].split()
        prompt = " ".join(draw.choice(about, 6))
        reply = " ".join(draw.choice([*about, "well", "maybe", "often"], max(1, draw.poisson(words))))
        turns = [("user", prompt), ("assistant", reply)]
        label = row_id(f"{name}{seed}", "file", number, turns)
        row = {"row_id": label, "source": str(draw.choice(["chat", "mail"], p=sources)), "conversation_id": label}
        language = "de" if draw.random() < german else "en"
        messages = [{"role": role, "content": content} for role, content in turns]
        kept.append(row | {"language": language, "messages": messages})
        scored.append(row | {"offensive": 0.9 if draw.random() < offensive else 0.1})
    centres = np.eye(len(TOPICS), DIMENSIONS)
    place = [list(TOPICS).index(topic) for topic in topics]
    vectors_ND = centres[place] + draw.normal(0, 0.2, (rows, DIMENSIONS))
    vectors_ND /= np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    tables = pa.Table.from_pylist(kept, KEPT), pa.Table.from_pylist(scored, SCORED)
    return Corpus(rows, tables[0], vectors_ND.astype(np.float32), topics.astype(object), tables[1])


def hold(run: Run, of: Corpus) -> Run:
    """Commits a corpus as the run's, in two files of each artifact; every conversation has two segments."""
    order = pc.sort_indices(of.kept["row_id"])
    kept, half = of.kept.take(order), of.kept.num_rows // 2
    vectors_ND = of.vectors_ND[order.to_numpy()]
    vectors = pa.schema([("row_id", pa.string()), ("vector", pa.list_(pa.float32(), vectors_ND.shape[1]))])
    topics = ["all"] * len(kept) if of.topic_N is None else of.topic_N[order.to_numpy()]
    rows = kept.to_pylist()
    segments = [
        {"row_id": row["row_id"], "vector": part}
        for row, vector in zip(rows, vectors_ND, strict=True)
        for part in (vector * 0.4, vector * 0.6)
    ]
    annotated = [{"row_id": row["row_id"], "topic": topic} for row, topic in zip(rows, topics, strict=True)]
    if run.find("acquire") is None:
        artifacts.commit_parts(run, "acquire", [rows], KEPT)
    artifacts.commit_parts(run, "score", [of.scored.to_pylist()], SCORED)
    artifacts.commit_parts(run, "clean", [rows], KEPT)
    artifacts.commit_parts(run, "deduplicate", [rows[:half], rows[half:]], KEPT)
    artifacts.commit_parts(run, "embed", [segments[: 2 * half], segments[2 * half :]], vectors)
    artifacts.commit(run, "sentiment", 0)
    artifacts.commit_parts(run, "annotate", [annotated[half:], annotated[:half]], ANNOTATED)
    artifacts.commit(run, "audit", len(rows))
    artifacts.commit(run, "review", len(rows))
    return run


def reign(run: Run, version: int = 3) -> None:
    """Notes a champion that was made of the run's data."""
    note_champion(run.root, run.profile.promote.model_name, version, {"review": run.fingerprint("review")})
