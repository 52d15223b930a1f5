"""What annotate's Spark workers run on texts, each of which is read, cut into sentences and searched once.

Apart from the stage, because a worker imports the module of what it runs, and here that is little.
"""

from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from configs.word_list import WordList
from pipeline.audit.statement_rows import STATEMENTS, Row, measured
from pipeline.audit.statements import SPEAKERS, drawn, other, spoken, statements
from pipeline.audit.tone import Tones
from pipeline.people.mentions import Lexicons
from pipeline.rows.parquet import write_table
from pipeline.rows.turns import turns_of
from pipeline.sentiment.model import EMOTIONS, NEUTRAL, polarity

ROWS_PER_BATCH = 2_000
MOST_OTHERS = 1_000_000
"""Sentences without a mention that are kept of a corpus: what groups are compared with need not be larger."""

TEXT_COLUMNS = ("row_id", "source", "language")
TEXTS = pa.schema(
    [
        *((name, pa.string()) for name in TEXT_COLUMNS),
        ("sentiment", pa.float32()),
        ("emotion", pa.string()),
        ("emotions", pa.list_(pa.float32())),
        ("mentions", pa.list_(pa.string())),
    ]
)
FILES = {"texts": TEXTS, "mentions": STATEMENTS, "others": STATEMENTS}
"""What the texts of conversations give, and which columns it has; each a Parquet file of that name."""


class Annotated(NamedTuple):
    """FILES of some conversations: TEXTS of each; its sentences that mention a group, and one that mentions none."""

    texts: pa.RecordBatch
    mentions: pa.RecordBatch
    others: pa.RecordBatch


def others_share(rows: int) -> int:
    """Of so many conversations, every how many-th gives a sentence that mentions no group: a power of two, so that it
    stays the same while a corpus grows to twice its size."""
    return 1 << max(0, -(-rows // MOST_OTHERS) - 1).bit_length()


class Annotator:
    """model: folder of the stage sentiment's artifact. words: the profile's own lists by language. others: as
    others_share gives it."""

    def __init__(self, model: Path, words: Mapping[str, WordList], others: int) -> None:
        self._model, self._lexicons, self._others = model, Lexicons(words), others

    def file(self, file: Path, out: Path) -> int:
        """Leaves FILES of a file of conversations, which has TEXT_COLUMNS and messages, in a folder; its rows."""
        columns = [*TEXT_COLUMNS, "messages"]
        found = [self(batch) for batch in pq.ParquetFile(file).iter_batches(ROWS_PER_BATCH, columns=columns)]
        for name, schema in FILES.items():
            write_table(pa.Table.from_batches([getattr(each, name) for each in found], schema), out / f"{name}.parquet")
        return sum(each.texts.num_rows for each in found)

    def __call__(self, batch: pa.RecordBatch) -> Annotated:
        """TEXT_COLUMNS and messages come in."""
        conversations, mentions, others = turns_of(batch["messages"]), list[Row](), list[Row]()
        names = (batch[name].to_pylist() for name in ("row_id", "source", "language"))
        for row_id, source, language, turns in zip(*names, conversations, strict=True):
            said = spoken([turn for turn in turns if turn[0] in SPEAKERS])
            found = statements(said, self._lexicons, language)
            mentions += [Row(row_id, source, number, statement) for number, statement in enumerate(found)]
            if drawn(row_id) // (1 << 32) % self._others == 0:
                one = other(row_id, said, self._lexicons, language)
                others += [Row(row_id, source, 0, one)] if one else []
        texts = [[content for _, content in turns] for turns in conversations]
        of_rows = (row.statement.text for row in chain(mentions, others))
        tones = Tones(chain((text for each in texts for text in each if text.strip()), of_rows), self._model)
        return Annotated(self._texts(batch, texts, tones), measured(mentions, tones), measured(others, tones))

    def _texts(self, batch: pa.RecordBatch, texts: list[list[str]], tones: Tones) -> pa.RecordBatch:
        emotions_NE = mean_emotions(texts, tones)
        mentions = [
            sorted({tag for text in each for tag in self._lexicons.mentions(text, language)})
            for each, language in zip(texts, batch["language"].to_pylist(), strict=True)
        ]
        found = {
            "sentiment": polarity(emotions_NE),
            "emotion": [EMOTIONS[number] for number in emotions_NE.argmax(axis=1)],
            "emotions": list(emotions_NE),
            "mentions": mentions,
        }
        arrays = [pa.array(values, TEXTS.field(name).type) for name, values in found.items()]
        return pa.RecordBatch.from_arrays([*(batch[name] for name in TEXT_COLUMNS), *arrays], schema=TEXTS)


def mean_emotions(conversations: list[list[str]], tones: Tones) -> np.ndarray:
    """[N, 7] float32, the mean of the probabilities of EMOTIONS over the turns of each conversation that say something;
    neutral where none does."""
    turns = [turn for turns in conversations for turn in turns if turn.strip()]
    counts_N = np.array([sum(bool(turn.strip()) for turn in turns) for turns in conversations], int)
    means_NE = np.zeros((len(conversations), len(EMOTIONS)), np.float32)
    np.add.at(means_NE, np.repeat(np.arange(len(conversations)), counts_N), tones.emotions(turns))
    means_NE[counts_N == 0, NEUTRAL] = 1
    return means_NE / np.maximum(counts_N, 1)[:, None].astype(np.float32)
