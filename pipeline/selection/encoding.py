"""Conversations that embed has not seen, as vectors like its own: examples, items of probes, texts of a query."""

from collections.abc import Iterable
from itertools import islice

import numpy as np
import pyarrow as pa

from configs.embed import Embed, Embedding
from pipeline.audit.topics import conversations
from pipeline.embed.encoder import Encoder
from pipeline.embed.segmenter import Segmenter
from pipeline.rows.schema import MESSAGES
from pipeline.rows.turns import Turn
from pipeline.selection.vectors import quantised

AT_ONCE = 1 << 12


class ConversationEncoder:
    """Conversations as embed encodes them: a vector each, quantised."""

    def __init__(self, settings: Embed, how: Embedding) -> None:
        self._encoder = Encoder(settings.model, how.device, how.batch_size)
        self._segmenter = Segmenter(self._encoder.folder, settings.max_tokens, settings.max_segments)

    def __call__(self, talks: Iterable[list[Turn]]) -> np.ndarray:
        """int16 [N, D]."""
        rest = iter(talks)
        found = [np.empty((0, self._encoder.dimensions), np.int16)]
        while some := list(islice(rest, AT_ONCE)):
            found.append(self._block(some))
        return np.concatenate(found)

    def _block(self, talks: list[list[Turn]]) -> np.ndarray:
        said = [[{"role": role, "content": content} for role, content in turns] for turns in talks]
        numbers = pa.array([f"{number:08d}" for number in range(len(talks))])
        cut = self._segmenter(pa.table({"row_id": numbers, "messages": pa.array(said, MESSAGES)}))
        _, sums_ND = conversations(cut.with_vectors(self._encoder.encode(cut.tokens)))
        return quantised(sums_ND)
