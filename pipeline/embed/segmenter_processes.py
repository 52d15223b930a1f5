"""Segments of shards cut by processes of their own, so that an accelerator never waits for word pieces."""

import multiprocessing
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor

import pyarrow as pa

from configs.embed import Embed
from pipeline.embed.model_folder import ModelFolder
from pipeline.embed.segmenter import Segmented, Segmenter

MOST_PROCESSES = 24
_segmenter: Segmenter


def segmented(
    shards: Iterable[tuple[str, pa.Table]], settings: Embed, processes: int
) -> Iterator[tuple[str, Segmented]]:
    """The segments of each (name, row_id and messages), in order; two shards a process are under way at most."""
    context = multiprocessing.get_context("spawn")  # a fork would inherit the locks of torch's and Arrow's threads
    under_way: deque[tuple[str, Future[Segmented]]] = deque()
    with ProcessPoolExecutor(processes, context, _start, (settings,)) as pool:
        for name, table in shards:
            under_way.append((name, pool.submit(_segment, _packed(table))))
            if len(under_way) >= 2 * processes:
                name, segments = under_way.popleft()
                yield name, segments.result()
        for name, segments in under_way:
            yield name, segments.result()


def processes_beside_an_accelerator() -> int:
    """All cores that this process may use but two: one reads and feeds, one writes."""
    return min(max(1, len(os.sched_getaffinity(0)) - 2), MOST_PROCESSES)


def _start(settings: Embed) -> None:
    global _segmenter
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
