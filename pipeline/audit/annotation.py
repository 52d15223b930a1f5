"""What annotate's Spark workers run on texts: mentions, sentiment and emotions of a batch of conversations.

Apart from the stage, because a worker imports the module of what it runs, and here that is little.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from configs.word_list import WordList
from pipeline.people.mentions import Lexicons
from pipeline.sentiment.model import EMOTIONS, NEUTRAL, EmotionModel, loaded, polarity

TEXT_COLUMNS = ("row_id", "source", "split", "language")
TEXT_SCHEMA = (
    "row_id string, source string, split string, language string, sentiment float, emotion string, "
    "emotions array<float>, mentions array<string>"
)


def of_texts(batches: Iterator[pa.RecordBatch], model: Path, words: Mapping[str, WordList]) -> Iterator[pa.RecordBatch]:
    """TEXT_COLUMNS and messages come in, TEXT_SCHEMA goes out. model: folder of the stage sentiment's artifact; words:
    the profile's own lists by language."""
    lexicons = Lexicons(words)
    for batch in batches:
        turns = [[m["content"] for m in messages] for messages in batch.column("messages").to_pylist()]
        arrays = [batch.column(name) for name in TEXT_COLUMNS]
        emotions_NE = emotions(turns, loaded(model))
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
