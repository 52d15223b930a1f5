"""What annotate's Spark workers run: topic, mentions, sentiment and emotions of a batch of conversations.

Apart from the stage, because a worker imports the module of what it runs, and here that is little.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from configs.audit import OTHER_TOPIC
from configs.word_list import WordList
from pipeline.people.mentions import Lexicons
from pipeline.sentiment.model import EMOTIONS, NEUTRAL, EmotionModel, polarity

TEXT_COLUMNS = ("row_id", "source", "split", "language")
TEXT_SCHEMA = (
    "row_id string, source string, split string, language string, sentiment float, emotion string, "
    "emotions array<float>, mentions array<string>"
)
TOPIC_SCHEMA = "row_id string, topic string, topic_similarity float"


def of_texts(batches: Iterator[pa.RecordBatch], model: Path, words: Mapping[str, WordList]) -> Iterator[pa.RecordBatch]:
    """TEXT_COLUMNS and messages come in, TEXT_SCHEMA goes out. model: folder of the stage sentiment's artifact; words:
    the profile's own lists by language."""
    lexicons = Lexicons(words)
    for batch in batches:
        turns = [[m["content"] for m in messages] for messages in batch.column("messages").to_pylist()]
        arrays = [batch.column(name) for name in TEXT_COLUMNS]
        emotions_NE = emotions(turns, _loaded(model))
        arrays.append(pa.array(polarity(emotions_NE), pa.float32()))
        arrays.append(pa.array([EMOTIONS[number] for number in emotions_NE.argmax(axis=1)], pa.string()))
        arrays.append(pa.array(list(emotions_NE), pa.list_(pa.float32())))
        languages = batch.column("language").to_pylist()
        found = [
            sorted({tag for text in texts for tag in lexicons.mentions(text, language)})
            for texts, language in zip(turns, languages, strict=True)
        ]
        arrays.append(pa.array(found, pa.list_(pa.string())))
        yield pa.RecordBatch.from_arrays(arrays, [*TEXT_COLUMNS, "sentiment", "emotion", "emotions", "mentions"])


def emotions(conversations: list[list[str]], model: EmotionModel) -> np.ndarray:
    """[N, 7] float32, the mean of the probabilities of EMOTIONS over the turns of each conversation that say something;
    neutral where none does."""
    turns = [turn for turns in conversations for turn in turns if turn.strip()]
    counts_N = np.array([sum(bool(turn.strip()) for turn in turns) for turns in conversations], int)
    means_NE = np.zeros((len(conversations), len(EMOTIONS)), np.float32)
    np.add.at(means_NE, np.repeat(np.arange(len(conversations)), counts_N), model.predict(turns))
    means_NE[counts_N == 0, NEUTRAL] = 1
    return means_NE / np.maximum(counts_N, 1)[:, None].astype(np.float32)


@cache
def _loaded(model: Path) -> EmotionModel:
    return EmotionModel.load(model)


def of_vectors(
    batches: Iterator[pa.RecordBatch], names: list[str], topics_TD: np.ndarray, least: float
) -> Iterator[pa.RecordBatch]:
    """Paths of embed's shards come in, TOPIC_SCHEMA goes out. A shard holds whole conversations."""
    for batch in batches:
        for path in batch.column("path").to_pylist():
            table = pq.read_table(path, columns=["row_id", "vector"]).combine_chunks()
            if not table.num_rows:
                continue
            row_ids = table["row_id"].to_numpy()
            vectors_SD = table["vector"].chunk(0).flatten().to_numpy().reshape(len(row_ids), -1)
            firsts = np.flatnonzero(np.r_[True, row_ids[1:] != row_ids[:-1]])
            topics, similarity_N = nearest(np.add.reduceat(vectors_SD, firsts), names, topics_TD, least)
            arrays = [pa.array(row_ids[firsts]), pa.array(topics, pa.string()), pa.array(similarity_N, pa.float32())]
            yield pa.RecordBatch.from_arrays(arrays, ["row_id", "topic", "topic_similarity"])


def nearest(sums_ND: np.ndarray, names: list[str], topics_TD: np.ndarray, least: float) -> tuple[list[str], np.ndarray]:
    """The topic nearest by cosine to each sum (or mean) of segment vectors, `other` below `least`, and its cosine."""
    units_ND = sums_ND / np.maximum(np.linalg.norm(sums_ND, axis=1, keepdims=True), 1e-12)
    similarity_NT = units_ND @ topics_TD.T
    best_N = similarity_NT.max(axis=1)
    return np.where(best_N < least, OTHER_TOPIC, np.array(names)[similarity_NT.argmax(axis=1)]).tolist(), best_N
