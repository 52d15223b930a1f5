"""What annotate's Spark workers run on texts: mentions and sentiment of a batch of conversations.

Apart from the stage, because a worker imports the module of what it runs, and here that is little.
"""

from collections.abc import Iterator

import pyarrow as pa

from pipeline.audit.demographics import mentions
from pipeline.audit.sentiment import sentiment

TEXT_COLUMNS = ("row_id", "source", "split", "language")
TEXT_SCHEMA = "row_id string, source string, split string, language string, sentiment float, mentions array<string>"


def of_texts(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """TEXT_COLUMNS and messages come in, TEXT_SCHEMA goes out."""
    for batch in batches:
        turns = [[m["content"] for m in messages] for messages in batch.column("messages").to_pylist()]
        arrays = [batch.column(name) for name in TEXT_COLUMNS]
        arrays.append(pa.array([sentiment(texts) for texts in turns], pa.float32()))
        found = [sorted(set().union(*map(mentions, texts))) for texts in turns]
        arrays.append(pa.array(found, pa.list_(pa.string())))
        yield pa.RecordBatch.from_arrays(arrays, [*TEXT_COLUMNS, "sentiment", "mentions"])
