"""Segments of shards cut by processes of their own, so that an accelerator never waits for word pieces."""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pyarrow as pa

from configs.embed import Embed
from pipeline.contract.process_group import die_with_spawner
from pipeline.embed.model_folder import ModelFolder
from pipeline.embed.segmenter import Segmented, Segmenter

MOST_PROCESSES = 24
_segmenter: Segmenter


class SegmenterProcesses:
    """So many of them, started with the first shard; they end with their parent, however that ends."""

    def __init__(self, settings: Embed, processes: int) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would inherit the locks of torch's and Arrow's threads
        self._pool = ProcessPoolExecutor(processes, context, _start, (settings,))
        self._most = 2 * processes

    def cut(self, shards: Iterable[tuple[Any, pa.Table]]) -> Iterator[tuple[Any, Callable[[], Segmented]]]:
        """Of each (name, row_id and messages) what waits for its segments, in order; two shards a process are under
        way at most."""
        under_way: deque[tuple[Any, Callable[[], Segmented]]] = deque()
        for name, table in shards:
            under_way.append((name, self._pool.submit(_segment, _packed(table)).result))
            if len(under_way) >= self._most:
                yield under_way.popleft()
        yield from under_way

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


def processes_beside_an_accelerator(sharing: int = 1) -> int:
    """All cores that this process may use but two: one reads and feeds, one writes. sharing: how many accelerators
    share the cores."""
    return min(max(1, len(os.sched_getaffinity(0)) // sharing - 2), MOST_PROCESSES)


def _start(settings: Embed) -> None:
    global _segmenter
    die_with_spawner()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    _segmenter = Segmenter(ModelFolder(settings.model), settings.max_tokens, settings.max_segments)


def _segment(packed: pa.Buffer) -> Segmented:
    return _segmenter(pa.ipc.open_stream(packed).read_all())


def _packed(table: pa.Table) -> pa.Buffer:
    """The rows alone: pickle would send the whole table that they are a slice of."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue()
