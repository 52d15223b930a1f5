"""The segments and vectors of some conversations, as one table."""

import numpy as np
import pyarrow as pa

from configs.embed import Embed
from pipeline.embed.encoder import Encoder


def embedded(shard: pa.Table, encoder: Encoder, settings: Embed) -> pa.Table:
    """The segments and vectors of conversations (row_id, messages), in their order."""
    turns = [[m["content"] for m in messages] for messages in shard["messages"].to_pylist()]
    cut = encoder.segments(turns, settings.max_tokens, settings.max_segments)
    flat = [(row, number, segment) for row, found in enumerate(cut) for number, segment in enumerate(found)]
    vectors = encoder.encode([segment.ids for _, _, segment in flat])
    return pa.table(
        [
            shard["row_id"].take(pa.array([row for row, _, _ in flat], pa.int64())),
            [number for _, number, _ in flat],
            [segment.first_turn for _, _, segment in flat],
            [segment.last_turn for _, _, segment in flat],
            [segment.first_char for _, _, segment in flat],
            pa.FixedSizeListArray.from_arrays(pa.array(np.ravel(vectors)), encoder.dimensions),
        ],
        schema=segments_schema(encoder.dimensions),
    )


def segments_schema(dimensions: int) -> pa.Schema:
    integers = [(name, pa.int32()) for name in ("segment", "first_turn", "last_turn", "first_char")]
    return pa.schema([("row_id", pa.string()), *integers, ("vector", pa.list_(pa.float32(), dimensions))])
