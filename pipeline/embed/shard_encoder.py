"""Shards of conversations to embed's tables, with what lies before and behind the encoder side by side.

Beside a GPU the shards are cut into word pieces by other processes and written by other threads, and the
vectors of one shard are copied while the next is encoded.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from configs.embed import Embed, Embedding
from pipeline.embed.encoder import Encoder
from pipeline.embed.segmenter import Segmented, Segmenter
from pipeline.embed.segmenter_processes import SegmenterProcesses, processes_beside_an_accelerator

WRITERS = 4

Write = Callable[[Any, pa.Table], None]
"""Takes what a shard is called, and embed's table of it."""


class ShardEncoder(AbstractContextManager["ShardEncoder"]):
    """An encoder, and the processes beside it, for as many shards as come.

    sharing: how many of these share the cores. at: the shard that is worked at, for whoever asks which one failed.
    """

    def __init__(self, settings: Embed, embedding: Embedding, sharing: int = 1) -> None:
        self._encoder = Encoder(settings.model, embedding.device, embedding.batch_size)
        self.at: Any = None
        self._processes: SegmenterProcesses | None = None
        if self._encoder.on_cpu:
            self._segmenter = Segmenter(self._encoder.folder, settings.max_tokens, settings.max_segments)
        else:
            self._processes = SegmenterProcesses(settings, processes_beside_an_accelerator(sharing))

    @property
    def rowwise(self) -> bool:
        return self._encoder.rowwise

    def write(self, shards: Iterable[tuple[Any, pa.Table]], write: Write) -> Iterator[int]:
        """Has embed's table of each shard written, by threads; yields how many conversations are done.

        shards: what each is called, and its rows: row_id and messages.
        """
        done, writing = 0, deque[tuple[Any, Future[None]]]()
        with ThreadPoolExecutor(WRITERS) as writers:
            for name, segments, vectors in self._encoded(shards):
                writing.append((name, writers.submit(write, name, segments.with_vectors(vectors))))
                if len(writing) > 2 * WRITERS:
                    self._wait_for(*writing.popleft())
                done += segments.conversations
                yield done
            for last in writing:
                self._wait_for(*last)

    def _wait_for(self, name: Any, written: Future[None]) -> None:
        self.at = name
        written.result()

    def _encoded(self, shards: Iterable[tuple[Any, pa.Table]]) -> Iterator[tuple[Any, Segmented, np.ndarray]]:
        """With the vectors; on a GPU a shard's are waited for when the next one has begun."""
        under_way = deque[tuple[Any, Segmented, Callable[[], np.ndarray]]]()
        for name, cut in self._cut(shards):
            self.at = name
            segments = cut()
            under_way.append((name, segments, self._encoder.begin(segments.tokens)))
            while len(under_way) > (0 if self._encoder.on_cpu else 1):
                yield self._arrived(*under_way.popleft())
        for waiting in under_way:
            yield self._arrived(*waiting)

    def _arrived(
        self, name: Any, segments: Segmented, vectors: Callable[[], np.ndarray]
    ) -> tuple[Any, Segmented, np.ndarray]:
        self.at = name
        return name, segments, vectors()

    def _cut(self, shards: Iterable[tuple[Any, pa.Table]]) -> Iterator[tuple[Any, Callable[[], Segmented]]]:
        if self._processes:
            return self._processes.cut(shards)
        return ((name, partial(self._segmenter, table)) for name, table in shards)

    def __exit__(self, *_: object) -> None:
        if self._processes:
            self._processes.close()
